package recall

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

// Searches of TestVisibleRows: a column's operator with a query, and the index
// that answers.
var visibleSearches = []struct {
	order  string // %s is a vector's text
	index  string
	recall float64 // of all searches together
}{
	{"v <-> '%s'", "USING hnsw (v vector_l2_ops)", floor},
	{"v <=> '%s'", "USING diskann (v vector_cosine_ops)", floor},
	{"v <#> '%s'", "USING hnsw (v vector_ip_ops) WITH (quantization = rabitq)", floor},
	{"h <#> '%s'", "USING ivfflat (h halfvec_ip_ops) WITH (lists = 12)", floor},
	{"h <+> '%s'", "USING hnsw (h halfvec_l1_ops) WITH (quantization = none)", floor},
	{"s <=> '%s'::vector::sparsevec", "USING hnsw (s sparsevec_cosine_ops)", floor},
	{"b <~> binary_quantize('%s'::vector)", "USING ivfflat (b bit_hamming_ops) WITH (lists = 12)", floor},
	{"b <%%> binary_quantize('%s'::vector)", "USING hnsw (b bit_jaccard_ops)", floor},
	{"v::halfvec(8) <-> '%s'::halfvec(8)", "USING hnsw ((v::halfvec(8)) halfvec_l2_ops)", floor},
}

const (
	visibleDim  = 8
	visibleRows = 1200 // at first, of each writer
	visibleK    = 15
	writers     = 2
	// transactions of a writer; readers and the one who maintains go on meanwhile.
	transactions = 40
)

// visible counts what searches find of what is there.
type visible struct {
	mu         sync.Mutex
	found, all []int
}

// visibleVector is a vector's text, or NULL, or zeros.
func visibleVector(r *rand.Rand) string {
	switch r.IntN(60) {
	case 0:
		return "NULL"
	case 1:
		return "[0,0,0,0,0,0,0,0]"
	}
	return textOf(r)
}

func textOf(r *rand.Rand) string {
	v := fill(visibleDim, func() float64 { return rounded(r.NormFloat64(), 64) })
	return "[" + strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]") + "]"
}

// columns are the values of all columns that one vector gives.
func columns(text string) string {
	if text == "NULL" {
		text = "NULL"
	} else {
		text = "'" + text + "'"
	}
	return fmt.Sprintf("%s::vector, %[1]s::halfvec, %[1]s::vector::sparsevec, binary_quantize(%[1]s::vector)", text)
}

// place is where a distance stands in the order: null after NaN after all others.
func place(d *float64) float64 {
	switch {
	case d == nil:
		return math.Inf(1)
	case math.IsNaN(*d):
		return math.MaxFloat64
	}
	return *d
}

