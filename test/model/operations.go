package model

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"quiver/internal/hlc"
)

// operation is something a session can do. Where it cannot be done as things are,
// run does nothing.
type operation struct {
	name   string
	weight int
	run    func(*run, *session)
}

var operations = []operation{
	{"insert", 22, (*run).insert},
	{"update", 16, (*run).update},
	{"update by condition", 6, (*run).updateWhere},
	{"delete", 12, (*run).remove},
	{"upsert", 12, (*run).upsert},
	{"copy", 4, (*run).copyIn},
	{"load a file", 3, (*run).loadFile},
	{"insert fields", 4, (*run).insertFields},
	{"update a field", 4, (*run).updateField},
	{"field becomes a column", 1, (*run).fieldToColumn},
	{"create database", 1, (*run).createDatabase},
	{"insert in a database", 2, (*run).insertElsewhere},
	{"drop database", 1, (*run).dropDatabase},
	{"begin", 10, (*run).begin},
	{"commit", 9, (*run).commitBlock},
	{"rollback", 3, (*run).rollBack},
	{"savepoint", 7, (*run).savepoint},
	{"rollback to", 4, (*run).rollBackToAny},
	{"release", 2, (*run).release},
	{"create table", 3, (*run).createTable},
	{"drop table", 1, (*run).dropTable},
	{"truncate", 1, (*run).truncate},
	{"rename table", 1, (*run).renameTable},
	{"add column", 3, (*run).addColumn},
	{"drop column", 2, (*run).dropColumn},
	{"rename column", 1, (*run).renameColumn},
	{"alter type", 1, (*run).alterType},
	{"set parameter", 2, (*run).setParameter},
	{"create partition", 3, (*run).createPartition},
	{"drop partition", 1, (*run).dropPartition},
	{"insert into partition", 4, (*run).insertPartition},
	{"detach and attach", 3, (*run).reattach},
	{"create index", 2, (*run).createIndex},
	{"drop index", 1, (*run).dropIndex},
	{"reindex", 1, (*run).reindex},
	{"alias", 2, (*run).alias},
	{"checkpoint", 5, (*run).checkpoint},
	{"vacuum", 3, (*run).vacuum},
	{"vacuum full", 2, (*run).vacuumFull},
	{"time goes by", 2, (*run).advance},
	{"insert select", 1, (*run).insertSelect},
	{"export and import", 1, (*run).exportImport},
	{"backup", 1, (*run).backUp},
	{"restore", 1, (*run).restore},
	{"restart", 1, (*run).restartAny},
	{"power cut", 1, (*run).cutAny},
	{"power cut in a statement", 2, (*run).crashNext},
	{"scan", 12, (*run).scan},
	{"scan by condition", 10, (*run).scanWhere},
	{"point read", 8, (*run).pointRead},
	{"aggregate", 5, (*run).aggregate},
	{"scan a partition", 3, (*run).scanPartition},
	{"nearest", 6, (*run).nearest},
	{"read fields", 3, (*run).readFields},
	{"read the past", 8, (*run).readPast},
	{"read at a level", 4, (*run).readAtLevel},
}

var weights = func() (sum int) {
	for _, o := range operations {
		sum += o.weight
	}
	return sum
}()

