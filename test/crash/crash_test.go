package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

const workers = 6

func setting(t *testing.T, name string, or int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// worker runs transactions on one session and keeps their model.
type worker struct {
	generator
	acked state
	// unknown is the state after a transaction whose fate is open; nil rows
	// when there is none.
	unknown *state
	commits int
	// backups is where one worker backs up to.
	backups string
	// outages: what the server stands on is killed, too, and statements may fail.
	outages bool
}

// chores are what workers do now and then between their transactions, once in so
// many.
var chores = []struct {
	every int
	sql   string
}{{12, "CHECKPOINT"}, {25, "REINDEX INDEX kv_l2"}, {20, "VACUUM FULL kv"}, {25, "BACKUP TABLE kv TO 'file://%s'"}, {15, "VACUUM"}}

// run works until the server goes away. Any other error is returned.
func (w *worker) run(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return w.gone(err)
	}
	defer conn.Close(context.Background())
	for {
		if w.worker < len(chores) && w.rnd.IntN(chores[w.worker].every) == 0 {
			if _, err := conn.Exec(ctx, strings.ReplaceAll(chores[w.worker].sql, "%s", w.backups)); err != nil {
				return w.gone(err)
			}
		}
		t := w.transaction(w.acked)
		if err := w.play(ctx, conn, t); err != nil {
			return w.gone(err)
		}
		w.acked = t.after
		w.unknown = nil
		w.commits++
	}
}

// play runs one transaction. From the moment COMMIT is sent until its answer
// comes, the fate is unknown.
func (w *worker) play(ctx context.Context, conn *pgx.Conn, t transaction) error {
	if len(t.steps) == 1 && t.steps[0].copy == nil {
		w.unknown = &t.after
		_, err := conn.Exec(ctx, t.steps[0].sql)
		return err
	}
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for _, s := range t.steps {
		if err := w.step(ctx, conn, s); err != nil {
			return err
		}
	}
	w.unknown = &t.after
	_, err := conn.Exec(ctx, "COMMIT")
	return err
}

func (w *worker) step(ctx context.Context, conn *pgx.Conn, s step) error {
	if s.copy == nil {
		if _, err := conn.Exec(ctx, s.sql); err != nil {
			return fmt.Errorf("%s: %w", s.sql, err)
		}
		return nil
	}
	var text strings.Builder
	for _, r := range s.copy {
		fmt.Fprintf(&text, "%d\t%d\t%d\t%s\n", r[0], w.worker, r[1], vectorOf(r[1]))
	}
	if _, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(text.String()), "COPY kv FROM STDIN"); err != nil {
		return fmt.Errorf("COPY: %w", err)
	}
	return nil
}

// gone is nil for an error that a killed server explains, or what it stands on.
func (w *worker) gone(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil
	}
	switch pg.Code {
	case "57P01", "57P03":
		return nil
	case "58030", "40003": // unreachable; the outcome of the commit is unknown
		if w.outages {
			return nil
		}
	}
	return err
}

// read is the worker's state as the server holds it. It also checks that the
// server agrees with itself: counts, point reads and vectors.
func (w *worker) read(ctx context.Context, conn *pgx.Conn) (state, error) {
	s := newState()
	rows, err := conn.Query(ctx, "SELECT id, v, vec::text FROM kv WHERE worker = $1", w.worker)
	if err != nil {
		return s, err
	}
	for rows.Next() {
		var id, v int64
		var vec string
		if err := rows.Scan(&id, &v, &vec); err != nil {
			return s, err
		}
		if _, twice := s.rows[id]; twice {
			return s, fmt.Errorf("row %d is there twice", id)
		}
		if vec != vectorOf(v) {
			return s, fmt.Errorf("row %d with v = %d has the vector %s", id, v, vec)
		}
		s.rows[id] = v
	}
	if err := rows.Err(); err != nil {
		return s, err
	}
	var count int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM kv WHERE worker = $1", w.worker).Scan(&count); err != nil {
		return s, err
	}
	if count != len(s.rows) {
		return s, fmt.Errorf("count(*) is %d, but %d rows came", count, len(s.rows))
	}
	checked := 0
	for id, v := range s.rows {
		var got int64
		if err := conn.QueryRow(ctx, "SELECT v FROM kv WHERE id = $1", id).Scan(&got); err != nil || got != v {
			return s, fmt.Errorf("point read of %d: %d, %v; the scan said %d", id, got, err, v)
		}
		if checked++; checked == 20 {
			break
		}
	}
	names, err := conn.Query(ctx, "SELECT relname, relispartition FROM pg_class WHERE relkind = 'r' AND relname LIKE $1", fmt.Sprintf(`w%d\_t%%`, w.worker))
	if err != nil {
		return s, err
	}
	var name string
	var attached bool
	_, err = pgx.ForEachRow(names, []any{&name, &attached}, func() error {
		s.tables[name] = map[int64]int64{}
		if attached {
			s.attached[name] = true
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	for name := range s.tables {
		rows, err := conn.Query(ctx, "SELECT id, v FROM "+name)
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		var id, v int64
		if _, err := pgx.ForEachRow(rows, []any{&id, &v}, func() error { s.tables[name][id] = v; return nil }); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	return s, nil
}

// settle compares the server with the model after a restart and takes over
// the fate of the open transaction.
func (w *worker) settle(ctx context.Context, conn *pgx.Conn) error {
	got, err := w.read(ctx, conn)
	if err != nil {
		return fmt.Errorf("worker %d: %w", w.worker, err)
	}
	d := w.acked.diff(got)
	if d == "" {
		w.unknown = nil
		return nil
	}
	if w.unknown != nil {
		open := w.unknown.diff(got)
		if open == "" {
			w.acked, w.unknown = *w.unknown, nil
			return nil
		}
		d += "\nand with the open transaction: " + open
	}
	return fmt.Errorf("worker %d: after %d commits the server differs: %s", w.worker, w.commits, d)
}

// searches are ways to order the shared table that have an index.
var searches = []string{"vec <-> '%s'", "vec::sparsevec(4) <+> '%s'::vector::sparsevec"}

// foundRow is a row that a search answers with.
type foundRow struct {
	ID, V    int64
	Distance float64
}

// nearest are the rows of the shared table nearest by an order.
func nearest(ctx context.Context, conn *pgx.Conn, byIndex bool, order string, limit int) ([]foundRow, error) {
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET enable_indexscan = %t", byIndex)); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT id, v, %s FROM kv ORDER BY %[1]s LIMIT %d", order, limit))
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[foundRow])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", order, err)
	}
	return found, nil
}