// look compares a search by index with a scan, in a transaction that sees one
// state.
func (v *visible) look(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	which := r.IntN(len(visibleSearches))
	order := fmt.Sprintf(visibleSearches[which].order, textOf(r))
	where := "" // or few rows, or so many that the index is searched; a condition that recurs has its rows remembered
	if below := []int{100, 100, 40, 3}[r.IntN(4)]; below < 100 {
		where = fmt.Sprintf("WHERE n < %d AND id > %d", below, -1-r.IntN(1e6))
	}
	query := func(setup, tail string) (ids []int64, at []float64, err error) {
		if _, err := tx.Exec(ctx, setup); err != nil {
			return nil, nil, err
		}
		rows, err := tx.Query(ctx, fmt.Sprintf("SELECT id, %s FROM t %s ORDER BY %[1]s %[3]s", order, where, tail))
		if err != nil {
			return nil, nil, err
		}
		var id int64
		var d *float64
		_, err = pgx.ForEachRow(rows, []any{&id, &d}, func() error {
			ids, at = append(ids, id), append(at, place(d))
			return nil
		})
		return ids, at, err
	}
	ids, exact, err := query("SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on", "")
	if err != nil {
		return err
	}
	truth := map[int64]float64{}
	for i, id := range ids {
		truth[id] = exact[i]
	}
	found, at, err := query("SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off", fmt.Sprintf("LIMIT %d", visibleK))
	if err != nil {
		return err
	}
	want := min(visibleK, len(exact))
	if len(found) != want {
		return fmt.Errorf("%s %s: %d rows of %d", where, order, len(found), want)
	}
	hits := 0
	seen := map[int64]bool{}
	for i, id := range found {
		d, ok := truth[id]
		switch {
		case !ok || seen[id]:
			return fmt.Errorf("%s: row %d is not to be seen, or was", order, id)
		case d != at[i]:
			return fmt.Errorf("%s: row %d is at %v, not at %v", order, id, d, at[i])
		case i > 0 && at[i] < at[i-1]:
			return fmt.Errorf("%s: row %d at %v comes after one at %v", order, id, at[i], at[i-1])
		}
		seen[id] = true
		if at[i] <= exact[want-1] {
			hits++
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found[which], v.all[which] = v.found[which]+hits, v.all[which]+want
	return nil
}

// writer changes rows of its own, and knows which there are.
type writer struct {
	number int
	rand   *rand.Rand
	rows   map[int64]bool
	next   int64
}

// change does something to the rows, in a transaction.
func (w *writer) change(ctx context.Context, tx pgx.Tx) error {
	var some []int64
	if len(w.rows) > 0 {
		all := slices.Sorted(maps.Keys(w.rows))
		for range 1 + w.rand.IntN(8) {
			some = append(some, all[w.rand.IntN(len(all))])
		}
	}
	switch w.rand.IntN(4) {
	case 0:
		for _, id := range some {
			sql := fmt.Sprintf("UPDATE t SET n = %d, (v, h, s, b) = (SELECT %s) WHERE id = %d", w.rand.IntN(100), columns(visibleVector(w.rand)), id)
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	case 1:
		for _, id := range some {
			delete(w.rows, id)
		}
		_, err := tx.Exec(ctx, "DELETE FROM t WHERE id = ANY ($1)", some)
		return err
	}
	return w.insert(ctx, tx, 1+w.rand.IntN(20))
}

func (w *writer) insert(ctx context.Context, tx pgx.Tx, n int) error {
	var sql strings.Builder
	sql.WriteString("INSERT INTO t VALUES ")
	for i := range n {
		w.next += writers
		w.rows[w.next] = true
		if i > 0 {
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "(%d, %d, %s)", w.next, w.rand.IntN(100), columns(visibleVector(w.rand)))
	}
	_, err := tx.Exec(ctx, sql.String())
	return err
}

// transact makes some changes, takes some of them back, and looks at the rest
// before it ends.
func (w *writer) transact(ctx context.Context, conn *pgx.Conn, v *visible) error {
	before := maps.Clone(w.rows)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	for range 1 + w.rand.IntN(4) {
		saved := maps.Clone(w.rows)
		inner, err := tx.Begin(ctx) // SAVEPOINT
		if err != nil {
			return err
		}
		if err := w.change(ctx, inner); err != nil {
			return err
		}
		if w.rand.IntN(3) > 0 {
			err = inner.Commit(ctx)
		} else {
			w.rows, err = saved, inner.Rollback(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := v.look(ctx, tx, w.rand); err != nil {
		return fmt.Errorf("in the transaction: %w", err)
	}
	if w.rand.IntN(4) == 0 {
		w.rows = before
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx)
}

// TestVisibleRows: whatever others write, take back, build and rebuild meanwhile,
// and after the server was killed, a search by index finds rows that its
// transaction sees, each once, at their distances, in order, as many as there
// are, and hardly others than the nearest.
func TestVisibleRows(t *testing.T) {
	ctx := context.Background()
	q := servers.StartQuiver(t, "")
	admin := connect(t, q)
	exec(t, admin, fmt.Sprintf("CREATE TABLE t (id bigint PRIMARY KEY, n int, v vector(%d), h halfvec(%[1]d), s sparsevec(%[1]d), b bit(%[1]d))", visibleDim))
	v := &visible{found: make([]int, len(visibleSearches)), all: make([]int, len(visibleSearches))}
	var list []*writer
	for i := range writers {
		w := &writer{number: i, rand: rand.New(rand.NewPCG(5, uint64(i))), rows: map[int64]bool{}, next: int64(i)}
		err := pgx.BeginFunc(ctx, admin, func(tx pgx.Tx) error { return w.insert(ctx, tx, visibleRows) })
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, w)
	}
	rounds := 1
	if all {
		rounds = 3
	}
	for round := range rounds {
		writeAndLook(t, q, list, v, uint64(round))
		q.Kill()
		q.Start()
		admin = connect(t, q)
		for i := range 60 {
			err := pgx.BeginTxFunc(ctx, admin, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
				return v.look(ctx, tx, rand.New(rand.NewPCG(6, uint64(i))))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		sameRows(t, admin, list)
		usesIndexes(t, admin)
	}
	for i, s := range visibleSearches {
		recall := float64(v.found[i]) / float64(max(v.all[i], 1))
		t.Logf("%s: recall %.3f of %d", s.index, recall, v.all[i])
		if recall < s.recall {
			t.Errorf("%s: recall %.3f", s.index, recall)
		}
	}
}

// writeAndLook has writers, readers and one who maintains at work, until the
// last two are done.
func writeAndLook(t *testing.T, q *servers.Quiver, list []*writer, v *visible, seed uint64) {
	ctx := context.Background()
	var work, readers sync.WaitGroup
	done := make(chan struct{})
	for _, w := range list {
		conn := connect(t, q)
		work.Go(func() {
			for range transactions {
				if err := w.transact(ctx, conn, v); err != nil {
					t.Errorf("writer %d: %v", w.number, err)
					return
				}
			}
		})
	}
	for i := range 2 {
		conn, r := connect(t, q), rand.New(rand.NewPCG(seed, uint64(i)))
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error { return v.look(ctx, tx, r) })
				if err != nil {
					t.Errorf("reader: %v", err)
					return
				}
			}
		})
	}
	admin := connect(t, q)
	work.Go(func() {
		for _, sql := range maintenance() {
			if _, err := admin.Exec(ctx, sql); err != nil {
				t.Errorf("%s: %v", sql, err)
				return
			}
		}
	})
	work.Wait()
	close(done)
	readers.Wait()
}

// maintenance makes each index, and all that may happen to them.
func maintenance() (list []string) {
	for i, s := range visibleSearches {
		list = append(list, fmt.Sprintf("DROP INDEX CONCURRENTLY IF EXISTS t_%d", i), fmt.Sprintf("CREATE INDEX CONCURRENTLY t_%d ON t %s", i, s.index))
		switch i % 3 {
		case 0:
			list = append(list, "CHECKPOINT")
		case 1:
			list = append(list, "VACUUM t")
		default:
			list = append(list, fmt.Sprintf("REINDEX INDEX CONCURRENTLY t_%d", i-1))
		}
	}
	return append(list, "REINDEX TABLE CONCURRENTLY t", "VACUUM FULL t")
}

// sameRows: the table holds what was committed, and no more.
func sameRows(t *testing.T, conn *pgx.Conn, list []*writer) {
	t.Helper()
	rows, err := conn.Query(context.Background(), "SELECT id FROM t ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	var want []int64
	for _, w := range list {
		want = slices.AppendSeq(want, maps.Keys(w.rows))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// usesIndexes: each search is one by its index.
func usesIndexes(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for i, s := range visibleSearches {
		sql := fmt.Sprintf("EXPLAIN SELECT id FROM t ORDER BY "+s.order+" LIMIT 5", textOf(rand.New(rand.NewPCG(1, 2))))
		rows, err := conn.Query(context.Background(), sql)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if plan := strings.Join(lines, "\n"); !strings.Contains(plan, fmt.Sprintf("t_%d ", i)) {
			t.Errorf("%s is not by its index:\n%s", sql, plan)
		}
	}
}
