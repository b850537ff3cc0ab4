package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"quiver/internal/hlc"
)

// null is a value's text where there is none.
const null = "\x00"

// column is a column of a table. Ids are never used again.
type column struct {
	id   int
	name string
	typ  string
	// missing is what rows have that were there before the column.
	missing string
}

// row has values by column id. Rows never change: they are replaced.
type row struct {
	values map[int]string
	// part is the partition that the row was put into by name; "" is the default.
	part string
	// born is the commit of the row; 0 of a transaction that is under way.
	born hlc.Timestamp
}

func (r *row) get(c column) string {
	if v, ok := r.values[c.id]; ok {
		return v
	}
	return c.missing
}

// index is a vector index.
type index struct {
	column int // its id
	method string
}

// span is the bounds of a range partition.
type span struct{ low, high int64 }

// scheme is how a table is partitioned.
type scheme byte

const (
	unpartitioned scheme = iota // with partitions by name, perhaps
	byRange
	byHash
)

// table is a table: the first column is its primary key.
type table struct {
	// id tells tables of one name apart.
	id      int
	columns []column
	rows    map[int64]*row
	ttl     time.Duration
	scheme  scheme
	// by is the id of the column by whose hash rows are placed; 0 is by their own id.
	by    int
	parts map[string]span
	// indexes by name.
	indexes map[string]index
	// dynamic tables take names that no column has: fields are those in use, of
	// which a row has what it was given.
	dynamic bool
	fields  []column
	// readable is from when on the past can be read for certain.
	readable hlc.Timestamp
}

func (t *table) clone() *table {
	out := *t
	out.columns, out.rows = slices.Clone(t.columns), maps.Clone(t.rows)
	out.parts, out.indexes, out.fields = maps.Clone(t.parts), maps.Clone(t.indexes), slices.Clone(t.fields)
	return &out
}

// column finds one by name; nil if there is none.
func (t *table) column(name string) *column {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	return nil
}

func (t *table) names() string {
	var list []string
	for _, c := range t.columns {
		list = append(list, c.name)
	}
	return strings.Join(list, ", ")
}

// partOf is the partition of a row: the one it was put into, or that of its id. It
// is "" for one that is none by name.
func (t *table) partOf(id int64, r *row) string {
	if t.scheme != byRange {
		return r.part
	}
	for name, s := range t.parts {
		if id >= s.low && id < s.high {
			return name
		}
	}
	return ""
}

// takes says whether the table has a place for an id.
func (t *table) takes(id int64) bool { return t.scheme != byRange || t.partOf(id, &row{}) != "" }

// alive are the rows that are not past their time at now.
func (t *table) alive(now hlc.Timestamp) map[int64]*row {
	if t.ttl == 0 {
		return t.rows
	}
	out := map[int64]*row{}
	for id, r := range t.rows {
		if r.born == 0 || r.born > now.Before(t.ttl) {
			out[id] = r
		}
	}
	return out
}

// print is what SELECT … ORDER BY id answers for some rows, with columns of later.
func printRows(columns []column, rows map[int64]*row) []string {
	out := make([]string, 0, len(rows))
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		var b strings.Builder
		for i, c := range columns {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(rows[id].get(c))
		}
		out = append(out, b.String())
	}
	return out
}

// number is a value as a number; false for null and other types.
func number(value string) (float64, bool) {
	f, err := strconv.ParseFloat(value, 64)
	return f, err == nil
}

// state is what is committed. It never changes: it is replaced.
type state struct {
	at      hlc.Timestamp
	tables  map[string]*table
	aliases map[string]string
	// databases have, beside the one that all else is in, a table of numbers each.
	databases map[string][]int64
}

// txn is a transaction: the state that it begins from and what it changed.
type txn struct {
	slot int64
	// frozen is what a repeatable read transaction reads; nil for others.
	frozen *state
	// now is when that was.
	now hlc.Timestamp
	// whole are tables that are the transaction's alone; nil is dropped.
	whole map[string]*table
	// rows are the rows of the slot in tables that are shared.
	rows    map[string]map[int64]*row
	aliases map[string]string // "" is dropped; nil map: unchanged
	// databases are those that it changed; nil is dropped.
	databases map[string][]int64
	marks     []mark
	failed    bool
}

// mark is a savepoint.
type mark struct {
	name    string
	changes txn
}

const slots = 3

func (x *txn) owns(id int64) bool { return id%slots == x.slot }