// checkSearches compares what the indexes find with the exact answer. A walk may
// miss a row, seldom many; but no index lacks a row, which is then among the many
// that a search for its own vector finds.
func checkSearches(ctx context.Context, conn *pgx.Conn, rnd *rand.Rand) error {
	const limit, queries = 10, 8
	if _, err := conn.Exec(ctx, "SET quiver.target_recall = 0.999"); err != nil {
		return err
	}
	for _, search := range searches {
		for range queries {
			order := fmt.Sprintf(search, vectorOf(rnd.Int64N(workers*keysPerWorker)))
			exact, err := nearest(ctx, conn, false, order, limit)
			if err != nil {
				return err
			}
			found, err := nearest(ctx, conn, true, order, limit)
			if err != nil {
				return err
			}
			if len(found) != len(exact) {
				return fmt.Errorf("%s: %d rows by the index, %d without", order, len(found), len(exact))
			}
			if !slices.IsSortedFunc(found, func(a, b foundRow) int { return cmp.Compare(a.Distance, b.Distance) }) {
				return fmt.Errorf("%s: not in order: %v", order, found)
			}
			for _, row := range exact {
				if slices.Contains(found, row) {
					continue
				}
				own, err := nearest(ctx, conn, true, fmt.Sprintf(search, vectorOf(row.V)), 20*limit)
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(own, func(f foundRow) bool { return f.ID == row.ID }) {
					return fmt.Errorf("%s: row %d is not in the index: a search for it finds %v\n%s", order, row.ID, own, explain(ctx, conn, fmt.Sprintf(search, vectorOf(row.V)), row.ID))
				}
			}
		}
	}
	return nil
}

// explain says by which searches an index finds a row, how they look for it, and
// what the segments are.
func explain(ctx context.Context, conn *pgx.Conn, order string, id int64) string {
	var out strings.Builder
	for _, recall := range []string{"0.999", "1"} {
		for _, limit := range []int{1, 200, 5000} {
			if _, err := conn.Exec(ctx, "SET quiver.target_recall = "+recall); err != nil {
				return err.Error()
			}
			found, err := nearest(ctx, conn, true, order, limit)
			if err != nil {
				return err.Error()
			}
			at := slices.IndexFunc(found, func(f foundRow) bool { return f.ID == id })
			fmt.Fprintf(&out, "recall %s, limit %d: at place %d of %d\n", recall, limit, at, len(found))
		}
	}
	for _, sql := range []string{
		"SET quiver.target_recall = 0.999",
		"EXPLAIN ANALYZE SELECT id FROM kv ORDER BY " + order + " LIMIT 200",
		"SELECT concat_ws(' ', segment_id, state, rows, deleted_rows, index_state, min_key, max_key, min_ts, max_ts) FROM quiver.segments WHERE table_name = 'kv'",
	} {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return out.String() + err.Error()
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return out.String() + err.Error()
		}
		fmt.Fprintln(&out, strings.Join(lines, "\n"))
	}
	return out.String()
}

// server is what a Quiver stands on.
type server interface {
	Kill()
	Start()
	Freeze()
	Thaw()
}

