package executor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/types"
	"quiver/storage"
)

// The values of the partition key that random tests use, beside null.
const (
	keyLow  = -4
	keyHigh = 44
)

// partitionWorld is a table p with random partitions and its plain twin m, which
// holds the rows that p takes.
type partitionWorld struct {
	*world
	r        *rand.Rand
	fallback string // the name of the default partition
}

func (w *partitionWorld) ok(text string) {
	w.t.Helper()
	if out := w.sql(text); strings.Contains(out, ": ") {
		w.t.Fatalf("%s: %s", text, out)
	}
}

// build makes the tables; every value of the key is offered to both once.
func (w *partitionWorld) build() {
	w.t.Helper()
	strategy := []string{"RANGE", "LIST", "HASH"}[w.r.IntN(3)]
	w.ok("CREATE TABLE p (a int, b int) PARTITION BY " + strategy + " (a)")
	w.ok("CREATE TABLE m (a int, b int)")
	names := 0
	part := func(bound string) {
		w.ok(fmt.Sprintf("CREATE TABLE p%d PARTITION OF p %s", names, bound))
		names++
	}
	switch strategy {
	case "RANGE":
		for at := keyLow; at < keyHigh; {
			to := at + 1 + w.r.IntN(9)
			if w.r.IntN(4) > 0 { // otherwise a gap
				part(fmt.Sprintf("FOR VALUES FROM (%d) TO (%d)", at, to))
			}
			at = to
		}
	case "LIST":
		values := []string{"NULL"}
		for v := keyLow; v <= keyHigh; v++ {
			values = append(values, fmt.Sprint(v))
		}
		w.r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		for len(values) > 5 {
			n := 1 + w.r.IntN(5)
			part("FOR VALUES IN (" + strings.Join(values[:n], ", ") + ")")
			values = values[n:]
		}
	case "HASH":
		for i := range 4 {
			if w.r.IntN(5) > 0 {
				part(fmt.Sprintf("FOR VALUES WITH (MODULUS 8, REMAINDER %d)", i))
				part(fmt.Sprintf("FOR VALUES WITH (MODULUS 8, REMAINDER %d)", i+4))
			} else {
				part(fmt.Sprintf("FOR VALUES WITH (MODULUS 4, REMAINDER %d)", i))
			}
		}
	}
	if strategy != "HASH" && w.r.IntN(2) == 0 {
		w.fallback = fmt.Sprintf("p%d", names)
		part("DEFAULT")
	}
	w.offer("NULL")
	for v := keyLow - 2; v <= keyHigh+2; v++ {
		w.offer(fmt.Sprint(v))
	}
}

// offer inserts a row into p and, if it has a partition for it, into m.
func (w *partitionWorld) offer(key string) {
	w.t.Helper()
	w.offerRow(fmt.Sprintf("VALUES (%s, %d)", key, w.r.IntN(4)))
}

func (w *partitionWorld) value() string {
	if w.r.IntN(12) == 0 {
		return "NULL"
	}
	return fmt.Sprint(keyLow - 2 + w.r.IntN(keyHigh-keyLow+5))
}

func (w *partitionWorld) values() string {
	list := make([]string, 1+w.r.IntN(4))
	for i := range list {
		list[i] = w.value()
	}
	return strings.Join(list, ", ")
}

// term is a condition on the key; exact says that it names values, so that just
// their partitions are to be read.
func (w *partitionWorld) term() (text string, exact bool) {
	switch w.r.IntN(14) {
	case 0:
		return "a = " + w.value(), true
	case 1:
		return w.value() + " = a", true
	case 2:
		return "a IN (" + w.values() + ")", true
	case 3:
		return "a = ANY (ARRAY[" + w.values() + "]::int[])", true
	case 4:
		return "a BETWEEN " + w.value() + " AND " + w.value(), false
	case 5:
		return "a IS NULL", true
	case 6:
		return "a IS NOT NULL", false
	case 7:
		return "NOT a > " + w.value(), false
	case 8:
		return "a NOT IN (" + w.values() + ")", false
	case 9:
		return "NOT a <> " + w.value(), true
	case 10:
		return "a IS NOT DISTINCT FROM " + fmt.Sprint(w.r.IntN(keyHigh)), true
	case 11:
		return "(a, b) " + []string{"<", "<=", ">", ">="}[w.r.IntN(4)] + " (" + w.value() + ", 2)", false
	case 12:
		return "(2, " + w.value() + ") " + []string{"<", "<=", ">", ">="}[w.r.IntN(4)] + " (b, a)", false
	}
	return "a " + []string{"<", "<=", ">", ">=", "<>"}[w.r.IntN(5)] + " " + w.value(), false
}

