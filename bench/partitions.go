package main

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The tables of the part, by how many partitions they have.
const (
	partitionsFew  = 10
	partitionsMany = 10_000
)

// partitions measures statements on one partition of few and of many: what it costs
// to plan them, and a point read and an insert whole.
func (b *bench) partitions() error {
	for _, dsn := range []string{b.postgres, b.quiver.DSN()} {
		for _, n := range []int{partitionsFew, partitionsMany} {
			if err := b.partitioned(dsn, n); err != nil {
				return err
			}
		}
	}
	planned := func(n int) (p, q float64, err error) {
		return b.onPartitions("EXPLAIN SELECT * FROM parted_%d WHERE id = %d AND x > 2", n)
	}
	fewP, fewQ, err := planned(partitionsFew)
	if err != nil {
		return err
	}
	manyP, manyQ, err := planned(partitionsMany)
	if err != nil {
		return err
	}
	b.add(figure{what: "planning over 10,000 partitions, in times of 10", quiver: fewQ / manyQ, peer: fewP / manyP, unit: "×", peerIs: "PostgreSQL", most: 5})
	for _, f := range []struct{ what, sql string }{
		{"point read, one of 10,000 partitions", "SELECT * FROM parted_%d WHERE id = %d"},
		{"insert, one of 10,000 partitions", "INSERT INTO parted_%d VALUES (%d, 1) ON CONFLICT DO NOTHING"},
	} {
		p, q, err := b.onPartitions(f.sql, partitionsMany)
		if err != nil {
			return err
		}
		b.add(figure{what: f.what, quiver: q, peer: p, unit: "per second", peerIs: "PostgreSQL"})
	}
	return nil
}

// partitioned makes a table of n partitions of ten values each.
func (b *bench) partitioned(dsn string, n int) error {
	c, err := b.connect(dsn)
	if err != nil {
		return err
	}
	defer c.Close(b.ctx)
	sql := fmt.Sprintf("DROP TABLE IF EXISTS parted_%d; CREATE TABLE parted_%[1]d (id int PRIMARY KEY, x int) PARTITION BY RANGE (id)", n)
	if err := b.exec(c, sql); err != nil {
		return err
	}
	const together = 20 // PostgreSQL's table of locks holds no more by far
	for from := 0; from < n; from += together {
		var text strings.Builder
		for i := from; i < min(from+together, n); i++ {
			fmt.Fprintf(&text, "CREATE TABLE parted_%d_%d PARTITION OF parted_%[1]d FOR VALUES FROM (%[3]d) TO (%d);", n, i, 10*i, 10*i+10)
		}
		if err := b.exec(c, text.String()); err != nil {
			return err
		}
	}
	return b.exec(c, fmt.Sprintf("INSERT INTO parted_%d SELECT g, g FROM generate_series(0, %d, 5) g", n, 10*partitionsFew-1))
}

// onPartitions runs a statement, over and over on a few partitions, through one
// connection to each server.
func (b *bench) onPartitions(format string, n int) (p, q float64, err error) {
	return b.both(1,
		func(c *pgconn.PgConn) error { return b.exec(c, fmt.Sprintf(format, n, 0)) },
		func(c *pgconn.PgConn, _, i int) error {
			return b.exec(c, fmt.Sprintf(format, n, i*7%(10*partitionsFew)))
		})
}
