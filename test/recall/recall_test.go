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

const (
	nearest = 10
	queries = 12
	// floor is quiver.target_recall, of all searches of a table; checkFloor is less
	// by what the few queries of one check miss by chance.
	floor, checkFloor = 0.95, 0.90
)

// distance is an operator of SQL and its definition.
type distance struct {
	operator, class string
	of              func(x, y []float64) float64
}

var (
	l2 = distance{"<->", "l2", func(x, y []float64) float64 {
		return math.Sqrt(sum(x, y, func(a, b float64) float64 { return (a - b) * (a - b) }))
	}}
	ip      = distance{"<#>", "ip", func(x, y []float64) float64 { return -dot(x, y) }}
	cosine  = distance{"<=>", "cosine", func(x, y []float64) float64 { return 1 - dot(x, y)/math.Sqrt(dot(x, x)*dot(y, y)) }}
	l1      = distance{"<+>", "l1", func(x, y []float64) float64 { return sum(x, y, func(a, b float64) float64 { return math.Abs(a - b) }) }}
	hamming = distance{"<~>", "hamming", l1.of}
	jaccard = distance{"<%>", "jaccard", jaccardOf}
)

// clusters is how many centres or patterns data has.
const clusters = 12

func sum(x, y []float64, term func(a, b float64) float64) (total float64) {
	for i, v := range x {
		total += term(v, y[i])
	}
	return total
}

func dot(x, y []float64) float64 {
	return sum(x, y, func(a, b float64) float64 { return a * b })
}

func jaccardOf(x, y []float64) float64 {
	both, either := sum(x, y, math.Min), sum(x, y, math.Max)
	if both == 0 {
		return 1
	}
	return 1 - both/either
}

// sample draws vectors of a data set.
type sample func(r *rand.Rand) []float64

// clustered: around a few centres; uniform: everywhere; duplicated: few
// different ones; codes: bits around a few patterns.
func clustered(dim int) sample {
	centres := rand.New(rand.NewPCG(7, uint64(dim)))
	var list [][]float64
	for range clusters {
		list = append(list, fill(dim, func() float64 { return 4 * centres.NormFloat64() }))
	}
	return func(r *rand.Rand) []float64 {
		c := list[r.IntN(len(list))]
		v := fill(dim, r.NormFloat64)
		for i := range v {
			v[i] = rounded(v[i] + c[i])
		}
		return v
	}
}

func uniform(dim int) sample {
	return func(r *rand.Rand) []float64 { return fill(dim, func() float64 { return rounded(r.Float64()) }) }
}

func duplicated(dim int) sample {
	return func(r *rand.Rand) []float64 { return fill(dim, func() float64 { return float64(1 + r.IntN(2)) }) }
}

// scattered: most elements are zero.
func scattered(dim int) sample {
	return func(r *rand.Rand) []float64 {
		v := fill(dim, func() float64 {
			if r.IntN(4) > 0 {
				return 0
			}
			return rounded(r.ExpFloat64())
		})
		v[r.IntN(dim)] += 1
		return v
	}
}

func codes(dim int) sample {
	return func(r *rand.Rand) []float64 {
		pattern := rand.New(rand.NewPCG(9, uint64(r.IntN(clusters))))
		return fill(dim, func() float64 {
			bit := pattern.IntN(2)
			if r.IntN(8) == 0 {
				bit = 1 - bit
			}
			return float64(bit)
		})
	}
}

func fill(n int, f func() float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = f()
	}
	return v
}

// rounded is a number that float16 holds, so that all types have the same rows.
func rounded(x float64) float64 { return math.Round(x*64) / 64 }

// A situation is one table with one index.
type situation struct {
	method, typ string
	distance    distance
	options     string
	dim         int
	sample      sample
}

