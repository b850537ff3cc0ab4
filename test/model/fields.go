package model

import (
	"fmt"
	"maps"
	"strings"
)

// Dynamic fields: a name that no column has is a key of a hidden column. In the
// model they are columns that rows have if they were given a value.

const fieldsMax = 3

// pickField is a field of a dynamic table, in use or not yet.
func (r *run) pickField(t *table) column {
	if n := len(t.fields); n == fieldsMax || n > 0 && r.random.IntN(3) > 0 {
		return t.fields[r.random.IntN(n)]
	}
	return r.newColumn("text")
}

// use notes that a table has a field.
func (t *table) use(f column) {
	for _, other := range t.fields {
		if other.id == f.id {
			return
		}
	}
	t.fields = append(t.fields, f)
}

// dynamicTable is a dynamic table that the session may have to itself, since all
// rows tell which fields there are.
func (r *run) dynamicTable(s *session) (string, *table) {
	name, t := r.pick(s, true)
	if t == nil || !t.dynamic {
		return "", nil
	}
	return name, t
}

func (r *run) insertFields(s *session) {
	name, t := r.dynamicTable(s)
	if t == nil {
		return
	}
	id := r.key(s)
	if t.alive(r.txnOf(s).now)[id] != nil || !t.takes(id) {
		return
	}
	f := r.pickField(t)
	literal, text := r.literal("text")
	r.do(s, statement{sql: fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (%d, %s)", name, f.name, id, literal), effect: func(x *txn) {
		t := x.own(r.state, name)
		t.use(f)
		t.rows[id] = complete(t, &row{values: map[int]string{t.columns[0].id: fmt.Sprint(id), f.id: text}})
	}})
}

func (r *run) updateField(s *session) {
	name, t := r.dynamicTable(s)
	if t == nil {
		return
	}
	condition, holds := r.condition(t)
	f := r.pickField(t)
	literal, text := r.literal("text")
	r.do(s, statement{sql: fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", name, f.name, literal, condition), effect: func(x *txn) {
		t := x.own(r.state, name)
		t.use(f)
		for id, old := range t.alive(x.now) {
			if holds(id, old) {
				t.rows[id] = changed(old, t, map[int]string{f.id: text})
			}
		}
	}})
}

// fieldToColumn makes a column of a field, which takes its values over: the rows are
// written anew if one of them has the field, be it null.
func (r *run) fieldToColumn(s *session) {
	name, t := r.dynamicTable(s)
	if t == nil || len(t.fields) == 0 || len(t.columns) > 7 {
		return
	}
	f := t.fields[r.random.IntN(len(t.fields))]
	r.do(s, statement{sql: fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s text", name, f.name), effect: func(x *txn) {
		t := x.own(r.state, name)
		t.columns = append(t.columns, f)
		t.fields = without(t.fields, f)
		t.readable = 0
		rows := maps.Clone(t.alive(x.now))
		given := false
		for _, row := range rows {
			_, has := row.values[f.id]
			given = given || has
		}
		if !given {
			return
		}
		t.rows = rows
		for id, old := range rows {
			rows[id] = changed(old, t, nil)
		}
	}})
}

func without(list []column, gone column) (rest []column) {
	for _, c := range list {
		if c.id != gone.id {
			rest = append(rest, c)
		}
	}
	return rest
}

// readFields reads all fields of a table, whose rows are given.
func (t *table) readFields(name string, rows map[int64]*row) (sql string, want []string) {
	columns, names := []column{t.columns[0]}, []string{"id"}
	for _, f := range t.fields {
		columns, names = append(columns, f), append(names, f.name)
	}
	return fmt.Sprintf("SELECT %s FROM %s ORDER BY id", strings.Join(names, ", "), name), printRows(columns, rows)
}

func (r *run) readFields(s *session) {
	name, t := r.pick(s, false)
	if t == nil || len(t.fields) == 0 {
		return
	}
	f := t.fields[r.random.IntN(len(t.fields))]
	rows := t.alive(r.txnOf(s).now)
	if r.random.IntN(2) == 0 {
		sql, want := t.readFields(name, rows)
		r.compare(s, sql, want)
		return
	}
	given := map[int64]*row{}
	for id, row := range rows {
		if row.get(f) != null {
			given[id] = row
		}
	}
	r.compare(s, fmt.Sprintf("SELECT id, %s FROM %s WHERE %[1]s IS NOT NULL ORDER BY id", f.name, name), printRows([]column{t.columns[0], f}, given))
}
