package executor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quiver/storage"
)

// alterModel is a table as a plain list of rows, beside the one of an engine: all
// values as text, in the order of columns; "NULL" is null.
type alterModel struct {
	*world
	r       *rand.Rand
	columns []modelColumn
	rows    [][]string
	keyed   bool
	next    int
}

type modelColumn struct{ name, typ string }

// retypes are the changes of type whose values print alike.
var retypes = map[string][]string{
	"smallint": {"integer", "bigint", "text", "numeric"}, "integer": {"bigint", "text", "numeric", "integer"}, "bigint": {"text", "numeric"},
	"real": {"double precision", "text"}, "double precision": {"real", "text"},
	"varchar(8)": {"varchar(12)", "varchar", "text"}, "varchar(12)": {"varchar", "text"}, "varchar": {"text", "varchar(12)"}, "text": {"varchar"},
	"numeric(6,2)": {"numeric(9,2)", "numeric", "text"}, "numeric(9,2)": {"numeric", "numeric(6,2)"}, "numeric": {"text"},
	"vector(2)": {"vector"}, "vector": {"vector(2)"},
}

var firstTypes = []string{"smallint", "integer", "real", "varchar(8)", "numeric(6,2)", "vector(2)"}

func (m *alterModel) value(typ string) string {
	n := m.r.IntN(2000) - 1000
	switch typ {
	case "smallint", "integer", "bigint":
		return strconv.Itoa(n)
	case "real", "double precision":
		return strconv.FormatFloat(float64(n)/8, 'g', -1, 64)
	case "numeric(6,2)", "numeric(9,2)":
		return strconv.FormatFloat(float64(n)/100, 'f', 2, 64)
	case "numeric":
		return strconv.FormatFloat(float64(n)/10, 'f', m.r.IntN(4), 64)
	case "vector", "vector(2)":
		return fmt.Sprintf("[%d,%d]", n, m.r.IntN(9))
	}
	return "s" + strconv.Itoa(n)
}

func quote(v string) string {
	if v == "NULL" {
		return v
	}
	return "'" + v + "'"
}

// do runs a statement that must succeed.
func (m *alterModel) do(format string, args ...any) {
	m.t.Helper()
	text := fmt.Sprintf(format, args...)
	tx := m.begin(storage.ReadCommitted)
	if _, _, err := m.run(tx, text); err != nil {
		tx.Rollback()
		m.t.Fatalf("%s: %v", text, err)
	}
	if err := tx.Commit(m.ctx); err != nil {
		m.t.Fatal(err)
	}
}

func (m *alterModel) insert() {
	for range 1 + m.r.IntN(4) {
		row := []string{strconv.Itoa(m.next)}
		m.next++
		list := []string{row[0]}
		for _, c := range m.columns[1:] {
			v := m.value(c.typ)
			if m.r.IntN(4) == 0 {
				v = "NULL"
			}
			row, list = append(row, v), append(list, quote(v))
		}
		m.do("INSERT INTO t VALUES (%s)", strings.Join(list, ", "))
		m.rows = append(m.rows, row)
	}
}

// pick is a column but the first.
func (m *alterModel) pick() (int, bool) {
	if len(m.columns) < 2 {
		return 0, false
	}
	return 1 + m.r.IntN(len(m.columns)-1), true
}

func (m *alterModel) update() {
	i, ok := m.pick()
	if !ok {
		return
	}
	v := m.value(m.columns[i].typ)
	m.do("UPDATE t SET %s = %s WHERE id %% 3 = 1", m.columns[i].name, quote(v))
	for _, row := range m.rows {
		if id, _ := strconv.Atoi(row[0]); id%3 == 1 {
			row[i] = v
		}
	}
}

func (m *alterModel) remove() {
	if len(m.rows) == 0 {
		return
	}
	at := m.r.IntN(len(m.rows))
	m.do("DELETE FROM t WHERE id = %s", m.rows[at][0])
	m.rows = slices.Delete(m.rows, at, at+1)
}

func (m *alterModel) addColumn() {
	if len(m.columns) > 8 {
		return
	}
	c := modelColumn{fmt.Sprintf("c%d", m.next), firstTypes[m.r.IntN(len(firstTypes))]}
	m.next++
	v, clause := "NULL", ""
	if m.r.IntN(2) == 0 {
		v = m.value(c.typ)
		clause = " DEFAULT " + quote(v)
	}
	m.do("ALTER TABLE t ADD COLUMN %s %s%s", c.name, c.typ, clause)
	m.columns = append(m.columns, c)
	for i := range m.rows {
		m.rows[i] = append(m.rows[i], v)
	}
}