var situations = []situation{
	{"hnsw", "vector", l2, "", 24, clustered(24)},
	{"hnsw", "vector", ip, "", 24, clustered(24)},
	{"hnsw", "vector", cosine, "", 24, clustered(24)},
	{"hnsw", "vector", l1, "", 24, clustered(24)},
	{"hnsw", "vector", l2, "quantization = none", 24, clustered(24)},
	{"hnsw", "vector", l2, "m = 4, ef_construction = 16", 3, uniform(3)},
	{"hnsw", "vector", cosine, "", 5, duplicated(5)},
	{"hnsw", "halfvec", l2, "", 24, clustered(24)},
	{"hnsw", "halfvec", cosine, "quantization = none", 3, uniform(3)},
	{"hnsw", "bit", hamming, "", 64, codes(64)},
	{"hnsw", "bit", jaccard, "", 52, codes(52)},
	{"hnsw", "halfvec", ip, "quantization = sq8", 24, clustered(24)},
	{"hnsw", "halfvec", l1, "", 24, uniform(24)},
	{"hnsw", "vector", cosine, "quantization = rabitq", 24, clustered(24)},
	{"hnsw", "vector", l2, "quantization = rabitq, bits = 2", 24, uniform(24)},
	{"hnsw", "vector", ip, "quantization = rabitq", 24, clustered(24)},
	{"hnsw", "sparsevec", l2, "", 24, scattered(24)},
	{"hnsw", "sparsevec", ip, "", 24, scattered(24)},
	{"hnsw", "sparsevec", cosine, "", 24, scattered(24)},
	{"hnsw", "sparsevec", l1, "", 24, scattered(24)},
	{"ivfflat", "vector", cosine, "lists = 10, quantization = none", 24, clustered(24)},
	{"ivfflat", "vector", l2, "lists = 20", 24, clustered(24)},
	{"ivfflat", "vector", ip, "lists = 20", 24, clustered(24)},
	{"ivfflat", "vector", l2, "lists = 20, bits = 1", 24, uniform(24)},
	{"ivfflat", "vector", l2, "lists = 20", 3, uniform(3)},
	{"ivfflat", "halfvec", l2, "lists = 20, quantization = sq8", 24, clustered(24)},
	{"ivfflat", "halfvec", cosine, "lists = 20", 5, duplicated(5)},
	{"diskann", "vector", l2, "", 24, clustered(24)},
	{"diskann", "vector", cosine, "", 24, uniform(24)},
	{"diskann", "vector", ip, "bits = 4", 24, clustered(24)},
	{"ivfflat", "bit", hamming, "lists = 10", 64, codes(64)},
}

func (s *situation) name() string {
	name := fmt.Sprintf("%s of %s(%d) by %s", s.method, s.typ, s.dim, s.distance.class)
	if s.options != "" {
		name += ", " + s.options
	}
	return name
}

