package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quiver/test/servers"
)

// starts is how long a server takes to its first answer: with nothing to replay, and
// with a log that holds all of its rows.
func (b *bench) starts() error {
	const ask = "SELECT id FROM t"
	pg := servers.StartPostgres(b.life)
	defer pg.Stop()
	q := servers.StartQuiver(b.life, "")
	defer q.Kill()
	for _, dsn := range []string{pg.DSN(), q.DSN()} {
		if err := b.run(dsn, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "CHECKPOINT"); err != nil {
			return err
		}
	}
	theirs, ours, err := b.inTurn(func() (float64, error) {
		pg.Stop()
		start := time.Now()
		pg.Start()
		return b.firstAnswer(start, pg.DSN(), ask)
	}, func() (float64, error) {
		if err := q.Stop(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := q.TryStart(); err != nil {
			return 0, err
		}
		return b.firstAnswer(start, q.DSN(), ask)
	})
	if err != nil {
		return err
	}
	b.add(figure{what: "Start with nothing to replay, to the first answer", quiver: ours * 1000, peer: theirs * 1000, unit: "ms", peerIs: "PostgreSQL", atMost: 3})
	return b.replays(q, ours)
}

// firstAnswer asks until a server answers, and returns the seconds since start.
func (b *bench) firstAnswer(start time.Time, dsn, sql string) (float64, error) {
	for time.Since(start) < time.Minute {
		if _, err := b.askText(dsn, sql); err == nil {
			return time.Since(start).Seconds(), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("no answer within a minute")
}

// replays kills a server that has its rows in the log alone, and starts it anew;
// empty is how long it takes without.
func (b *bench) replays(q *servers.Quiver, empty float64) error {
	var counts []string
	for n := range 2 { // of more, some would be flushed for want of memory
		table := fmt.Sprintf("words%d", n)
		if err := b.run(q.DSN(), "CREATE TABLE "+table+" (id int PRIMARY KEY, word text NOT NULL, length int, embedding vector(100))"); err != nil {
			return err
		}
		if err := b.copyLogged(q, table); err != nil {
			return err
		}
		counts = append(counts, "(SELECT count(*) FROM "+table+")")
	}
	q.Kill()
	log := filepath.Join(q.Data, "quiver", "wal")
	size, err := logBytes(log)
	if err != nil {
		return err
	}
	if least := int64(len(counts)*len(b.words.rows)) * dimensions * 4 * 9 / 10; size < least {
		return fmt.Errorf("the log has %d bytes, the vectors alone have more than %d: they were flushed", size, least)
	}
	read := func() (float64, error) {
		took, err := b.readCold(size)
		return float64(size) / 1e6 / took.Seconds(), err
	}
	p, ours, err := b.inTurn(read, func() (float64, error) {
		q.Kill()
		if err := evict(log); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := q.TryStart(); err != nil {
			return 0, err
		}
		rows, err := b.askText(q.DSN(), "SELECT "+strings.Join(counts, "+"))
		if err == nil && rows != fmt.Sprint(len(counts)*len(b.words.rows)) {
			err = fmt.Errorf("%s rows came back", rows)
		}
		return float64(size) / 1e6 / (time.Since(start).Seconds() - empty), err
	})
	if err != nil {
		return err
	}
	b.add(figure{what: fmt.Sprintf("Replay of a log of %.0f MB, beyond an empty start", float64(size)/1e6), quiver: ours, peer: p, unit: "MB/s", peerIs: "reading a file", atLeast: 0.334})
	return nil
}

// loggedRows is how many rows a COPY of copyLogged has.
const loggedRows = 10_000

// copyLogged loads the words by many COPYs: what one brings beyond some megabytes goes
// into segments past the log.
func (b *bench) copyLogged(q *servers.Quiver, table string) error {
	c, err := b.connect(q.DSN())
	if err != nil {
		return err
	}
	defer c.Close(b.ctx)
	for rows := range slices.Chunk(b.words.rows, loggedRows) {
		part := words{rows: rows}
		data := part.copyBinary(appendPgvector)
		if _, err := c.CopyFrom(b.ctx, bytes.NewReader(data), "COPY "+table+" FROM STDIN (FORMAT binary)"); err != nil {
			return err
		}
	}
	return nil
}

// logBytes is the size of the log's files; the last is hardly begun.
func logBytes(dir string) (size int64, err error) {
	var last int64
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wal" {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size, last = size+info.Size(), info.Size()
		}
		return err
	})
	return size - last, err
}
