package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sort"
	"strings"
)

// state is what one worker's transactions made: the rows of its key range in
// the shared table, and its own tables with their rows, of which some are partitions
// of others.
type state struct {
	rows     map[int64]int64
	tables   map[string]map[int64]int64
	attached map[string]bool
}

func newState() state {
	return state{rows: map[int64]int64{}, tables: map[string]map[int64]int64{}, attached: map[string]bool{}}
}

func (s state) clone() state {
	c := state{rows: maps.Clone(s.rows), tables: map[string]map[int64]int64{}, attached: maps.Clone(s.attached)}
	for name, rows := range s.tables {
		c.tables[name] = maps.Clone(rows)
	}
	return c
}

// diff describes how s differs from what the server holds; "" when it does not.
func (s state) diff(server state) string {
	var out []string
	out = append(out, diffRows("kv", s.rows, server.rows)...)
	for name, rows := range s.tables {
		got, ok := server.tables[name]
		if !ok {
			out = append(out, fmt.Sprintf("table %s is missing", name))
			continue
		}
		out = append(out, diffRows(name, rows, got)...)
		if s.attached[name] != server.attached[name] {
			out = append(out, fmt.Sprintf("that %s is a partition is said to be %t", name, server.attached[name]))
		}
	}
	for name := range server.tables {
		if _, ok := s.tables[name]; !ok {
			out = append(out, fmt.Sprintf("table %s is too much", name))
		}
	}
	sort.Strings(out)
	if len(out) > 8 {
		out = append(out[:8], fmt.Sprintf("… and %d more", len(out)-8))
	}
	return strings.Join(out, "; ")
}

func diffRows(table string, want, got map[int64]int64) []string {
	var out []string
	for id, v := range want {
		if g, ok := got[id]; !ok {
			out = append(out, fmt.Sprintf("%s: row %d is missing (v = %d)", table, id, v))
		} else if g != v {
			out = append(out, fmt.Sprintf("%s: row %d has v = %d, want %d", table, id, g, v))
		}
	}
	for id, v := range got {
		if _, ok := want[id]; !ok {
			out = append(out, fmt.Sprintf("%s: row %d is too much (v = %d)", table, id, v))
		}
	}
	return out
}

// keysPerWorker is the width of a worker's key range.
const keysPerWorker = 1_000_000

// transaction is a list of steps and what the state is after them.
type transaction struct {
	steps []step
	after state
}

// step is a statement, or a COPY of rows (id, v) into the shared table.
type step struct {
	sql  string
	copy [][2]int64
}

func (t *transaction) do(statements ...string) {
	for _, s := range statements {
		t.steps = append(t.steps, step{sql: s})
	}
}

// generator makes one worker's transactions.
type generator struct {
	worker int
	rnd    *rand.Rand
	next   int64 // next fresh key
	value  int64
	table  int
}

func (g *generator) freshKey() int64 {
	g.next++
	return int64(g.worker)*keysPerWorker + g.next
}

func (g *generator) freshValue() int64 {
	g.value++
	return int64(g.worker)*keysPerWorker + g.value
}

// vectorOf spells the vector that belongs to a value, so that a torn row shows.
func vectorOf(v int64) string {
	return fmt.Sprintf("[%d,%d,%d,%d]", v%1000, v%77, v%13, v%7)
}

func (g *generator) anyKey(s state) (int64, bool) {
	if len(s.rows) == 0 {
		return 0, false
	}
	n := g.rnd.IntN(len(s.rows))
	for id := range s.rows {
		if n == 0 {
			return id, true
		}
		n--
	}
	return 0, false
}

// transaction makes a random transaction over the state that now holds.
func (g *generator) transaction(now state) transaction {
	t := transaction{after: now.clone()}
	for range 1 + g.rnd.IntN(4) {
		switch p := g.rnd.IntN(100); {
		case p < 35:
			g.insert(&t, 1+g.rnd.IntN(20))
		case p < 55:
			g.update(&t)
		case p < 70:
			g.remove(&t)
		case p < 76:
			g.upsert(&t)
		case p < 86:
			g.ddl(&t)
		case p < 92:
			g.undone(&t)
		default:
			g.copy(&t)
		}
	}
	return t
}