func (w *partitionWorld) condition(depth int) (text string, exact bool) {
	if depth == 0 || w.r.IntN(3) == 0 {
		return w.term()
	}
	left, exactLeft := w.condition(depth - 1)
	right, exactRight := w.condition(depth - 1)
	switch w.r.IntN(6) {
	case 0, 1:
		return "(" + left + " OR " + right + ")", exactLeft && exactRight
	case 2:
		return "(" + left + " AND b < " + fmt.Sprint(w.r.IntN(5)) + ")", false
	case 3:
		return "NOT (" + left + " OR " + right + ")", false
	case 4:
		return "NOT (" + left + " AND " + right + ")", false
	}
	// What two disjunctions have in common may be a partition without a common value.
	return "(" + left + " AND " + right + ")", exactLeft && exactRight && !strings.Contains(left, " OR ")
}

// TestPruningModel compares a partitioned table with a plain one, and the partitions
// read with those that hold the values named.
func TestPruningModel(t *testing.T) {
	for seed := range uint64(9) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &partitionWorld{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 1))}
			w.build()
			for range 40 {
				text, exact := w.condition(2)
				w.compare("SELECT a, b FROM %s WHERE " + text + " ORDER BY a, b")
				if exact {
					w.comparePartitions(text)
				}
			}
			for range 6 {
				text, _ := w.condition(1)
				w.compare("SELECT x.a, y.b FROM (SELECT * FROM %[1]s WHERE " + text + ") x JOIN %[1]s y ON x.a = y.a + 1 ORDER BY 1, 2")
			}
			w.compare("SELECT i, (SELECT count(*) FROM %s WHERE a = i) FROM generate_series(-6, 46) i ORDER BY i")
			w.compare("SELECT i, (SELECT sum(a) FROM %s WHERE a BETWEEN i AND i + 3) FROM generate_series(-6, 46) i ORDER BY i")
			for range 6 {
				text, _ := w.condition(1)
				w.compare("DELETE FROM %s WHERE b = 1 AND " + text + " RETURNING b * 0")
				w.compare("UPDATE %s SET b = b + 1 WHERE " + text + " RETURNING b * 0")
				w.compare("SELECT a, b FROM %s ORDER BY a, b")
			}
		})
	}
}

