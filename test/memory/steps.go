package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

const (
	dimensions = 256
	noteBytes  = 64
	// rowBytes is what the values of a row take.
	rowBytes = 8 + 8 + 4 + noteBytes + 4*dimensions
	// groupRows is how many rows have the same k.
	groupRows = 4
)

// step is what the server does, and the check of what it answers.
type step struct {
	name string
	run  func(context.Context, *job) error
}

var steps = []step{
	{"load", load},
	{"scan", func(ctx context.Context, j *job) error {
		return j.answers(ctx, "SELECT count(*), sum(id), sum(length(note)) FROM t WHERE vector_dims(v) = $1", []any{dimensions}, j.rows, j.rows*(j.rows+1)/2, j.rows*noteBytes)
	}},
	{"aggregate", func(ctx context.Context, j *job) error {
		return j.answers(ctx, "SELECT count(*), sum(n), max(n) FROM (SELECT note, count(*) AS n, avg(id) FROM t GROUP BY note) AS groups", nil, j.rows, j.rows, 1)
	}},
	{"join", func(ctx context.Context, j *job) error {
		return j.answers(ctx, "SELECT count(*), sum(length(a.note || b.note)), sum(a.id - b.other) FROM t AS a JOIN t AS b ON a.id = b.other", nil, j.rows, 2*j.rows*noteBytes, 0)
	}},
	{"sort", sorted},
	{"window", func(ctx context.Context, j *job) error {
		return j.answers(ctx, "SELECT count(*), sum(r), sum(length(note)) FROM (SELECT note, row_number() OVER (PARTITION BY k ORDER BY note) AS r FROM t) AS ranked",
			nil, j.rows, j.rows/groupRows*(1+2+3+4), j.rows*noteBytes)
	}},
	{"index build", func(ctx context.Context, j *job) error {
		_, err := j.conn.Exec(ctx, fmt.Sprintf("CREATE INDEX ON t USING %s (v vector_l2_ops)", j.method))
		return err
	}},
	{"search", search},
	{"update", updated},
	{"delete", func(ctx context.Context, j *job) error {
		return j.changes(ctx, j.rows/groupRows, "DELETE FROM t WHERE id % $1 = 0", groupRows)
	}},
	{"vacuum", func(ctx context.Context, j *job) error { return j.vacuumed(ctx, "VACUUM t") }},
	{"vacuum full", func(ctx context.Context, j *job) error { return j.vacuumed(ctx, "VACUUM FULL t") }},
	{"search again", search},
}

// answers compares the one row of a query with what is wanted.
func (j *job) answers(ctx context.Context, sql string, args []any, want ...int64) error {
	got, to := make([]int64, len(want)), make([]any, len(want))
	for i := range got {
		to[i] = &got[i]
	}
	if err := j.conn.QueryRow(ctx, sql, args...).Scan(to...); err != nil {
		return err
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("%v, not %v", got, want)
		}
	}
	return nil
}

// changes runs a statement that changes so many rows.
func (j *job) changes(ctx context.Context, rows int64, sql string, args ...any) error {
	tag, err := j.conn.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() != rows {
		err = fmt.Errorf("%d rows are changed, not %d", tag.RowsAffected(), rows)
	}
	return err
}

// updated changes every row in one transaction.
func updated(ctx context.Context, j *job) error {
	if err := j.changes(ctx, j.rows, "UPDATE t SET other = id, note = note || '+'"); err != nil {
		return err
	}
	return j.answers(ctx, "SELECT count(*), sum(id - other), sum(length(note)) FROM t", nil, j.rows, 0, j.rows*(noteBytes+1))
}

// vacuumed looks at what a VACUUM leaves once a fourth of the rows is deleted.
func (j *job) vacuumed(ctx context.Context, sql string) error {
	if _, err := j.conn.Exec(ctx, sql); err != nil {
		return err
	}
	left := j.rows - j.rows/groupRows
	return j.answers(ctx, "SELECT count(*), count(*) FILTER (WHERE id % $1 = 0), sum(length(note)) FROM t WHERE vector_dims(v) = $2",
		[]any{groupRows, dimensions}, left, 0, left*(noteBytes+1))
}

