package server

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"quiver/internal/hlc"
	"quiver/storage"
	"quiver/storage/wal"
)

// gate holds up the application of commits while it is shut.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // nil while open
}

func (g *gate) pass(hlc.Timestamp) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shut)
	g.shut = nil
}

func run(t *testing.T, c *pgx.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := c.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func one[T any](t *testing.T, c *pgx.Conn, sql string) (value T) {
	t.Helper()
	if err := c.QueryRow(context.Background(), sql).Scan(&value); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
	return value
}

// TestConsistencyLevels shows what each level promises while a commit is durable
// and not yet applied: strong sees it, a session sees its own, bounded does once it
// is older than its bound, eventually may miss it.
func TestConsistencyLevels(t *testing.T) {
	var g gate
	url := startEngine(t, storage.Options{Log: wal.NewMemLog(), BeforeApply: g.pass}, nil)
	writer := connect(t, url)
	run(t, writer, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "SET quiver.consistency_level = 'session'")
	g.close()
	run(t, writer, "INSERT INTO t VALUES (2)") // answers, though nothing is applied

	const count = "SELECT count(*) FROM t"
	watcher := connect(t, url)
	run(t, watcher, "SET quiver.consistency_level = 'eventually'")
	if n := one[int](t, watcher, count); n != 1 {
		t.Errorf("eventually sees %d rows before the commit is applied", n)
	}
	run(t, watcher, "SET quiver.consistency_level = 'session'")
	if n := one[int](t, watcher, count); n != 1 {
		t.Errorf("another session sees %d rows before the commit is applied", n)
	}
	run(t, watcher, "SET quiver.consistency_level = 'bounded'", "SET quiver.bounded_staleness = '1h'")
	if n := one[int](t, watcher, count); n != 1 {
		t.Errorf("bounded by an hour sees %d rows before the commit is applied", n)
	}

	bounded, strong := connect(t, url), connect(t, url)
	run(t, bounded, "SET quiver.consistency_level = 'bounded'", "SET quiver.bounded_staleness = 0")
	waiting := map[string]*pgx.Conn{"its own session": writer, "bounded by nothing": bounded, "strong": strong}
	var readers sync.WaitGroup
	for who, conn := range waiting {
		readers.Go(func() {
			if n := one[int](t, conn, count); n != 2 {
				t.Errorf("%s sees %d rows, want 2", who, n)
			}
		})
	}
	for one[int](t, watcher, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = '"+count+"'") < len(waiting) {
	}
	g.open()
	readers.Wait()
	if n := one[int](t, watcher, count); n != 2 {
		t.Errorf("%d rows once the commit is applied", n)
	}
}

// TestTableConsistency: what a table says holds where the session says nothing.
func TestTableConsistency(t *testing.T) {
	var g gate
	url := startEngine(t, storage.Options{Log: wal.NewMemLog(), BeforeApply: g.pass}, nil)
	writer, reader := connect(t, url), connect(t, url)
	run(t, writer, "CREATE TABLE t (id int) WITH (consistency_level = 'eventually')", "CREATE TABLE u (id int)",
		"SET quiver.consistency_level = 'session'")
	g.close()
	run(t, writer, "INSERT INTO t VALUES (1)")
	if n := one[int](t, reader, "SELECT count(*) FROM t"); n != 0 {
		t.Errorf("%d rows before the commit is applied", n)
	}
	var strict sync.WaitGroup
	strict.Go(func() {
		other := connect(t, url)
		if n := one[int](t, other, "SELECT count(*) FROM t, (SELECT count(*) FROM u) AS v"); n != 1 {
			t.Errorf("beside a table that is read strongly, %d rows", n)
		}
	})
	for one[int](t, reader, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count(*) FROM t, %'") == 0 {
	}
	g.open()
	strict.Wait()
}

// TestExportedSnapshot: transactions share what one of them reads, for as long as
// it is open, and write for themselves.
func TestExportedSnapshot(t *testing.T) {
	url := start(t, nil)
	source, other, third := connect(t, url), connect(t, url), connect(t, url)
	run(t, source, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "BEGIN ISOLATION LEVEL REPEATABLE READ",
		"INSERT INTO t VALUES (100)")
	name := one[string](t, source, "SELECT pg_export_snapshot() FROM t LIMIT 1")
	run(t, other, "INSERT INTO t VALUES (2)", "VACUUM FULL t")
	run(t, other, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SET TRANSACTION SNAPSHOT '"+name+"'")
	if n := one[int](t, other, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("the shared snapshot has %d rows, want 1", n)
	}
	run(t, other, "INSERT INTO t VALUES (3)")
	if n := one[int](t, other, "SELECT count(*) FROM t"); n != 2 {
		t.Errorf("with its own row the other transaction sees %d", n)
	}
	run(t, source, "COMMIT")
	run(t, other, "COMMIT")
	run(t, third, "BEGIN ISOLATION LEVEL REPEATABLE READ")
	if _, err := third.Exec(context.Background(), "SET TRANSACTION SNAPSHOT '"+name+"'"); code(err) != "22023" {
		t.Errorf("after its transaction ended: %v", err)
	}
	run(t, third, "ROLLBACK")
	if n := one[int](t, third, "SELECT count(*) FROM t"); n != 4 {
		t.Errorf("%d rows at the end, want 4", n)
	}
}
