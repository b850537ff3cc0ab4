package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// peerRows is how many rows pgvector gets into its indexed table: it takes
// about a millisecond for each.
const peerRows = 20_000

var comparedOneByOne = regexp.MustCompile(`Vectors Compared: (\d+)`)

// freshRows loads the word vectors into a table that has the index already.
func (b *bench) freshRows() error {
	if err := b.wordVectors(); err != nil {
		return err
	}
	for _, s := range b.servers() {
		if err := b.createVectors(s.dsn, "fresh", b.set.Dim, sameIndexSQL("fresh_hnsw", "fresh")); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	peer := 0.0
	if b.hasPgvector() {
		took, err := b.copyVectors(b.postgres, "fresh", b.set.CopyBinary(0, peerRows, 0))
		if err != nil {
			return err
		}
		peer = peerRows / took.Seconds()
	}
	dsn := b.quiver.DSN()
	w, err := b.newWire("Quiver", dsn, "SELECT id FROM fresh ORDER BY embedding <=> $1 LIMIT 10", b.set)
	if err != nil {
		return err
	}
	defer w.close()
	data := b.set.CopyBinary(0, b.set.Len(), 0)
	start := time.Now()
	wait := b.profiled("fresh", 3*time.Second)
	took, err := b.copyVectors(dsn, "fresh", data)
	wait()
	if err != nil {
		return err
	}
	first, err := recallOf(w, b.set, b.truth, 100, nil)
	if err != nil {
		return err
	}
	f := figure{what: "COPY binary into the indexed table, to the answer", quiver: float64(b.set.Len()) / took.Seconds(), unit: "rows/s", least: 100_000}
	if peer > 0 {
		f.peer, f.peerIs = peer, "pgvector"
	}
	b.add(f)
	b.add(figure{what: "Recall of the first 100 searches after it", quiver: first, unit: "recall@10", least: 0.95})
	complete, err := b.untilComplete(dsn, "fresh", start)
	if err != nil {
		return err
	}
	f = figure{what: "From the begin of the COPY until the index holds all rows", quiver: complete.Seconds(), unit: "s"}
	if built := b.builds["Quiver"]; built > 0 {
		f.peer, f.peerIs, f.atMost = built.Seconds(), "CREATE INDEX over the same rows", 1.2
	}
	b.add(f)
	last, err := recallOf(w, b.set, b.truth, b.set.NumQueries(), nil)
	if err != nil {
		return err
	}
	rate, err := w.rate(1, 3*slice)
	if err != nil {
		return err
	}
	b.add(figure{what: fmt.Sprintf("Recall then, no setting touched (%s QPS)", number(rate)), quiver: last, unit: "recall@10", least: 0.95})
	return b.run(dsn, "DROP TABLE fresh")
}

// untilComplete waits until a search of a table compares no row one by one and
// nothing is being built.
func (b *bench) untilComplete(dsn, table string, start time.Time) (time.Duration, error) {
	query := fmt.Sprintf("EXPLAIN (ANALYZE) SELECT id FROM %s ORDER BY embedding <=> '%s' LIMIT 10", table, vectorText(b.set.Query(0)))
	for quiet := 0; quiet < 3; {
		left, building, err := b.progress(dsn, query)
		if err != nil {
			return 0, err
		}
		if quiet++; left > 0 || building > 0 {
			quiet = 0
		}
		if time.Since(start) > 10*time.Minute {
			return 0, fmt.Errorf("after 10 minutes %d rows are not in the index", left)
		}
		time.Sleep(200 * time.Millisecond)
	}
	return time.Since(start), nil
}

// progress says how many builds of rows without an index are going on and, if there
// is none, how many rows a search compares one by one.
func (b *bench) progress(dsn, query string) (left, building int, err error) {
	// A build makes way for searches, so none is asked for while there is one.
	n, err := b.askNumber(dsn, "SELECT count(*) FROM pg_stat_progress_create_index WHERE command NOT LIKE 'REINDEX%'")
	if err != nil || n > 0 {
		return 0, int(n), err
	}
	c, err := b.connect(dsn)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close(b.ctx)
	r, err := c.Exec(b.ctx, query).ReadAll()
	if err != nil {
		return 0, 0, err
	}
	for _, row := range r[0].Rows {
		if m := comparedOneByOne.FindSubmatch(row[0]); m != nil {
			n, err := strconv.Atoi(string(m[1]))
			if err != nil {
				return 0, 0, err
			}
			left += n
		}
	}
	return left, 0, nil
}

func vectorText(v []float32) string {
	b := []byte{'['}
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
	}
	return string(append(b, ']'))
}