// addSerial adds a column that differs from row to row: which row has which value
// is read back, that they are 1, 2, … is checked.
func (m *alterModel) addSerial() {
	if len(m.columns) > 8 {
		return
	}
	c := modelColumn{fmt.Sprintf("c%d", m.next), "bigint"}
	m.next++
	m.do("ALTER TABLE t ADD COLUMN %s bigserial", c.name)
	m.do("ALTER TABLE t ALTER %s DROP DEFAULT, ALTER %s DROP NOT NULL", c.name, c.name)
	m.columns = append(m.columns, c)
	seen := map[string]bool{}
	for i := range m.rows {
		got := m.sql("SELECT " + c.name + " FROM t WHERE id = " + m.rows[i][0])
		if n, err := strconv.Atoi(got); err != nil || n < 1 || n > len(m.rows) || seen[got] {
			m.t.Fatalf("%q is no new value of a serial column over %d rows", got, len(m.rows))
		}
		seen[got] = true
		m.rows[i] = append(m.rows[i], got)
	}
}

func (m *alterModel) dropColumn() {
	i, ok := m.pick()
	if !ok {
		return
	}
	m.do("ALTER TABLE t DROP COLUMN %s", m.columns[i].name)
	m.columns = slices.Delete(m.columns, i, i+1)
	for r := range m.rows {
		m.rows[r] = slices.Delete(m.rows[r], i, i+1)
	}
}

func (m *alterModel) retype() {
	i, ok := m.pick()
	if !ok {
		return
	}
	c := &m.columns[i]
	list := retypes[c.typ]
	if len(list) == 0 {
		return
	}
	to := list[m.r.IntN(len(list))]
	if to == "numeric(6,2)" || to == "varchar(12)" && c.typ == "varchar" {
		// Values that fit, printed alike, whatever is there.
		for r := range m.rows {
			if m.rows[r][i] == "NULL" {
				continue
			}
			m.rows[r][i] = "1.50"
			if to == "varchar(12)" {
				m.rows[r][i] = "x"
			}
		}
		m.do("ALTER TABLE t ALTER %[1]s DROP DEFAULT, ALTER %[1]s TYPE %[2]s USING CASE WHEN %[1]s IS NOT NULL THEN %[3]s END",
			c.name, to, map[bool]string{true: "'x'", false: "1.5"}[to == "varchar(12)"])
	} else {
		m.do("ALTER TABLE t ALTER %[1]s DROP DEFAULT, ALTER %[1]s TYPE %[2]s", c.name, to)
	}
	c.typ = to
}

func (m *alterModel) key() {
	if m.keyed = !m.keyed; m.keyed {
		m.do("ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (id)")
	} else {
		m.do("ALTER TABLE t DROP CONSTRAINT k")
	}
}

func (m *alterModel) settle() {
	switch m.r.IntN(4) {
	case 0, 1:
		if err := m.engine.Checkpoint(m.ctx); err != nil {
			m.t.Fatal(err)
		}
	case 2:
		if err := m.engine.Vacuum(m.ctx, m.table("t").Storage, 0, m.r.IntN(2) == 0); err != nil {
			m.t.Fatal(err)
		}
	default:
		m.restart()
	}
}

func (m *alterModel) check() {
	m.t.Helper()
	var list []string
	for _, c := range m.columns {
		list = append(list, c.name)
	}
	var want []string
	for _, row := range m.rows {
		want = append(want, strings.Join(row, "|"))
	}
	slices.Sort(want)
	got := strings.Split(m.sql("SELECT "+strings.Join(list, ", ")+" FROM t"), "\n")
	slices.Sort(got)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		m.t.Fatalf("columns %v\ngot\n%s\nwant\n%s", m.columns, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if i, ok := m.pick(); ok && len(m.rows) > 0 {
		// A filter may prune by bounds of before a change of type.
		v := m.rows[m.r.IntN(len(m.rows))][i]
		n := 0
		for _, row := range m.rows {
			if row[i] == v {
				n++
			}
		}
		if v != "NULL" {
			m.want(fmt.Sprintf("SELECT count(*) FROM t WHERE %s = %s", m.columns[i].name, quote(v)), strconv.Itoa(n))
		}
	}
}

// TestSchemaChangeModel changes the schema of a table at random, between changes
// of its rows, flushes, merges and restarts, and compares it with a list.
func TestSchemaChangeModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &alterModel{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 1)), columns: []modelColumn{{"id", "integer"}}}
			m.do("CREATE TABLE t (id int)")
			m.addColumn()
			steps := []func(){m.insert, m.insert, m.insert, m.update, m.remove, m.addColumn, m.addColumn, m.addSerial, m.dropColumn, m.retype, m.retype, m.retype, m.key, m.settle, m.settle, m.settle}
			for range 60 {
				steps[m.r.IntN(len(steps))]()
				m.check()
			}
		})
	}
}