// joinedWith are statements over a table and s, of few rows, that say of the partition
// key what is known only while they run.
var joinedWith = []string{
	"SELECT a, b, x FROM %s JOIN s ON a = x ORDER BY 1, 2, 3",
	"SELECT a, b, y FROM s JOIN %s ON a = y ORDER BY 1, 2, 3",
	"SELECT x, y, a, b FROM s LEFT JOIN %s ON a = x AND b < 3 ORDER BY 1, 2, 3, 4",
	"SELECT x, y, a, b FROM %s RIGHT JOIN s ON a = x OR a = y ORDER BY 1, 2, 3, 4",
	"SELECT x, y, a, b FROM s FULL JOIN %s ON a = x ORDER BY 1, 2, 3, 4",
	"SELECT x, y FROM s WHERE EXISTS (SELECT FROM %s WHERE a = x AND b > 0) ORDER BY 1, 2",
	"SELECT x, y FROM s WHERE NOT EXISTS (SELECT FROM %s WHERE a BETWEEN x AND y) ORDER BY 1, 2",
	"SELECT x, y FROM s WHERE x NOT IN (SELECT a FROM %s WHERE a IS NOT NULL) ORDER BY 1, 2",
	"SELECT a, b FROM %s WHERE a IN (SELECT x FROM s) ORDER BY 1, 2",
	"SELECT a, b FROM %s WHERE a NOT IN (SELECT x FROM s WHERE x > 0) ORDER BY 1, 2",
	"SELECT a, b, x, y FROM %s, s WHERE a BETWEEN x AND y ORDER BY 1, 2, 3, 4",
	"SELECT a, b, x, y FROM %s, s WHERE (a = x AND b = 1) OR (a = y AND NOT a = 3) ORDER BY 1, 2, 3, 4",
	"SELECT p.a, q.a, x FROM %[1]s p JOIN %[1]s q ON p.a = q.a + 1 JOIN s ON q.a = x ORDER BY 1, 2, 3",
	"SELECT p.a, q.a, x FROM %[1]s p LEFT JOIN %[1]s q ON p.a = q.a + 1 JOIN s ON q.a = x ORDER BY 1, 2, 3",
	"SELECT p.a, q.a, x FROM %[1]s p LEFT JOIN (%[1]s q JOIN s ON q.a = x) ON p.a = x AND p.b < 3 ORDER BY 1, 2, 3",
	"SELECT x, (SELECT count(*) FROM %[1]s p JOIN s ON a = y WHERE b < o.x) FROM s o ORDER BY 1, 2",
	"SELECT a, b FROM %s WHERE a = (SELECT max(x) FROM s) ORDER BY 1, 2",
	"SELECT a, b FROM %s WHERE a < (SELECT min(y) FROM s) OR a > (SELECT max(x) FROM s) ORDER BY 1, 2",
	"SELECT a, b FROM %s WHERE a = ANY (ARRAY(SELECT x FROM s)) AND a <> (SELECT min(x) FROM s) ORDER BY 1, 2",
	"SELECT x, (SELECT count(*) FROM %s WHERE a = (SELECT max(y) FROM s WHERE y <= o.x)) FROM s o ORDER BY 1, 2",
	"UPDATE %s SET b = x %% 4 FROM s WHERE a = x RETURNING a * 0",
	"DELETE FROM %s USING s WHERE a = y RETURNING a * 0",
	"DELETE FROM %s WHERE a = (SELECT min(x) FROM s) RETURNING a, b",
	"SELECT a, b FROM %s ORDER BY 1, 2",
}

// TestPruningByJoins compares a partitioned table with a plain one in joins, by either
// algorithm, and with subqueries.
func TestPruningByJoins(t *testing.T) {
	for seed := range uint64(9) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &partitionWorld{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 3))}
			w.build()
			w.ok("CREATE TABLE s (x int, y bigint)")
			for range 3 {
				w.ok("TRUNCATE s")
				for range w.r.IntN(5) { // unique values: an UPDATE meets each row once
					w.ok(fmt.Sprintf("INSERT INTO s SELECT %s, %s WHERE NOT EXISTS (SELECT FROM s)", w.value(), w.value()))
					w.ok(fmt.Sprintf("INSERT INTO s SELECT v, v + %d FROM (VALUES (%d)) n (v) WHERE v NOT IN (SELECT x FROM s WHERE x IS NOT NULL)", w.r.IntN(9)-2, w.r.IntN(keyHigh)))
				}
				if w.r.IntN(2) == 0 {
					w.ok("INSERT INTO s VALUES (NULL, 5000000000), (-9, -5000000000)")
				}
				for _, text := range joinedWith {
					if strings.HasPrefix(text, "SELECT") {
						got, want := w.rowsWithout("hash_join", fmt.Sprintf(text, "p")), w.rowsWithout("hash_join", fmt.Sprintf(text, "m"))
						if got != want {
							t.Errorf("%s without hash joins\ngot  %q\nwant %q", fmt.Sprintf(text, "p"), got, want)
						}
					}
					w.compare(text)
				}
			}
		})
	}
}

// TestPruningOfRows does so with ranges of two columns.
func TestPruningOfRows(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &partitionWorld{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 2))}
			w.buildRows()
			for range 60 {
				w.compare("SELECT a, b FROM %s WHERE " + w.rowCondition(2) + " ORDER BY a, b")
			}
		})
	}
}

