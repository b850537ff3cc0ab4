package recall

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

// A selection is a condition that keeps a share of the rows, and how that goes
// with the query: any rows, those that lie in its direction, or those that lie in
// the other one.
type selection struct {
	share float64
	side  string
}

var (
	shares = []float64{1, 0.5, 0.25, 0.1, 0.01, 0.001, 0.0001}
	sides  = []string{"any rows", "rows like the query", "rows unlike the query"}
)

// slopes is a table whose rows have, beside the vector, a random rank and their
// rank along a direction in space.
type slopes struct {
	rows      [][]float64
	direction []float64
	random    []int // by id
	along     []int // by id
	sorted    []float64
	searches  int
}

func newSlopes(r *rand.Rand, d data, s sample, n int) *slopes {
	w := &slopes{random: r.Perm(n), along: make([]int, n), direction: fill(d.dim, r.NormFloat64)}
	order := make([]int, n)
	for i := range n {
		w.rows = append(w.rows, s(r))
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return int(math.Copysign(1, dot(w.rows[a], w.direction)-dot(w.rows[b], w.direction)))
	})
	for rank, id := range order {
		w.along[id] = rank
		w.sorted = append(w.sorted, dot(w.rows[id], w.direction))
	}
	return w
}

// condition is a selection for a query, in SQL and as which rows it keeps.
func (w *slopes) condition(s selection, query []float64) (sql string, keeps func(id int) bool) {
	n := len(w.rows)
	count := max(int(s.share*float64(n)), 1)
	ranks, column := w.random, "random"
	from := 0
	if s.side != sides[0] {
		ranks, column = w.along, "along"
		own, _ := slices.BinarySearch(w.sorted, dot(query, w.direction))
		switch {
		case s.side == sides[1]:
			from = min(max(own-count/2, 0), n-count)
		case own < n/2:
			from = n - count
		}
	}
	// A condition that recurs has its rows remembered: half of these do.
	w.searches++
	sql = fmt.Sprintf("%s BETWEEN %d AND %d AND id > -%d", column, from, from+count-1, 1+w.searches%2*w.searches)
	return sql, func(id int) bool { return ranks[id] >= from && ranks[id] < from+count }
}

// TestRecallUnderFilters: whatever share of the rows a condition keeps, and
// whether those are near the query or far from it, recall is at its target and as
// many rows come as there can be, with no setting touched.
func TestRecallUnderFilters(t *testing.T) {
	// More rows than are compared one by one under the widest conditions.
	rows, queries, kinds, by := 18000, 12, dataKinds[1:2], methods[:1]
	least := floor - 0.02 // what so few queries miss by chance
	if all {
		rows, queries, kinds, by = 60000, 100, dataKinds[:2], methods
		least = floor
	}
	q := servers.StartQuiver(t, "")
	conn := connect(t, q)
	for number, d := range kinds {
		r := rand.New(rand.NewPCG(uint64(number), 8))
		source := d.source(t, d.dim)
		w := newSlopes(r, d, source.row, rows)
		table := fmt.Sprintf("f%d", number)
		exec(t, conn, fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, random int, along int, v vector(%d))", table, d.dim))
		var lines strings.Builder
		for id, v := range w.rows {
			fmt.Fprintf(&lines, "%d\t%d\t%d\t%s\n", id, w.random[id], w.along[id], vectorText(v))
		}
		if _, err := conn.PgConn().CopyFrom(context.Background(), strings.NewReader(lines.String()), "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatal(err)
		}
		exec(t, conn, "CHECKPOINT")
		for _, method := range by {
			name := table + "_" + method
			exec(t, conn, fmt.Sprintf("CREATE INDEX %s ON %s USING %s (v vector_l2_ops)", name, table, method))
			for _, share := range shares {
				found, all := 0, 0
				for _, side := range sides {
					f, n := 0, 0
					for range queries {
						more, of := w.search(t, conn, table, selection{share, side}, source.query(r))
						f, n = f+more, n+of
					}
					recall := float64(f) / float64(n)
					t.Logf("%s, %s, %g of %s: recall %.3f", d.name, method, share, side, recall)
					if recall < checkFloor {
						t.Errorf("%s, %s, %g of %s: recall %.3f", d.name, method, share, side, recall)
					}
					found, all = found+f, all+n
				}
				if recall := float64(found) / float64(all); recall < least {
					t.Errorf("%s, %s, a condition that keeps %g: recall %.3f", d.name, method, share, recall)
				}
			}
			exec(t, conn, "DROP INDEX "+name)
		}
	}
}

// search counts how many of the true nearest are found.
func (w *slopes) search(t *testing.T, conn *pgx.Conn, table string, s selection, query []float64) (found, all int) {
	t.Helper()
	condition, keeps := w.condition(s, query)
	var truth []float64
	for id, v := range w.rows {
		if keeps(id) {
			truth = append(truth, l2Of(query, v))
		}
	}
	slices.Sort(truth)
	truth = truth[:min(nearest, len(truth))]
	sql := fmt.Sprintf("SELECT id FROM %s WHERE %s ORDER BY v <-> '%s' LIMIT %d", table, condition, vectorText(query), nearest)
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(ids) != len(truth) {
		t.Errorf("%s: %d rows, want %d", sql, len(ids), len(truth))
	}
	for _, id := range ids {
		if !keeps(id) {
			t.Fatalf("%s: row %d does not fulfil it", sql, id)
		}
		if l2Of(query, w.rows[id]) <= truth[len(truth)-1]+1e-6 {
			found++
		}
	}
	return found, len(truth)
}

func vectorText(v []float64) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = fmt.Sprint(x)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