func (s *situation) text(v []float64) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = fmt.Sprint(x)
	}
	switch s.typ {
	case "bit":
		return strings.Join(parts, "")
	case "sparsevec":
		elements := []string{}
		for i, x := range v {
			if x != 0 {
				elements = append(elements, fmt.Sprintf("%d:%g", i+1, x))
			}
		}
		return fmt.Sprintf("{%s}/%d", strings.Join(elements, ","), s.dim)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// table is a situation at work, with what the server must hold.
type table struct {
	situation
	number int
	rand   *rand.Rand
	rows   map[int][]float64
	next   int
	// found of all the true nearest, in all checks.
	found, all int
}

func (t *table) insert(test *testing.T, conn *pgx.Conn, n int) {
	test.Helper()
	var lines strings.Builder
	for range n {
		v := t.sample(t.rand)
		t.rows[t.next] = v
		fmt.Fprintf(&lines, "%d\t%s\n", t.next, t.text(v))
		t.next++
	}
	if _, err := conn.PgConn().CopyFrom(context.Background(), strings.NewReader(lines.String()), fmt.Sprintf("COPY t%d FROM STDIN", t.number)); err != nil {
		test.Fatal(err)
	}
}

// change deletes a third of the rows and gives another tenth new vectors.
func (t *table) change(test *testing.T, conn *pgx.Conn) {
	test.Helper()
	exec(test, conn, fmt.Sprintf("DELETE FROM t%d WHERE id %% 3 = 0", t.number))
	for id := range t.next {
		switch {
		case id%3 == 0:
			delete(t.rows, id)
		case id%10 == 1:
			v := t.sample(t.rand)
			t.rows[id] = v
			exec(test, conn, fmt.Sprintf("UPDATE t%d SET v = '%s' WHERE id = %d", t.number, t.text(v), id))
		}
	}
}

// check searches, under conditions that keep one row in every so many: true
// distances in order, rows that are there, as many as there can be, and the recall.
func (t *table) check(test *testing.T, conn *pgx.Conn, when string) {
	test.Helper()
	for _, every := range []int{1, 7, 90} {
		found, all := 0, 0
		for range queries {
			query := t.sample(t.rand)
			got := t.search(test, conn, query, every)
			var truth []float64
			for id, v := range t.rows {
				if id%every == 1%every {
					truth = append(truth, t.distance.of(query, v))
				}
			}
			slices.Sort(truth)
			truth = truth[:min(nearest, len(truth))]
			if len(got) != len(truth) {
				test.Errorf("%s, %s, 1 row in %d: %d rows, want %d", t.name(), when, every, len(got), len(truth))
				return
			}
			for _, d := range got {
				if d <= truth[len(truth)-1]+1e-6 {
					found++
				}
			}
			all += len(truth)
		}
		t.found, t.all = t.found+found, t.all+all
		if recall := float64(found) / float64(all); recall < checkFloor {
			test.Errorf("%s, %s, 1 row in %d: recall %.3f", t.name(), when, every, recall)
		}
	}
}

// search returns the distances of what is found, having verified them.
func (t *table) search(test *testing.T, conn *pgx.Conn, query []float64, every int) (distances []float64) {
	test.Helper()
	cast := t.typ
	if cast == "bit" {
		cast = fmt.Sprintf("bit(%d)", t.dim)
	}
	order := fmt.Sprintf("v %s '%s'::%s", t.distance.operator, t.text(query), cast)
	sql := fmt.Sprintf("SELECT id, %s FROM t%d WHERE id %% %d = %d ORDER BY %[1]s LIMIT %[5]d", order, t.number, every, 1%every, nearest)
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		test.Fatal(err)
	}
	var id int
	var d float64
	_, err = pgx.ForEachRow(rows, []any{&id, &d}, func() error {
		v, ok := t.rows[id]
		if !ok {
			return fmt.Errorf("row %d is not there", id)
		}
		if want := t.distance.of(query, v); math.Abs(want-d) > 1e-9*(1+math.Abs(want)) {
			return fmt.Errorf("row %d is at %g, not %g", id, want, d)
		}
		if len(distances) > 0 && d < distances[len(distances)-1] {
			return fmt.Errorf("row %d at %g comes after %g", id, d, distances[len(distances)-1])
		}
		distances = append(distances, d)
		return nil
	})
	if err != nil {
		test.Fatalf("%s: %v", sql, err)
	}
	return distances
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func connect(t *testing.T, q *servers.Quiver) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	exec(t, conn, "SET enable_seqscan = off")
	return conn
}

// TestRecall takes every situation through the life of a table.
func TestRecall(t *testing.T) {
	q := servers.StartQuiver(t, "")
	conn := connect(t, q)
	var tables []*table
	for i, s := range situations {
		w := &table{situation: s, number: i, rand: rand.New(rand.NewPCG(uint64(i), 1)), rows: map[int][]float64{}}
		tables = append(tables, w)
		exec(t, conn, fmt.Sprintf("CREATE TABLE t%d (id int PRIMARY KEY, v %s(%d))", i, s.typ, s.dim))
		w.insert(t, conn, 2500)
		exec(t, conn, "CHECKPOINT")
		create := fmt.Sprintf("CREATE INDEX t%d_v ON t%[1]d USING %s (v %s_%s_ops)", i, s.method, s.typ, s.distance.class)
		if s.options != "" {
			create += " WITH (" + s.options + ")"
		}
		exec(t, conn, create)
		w.check(t, conn, "built")
		w.insert(t, conn, 700)
		w.check(t, conn, "after inserts")
		w.change(t, conn)
		w.check(t, conn, "after deletes and updates")
		exec(t, conn, "CHECKPOINT")
		exec(t, conn, fmt.Sprintf("VACUUM t%d", i))
		w.check(t, conn, "after VACUUM")
		exec(t, conn, fmt.Sprintf("REINDEX INDEX t%d_v", i))
		w.check(t, conn, "after REINDEX")
	}
	q.Kill()
	q.Start()
	conn = connect(t, q)
	for _, w := range tables {
		w.check(t, conn, "after a crash")
		w.insert(t, conn, 100)
		w.check(t, conn, "after a crash and inserts")
		if recall := float64(w.found) / float64(w.all); recall < floor {
			t.Errorf("%s: recall %.3f", w.name(), recall)
		}
	}
}