// mix spreads a number over 64 bits.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// note is a text unlike that of any other row, in no order.
func note(dst []byte, id int64) []byte {
	return fmt.Appendf(dst, "%016x%048d", mix(uint64(id)), id)
}

// rowsOf yields a table as the binary format of COPY: id from 1 on, other the ids the
// other way round, k in groups, a note, a vector.
type rowsOf struct {
	job   *job
	next  int64
	chunk bytes.Buffer
}

func (r *rowsOf) Read(p []byte) (int, error) {
	for r.chunk.Len() == 0 {
		switch {
		case r.next > r.job.rows+1:
			return 0, io.EOF
		case r.next == r.job.rows+1:
			r.chunk.Write([]byte{0xff, 0xff})
		case r.next == 0:
			r.chunk.WriteString("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		default:
			r.chunk.Write(r.row(r.chunk.AvailableBuffer()))
		}
		r.next++
	}
	return r.chunk.Read(p)
}

func (r *rowsOf) row(b []byte) []byte {
	big := binary.BigEndian
	b = big.AppendUint16(b, 5)
	b = big.AppendUint64(big.AppendUint32(b, 8), uint64(r.next))
	b = big.AppendUint64(big.AppendUint32(b, 8), uint64(r.job.rows+1-r.next))
	b = big.AppendUint32(big.AppendUint32(b, 4), uint32(r.next%(r.job.rows/groupRows)))
	b = note(big.AppendUint32(b, noteBytes), r.next)
	b = big.AppendUint32(b, 4+4*dimensions)
	b = big.AppendUint16(big.AppendUint16(b, dimensions), 0)
	for d := range dimensions {
		// Some clusters, and noise.
		center, noise := mix(uint64(r.next%100*dimensions+int64(d))), mix(uint64(r.next*dimensions+int64(d)))
		b = big.AppendUint32(b, math.Float32bits(float32(center>>40)/(1<<24)+float32(noise>>40)/(1<<26)))
	}
	return b
}

func load(ctx context.Context, j *job) error {
	if _, err := j.conn.Exec(ctx, fmt.Sprintf("CREATE TABLE t (id bigint PRIMARY KEY, other bigint, k int, note text, v vector(%d))", dimensions)); err != nil {
		return err
	}
	if _, err := j.conn.PgConn().CopyFrom(ctx, &rowsOf{job: j}, "COPY t FROM STDIN (FORMAT binary)"); err != nil {
		return err
	}
	_, err := j.conn.Exec(ctx, "CHECKPOINT")
	return err
}

// sorted reads all rows, vectors included, in the order of their notes.
func sorted(ctx context.Context, j *job) error {
	result := j.conn.PgConn().ExecParams(ctx, `SELECT note, id, v FROM t ORDER BY note COLLATE "C"`, nil, nil, nil, nil)
	last := make([]byte, 0, noteBytes)
	rows := int64(0)
	for result.NextRow() {
		now := result.Values()[0]
		if bytes.Compare(last, now) >= 0 {
			result.Close()
			return fmt.Errorf("%s comes before %s", last, now)
		}
		last = append(last[:0], now...)
		rows++
	}
	if _, err := result.Close(); err != nil {
		return err
	}
	if rows != j.rows {
		return fmt.Errorf("%d rows, not %d", rows, j.rows)
	}
	return nil
}

// search looks for the vectors of some rows: the nearest is the row itself.
func search(ctx context.Context, j *job) error {
	const searches = 100
	for i := range int64(searches) {
		id := 1 + i*(j.rows-1)/searches/groupRows*groupRows // none of those that are deleted
		if err := j.answers(ctx, "SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = $1) LIMIT 1", []any{id}, id); err != nil {
			return err
		}
	}
	return nil
}