// The values of both columns are below rowValues.
const rowValues = 8

// buildRows makes tables with every pair of values that has a partition.
func (w *partitionWorld) buildRows() {
	w.t.Helper()
	w.ok("CREATE TABLE p (a int, b int) PARTITION BY RANGE (a, b)")
	w.ok("CREATE TABLE m (a int, b int)")
	from := "MINVALUE, MINVALUE"
	for i, at := 0, 0; at < rowValues*rowValues; i++ {
		at += 1 + w.r.IntN(14)
		to := []string{fmt.Sprintf("%d, %d", at/rowValues, at%rowValues), fmt.Sprintf("%d, MINVALUE", at/rowValues), fmt.Sprintf("%d, MAXVALUE", at/rowValues)}[w.r.IntN(3)]
		if w.r.IntN(5) > 0 { // otherwise a gap
			// An empty or overlapping range is refused: then the next one takes its place.
			if out := w.sql(fmt.Sprintf("CREATE TABLE p%d PARTITION OF p FOR VALUES FROM (%s) TO (%s)", i, from, to)); strings.HasPrefix(out, "42P17") {
				continue
			}
		}
		from = to
	}
	for a := range rowValues {
		for b := range rowValues {
			w.offerRow(fmt.Sprintf("VALUES (%d, %d)", a, b))
		}
	}
}

func (w *partitionWorld) offerRow(row string) {
	w.t.Helper()
	if out := w.sql("INSERT INTO p " + row); strings.HasPrefix(out, "23514: no partition of relation") {
		return
	} else if strings.Contains(out, ": ") {
		w.t.Fatal(out)
	}
	w.ok("INSERT INTO m " + row)
}

// rowCondition is a condition on both columns.
func (w *partitionWorld) rowCondition(depth int) string {
	n := func() int { return w.r.IntN(rowValues + 2) }
	op := []string{"=", "<>", "<", "<=", ">", ">="}[w.r.IntN(6)]
	if depth > 0 && w.r.IntN(4) > 0 {
		word := []string{"AND", "AND", "OR"}[w.r.IntN(3)]
		not := []string{"", "", "NOT "}[w.r.IntN(3)]
		return not + "(" + w.rowCondition(depth-1) + " " + word + " " + w.rowCondition(depth-1) + ")"
	}
	switch w.r.IntN(5) {
	case 0:
		return fmt.Sprintf("(a, b) %s (%d, %d)", op, n(), n())
	case 1:
		return fmt.Sprintf("(a, b) IN ((%d, %d), (%d, %d))", n(), n(), n(), n())
	case 2:
		return fmt.Sprintf("b %s %d", op, n())
	case 3:
		return fmt.Sprintf("a IN (%d, %d)", n(), n())
	}
	return fmt.Sprintf("a %s %d", op, n())
}

func (w *partitionWorld) compare(text string) {
	w.t.Helper()
	got, want := w.sql(fmt.Sprintf(text, "p")), w.sql(fmt.Sprintf(text, "m"))
	if got != want {
		w.t.Errorf("%s\ngot  %q\nwant %q\n%s", fmt.Sprintf(text, "p"), got, want, w.sql("SELECT tableoid::regclass::text, min(a), max(a), count(*) FROM p GROUP BY 1 ORDER BY 2"))
	}
}

// comparePartitions: those read are those that have the rows, but for the default
// one, which takes what no other does.
func (w *partitionWorld) comparePartitions(condition string) {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	stmt, err := w.plan(tx, "SELECT a FROM p WHERE "+condition)
	if err != nil {
		w.t.Fatal(err)
	}
	var read []string
	atOnce := true // not when the scan begins
	var walk func(plan.Node)
	walk = func(n plan.Node) {
		if s, ok := n.(*plan.Scan); ok {
			atOnce = atOnce && s.Pruning == nil
			for _, p := range s.Partitions {
				if !p.Bound.Default {
					read = append(read, p.Name)
				}
			}
		}
		for _, c := range n.Children() {
			walk(c)
		}
	}
	walk(stmt.Root)
	slices.Sort(read)
	want := w.sql("SELECT tableoid::regclass::text FROM p WHERE " + condition + " AND tableoid::regclass::text <> '" + w.fallback + "' GROUP BY 1 ORDER BY 1")
	if got := strings.Join(read, "\n"); atOnce && got != want {
		w.t.Errorf("WHERE %s reads %q, not %q", condition, got, want)
	}
}

