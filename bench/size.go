package main

import (
	"bytes"
	"fmt"

	"quiver/bench/dataset"
)

// lineitemRows is a sixth of TPC-H's scale factor 1.
const lineitemRows = 1_000_000

// sizes is what flushed tables take beside PostgreSQL's, primary keys included.
func (b *bench) sizes() error {
	const words = "CREATE TABLE sizes (id int PRIMARY KEY, word text NOT NULL, length int, embedding "
	form, appendVector := "real[]", appendRealArray
	if b.hasPgvector() {
		form, appendVector = "vector(100)", appendPgvector
		if err := b.run(b.postgres, "CREATE EXTENSION IF NOT EXISTS vector"); err != nil {
			return err
		}
	}
	theirs, err := b.sizeOf(b.postgres, words+form+")", " (FORMAT binary)", b.words.copyBinary(appendVector))
	if err != nil {
		return err
	}
	data := b.words.copyBinary(appendPgvector)
	for _, c := range []struct {
		name, column string
		atMost       float64
	}{{"by default", "vector(100)", 0.85}, {"vectors COMPRESSION zstd", "vector(100) COMPRESSION zstd", 0.72}} {
		ours, err := b.sizeOf(b.quiver.DSN(), words+c.column+")", " (FORMAT binary)", data)
		if err != nil {
			return err
		}
		b.add(figure{what: "Word vectors, 200,000 rows: stored, " + c.name, quiver: ours, peer: theirs, unit: "MB", peerIs: "PostgreSQL, " + form, atMost: c.atMost})
	}
	var lines []byte
	rows := dataset.NewLineitem(lineitemRows)
	for range lineitemRows {
		lines = rows.AppendRow(lines)
	}
	create := "CREATE TABLE sizes (" + dataset.LineitemColumns + ")"
	theirs, err = b.sizeOf(b.postgres, create, "", lines)
	if err != nil {
		return err
	}
	ours, err := b.sizeOf(b.quiver.DSN(), create, "", lines)
	if err != nil {
		return err
	}
	b.add(figure{what: "TPC-H lineitem, 1,000,000 rows: stored", quiver: ours, peer: theirs, unit: "MB", peerIs: "PostgreSQL", atMost: 0.35})
	return nil
}

// sizeOf loads a table and returns how many MB it takes.
func (b *bench) sizeOf(dsn, create, options string, data []byte) (float64, error) {
	c, err := b.connect(dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(b.ctx)
	for _, sql := range []string{"DROP TABLE IF EXISTS sizes", create} {
		if err := b.exec(c, sql); err != nil {
			return 0, err
		}
	}
	if _, err := c.CopyFrom(b.ctx, bytes.NewReader(data), "COPY sizes FROM STDIN"+options); err != nil {
		return 0, err
	}
	if err := b.exec(c, "CHECKPOINT"); err != nil {
		return 0, err
	}
	bytes, err := b.askNumber(dsn, "SELECT pg_total_relation_size('sizes')")
	if err != nil {
		return 0, err
	}
	if bytes == 0 {
		return 0, fmt.Errorf("the table takes nothing")
	}
	return bytes / 1e6, b.exec(c, "DROP TABLE sizes")
}
