package clients

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/pgvector/pgvector-go"
	pgxvector "github.com/pgvector/pgvector-go/pgx"
)

// TestPgxVectors: all four types in binary and in text, by each way pgx has to
// run a query; every distance; an index; COPY of all types.
func TestPgxVectors(t *testing.T) {
	host, port := address(t)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "postgres://postgres@"+net.JoinHostPort(host, port)+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("CREATE EXTENSION IF NOT EXISTS vector")
	if err := pgxvector.RegisterTypes(ctx, conn); err != nil {
		t.Fatal(err)
	}
	exec("CREATE TABLE pgx_vectors (id bigserial PRIMARY KEY, embedding vector(3), half halfvec(3), sparse sparsevec(3), code bit(3))")
	defer exec("DROP TABLE pgx_vectors")
	exec("CREATE INDEX ON pgx_vectors USING hnsw (embedding vector_l2_ops)")
	values := [][]float32{{1, 1, 1}, {2, 2, 2.5}, {1, 1, 2}}
	codes := []byte{0b001 << 5, 0b101 << 5, 0b111 << 5}
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{pgvector.NewVector(v), pgvector.NewHalfVector(v), pgvector.NewSparseVector(v), pgtype.Bits{Bytes: codes[i : i+1], Len: 3, Valid: true}}
	}
	columns := []string{"embedding", "half", "sparse", "code"}
	if n, err := conn.CopyFrom(ctx, pgx.Identifier{"pgx_vectors"}, columns, pgx.CopyFromRows(rows)); err != nil || n != 3 {
		t.Fatalf("copied %d, %v", n, err)
	}
	query := []float32{1, 1, 1}
	operands := map[string]any{"embedding": pgvector.NewVector(query), "half": pgvector.NewHalfVector(query), "sparse": pgvector.NewSparseVector(query)}
	orders := map[string][]int64{"<->": {1, 3, 2}, "<#>": {2, 3, 1}, "<=>": {1, 2, 3}, "<+>": {1, 3, 2}}
	modes := []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}
	nearest := func(mode pgx.QueryExecMode, column, operator string, operand any) []int64 {
		t.Helper()
		rows, err := conn.Query(ctx, "SELECT id FROM pgx_vectors ORDER BY "+column+" "+operator+" $1 LIMIT 3", mode, operand)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Fatalf("%v %s %s: %v", mode, column, operator, err)
		}
		return ids
	}
	for _, mode := range modes {
		for column, operand := range operands {
			for operator, want := range orders {
				if got := nearest(mode, column, operator, operand); !slices.Equal(got, want) {
					t.Errorf("%v: %s %s gives %v, want %v", mode, column, operator, got, want)
				}
			}
		}
		if got := nearest(mode, "code", "<~>", "101"); !slices.Equal(got, []int64{2, 1, 3}) {
			t.Errorf("%v: <~> gives %v", mode, got)
		}
		var v pgvector.Vector
		var h pgvector.HalfVector
		var s pgvector.SparseVector
		var b pgtype.Bits
		if err := conn.QueryRow(ctx, "SELECT embedding, half, sparse, code FROM pgx_vectors WHERE id = $1", mode, 2).Scan(&v, &h, &s, &b); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v.Slice(), values[1]) || !slices.Equal(h.Slice(), values[1]) || !slices.Equal(s.Slice(), values[1]) || b.Bytes[0] != codes[1] || b.Len != 3 {
			t.Errorf("%v: read %v %v %v %v", mode, v, h, s, b)
		}
	}
	// Arrays of vectors: those of several ids, and the nearest of each of several queries.
	var all []pgvector.Vector
	if err := conn.QueryRow(ctx, "SELECT array_agg(embedding ORDER BY id) FROM pgx_vectors WHERE id = ANY($1)", []int64{1, 3}).Scan(&all); err != nil || len(all) != 2 || !slices.Equal(all[1].Slice(), values[2]) {
		t.Errorf("array of vectors: %v, %v", all, err)
	}
	queries := []pgvector.Vector{pgvector.NewVector([]float32{2, 2, 2}), pgvector.NewVector([]float32{1, 1, 1.9})}
	found, err := conn.Query(ctx, "SELECT x.id FROM unnest($1::vector[]) WITH ORDINALITY q (v, n), LATERAL (SELECT id FROM pgx_vectors ORDER BY embedding <-> q.v LIMIT 1) x ORDER BY q.n", queries)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := pgx.CollectRows(found, pgx.RowTo[int64]); err != nil || !slices.Equal(ids, []int64{2, 3}) {
		t.Errorf("nearest of each: %v, %v", ids, err)
	}
}
