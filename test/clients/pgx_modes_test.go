package clients

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgvector/pgvector-go"
	pgxvector "github.com/pgvector/pgvector-go/pgx"
)

// TestPgxModes goes through the five ways in which pgx sends a query: prepared
// and cached, described and cached, described each time, by exec (types from
// the Go values, text results), and by the simple protocol (values in the text).
func TestPgxModes(t *testing.T) {
	host, port := address(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			config, err := pgx.ParseConfig("postgres://postgres@" + net.JoinHostPort(host, port) + "/postgres?sslmode=disable")
			if err != nil {
				t.Fatal(err)
			}
			config.DefaultQueryExecMode = mode
			ctx := context.Background()
			conn, err := pgx.ConnectConfig(ctx, config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			pgxMode(ctx, t, conn)
		})
	}
}

func pgxMode(ctx context.Context, t *testing.T, conn *pgx.Conn) {
	exec := func(sql string, args ...any) int64 {
		t.Helper()
		tag, err := conn.Exec(ctx, sql, args...)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return tag.RowsAffected()
	}
	exec("CREATE EXTENSION IF NOT EXISTS vector")
	if err := pgxvector.RegisterTypes(ctx, conn); err != nil {
		t.Fatal(err)
	}
	exec(`CREATE TABLE pgx_modes (id int8 PRIMARY KEY, small int2, whole int4, real4 float4, real8 float8, flag bool, name text,
		at timestamptz, day date, raw bytea, doc jsonb, tags text[], v vector(3))`)
	defer exec("DROP TABLE pgx_modes")

	at := time.Date(2024, 2, 29, 12, 30, 15, 123456000, time.UTC)
	day := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, id := range []int64{1, -2, 1 << 62} {
		if n := exec("INSERT INTO pgx_modes VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
			id, int16(-7), int32(1<<30), float32(1.5), -0.1, true, `it's a \ "name"`, at, day, []byte{0, 1, 255}, `{"a": 1}`,
			[]string{"x", "y z", ""}, pgvector.NewVector([]float32{1, 2, -3.5})); n != 1 {
			t.Fatalf("%d rows", n)
		}
	}
	exec("INSERT INTO pgx_modes (id, name) VALUES ($1, $2)", int64(9), (*string)(nil))

	// Procedures take their names as parameters, too.
	exec("CALL quiver.create_partition($1, $2)", "pgx_modes", "pgx_part")
	exec("INSERT INTO pgx_part (id) VALUES ($1)", int64(77))
	exec("CALL quiver.drop_partition($1, 'pgx_' || $2)", "public.pgx_modes", "part")
	_, err := conn.Exec(ctx, "CALL quiver.drop_partition($1, $2)", "pgx_modes", "pgx_part")
	if e := new(pgconn.PgError); !errors.As(err, &e) || e.Code != "42P01" {
		t.Fatalf("a partition that is gone: %v", err)
	}

	var (
		small     int16
		whole     int32
		real4     float32
		real8     float64
		flag      bool
		name      string
		gotAt     time.Time
		gotDay    time.Time
		raw       []byte
		doc       map[string]any
		tags      []string
		v         pgvector.Vector
		nothing   *string
		neighbour int64
	)
	err = conn.QueryRow(ctx, "SELECT small, whole, real4, real8, flag, name, at, day, raw, doc, tags, v FROM pgx_modes WHERE id = $1", int64(1<<62)).
		Scan(&small, &whole, &real4, &real8, &flag, &name, &gotAt, &gotDay, &raw, &doc, &tags, &v)
	if err != nil {
		t.Fatal(err)
	}
	if small != -7 || whole != 1<<30 || real4 != 1.5 || real8 != -0.1 || !flag || name != `it's a \ "name"` || !gotAt.Equal(at) || !gotDay.Equal(day) ||
		string(raw) != "\x00\x01\xff" || doc["a"] != 1.0 || len(tags) != 3 || tags[1] != "y z" || v.String() != "[1,2,-3.5]" {
		t.Errorf("read back %v %v %v %v %v %q %v %v %v %v %q %v", small, whole, real4, real8, flag, name, gotAt, gotDay, raw, doc, tags, v)
	}
	if err := conn.QueryRow(ctx, "SELECT name FROM pgx_modes WHERE id = $1", int64(9)).Scan(&nothing); err != nil || nothing != nil {
		t.Errorf("null: %v, %v", nothing, err)
	}
	err = conn.QueryRow(ctx, "SELECT id FROM pgx_modes WHERE v IS NOT NULL AND id < $2 ORDER BY v <-> $1, id LIMIT 1",
		pgvector.NewVector([]float32{1, 2, 3}), int64(1<<40)).Scan(&neighbour)
	if err != nil || neighbour != -2 {
		t.Errorf("nearest: %d, %v", neighbour, err)
	}

	var pg *pgconn.PgError
	if _, err := conn.Exec(ctx, "INSERT INTO pgx_modes (id) VALUES ($1)", int64(1)); !errors.As(err, &pg) || pg.Code != "23505" {
		t.Errorf("duplicate key: %v", err)
	}
	if _, err := conn.Exec(ctx, "INSERT INTO pgx_modes (id, v) VALUES ($1, $2)", int64(5), pgvector.NewVector([]float32{1})); !errors.As(err, &pg) || pg.Code != "22000" {
		t.Errorf("dimension: %v", err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM pgx_modes WHERE id <> $1", int64(9)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	var batch pgx.Batch
	for i := range 20 {
		batch.Queue("SELECT count(*) + $1::int FROM pgx_modes WHERE id <> $2::int8", i, int64(-2))
	}
	results := conn.SendBatch(ctx, &batch)
	for i := range 20 {
		var n int
		if err := results.QueryRow().Scan(&n); err != nil || n != i+3 {
			t.Fatalf("batch %d: %d, %v", i, n, err)
		}
	}
	if err := results.Close(); err != nil {
		t.Fatal(err)
	}
}