// literal is a random value of a type: in SQL, and as SELECT prints it.
func (r *run) literal(typ string) (sql, text string) {
	if r.random.IntN(10) == 0 {
		return "NULL", null
	}
	n := r.random.IntN(200) - 100
	switch typ {
	case "int", "bigint", "numeric":
		text = strconv.Itoa(n)
		return text, text
	case "float8":
		text = strconv.FormatFloat(float64(n)/4, 'g', -1, 64)
		return text, text
	case "boolean":
		text = "f"
		if n > 0 {
			text = "t"
		}
	case "date":
		text = time.Date(2030, 1, 1+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	case "vector(3)":
		text = fmt.Sprintf("[%d,%d,%d]", n, r.random.IntN(50), r.random.IntN(50))
	default:
		text = "w" + strconv.Itoa(n)
		if r.random.IntN(15) == 0 {
			text += strings.Repeat("x", 100+r.random.IntN(4000))
		}
	}
	return "'" + text + "'", text
}

// key is a random key of the session's.
func (r *run) key(s *session) int64 { return s.slot + slots*r.random.Int64N(r.keys) }

// name is what a statement calls a table: its name or an alias.
func (r *run) name(s *session, table string) string {
	for _, alias := range slices.Sorted(maps.Keys(r.state.aliases)) {
		if r.state.aliases[alias] == table && r.txnOf(s).whole[table] == nil && r.random.IntN(2) == 0 {
			return alias
		}
	}
	return table
}

// newRow is a row with random values of some columns, the first of which is the id.
func (r *run) newRow(id int64, columns []column) (sql string, made *row) {
	made = &row{values: map[int]string{columns[0].id: strconv.FormatInt(id, 10)}}
	list := []string{strconv.FormatInt(id, 10)}
	for _, c := range columns[1:] {
		literal, text := r.literal(c.typ)
		list = append(list, literal)
		made.values[c.id] = text
	}
	return "(" + strings.Join(list, ", ") + ")", made
}

// complete gives a row the columns that its statement left out.
func complete(t *table, made *row) *row {
	for _, c := range t.columns {
		if _, ok := made.values[c.id]; !ok {
			made.values[c.id] = c.missing
		}
	}
	return made
}

// some are the id and a random choice of the other columns.
func (r *run) some(t *table) (columns []column, names string) {
	var list []string
	for i, c := range t.columns {
		if i == 0 || r.random.IntN(4) > 0 {
			columns, list = append(columns, c), append(list, c.name)
		}
	}
	return columns, strings.Join(list, ", ")
}

func (r *run) insert(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	r.insertInto(s, name, t, r.name(s, name), "")
}

func (r *run) insertPartition(s *session) {
	name, t := r.pick(s, false)
	if t == nil || t.scheme != unpartitioned || len(t.parts) == 0 {
		return
	}
	parts := slices.Sorted(maps.Keys(t.parts))
	part := parts[r.random.IntN(len(parts))]
	r.insertInto(s, name, t, part, part)
}

func (r *run) insertInto(s *session, name string, t *table, into, part string) {
	alive := t.alive(r.txnOf(s).now)
	columns, names := r.some(t)
	made := map[int64]*row{}
	var values []string
	code := ""
	for range 1 + r.random.IntN(5) {
		id := r.key(s)
		if _, twice := made[id]; twice || code != "" {
			continue
		}
		if alive[id] != nil {
			if len(made) > 0 || r.random.IntN(4) > 0 {
				continue
			}
			code = "23505"
		}
		if !t.takes(id) {
			code = "23514"
		}
		sql, fresh := r.newRow(id, columns)
		fresh.part = part
		values, made[id] = append(values, sql), complete(t, fresh)
	}
	if len(values) == 0 {
		return
	}
	r.do(s, statement{
		sql: fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", into, names, strings.Join(values, ", ")), code: code,
		effect: func(x *txn) { maps.Copy(x.edit(r.state, name), made) },
	})
}

func (r *run) copyIn(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	made, data := r.newRows(s, t, 40, "\t", func(value string) string { return strings.ReplaceAll(value, null, `\N`) })
	r.do(s, statement{
		sql: fmt.Sprintf("COPY %s (%s) FROM STDIN", name, t.names()), copy: []byte(data),
		effect: func(x *txn) { maps.Copy(x.edit(r.state, name), made) },
	})
}

// newRows are less than n rows of the session's that a table has not, and as lines
// of values.
func (r *run) newRows(s *session, t *table, n int, between string, print func(value string) string) (made map[int64]*row, lines string) {
	alive := t.alive(r.txnOf(s).now)
	made = map[int64]*row{}
	var b strings.Builder
	for range r.random.IntN(n) {
		id := r.key(s)
		if alive[id] != nil || made[id] != nil || !t.takes(id) {
			continue
		}
		_, fresh := r.newRow(id, t.columns)
		made[id] = fresh
		for i, c := range t.columns {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(print(fresh.get(c)))
		}
		b.WriteByte('\n')
	}
	return made, b.String()
}

// loadFile is copyIn of a file, whose rows become segments without going through
// the log if they are many to the server.
func (r *run) loadFile(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	made, data := r.newRows(s, t, 120, ",", func(value string) string {
		if value == null {
			return ""
		}
		return `"` + value + `"`
	})
	file := fmt.Sprintf("%s/load%d.csv", r.dir, r.fresh())
	r.check(os.WriteFile(file, []byte(data), 0o600))
	r.do(s, statement{
		sql:    fmt.Sprintf("COPY %s (%s) FROM '%s' (FORMAT csv)", name, t.names(), file),
		effect: func(x *txn) { maps.Copy(x.edit(r.state, name), made) },
	})
}

// change are random columns with random values.
func (r *run) change(t *table) (sql string, values map[int]string) {
	values = map[int]string{}
	var list []string
	for _, c := range t.columns[1:] {
		if r.random.IntN(2) == 0 {
			literal, text := r.literal(c.typ)
			values[c.id] = text
			list = append(list, c.name+" = "+literal)
		}
	}
	return strings.Join(list, ", "), values
}

// changed is a row with other values.
func changed(old *row, t *table, values map[int]string) *row {
	made := &row{values: maps.Clone(old.values), part: old.part}
	for id, v := range values {
		made.values[id] = v
	}
	return complete(t, made)
}

func (r *run) update(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	id := r.key(s)
	set, values := r.change(t)
	if set == "" {
		return
	}
	r.do(s, statement{
		sql: fmt.Sprintf("UPDATE %s SET %s WHERE id = %d", r.name(s, name), set, id),
		effect: func(x *txn) {
			if old := t.alive(x.now)[id]; old != nil {
				x.edit(r.state, name)[id] = changed(old, t, values)
			}
		},
	})
}

// condition is a random condition and what it says of rows.
func (r *run) condition(t *table) (sql string, holds func(id int64, row *row) bool) {
	c := t.columns[r.random.IntN(len(t.columns))]
	switch {
	case r.random.IntN(4) == 0:
		return c.name + " IS NULL", func(_ int64, row *row) bool { return row.get(c) == null }
	case c.typ == "int" || c.typ == "bigint" || c.typ == "numeric" || c.typ == "float8":
		low := float64(r.random.IntN(200) - 100)
		high := low + float64(r.random.IntN(100))
		return fmt.Sprintf("%s BETWEEN %v AND %v", c.name, low, high), func(_ int64, row *row) bool {
			n, ok := number(row.get(c))
			return ok && n >= low && n <= high
		}
	case c.typ == "text":
		word := "w" + strconv.Itoa(r.random.IntN(200)-100)
		return fmt.Sprintf("%s < '%s'", c.name, word), func(_ int64, row *row) bool {
			v := row.get(c)
			return v != null && v < word
		}
	case c.typ == "boolean":
		return c.name, func(_ int64, row *row) bool { return row.get(c) == "t" }
	}
	low := r.random.Int64N(slots * r.keys)
	return fmt.Sprintf("id >= %d", low), func(id int64, _ *row) bool { return id >= low }
}

func (r *run) updateWhere(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	condition, holds := r.condition(t)
	set, values := r.change(t)
	if set == "" {
		return
	}
	r.do(s, statement{
		sql: fmt.Sprintf("UPDATE %s SET %s WHERE %s AND id %% %d = %d", r.name(s, name), set, condition, slots, s.slot),
		effect: func(x *txn) {
			for id, old := range t.alive(x.now) {
				if x.owns(id) && holds(id, old) {
					x.edit(r.state, name)[id] = changed(old, t, values)
				}
			}
		},
	})
}

func (r *run) remove(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	id := r.key(s)
	sql, holds := fmt.Sprintf("id = %d", id), func(other int64, _ *row) bool { return other == id }
	if r.random.IntN(4) == 0 {
		sql, holds = r.condition(t)
		sql += fmt.Sprintf(" AND id %% %d = %d", slots, s.slot)
	}
	r.do(s, statement{
		sql: fmt.Sprintf("DELETE FROM %s WHERE %s", r.name(s, name), sql),
		effect: func(x *txn) {
			for id, old := range t.alive(x.now) {
				if x.owns(id) && holds(id, old) {
					delete(x.edit(r.state, name), id)
				}
			}
		},
	})
}

func (r *run) upsert(s *session) {
	name, t := r.pick(s, false)
	if t == nil || len(t.columns) < 2 {
		return
	}
	id := r.key(s)
	if !t.takes(id) {
		return
	}
	columns, names := r.some(t)
	sql, fresh := r.newRow(id, columns)
	update := r.random.IntN(3) > 0 && len(columns) > 1
	action := "DO NOTHING"
	if update {
		var set []string
		for _, c := range columns[1:] {
			set = append(set, fmt.Sprintf("%s = excluded.%[1]s", c.name))
		}
		action = "DO UPDATE SET " + strings.Join(set, ", ")
	}
	r.do(s, statement{
		sql: fmt.Sprintf("INSERT INTO %s (%s) VALUES %s ON CONFLICT (id) %s", r.name(s, name), names, sql, action),
		effect: func(x *txn) {
			old := t.alive(x.now)[id]
			switch {
			case old == nil:
				x.edit(r.state, name)[id] = complete(t, fresh)
			case update:
				x.edit(r.state, name)[id] = changed(old, t, fresh.values)
			}
		},
	})
}

func (r *run) begin(s *session) {
	if s.txn != nil {
		return
	}
	x := r.txnOf(s)
	sql := "BEGIN"
	if r.random.IntN(3) == 0 {
		sql = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"
		x.frozen = r.state
		for _, slots := range r.locks { // definitions must stay as they are
			for _, alone := range slots {
				if alone {
					return
				}
			}
		}
	}
	if r.do(s, statement{sql: sql}) {
		x.now = r.cluster.Clock.Now()
		s.txn = x
	}
}

func (r *run) commitBlock(s *session) {
	if s.txn != nil {
		r.end(s, "COMMIT", true)
	}
}

func (r *run) rollBack(s *session) {
	if s.txn != nil {
		r.end(s, "ROLLBACK", false)
	}
}

func (r *run) savepoint(s *session) {
	if s.txn == nil {
		return
	}
	name := fmt.Sprintf("p%d", r.fresh())
	r.do(s, statement{sql: "SAVEPOINT " + name, effect: func(x *txn) {
		x.marks = append(x.marks, mark{name, x.changes()})
	}})
}

func (r *run) rollBackToAny(s *session) {
	if s.txn != nil && len(s.txn.marks) > 0 {
		r.rollbackTo(s, r.random.IntN(len(s.txn.marks)))
	}
}

func (r *run) release(s *session) {
	if s.txn == nil || len(s.txn.marks) == 0 {
		return
	}
	i := r.random.IntN(len(s.txn.marks))
	r.do(s, statement{sql: "RELEASE " + s.txn.marks[i].name, effect: func(x *txn) { x.marks = x.marks[:i] }})
}

var types = []string{"int", "bigint", "text", "float8", "boolean", "numeric", "date", "vector(3)"}

// newColumn makes a column of no default.
func (r *run) newColumn(typ string) column {
	n := r.fresh()
	return column{id: n, name: fmt.Sprintf("c%d", n), typ: typ, missing: null}
}

func (r *run) createTable(s *session) {
	if len(r.state.tables) >= 7 || s.txn != nil && s.txn.frozen != nil {
		return
	}
	t := &table{id: r.fresh(), rows: map[int64]*row{}, parts: map[string]span{}, indexes: map[string]index{}}
	key := r.newColumn("bigint")
	key.name = "id"
	t.columns = []column{key, r.newColumn("int"), r.newColumn("text"), r.newColumn("vector(3)")}
	name := fmt.Sprintf("t%d", t.id)
	var with []string
	if r.random.IntN(3) == 0 {
		t.ttl = time.Duration(1+r.random.IntN(4))*time.Hour + 30*time.Minute
		with = append(with, fmt.Sprintf("ttl = '%d minutes'", int(t.ttl.Minutes())))
	}
	if r.random.IntN(3) == 0 {
		with = append(with, "compression = '"+r.codec()+"'")
	}
	if r.random.IntN(4) == 0 {
		with = append(with, "mmap = off")
	}
	if r.random.IntN(3) == 0 {
		t.dynamic = true
		with = append(with, "dynamic_fields = on")
	}
	by := ""
	switch r.random.IntN(6) {
	case 0:
		t.scheme, by = byRange, " PARTITION BY RANGE (id)"
	case 1:
		t.scheme, by = byHash, " PARTITION BY HASH (id)"
		with = append(with, fmt.Sprintf("partitions = %d", 1+r.random.IntN(6)))
	case 2:
		with = append(with, "shards = 3")
	case 3: // rows move when the column changes
		key := t.columns[1]
		t.scheme, t.by, by = byHash, key.id, fmt.Sprintf(" PARTITION BY HASH (%s)", key.name)
		with = append(with, fmt.Sprintf("partitions = %d", 1+r.random.IntN(6)))
	}
	var list []string
	for _, c := range t.columns {
		list = append(list, c.name+" "+c.typ)
	}
	list[0] += " PRIMARY KEY"
	sql := fmt.Sprintf("CREATE TABLE %s (%s)%s", name, strings.Join(list, ", "), by)
	if len(with) > 0 {
		sql += " WITH (" + strings.Join(with, ", ") + ")"
	}
	if r.lock(s, name, true) {
		r.do(s, statement{sql: sql, effect: func(x *txn) { x.whole[name] = t }})
	}
}

func (r *run) codec() string { return []string{"none", "lz4", "zstd", "snappy"}[r.random.IntN(4)] }

// aliased says whether an alias stands for a table.
func (r *run) aliased(name string) bool {
	for _, t := range r.state.aliases {
		if t == name {
			return true
		}
	}
	return false
}

func (r *run) dropTable(s *session) {
	name, t := r.pick(s, true)
	if t == nil || r.aliased(name) || len(r.state.tables) < 3 {
		return
	}
	r.do(s, statement{sql: "DROP TABLE " + name, effect: func(x *txn) {
		delete(x.rows, name)
		x.whole[name] = nil
	}})
}

func (r *run) truncate(s *session) {
	name, t := r.pick(s, true)
	if t == nil {
		return
	}
	r.do(s, statement{sql: "TRUNCATE " + name, effect: func(x *txn) {
		t := x.own(r.state, name)
		t.rows, t.readable = map[int64]*row{}, 0
	}})
}

func (r *run) renameTable(s *session) {
	name, t := r.pick(s, true)
	if t == nil || r.aliased(name) {
		return
	}
	to := fmt.Sprintf("t%d", r.fresh())
	if !r.lock(s, to, true) {
		return
	}
	r.do(s, statement{sql: fmt.Sprintf("ALTER TABLE %s RENAME TO %s", name, to), effect: func(x *txn) {
		x.whole[to] = x.own(r.state, name)
		x.whole[name] = nil
	}})
}

func (r *run) addColumn(s *session) {
	name, t := r.pick(s, true)
	if t == nil || len(t.columns) > 7 {
		return
	}
	c := r.newColumn(types[r.random.IntN(len(types))])
	sql := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", name, c.name, c.typ)
	if r.random.IntN(2) == 0 {
		literal, text := r.literal(c.typ)
		c.missing = text
		sql += " DEFAULT " + literal
	}
	r.do(s, statement{sql: sql, effect: func(x *txn) {
		t := x.own(r.state, name)
		t.columns = append(t.columns, c)
	}})
}

// pickColumn is a column other than the key; nil if there is none.
func (r *run) pickColumn(t *table) *column {
	if t == nil || len(t.columns) < 2 {
		return nil
	}
	return &t.columns[1+r.random.IntN(len(t.columns)-1)]
}

func (r *run) dropColumn(s *session) {
	name, t := r.pick(s, true)
	c := r.pickColumn(t)
	if c == nil || len(t.columns) < 4 || c.id == t.by {
		return
	}
	gone := *c
	r.do(s, statement{sql: fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", name, gone.name), effect: func(x *txn) {
		t := x.own(r.state, name)
		t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return c.id == gone.id })
		maps.DeleteFunc(t.indexes, func(_ string, x index) bool { return x.column == gone.id })
	}})
}

