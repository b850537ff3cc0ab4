package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"time"
)

// bulk is rows on their way into a table that has as many already, all of them in
// objects, or behind a checkpoint.
type bulk struct {
	dsn, vector string
	before, new []byte // as COPY text
	file        string // of Quiver, the new rows as Parquet instead; "" for none
}

// load measures one COPY, to its answer and until everything is behind a checkpoint.
func (b *bench) load(k bulk) (answered, flushed float64, err error) {
	c, err := b.connect(k.dsn)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close(b.ctx)
	for _, sql := range []string{"DROP TABLE IF EXISTS loaded",
		"CREATE TABLE loaded (id int PRIMARY KEY, word text NOT NULL, length int, embedding " + k.vector + ")"} {
		if err := b.exec(c, sql); err != nil {
			return 0, 0, err
		}
	}
	if _, err := c.CopyFrom(b.ctx, bytes.NewReader(k.before), "COPY loaded FROM STDIN"); err != nil {
		return 0, 0, err
	}
	if err := b.exec(c, "CHECKPOINT"); err != nil {
		return 0, 0, err
	}
	if k.dsn == b.quiver.DSN() {
		defer b.profiled("import "+filepath.Base(k.file), 3*time.Second)()
	}
	start := time.Now()
	if k.file != "" {
		err = b.exec(c, fmt.Sprintf("COPY loaded FROM '%s' (FORMAT parquet)", k.file))
	} else {
		_, err = c.CopyFrom(b.ctx, bytes.NewReader(k.new), "COPY loaded FROM STDIN")
	}
	if err != nil {
		return 0, 0, err
	}
	rows := float64(len(b.words.rows))
	answered = rows / time.Since(start).Seconds()
	if err := b.exec(c, "CHECKPOINT"); err != nil {
		return 0, 0, err
	}
	return answered, rows / time.Since(start).Seconds(), nil
}

// parquetOf has Quiver write the rows as a Parquet file.
func (b *bench) parquetOf(rows []byte) (string, error) {
	c, err := b.connect(b.quiver.DSN())
	if err != nil {
		return "", err
	}
	defer c.Close(b.ctx)
	if err := b.exec(c, "DROP TABLE IF EXISTS unordered; CREATE TABLE unordered (id int, word text, length int, embedding vector(100))"); err != nil {
		return "", err
	}
	if _, err := c.CopyFrom(b.ctx, bytes.NewReader(rows), "COPY unordered FROM STDIN"); err != nil {
		return "", err
	}
	file := filepath.Join(b.life.TempDir(), "words.parquet")
	return file, b.exec(c, fmt.Sprintf("COPY unordered TO '%s' (FORMAT parquet)", file))
}

// shifted are the rows with other ids.
func (ws *words) shifted(by int32) *words {
	out := &words{rows: append([]word(nil), ws.rows...)}
	for i := range out.rows {
		out.rows[i].id += by
	}
	return out
}

// imports loads the word vectors ×20 into a table that has as many rows in objects.
func (b *bench) imports() error {
	const most = 10_000_000
	others := b.words.shifted(most)
	peer := bulk{dsn: b.postgres, vector: "real[]", before: others.copyText("{", "}"), new: b.words.copyText("{", "}")}
	text := bulk{dsn: b.quiver.DSN(), vector: fmt.Sprintf("vector(%d)", dimensions), before: others.copyText("[", "]"), new: b.words.copyText("[", "]")}
	parquet := text
	var err error
	if parquet.file, err = b.parquetOf(text.new); err != nil {
		return err
	}
	var rates [3][2][]float64
	for range b.rounds {
		for i, k := range []bulk{peer, text, parquet} {
			answered, flushed, err := b.load(k)
			if err != nil {
				return err
			}
			rates[i][0], rates[i][1] = append(rates[i][0], answered), append(rates[i][1], flushed)
		}
	}
	const is = "PostgreSQL, real[]"
	for i, what := range []string{"to the answer", "until all is in objects, or behind a checkpoint"} {
		p, t, q := median(rates[0][i]), median(rates[1][i]), median(rates[2][i])
		size := fmt.Sprintf("%d rows × %d-d into a flushed table of as many, ", len(b.words.rows), dimensions)
		b.add(figure{what: "COPY text, " + size + what, quiver: t, peer: p, unit: "rows/s", peerIs: is, atLeast: 3})
		b.add(figure{what: "Parquet, the same, " + what, quiver: q, peer: p, unit: "rows/s", peerIs: is, atLeast: 6})
	}
	return nil
}
