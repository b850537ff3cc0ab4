package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/server/session"
	"quiver/sql/parse"
	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// stepClock goes on by a millisecond a reading.
type stepClock struct{ now atomic.Uint64 }

func (c *stepClock) Next() (hlc.Timestamp, error) {
	return hlc.Timestamp(c.now.Add(1 << hlc.CounterBits)), nil
}

func (c *stepClock) Now() hlc.Timestamp { return hlc.Timestamp(c.now.Load()) }

func (c *stepClock) Observe(t hlc.Timestamp) {
	for now := c.now.Load(); uint64(t) > now && !c.now.CompareAndSwap(now, uint64(t)); now = c.now.Load() {
	}
}

// start serves a new, empty cluster in memory and returns how to connect.
func start(t testing.TB, change func(*Options)) string {
	t.Helper()
	return startOver(t, wal.NewMemLog(), change)
}

// startOver is start over a log of the caller's.
func startOver(t testing.TB, log wal.Log, change func(*Options)) string {
	return startEngine(t, storage.Options{Log: log}, change)
}

// startEngine is start with options of the engine's.
func startEngine(t testing.TB, o storage.Options, change func(*Options)) string {
	t.Helper()
	ctx := context.Background()
	c, err := catalog.OpenInMemory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	clock := &stepClock{}
	clock.now.Store(1 << 40)
	o.Catalog, o.Clock, o.Manual, o.IndexKeys = c, clock, true, session.IndexKeys(c)
	if o.Objects == nil {
		o.Objects = objstore.NewMem()
	}
	engine, err := storage.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		logger = slog.Default()
	}
	opts := Options{
		Config: &session.Config{
			Catalog: c, Engine: engine, Parsed: parse.NewCache(1 << 20), Logger: logger,
			TempDir: t.TempDir(), StatementBytesMax: 256 << 20, Parallel: 1,
		},
		Addr: "127.0.0.1:0", Logger: logger,
	}
	if change != nil {
		change(&opts)
	}
	s, err := Listen(opts)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served, engine.Close(), c.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return "postgres://postgres@" + s.Addr().String() + "/postgres?sslmode=disable"
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// code is the SQLSTATE of an error; "" for none.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestFirstLight(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, start(t, nil))
	var one int
	if err := conn.QueryRow(ctx, "select 1").Scan(&one); err != nil || one != 1 {
		t.Fatalf("select 1: %d, %v", one, err)
	}
	for _, sql := range []string{
		"create table items (id int primary key, name text not null default 'x', v vector(3))",
		"insert into items (id, v) values (1, '[1,2,3]'), (2, '[4,5,6]')",
		"insert into items values (3, 'three', '[7,8,9]')",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	rows, err := conn.Query(ctx, "select id, name from items where id > $1 order by v <-> '[7,8,8]' limit 2", 0)
	if err != nil {
		t.Fatal(err)
	}
	type item struct {
		ID   int
		Name string
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[item])
	if err != nil || len(got) != 2 || got[0] != (item{3, "three"}) || got[1] != (item{2, "x"}) {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := conn.Exec(ctx, "insert into items (id) values (1)"); code(err) != "23505" {
		t.Errorf("duplicate: %v", err)
	}
	if err := conn.QueryRow(ctx, "select count(*) from items").Scan(&one); err != nil || one != 3 {
		t.Errorf("count %d, %v", one, err)
	}
}