// breakDown kills or freezes one of the servers, and mends it while Quiver lives or
// lets the caller do it.
func breakDown(rnd *rand.Rand, others []server) (mend func()) {
	if len(others) == 0 || rnd.IntN(2) == 0 {
		return func() {}
	}
	other := others[rnd.IntN(len(others))]
	down, up := other.Kill, other.Start
	if rnd.IntN(2) == 0 {
		down, up = other.Freeze, other.Thaw
	}
	down()
	time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
	if rnd.IntN(2) == 0 {
		return up
	}
	up()
	time.Sleep(time.Duration(rnd.IntN(600)) * time.Millisecond)
	return func() {}
}

// checkObjects has the server look at all its objects.
func checkObjects(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT kind || ' ' || object FROM quiver.check() WHERE kind <> 'orphan'")
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("objects: %q", found)
	}
	return err
}

// killLoop is the test on one store. Others are killed now and then, too.
func killLoop(t *testing.T, q *servers.Quiver, kills int64, others ...server) {
	seed := setting(t, "QUIVER_CRASH_SEED", time.Now().UnixNano())
	t.Logf("QUIVER_CRASH_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(uint64(seed), 1))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
	defer cancel()
	conn, err := pgx.Connect(ctx, q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"CREATE EXTENSION IF NOT EXISTS vector",
		"CREATE TABLE kv (id bigint PRIMARY KEY, worker int NOT NULL, v bigint NOT NULL, vec vector(4))",
		"CREATE INDEX kv_l2 ON kv USING hnsw (vec vector_l2_ops)",
		"CREATE INDEX kv_l1 ON kv USING hnsw ((vec::sparsevec(4)) sparsevec_l1_ops)",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	conn.Close(ctx)
	ws, backups := make([]*worker, workers), t.TempDir()
	for i := range ws {
		ws[i] = &worker{generator: generator{worker: i, rnd: rand.New(rand.NewPCG(uint64(seed), uint64(i)+2))}, acked: newState(), outages: len(others) > 0}
		ws[i].backups = backups
	}
	commits := 0
	for kill := range kills {
		var wg sync.WaitGroup
		errs := make([]error, workers)
		for i, w := range ws {
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs[i] = w.run(ctx, q.DSN())
			}()
		}
		time.Sleep(time.Duration(20+rnd.IntN(600)) * time.Millisecond)
		mend := breakDown(rnd, others)
		q.Kill()
		wg.Wait()
		mend()
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("kill %d: before it: %v\n%s", kill, err, q.Log())
		}
		q.Start()
		conn, err := pgx.Connect(ctx, q.DSN())
		if err != nil {
			t.Fatalf("kill %d: %v\n%s", kill, err, q.Log())
		}
		for _, w := range ws {
			if err := w.settle(ctx, conn); err != nil {
				t.Fatalf("kill %d: %v\n%s", kill, err, q.Log())
			}
		}
		if err := errors.Join(checkSearches(ctx, conn, rnd), checkObjects(ctx, conn)); err != nil {
			t.Fatalf("kill %d: %v\n%s", kill, err, q.Log())
		}
		conn.Close(ctx)
		commits = 0
		for _, w := range ws {
			commits += w.commits
		}
		if kill%10 == 9 {
			t.Logf("%d kills, %d acknowledged commits, none lost, none in part", kill+1, commits)
		}
	}
	t.Logf("done: %d kills, %d acknowledged commits, none lost, none in part", kills, commits)
	if commits == 0 {
		t.Fatal("no transaction was ever acknowledged")
	}
}

func TestKillEmbedded(t *testing.T) {
	killLoop(t, servers.StartQuiver(t, ""), setting(t, "QUIVER_CRASH_KILLS", 20))
}

func TestKillMinIOAndEtcd(t *testing.T) {
	etcd, minio := servers.StartEtcd(t), servers.StartMinIO(t)
	killLoop(t, servers.StartQuiverOn(t, etcd, minio, "quiver"), setting(t, "QUIVER_CRASH_KILLS", 20), etcd, minio)
}

// TestKillVersityGW: objects on another S3 server, a few kills.
func TestKillVersityGW(t *testing.T) {
	store := servers.StartVersityGW(t)
	q := servers.StartQuiverIn(t, store.Env(), "", "--object-store", store.URL("quiver"))
	killLoop(t, q, setting(t, "QUIVER_CRASH_KILLS_VERSITYGW", 3), store)
}

// TestKillOldestEtcd: the oldest etcd that Quiver works with, a few kills.
func TestKillOldestEtcd(t *testing.T) {
	killLoop(t, servers.StartQuiver(t, "", "--etcd", servers.StartOldestEtcd(t).Addr), setting(t, "QUIVER_CRASH_KILLS_OLDEST_ETCD", 3))
}
