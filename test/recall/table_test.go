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
	// floor is quiver.target_recall, of all searches of a table under one condition;
	// checkFloor is less by what the few queries of one check miss by chance.
	floor, checkFloor = 0.95, 0.85
)

// A condition keeps one row in every so many, in as many queries a check. With all
// rows, or half of them, the index is searched; few rows are compared.
type condition struct{ every, queries int }

var (
	conditions = []condition{{1, 24}, {2, 12}, {90, 4}}
	// Of tens of thousands of rows a fifth is searched by the index under a bitmap.
	conditionsOfMany = []condition{{1, 24}, {2, 12}, {5, 12}, {90, 4}}
)

// table is data with an index, and what the server must hold.
type table struct {
	combination
	data
	source
	size       int // rows at first
	number     int
	conditions []condition
	rand       *rand.Rand
	rows       map[int][]float64
	next       int
	searches   int
	// found of all the true nearest, in all checks, by condition.
	found, all []int
}

func newTable(t *testing.T, number int, c combination, d data, size int) *table {
	w := &table{
		combination: c, data: d, number: number, size: size, conditions: conditions,
		rand: rand.New(rand.NewPCG(uint64(number), 1)), rows: map[int][]float64{},
	}
	if size >= rowsOfWords {
		w.conditions = conditionsOfMany
	}
	w.found, w.all = make([]int, len(w.conditions)), make([]int, len(w.conditions))
	if c.typ == "bit" {
		w.dim = d.bits
	}
	w.source = d.source(t, w.dim)
	return w
}

func (t *table) name() string {
	return fmt.Sprintf("%s (%s, %d dimensions)", t.combination, t.data.name, t.dim)
}

// draw takes a vector of a source as the type has it.
func (t *table) draw(s sample) []float64 {
	v := s(t.rand)
	if t.typ == "vector" || t.typ == "halfvec" {
		return v
	}
	v = slices.Clone(v)
	some := false
	for i, x := range v {
		switch {
		case x <= t.cut:
			v[i] = 0
		case t.typ == "bit":
			v[i], some = 1, true
		default:
			some = true
		}
	}
	if !some {
		v[0] = 1
	}
	return v
}

func (t *table) text(v []float64) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = fmt.Sprint(x)
	}
	switch t.typ {
	case "bit":
		return strings.Join(parts, "")
	case "sparsevec":
		elements := []string{}
		for i, x := range v {
			if x != 0 {
				elements = append(elements, fmt.Sprintf("%d:%g", i+1, x))
			}
		}
		return fmt.Sprintf("{%s}/%d", strings.Join(elements, ","), t.dim)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (t *table) insert(test *testing.T, conn *pgx.Conn, n int) {
	test.Helper()
	var lines strings.Builder
	for range n {
		v := t.draw(t.row)
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
	var updates pgx.Batch
	for id := range t.next {
		switch {
		case id%3 == 0:
			delete(t.rows, id)
		case id%10 == 1:
			v := t.draw(t.row)
			t.rows[id] = v
			updates.Queue(fmt.Sprintf("UPDATE t%d SET v = $1::text::%s WHERE id = $2", t.number, t.cast()), t.text(v), id)
		}
	}
	if err := conn.SendBatch(context.Background(), &updates).Close(); err != nil {
		test.Fatal(err)
	}
}

// check searches under each condition: true distances in order, rows that are
// there, as many as there can be, and the recall.
func (t *table) check(test *testing.T, conn *pgx.Conn, when string) {
	test.Helper()
	for i, c := range t.conditions {
		found, all := 0, 0
		for range c.queries {
			query := t.draw(t.query)
			got := t.search(test, conn, query, c.every)
			truth := t.truth(query, c.every)
			if len(got) != len(truth) {
				test.Errorf("%s, %s, 1 row in %d: %d rows, want %d", t.name(), when, c.every, len(got), len(truth))
				return
			}
			for _, d := range got {
				if d <= truth[len(truth)-1]+1e-6 {
					found++
				}
			}
			all += len(truth)
		}
		t.found[i], t.all[i] = t.found[i]+found, t.all[i]+all
		if recall := float64(found) / float64(all); recall < checkFloor {
			test.Errorf("%s, %s, 1 row in %d: recall %.3f", t.name(), when, c.every, recall)
		}
	}
}

// truth is the distances of the nearest rows.
func (t *table) truth(query []float64, every int) (distances []float64) {
	for id, v := range t.rows {
		if id%every != 1%every {
			continue
		}
		d := t.distance.of(query, v)
		if len(distances) == nearest && d >= distances[nearest-1] {
			continue
		}
		at, _ := slices.BinarySearch(distances, d)
		distances = slices.Insert(distances, at, d)
		distances = distances[:min(nearest, len(distances))]
	}
	return distances
}

// cast is the type of queries.
func (t *table) cast() string {
	if t.typ == "bit" {
		return fmt.Sprintf("bit(%d)", t.dim)
	}
	return t.typ
}

// search returns the distances of what is found, having verified them.
func (t *table) search(test *testing.T, conn *pgx.Conn, query []float64, every int) (distances []float64) {
	test.Helper()
	order := fmt.Sprintf("v %s '%s'::%s", t.distance.operator, t.text(query), t.cast())
	where := ""
	if every > 1 {
		// A condition that recurs has its rows remembered, and few of them compared.
		t.searches++
		where = fmt.Sprintf("WHERE id %% %d = 1 AND id > -%d", every, t.searches)
	}
	sql := fmt.Sprintf("SELECT id, %s FROM t%d %s ORDER BY %[1]s LIMIT %[4]d", order, t.number, where, nearest)
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		test.Fatal(err)
	}
	var id int
	var d float64
	_, err = pgx.ForEachRow(rows, []any{&id, &d}, func() error {
		v, ok := t.rows[id]
		if !ok || id%every != 1%every {
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

// live takes the table from its first rows to a rebuilt index.
func (t *table) live(test *testing.T, conn *pgx.Conn) {
	exec(test, conn, fmt.Sprintf("CREATE TABLE t%d (id int PRIMARY KEY, v %s(%d))", t.number, t.typ, t.dim))
	t.insert(test, conn, t.size)
	exec(test, conn, "CHECKPOINT")
	exec(test, conn, t.create(fmt.Sprintf("t%d_v", t.number), fmt.Sprintf("t%d", t.number)))
	t.check(test, conn, "built")
	t.insert(test, conn, t.size/4)
	t.check(test, conn, "after inserts")
	t.change(test, conn)
	t.check(test, conn, "after deletes and updates")
	exec(test, conn, "CHECKPOINT")
	exec(test, conn, fmt.Sprintf("VACUUM t%d", t.number))
	t.check(test, conn, "after VACUUM")
	exec(test, conn, fmt.Sprintf("REINDEX INDEX t%d_v", t.number))
	t.check(test, conn, "after REINDEX")
	t.sum(test)
}

// liveOn is what follows a crash, and the sum of all checks.
func (t *table) liveOn(test *testing.T, conn *pgx.Conn) {
	t.check(test, conn, "after a crash")
	t.insert(test, conn, 100)
	t.check(test, conn, "after a crash and inserts")
	t.sum(test)
}

// sum holds the recall of all checks so far to the floor.
func (t *table) sum(test *testing.T) {
	test.Helper()
	for i, c := range t.conditions {
		recall := float64(t.found[i]) / float64(t.all[i])
		test.Logf("%s, 1 row in %d: recall %.3f", t.name(), c.every, recall)
		if recall < floor {
			test.Errorf("%s, 1 row in %d: recall %.3f", t.name(), c.every, recall)
		}
	}
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