func (r *run) renameColumn(s *session) {
	name, t := r.pick(s, true)
	c := r.pickColumn(t)
	if c == nil {
		return
	}
	old, to := c.name, fmt.Sprintf("c%d", r.fresh())
	r.do(s, statement{sql: fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", name, old, to), effect: func(x *txn) {
		x.own(r.state, name).column(old).name = to
	}})
}

// wider are the changes of type that change no text.
var wider = map[string][]string{"int": {"bigint", "numeric", "text"}, "bigint": {"numeric", "text"}, "numeric": {"text"}, "date": {"text"}}

func (r *run) alterType(s *session) {
	name, t := r.pick(s, true)
	c := r.pickColumn(t)
	if c == nil || wider[c.typ] == nil || c.id == t.by {
		return
	}
	column, list := c.name, wider[c.typ]
	typ := list[r.random.IntN(len(list))]
	r.do(s, statement{sql: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", name, column, typ), effect: func(x *txn) {
		t := x.own(r.state, name)
		metadata := t.column(column).typ == "int" && typ == "bigint"
		t.column(column).typ = typ
		if !metadata { // every row is written anew
			t.readable = 0
			t.rows = maps.Clone(t.alive(x.now))
			for id, old := range t.rows {
				t.rows[id] = changed(old, t, nil)
			}
		}
	}})
}

