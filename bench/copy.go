package main

import (
	"bytes"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func (b *bench) connect(dsn string) (*pgconn.PgConn, error) { return pgconn.Connect(b.ctx, dsn) }

func (b *bench) exec(c *pgconn.PgConn, sql string) error {
	_, err := c.Exec(b.ctx, sql).ReadAll()
	return err
}

// copyInto measures one COPY into a new table, until its commit is answered.
func (b *bench) copyInto(dsn, vectorType string, data []byte, options string) (rowsPerSecond float64, err error) {
	c, err := b.connect(dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(b.ctx)
	for _, sql := range []string{"DROP TABLE IF EXISTS words",
		"CREATE TABLE words (id int PRIMARY KEY, word text NOT NULL, length int, embedding " + vectorType + ")", "CHECKPOINT"} {
		if err := b.exec(c, sql); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if _, err := c.CopyFrom(b.ctx, bytes.NewReader(data), "COPY words FROM STDIN"+options); err != nil {
		return 0, err
	}
	return float64(len(b.words.rows)) / time.Since(start).Seconds(), nil
}

// copy loads the word vectors ×20 by COPY, text and binary.
func (b *bench) copy() error {
	for _, form := range []struct {
		name, options string
		peer, quiver  []byte
		atLeast       float64
	}{
		{"text", "", b.words.copyText("{", "}"), b.words.copyText("[", "]"), 2},
		{"binary", " (FORMAT binary)", b.words.copyBinary(appendRealArray), b.words.copyBinary(appendPgvector), 1},
	} {
		p, q, err := b.inTurn(
			func() (float64, error) { return b.copyInto(b.postgres, "real[]", form.peer, form.options) },
			func() (float64, error) {
				return b.copyInto(b.quiver.DSN(), "vector(100)", form.quiver, form.options)
			})
		if err != nil {
			return err
		}
		mb := func(rows float64, data []byte) float64 {
			return rows * float64(len(data)) / float64(len(b.words.rows)) / 1e6
		}
		b.add(figure{what: "COPY " + form.name + ", 200,000 rows × 100-d with primary key", quiver: q, peer: p, unit: "rows/s", peerIs: "PostgreSQL, real[]", atLeast: form.atLeast})
		b.add(figure{what: "the same in bytes of input", quiver: mb(q, form.quiver), peer: mb(p, form.peer), unit: "MB/s", peerIs: "PostgreSQL, real[]"})
	}
	return nil
}