// rangePartitions makes a table with a primary key and n partitions of ten values.
func (w *world) rangePartitions(name string, n int) *catalog.Table {
	w.t.Helper()
	w.sql("CREATE TABLE " + name + " (a int PRIMARY KEY, b int) PARTITION BY RANGE (a); CREATE TABLE " + name + "_0 PARTITION OF " + name + " FOR VALUES FROM (0) TO (10)")
	tx := w.begin(storage.ReadCommitted)
	table := tx.Catalog().Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	for i := 1; i < n; i++ {
		p := &catalog.Partition{Object: catalog.Object{Name: fmt.Sprintf("%s_%d", name, i)}, Schema: table.Schema, Bound: &catalog.PartitionBound{
			From: []catalog.BoundValue{intBound(10 * i)}, To: []catalog.BoundValue{intBound(10*i + 10)},
		}}
		if err := tx.Catalog().AddPartition(w.ctx, table, p); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := tx.Commit(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	return table
}

func intBound(v int) catalog.BoundValue {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Append(int32(v))
	a := b.NewArray()
	defer a.Release()
	return catalog.BoundValue{Text: fmt.Sprint(v), Key: types.ByOID(types.Int4OID).AppendKey(nil, a, 0)}
}

// Statements that name one partition of many.
var pointStatements = []string{
	"SELECT * FROM %s WHERE a = 55",
	"SELECT * FROM %s WHERE a = 55 AND b > 2",
	"SELECT count(*) FROM %s WHERE a BETWEEN 31 AND 48",
	"SELECT * FROM %s WHERE a IN (1, 22, 63)",
	"INSERT INTO %s VALUES (57, 1) ON CONFLICT DO NOTHING",
	"UPDATE %s SET b = 3 WHERE a = 55",
	"DELETE FROM %s WHERE a = 56",
}

// TestManyPartitionsCostNoMore: to plan and to run a statement on one of 10,000
// partitions takes no more allocations than on one of 10, but for the depth of the
// catalog's trees.
func TestManyPartitionsCostNoMore(t *testing.T) {
	w := newWorld(t)
	w.rangePartitions("few", 10)
	w.rangePartitions("many", 10_000)
	for _, text := range pointStatements {
		planning, running := map[string]float64{}, map[string]float64{}
		for _, name := range []string{"few", "many"} {
			text := fmt.Sprintf(text, name)
			tx := w.begin(storage.ReadCommitted)
			planning[name] = leastAllocs(func() {
				if _, err := w.plan(tx, text); err != nil {
					t.Fatal(err)
				}
			})
			tx.Rollback()
			running[name] = leastAllocs(func() {
				if out := w.sql(text); strings.Contains(out, ": ") {
					t.Fatal(out)
				}
			})
		}
		if planning["many"] > 1.5*planning["few"] {
			t.Errorf("planning %q: %v allocations for 10,000 partitions, %v for 10", text, planning["many"], planning["few"])
		}
		if running["many"] > 1.5*running["few"] {
			t.Errorf("running %q: %v allocations for 10,000 partitions, %v for 10", text, running["many"], running["few"])
		}
	}
}

// leastAllocs is how many allocations f takes. They are counted of the whole process,
// of which the engine looks after its shards from time to time: the least of a few
// counts is without.
func leastAllocs(f func()) float64 {
	least := testing.AllocsPerRun(2, f)
	for range 9 {
		least = min(least, testing.AllocsPerRun(2, f))
	}
	return least
}

// BenchmarkPlanPartitions is the planning of a point read by how many partitions
// there are.
func BenchmarkPlanPartitions(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			w.rangePartitions("p", n)
			tx := w.begin(storage.ReadCommitted)
			defer tx.Rollback()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.plan(tx, "SELECT * FROM p WHERE a = 55 AND b > 2"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