func (r *run) setParameter(s *session) {
	name, t := r.pick(s, true)
	if t == nil {
		return
	}
	effect := func(x *txn) {}
	var action string
	switch r.random.IntN(6) {
	case 0:
		ttl := time.Duration(1+r.random.IntN(4))*time.Hour + 30*time.Minute
		if s.txn != nil || r.gone(t) { // it holds at once, whoever reads
			return
		}
		action = fmt.Sprintf("SET (ttl = '%d minutes')", int(ttl.Minutes()))
		effect = func(x *txn) {
			t := x.own(r.state, name)
			t.ttl, t.readable = ttl, 0
		}
	case 1:
		if s.txn != nil || r.gone(t) {
			return
		}
		action = "RESET (ttl)"
		effect = func(x *txn) {
			t := x.own(r.state, name)
			t.ttl, t.readable = 0, 0
		}
	case 2:
		action = "SET (compression = '" + r.codec() + "')"
	case 3:
		action = "SET (segment_max_size = '1MB')"
	case 4:
		c := r.pickColumn(t)
		action = fmt.Sprintf("ALTER COLUMN %s SET COMPRESSION %s", c.name, r.codec())
	default:
		action = []string{"SET (mmap = off)", "RESET (mmap)", "RESET (segment_max_size)", "SET (consistency_level = 'strong')"}[r.random.IntN(4)]
	}
	r.do(s, statement{sql: fmt.Sprintf("ALTER TABLE %s %s", name, action), effect: effect})
}

