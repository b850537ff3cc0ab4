package server

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"quiver/storage"
	"quiver/storage/wal"
)

// TestVectorIndexesBesideLoad builds, replaces and drops indexes while others
// write and search: every row that is found is at its true distance, in order; a
// row just committed is found at once; no statement fails. Rows in memory have an
// index, too, before they are flushed.
func TestVectorIndexesBesideLoad(t *testing.T) {
	const (
		rounds = 1
		dim    = 4
		rows   = 300
		// written rows a writer, at most.
		written = 400
	)
	ctx := context.Background()
	dsn := startEngine(t, storage.Options{Log: wal.NewMemLog(), GrowingIndexRows: 40}, nil)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}
	admin := connect()
	exec := func(conn *pgx.Conn, sql string, args ...any) bool {
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Errorf("%s: %v", sql, err)
			return false
		}
		return true
	}
	text := func(v []float64) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ",") }
	random := func(r *rand.Rand) string {
		v := make([]float64, dim)
		for i := range v {
			v[i] = math.Round(r.NormFloat64()*256) / 256
		}
		return text(v)
	}
	exec(admin, fmt.Sprintf("CREATE TABLE t (id bigint PRIMARY KEY, v vector(%d), s sparsevec(%[1]d))", dim))
	seed := rand.New(rand.NewPCG(1, 2))
	for id := range rows {
		v := random(seed)
		exec(admin, "INSERT INTO t VALUES ($1, $2::text::vector, $2::text::vector::sparsevec)", id, v)
	}
	exec(admin, "CHECKPOINT")

	stop := make(chan struct{})
	var load sync.WaitGroup
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return t.Failed()
		}
	}
	for w := range 2 {
		conn, r := connect(), rand.New(rand.NewPCG(3, uint64(w)))
		load.Go(func() {
			for i := 0; i < written && !stopped(); i++ {
				id, v := rows+1_000_000*(w+1)+i, random(r)
				if !exec(conn, "INSERT INTO t VALUES ($1, $2::text::vector, $2::text::vector::sparsevec)", id, v) {
					return
				}
				var d float64
				err := conn.QueryRow(ctx, "SELECT v <-> $1::text::vector AS d FROM t ORDER BY d LIMIT 1", v).Scan(&d)
				if err != nil || d != 0 {
					t.Errorf("a row just written is not found: %v, %v", d, err)
					return
				}
				exec(conn, "UPDATE t SET v = $2::text::vector WHERE id = $1", id-r.IntN(i+1), random(r))
				exec(conn, "DELETE FROM t WHERE id = $1", r.IntN(rows)*2+w)
			}
		})
	}
	for w, operator := range []string{"v <-> $1::text::vector", "s <=> $1::text::vector::sparsevec"} {
		conn, r := connect(), rand.New(rand.NewPCG(4, uint64(w)))
		load.Go(func() {
			exec(conn, "SET enable_seqscan = off")
			for !stopped() {
				sql := "SELECT " + operator + " AS d, id % 3 FROM t WHERE id % 3 < 2 ORDER BY " + operator + " LIMIT 20"
				found, err := conn.Query(ctx, sql, random(r))
				n, last := 0, math.Inf(-1)
				var d float64
				var rest int64
				if err == nil {
					_, err = pgx.ForEachRow(found, []any{&d, &rest}, func() error {
						if n++; rest > 1 || d < last {
							return fmt.Errorf("row %d is at %v after %v, %d", n, d, last, rest)
						}
						last = d
						return nil
					})
				}
				if err != nil || n != 20 {
					t.Errorf("%s: %d rows, %v", sql, n, err)
					return
				}
			}
		})
	}
	for range rounds {
		for _, sql := range []string{
			"CREATE INDEX CONCURRENTLY t_v ON t USING hnsw (v vector_l2_ops)",
			"CREATE INDEX CONCURRENTLY t_s ON t USING hnsw (s sparsevec_cosine_ops)",
			"CHECKPOINT",
			"REINDEX INDEX CONCURRENTLY t_v",
			"VACUUM t",
			"CREATE INDEX CONCURRENTLY t_lists ON t USING ivfflat (v vector_cosine_ops) WITH (lists = 5)",
			"REINDEX TABLE CONCURRENTLY t",
			"DROP INDEX CONCURRENTLY t_lists",
			"DROP INDEX t_v",
			"DROP INDEX t_s",
		} {
			exec(admin, sql)
		}
	}
	exec(admin, "CREATE INDEX CONCURRENTLY t_v ON t USING hnsw (v vector_l2_ops)")
	close(stop)
	load.Wait()
	sameAnswers(t, admin, func() string { return random(seed) })
}

// sameAnswers compares searches by index with exact ones.
func sameAnswers(t *testing.T, conn *pgx.Conn, random func() string) {
	t.Helper()
	ctx := context.Background()
	right, all := 0, 0
	for range 20 {
		query := random()
		answers := map[string][]float64{}
		for _, how := range []string{"enable_seqscan", "enable_indexscan"} {
			for _, sql := range []string{"SET " + how + " = off", "SET quiver.target_recall = 1"} {
				if _, err := conn.Exec(ctx, sql); err != nil {
					t.Fatal(err)
				}
			}
			rows, err := conn.Query(ctx, "SELECT v <-> $1::text::vector FROM t ORDER BY v <-> $1::text::vector LIMIT 10", query)
			if err != nil {
				t.Fatal(err)
			}
			if answers[how], err = pgx.CollectRows(rows, pgx.RowTo[float64]); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(ctx, "RESET "+how); err != nil {
				t.Fatal(err)
			}
		}
		exact := answers["enable_indexscan"]
		for _, d := range answers["enable_seqscan"] {
			if d <= exact[len(exact)-1] {
				right++
			}
		}
		all += len(exact)
	}
	if float64(right) < 0.99*float64(all) {
		t.Errorf("%d of the nearest %d are found", right, all)
	}
}
