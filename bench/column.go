package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"quiver/test/servers"
)

const columnRows = 10_000_000

// columnScan reads one column of ten million rows that are not in memory, beside
// reading as many bytes of the files that it lies in: how fast these come depends on
// what is behind the disk, which may have a file just written at hand and another
// not. The segments' footers are known; nothing is unpacked.
func (b *bench) columnScan() error {
	q := servers.StartQuiver(b.life, "")
	defer q.Kill()
	if err := b.run(q.DSN(), "CREATE TABLE columns (id bigint PRIMARY KEY, measured float8, code int, kind text)",
		fmt.Sprintf("INSERT INTO columns SELECT i, random(), (random() * 1000000)::int, 'kind ' || i %% 100 FROM generate_series(1, %d) i", columnRows),
		"CHECKPOINT"); err != nil {
		return err
	}
	for _, c := range []struct {
		column, is, sql string
		atMost          float64
	}{
		{"measured", "float8, stored as it is", "SELECT sum(measured) FROM columns", 1.3},
		{"code", "int, packed", "SELECT sum(code) FROM columns", 0},
		{"kind", "text, by a dictionary", "SELECT max(kind) FROM columns", 0},
	} {
		files, err := b.columnFiles(q, c.column)
		if err != nil {
			return err
		}
		read := func() (float64, error) {
			if err := b.restartCold(q); err != nil {
				return 0, err
			}
			took, err := readAll(files)
			return took.Seconds() * 1000, err
		}
		var bytes int64
		for _, f := range files {
			bytes += f.bytes
		}
		p, took, err := b.inTurn(read, func() (float64, error) { return b.scanCold(q, c.sql) })
		if err != nil {
			return err
		}
		b.add(figure{what: fmt.Sprintf("Cold scan of a column of 10,000,000 rows: %s, %.0f MB", c.is, float64(bytes)/1e6), quiver: took, peer: p,
			unit: "ms", peerIs: "reading the bytes", atMost: c.atMost})
	}
	return b.pointReads(q)
}

// columnFiles are the files that a column lies in, each with as many bytes as are the
// column's.
func (b *bench) columnFiles(q *servers.Quiver, column string) ([]stretch, error) {
	text, err := b.askText(q.DSN(), "SELECT string_agg(object || ' ' || bytes_stored, chr(10)) FROM quiver.binlogs WHERE table_name = 'columns' AND column_name = '"+column+"'")
	if err != nil {
		return nil, err
	}
	stored := map[string]int64{} // by object
	for _, line := range strings.Split(text, "\n") {
		var object string
		var bytes int64
		if _, err := fmt.Sscan(line, &object, &bytes); err != nil {
			return nil, fmt.Errorf("%q of quiver.binlogs: %w", line, err)
		}
		stored[object] = bytes
	}
	root := filepath.Join(q.Data, "objects")
	var list []stretch
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for object, bytes := range stored {
			if strings.HasSuffix(path, "/"+object) {
				list = append(list, stretch{path, bytes})
			}
		}
		return nil
	})
	if err == nil && len(list) != len(stored) {
		err = fmt.Errorf("%d of %d objects of column %s below %s", len(list), len(stored), column, root)
	}
	return list, err
}

// restartCold starts the server anew, with the footers of the table read and the
// rest of its files out of memory.
func (b *bench) restartCold(q *servers.Quiver) error {
	if err := q.Stop(); err != nil {
		return err
	}
	if err := q.TryStart(); err != nil {
		return err
	}
	for _, column := range []string{"measured", "code", "kind"} {
		if err := b.run(q.DSN(), "SELECT max("+column+") FROM columns WHERE id < 0"); err != nil {
			return err
		}
	}
	return evict(filepath.Join(q.Data, "objects"))
}

// scanCold returns the milliseconds of a query.
func (b *bench) scanCold(q *servers.Quiver, sql string) (float64, error) {
	if err := b.restartCold(q); err != nil {
		return 0, err
	}
	return b.answerTime(q.DSN(), sql)
}

// answerTime is how long a statement takes over a connection that is there.
func (b *bench) answerTime(dsn, sql string) (ms float64, err error) {
	c, err := b.connect(dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(b.ctx)
	start := time.Now()
	err = b.exec(c, sql)
	return time.Since(start).Seconds() * 1000, err
}

// pointReads reads rows by their primary key, each for the first time.
func (b *bench) pointReads(q *servers.Quiver) error {
	if err := b.restartCold(q); err != nil {
		return err
	}
	var times []float64
	for i := range 100 {
		ms, err := b.answerTime(q.DSN(), fmt.Sprintf("SELECT measured, code FROM columns WHERE id = %d", 1+(i*7919_113)%columnRows))
		if err != nil {
			return err
		}
		times = append(times, ms)
	}
	b.add(figure{what: "Point read by primary key of 10,000,000 rows, cold, median of 100", quiver: median(times), unit: "ms"})
	return nil
}