// gone says whether rows of a table are past their time: with a longer one they
// may be there again or not.
func (r *run) gone(t *table) bool { return len(t.alive(r.cluster.Clock.Now())) < len(t.rows) }

func (r *run) createPartition(s *session) {
	name, t := r.pick(s, true)
	if t == nil || t.scheme == byHash || len(t.parts) > 4 {
		return
	}
	part := fmt.Sprintf("p%d", r.fresh())
	sql, place := fmt.Sprintf("CREATE PARTITION %s ON %s", part, name), span{}
	if t.scheme == byRange {
		const pieces = 4
		width := (slots*r.keys + pieces - 1) / pieces
		place.low = width * r.random.Int64N(pieces)
		place.high = place.low + width
		for _, p := range t.parts {
			if p == place {
				return
			}
		}
		sql += fmt.Sprintf(" FOR VALUES FROM (%d) TO (%d)", place.low, place.high)
	}
	r.do(s, statement{sql: sql, effect: func(x *txn) { x.own(r.state, name).parts[part] = place }})
}

// pickPart is a partition by name; "" if there is none.
func (r *run) pickPart(t *table) string {
	if t == nil || len(t.parts) == 0 {
		return ""
	}
	list := slices.Sorted(maps.Keys(t.parts))
	return list[r.random.IntN(len(list))]
}