// table is a table as the transaction sees it; nil if there is none.
func (x *txn) table(s *state, name string) *table {
	if t, ok := x.whole[name]; ok {
		return t
	}
	base := s
	if x.frozen != nil {
		base = x.frozen
	}
	t := base.tables[name]
	if own, ok := x.rows[name]; ok && t != nil {
		t = t.clone()
		maps.DeleteFunc(t.rows, func(id int64, _ *row) bool { return x.owns(id) })
		maps.Copy(t.rows, own)
	}
	return t
}

// own makes a table the transaction's alone, to be changed.
func (x *txn) own(s *state, name string) *table {
	t := x.table(s, name).clone()
	delete(x.rows, name)
	x.whole[name] = t
	return t
}

// edit are the slot's rows of a table, to be changed.
func (x *txn) edit(s *state, name string) map[int64]*row {
	if t, ok := x.whole[name]; ok {
		return t.rows
	}
	if x.rows[name] == nil {
		own := map[int64]*row{}
		for id, r := range x.table(s, name).rows {
			if x.owns(id) {
				own[id] = r
			}
		}
		x.rows[name] = own
	}
	return x.rows[name]
}

// changes are a copy of what the transaction changed.
func (x *txn) changes() txn {
	out := txn{whole: map[string]*table{}, rows: map[string]map[int64]*row{}, aliases: maps.Clone(x.aliases)}
	for name, t := range x.whole {
		if t != nil {
			t = t.clone()
		}
		out.whole[name] = t
	}
	for name, rows := range x.rows {
		out.rows[name] = maps.Clone(rows)
	}
	return out
}

// rollBackTo a savepoint, which stays.
func (x *txn) rollBackTo(i int) {
	c := x.marks[i].changes.changes()
	x.whole, x.rows, x.aliases, x.failed = c.whole, c.rows, c.aliases, false
	x.marks = x.marks[:i+1]
}

// commit is the state after the transaction, whose rows are of the time at.
func (x *txn) commit(s *state, at hlc.Timestamp) *state {
	out := &state{at: at, tables: maps.Clone(s.tables), aliases: maps.Clone(s.aliases), databases: maps.Clone(s.databases)}
	for name := range x.rows {
		t := s.tables[name].clone()
		maps.DeleteFunc(t.rows, func(id int64, _ *row) bool { return x.owns(id) })
		maps.Copy(t.rows, x.rows[name])
		out.tables[name] = t
	}
	for name, t := range x.whole {
		if t == nil {
			delete(out.tables, name)
		} else {
			out.tables[name] = t.clone()
		}
	}
	for name := range x.rows {
		out.tables[name].settle(at)
	}
	for name, t := range x.whole {
		if t != nil {
			out.tables[name].settle(at)
		}
	}
	for name, target := range x.aliases {
		if target == "" {
			delete(out.aliases, name)
		} else {
			out.aliases[name] = target
		}
	}
	for name, numbers := range x.databases {
		if numbers == nil {
			delete(out.databases, name)
		} else {
			out.databases[name] = numbers
		}
	}
	return out
}

// settle gives new rows the time of their commit.
func (t *table) settle(at hlc.Timestamp) {
	for id, r := range t.rows {
		if r.born == 0 {
			t.rows[id] = &row{values: r.values, part: r.part, born: at}
		}
	}
	t.readable = cmp.Or(t.readable, at)
}

// differ describes how two lists of rows differ; "" if they do not.
func differ(got, want []string) string {
	if slices.Equal(got, want) {
		return ""
	}
	count := map[string]int{}
	for _, r := range want {
		count[r]++
	}
	for _, r := range got {
		count[r]--
	}
	var out []string
	for _, r := range slices.Sorted(maps.Keys(count)) {
		switch n := count[r]; {
		case n > 0:
			out = append(out, "missing: "+shorten(r))
		case n < 0:
			out = append(out, "too much: "+shorten(r))
		}
	}
	if len(out) == 0 {
		out = []string{"in another order"}
	}
	if n := len(out); n > 10 {
		out = append(out[:10], fmt.Sprintf("and %d more", n-10))
	}
	return fmt.Sprintf("%d rows, want %d\n\t%s", len(got), len(want), strings.Join(out, "\n\t"))
}

// shorten cuts what is long.
func shorten(s string) string {
	s = strings.ReplaceAll(s, null, "NULL")
	if len(s) > 160 {
		s = s[:150] + "…" + strconv.Itoa(len(s))
	}
	return s
}