func (g *generator) insert(t *transaction, n int) {
	var vals []string
	for range n {
		id, v := g.freshKey(), g.freshValue()
		t.after.rows[id] = v
		vals = append(vals, fmt.Sprintf("(%d, %d, %d, '%s')", id, g.worker, v, vectorOf(v)))
	}
	t.do("INSERT INTO kv VALUES " + strings.Join(vals, ", "))
}

func (g *generator) update(t *transaction) {
	id, ok := g.anyKey(t.after)
	if !ok {
		return
	}
	v := g.freshValue()
	t.after.rows[id] = v
	t.do(fmt.Sprintf("UPDATE kv SET v = %d, vec = '%s' WHERE id = %d", v, vectorOf(v), id))
}

func (g *generator) remove(t *transaction) {
	id, ok := g.anyKey(t.after)
	if !ok {
		return
	}
	delete(t.after.rows, id)
	t.do(fmt.Sprintf("DELETE FROM kv WHERE id = %d", id))
}

func (g *generator) upsert(t *transaction) {
	id, ok := g.anyKey(t.after)
	if !ok || g.rnd.IntN(2) == 0 {
		id = g.freshKey()
	}
	v := g.freshValue()
	t.after.rows[id] = v
	t.do(fmt.Sprintf(
		"INSERT INTO kv VALUES (%d, %d, %d, '%s') ON CONFLICT (id) DO UPDATE SET v = excluded.v, vec = excluded.vec",
		id, g.worker, v, vectorOf(v)))
}

// ddl creates a table with rows, or changes or drops one.
func (g *generator) ddl(t *transaction) {
	var names []string
	for name := range t.after.tables {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(names) < 3 || g.rnd.IntN(3) == 0 {
		g.table++
		name := fmt.Sprintf("w%d_t%d", g.worker, g.table)
		a, b := g.freshValue(), g.freshValue()
		t.after.tables[name] = map[int64]int64{1: a, 2: b}
		t.do(fmt.Sprintf("CREATE TABLE %s (id bigint PRIMARY KEY, v bigint NOT NULL)", name),
			fmt.Sprintf("INSERT INTO %s VALUES (1, %d), (2, %d)", name, a, b))
		return
	}
	name := names[g.rnd.IntN(len(names))]
	switch parent := "p_" + name; g.rnd.IntN(5) {
	case 3, 4:
		if t.after.attached[name] {
			delete(t.after.attached, name)
			t.do(fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", parent, name), "DROP TABLE "+parent)
			return
		}
		t.after.attached[name] = true
		t.do(fmt.Sprintf("CREATE TABLE %s (id bigint PRIMARY KEY, v bigint NOT NULL) PARTITION BY RANGE (id)", parent),
			fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (0) TO (MAXVALUE)", parent, name))
	case 0:
		delete(t.after.tables, name)
		if t.after.attached[name] {
			delete(t.after.attached, name)
			t.do("DROP TABLE " + parent)
			return
		}
		t.do("DROP TABLE " + name)
	case 1:
		v := g.freshValue()
		t.after.tables[name] = map[int64]int64{3: v}
		t.do("TRUNCATE "+name, fmt.Sprintf("INSERT INTO %s VALUES (3, %d)", name, v))
	default:
		v := g.freshValue()
		t.after.tables[name][v] = v
		t.do(fmt.Sprintf("INSERT INTO %s VALUES (%d, %d)", name, v, v))
	}
}

// undone does work and rolls it back to a savepoint.
func (g *generator) undone(t *transaction) {
	v := g.freshValue()
	t.do("SAVEPOINT s",
		fmt.Sprintf("INSERT INTO kv VALUES (%d, %d, %d, '%s')", g.freshKey(), g.worker, v, vectorOf(v)),
		fmt.Sprintf("UPDATE kv SET v = -1 WHERE id BETWEEN %d AND %d", int64(g.worker)*keysPerWorker, int64(g.worker)*keysPerWorker+5),
		"ROLLBACK TO s", "RELEASE s")
}

func (g *generator) copy(t *transaction) {
	var rows [][2]int64
	for range 50 + g.rnd.IntN(400) {
		id, v := g.freshKey(), g.freshValue()
		t.after.rows[id] = v
		rows = append(rows, [2]int64{id, v})
	}
	t.steps = append(t.steps, step{copy: rows})
}