func (r *run) dropPartition(s *session) {
	name, t := r.pick(s, true)
	part := r.pickPart(t)
	if part == "" {
		return
	}
	r.do(s, statement{sql: fmt.Sprintf("DROP PARTITION %s ON %s", part, name), effect: func(x *txn) {
		t := x.own(r.state, name)
		maps.DeleteFunc(t.rows, func(id int64, row *row) bool { return t.partOf(id, row) == part })
		delete(t.parts, part)
	}})
}

// reattach detaches a partition and attaches it again: its rows stay, but their past
// cannot be read any more.
func (r *run) reattach(s *session) {
	name, t := r.pick(s, true)
	part := r.pickPart(t)
	if part == "" || t.scheme != byRange || s.txn != nil {
		return
	}
	p := t.parts[part]
	r.do(s, statement{
		sql: fmt.Sprintf("BEGIN; ALTER TABLE %s DETACH PARTITION %s; ALTER TABLE %[1]s ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d); COMMIT",
			name, part, p.low, p.high),
		effect: func(x *txn) { x.own(r.state, name).readable = 0 },
	})
}

// vectors is a column of vectors; nil if there is none.
func (r *run) vectors(t *table) *column {
	if t == nil {
		return nil
	}
	var list []*column
	for i := range t.columns {
		if t.columns[i].typ == "vector(3)" {
			list = append(list, &t.columns[i])
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[r.random.IntN(len(list))]
}

func (r *run) createIndex(s *session) {
	name, t := r.pick(s, true)
	c := r.vectors(t)
	if c == nil || len(t.indexes) > 1 {
		return
	}
	made, named := index{c.id, "hnsw"}, fmt.Sprintf("x%d", r.fresh())
	var with []string
	if r.random.IntN(2) == 0 {
		made.method = []string{"ivfflat", "diskann"}[r.random.IntN(2)]
		with = append(with, fmt.Sprintf("lists = %d", 1+r.random.IntN(8)))
	}
	if r.random.IntN(3) == 0 {
		with = append(with, "quantization = "+[]string{"none", "sq8", "rabitq"}[r.random.IntN(3)])
	}
	sql := fmt.Sprintf("CREATE INDEX %s ON %s USING %s (%s vector_l2_ops)", named, name, made.method, c.name)
	if len(with) > 0 {
		sql += " WITH (" + strings.Join(with, ", ") + ")"
	}
	r.do(s, statement{sql: sql, effect: func(x *txn) { x.own(r.state, name).indexes[named] = made }})
}

func (r *run) pickIndex(t *table) string {
	if t == nil || len(t.indexes) == 0 {
		return ""
	}
	list := slices.Sorted(maps.Keys(t.indexes))
	return list[r.random.IntN(len(list))]
}

func (r *run) dropIndex(s *session) {
	name, t := r.pick(s, true)
	if index := r.pickIndex(t); index != "" {
		r.do(s, statement{sql: "DROP INDEX " + index, effect: func(x *txn) { delete(x.own(r.state, name).indexes, index) }})
	}
}

func (r *run) reindex(s *session) {
	name, t := r.pick(s, true)
	if index := r.pickIndex(t); index != "" {
		r.do(s, statement{sql: "REINDEX INDEX " + index, effect: func(x *txn) { x.own(r.state, name) }})
	}
}

func (r *run) alias(s *session) {
	name, t := r.pick(s, true)
	if t == nil || s.txn != nil || r.state.tables[name] == nil {
		return
	}
	list := slices.Sorted(maps.Keys(r.state.aliases))
	switch n := r.random.IntN(4); {
	case n == 0 && len(list) > 0:
		r.do(s, statement{sql: "DROP ALIAS " + list[0], effect: func(x *txn) { x.aliases[list[0]] = "" }})
	case n < 3 && len(list) > 0:
		a := list[r.random.IntN(len(list))]
		r.do(s, statement{sql: fmt.Sprintf("ALTER ALIAS %s FOR %s", a, name), effect: func(x *txn) { x.aliases[a] = name }})
	case len(list) < 3:
		a := fmt.Sprintf("a%d", r.fresh())
		r.do(s, statement{sql: fmt.Sprintf("CREATE ALIAS %s FOR %s", a, name), effect: func(x *txn) { x.aliases[a] = name }})
	}
}

func (r *run) checkpoint(s *session) {
	if s.txn != nil {
		return
	}
	sql := "CHECKPOINT"
	if name, t := r.pick(s, false); t != nil && r.random.IntN(2) == 0 {
		sql += " " + name
	}
	r.do(s, statement{sql: sql})
}

func (r *run) vacuum(s *session) {
	if name, t := r.pick(s, false); t != nil && s.txn == nil {
		r.do(s, statement{sql: "VACUUM " + name})
	}
}

func (r *run) vacuumFull(s *session) {
	name, t := r.pick(s, false)
	if t == nil || s.txn != nil {
		return
	}
	r.do(s, statement{sql: "VACUUM FULL " + name}) // cut short, it may have merged, too
	next := *r.state
	next.tables = maps.Clone(next.tables)
	t = next.tables[name].clone()
	t.readable = r.cluster.Clock.Now()
	next.tables[name] = t
	r.state = &next
}

// advance lets time go by; not while a transaction reads an earlier moment.
func (r *run) advance(*session) {
	for _, s := range r.sessions {
		if s.txn != nil {
			return
		}
	}
	d := time.Duration(1+r.random.IntN(3)) * time.Hour
	r.did = true
	r.logf("-- %v go by", d)
	r.cluster.Clock.Advance(d)
}

// like makes a table for the rows of another.
func (r *run) like(t *table) (name, sql string, fresh *table) {
	fresh = &table{id: r.fresh(), columns: slices.Clone(t.columns), rows: map[int64]*row{}, parts: map[string]span{}, indexes: map[string]index{}}
	name = fmt.Sprintf("t%d", fresh.id)
	var list []string
	for i := range fresh.columns {
		fresh.columns[i].missing = null
		list = append(list, fresh.columns[i].name+" "+fresh.columns[i].typ)
	}
	list[0] += " PRIMARY KEY"
	return name, fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(list, ", ")), fresh
}

// copied are rows as another table has them once it took them over.
func copied(t *table, now hlc.Timestamp) map[int64]*row {
	out := map[int64]*row{}
	for id, old := range t.alive(now) {
		made := &row{values: map[int]string{}}
		for _, c := range t.columns {
			made.values[c.id] = old.get(c)
		}
		out[id] = made
	}
	return out
}

func (r *run) insertSelect(s *session) {
	name, t := r.pick(s, false)
	if t == nil || s.txn != nil || len(r.state.tables) >= 7 {
		return
	}
	made, sql, fresh := r.like(t)
	r.do(s, statement{sql: fmt.Sprintf("BEGIN; %s; INSERT INTO %s SELECT %s FROM %s; COMMIT", sql, made, t.names(), name), effect: func(x *txn) {
		fresh.rows = copied(t, x.now)
		x.whole[made] = fresh
	}})
}

func (r *run) exportImport(s *session) {
	name, t := r.pick(s, false)
	if t == nil || s.txn != nil || len(r.state.tables) >= 7 {
		return
	}
	made, sql, fresh := r.like(t)
	format := []string{"parquet", "arrow", "csv", "json"}[r.random.IntN(4)]
	file := fmt.Sprintf("%s/%s.%s", r.dir, made, format)
	_ = r.do(s, statement{sql: fmt.Sprintf("COPY %s (%s) TO '%s' (FORMAT %s)", name, t.names(), file, format)}) &&
		r.do(s, statement{sql: sql, effect: func(x *txn) { x.whole[made] = fresh }}) &&
		r.do(s, statement{sql: fmt.Sprintf("COPY %s (%s) FROM '%s' (FORMAT %s)", made, t.names(), file, format), effect: func(x *txn) {
			maps.Copy(x.own(r.state, made).rows, copied(t, x.now))
		}})
}

func (r *run) restartAny(*session) {
	if r.random.IntN(4) == 0 {
		r.restart()
	}
}

func (r *run) cutAny(*session) {
	if r.random.IntN(2) == 0 {
		r.cut()
	}
}

func (r *run) crashNext(*session) { r.crashing = true }
