package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// compare runs a query and compares its rows.
func (r *run) compare(s *session, sql string, want []string) {
	got, err := r.query(s, sql)
	if err != nil {
		r.logf("s%d: %s", s.slot, sql)
		r.failf("s%d: %s: %v", s.slot, sql, err)
	}
	if text := differ(got, want); text != "" {
		r.logf("s%d: %s", s.slot, sql)
		r.failf("s%d: %s: %s", s.slot, sql, text)
	}
	r.did = true
}

func (r *run) scan(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	r.compare(s, fmt.Sprintf("SELECT %s FROM %s ORDER BY id", t.names(), r.name(s, name)), printRows(t.columns, t.alive(r.txnOf(s).now)))
}

func (r *run) scanWhere(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	condition, holds := r.condition(t)
	rows := map[int64]*row{}
	for id, row := range t.alive(r.txnOf(s).now) {
		if holds(id, row) {
			rows[id] = row
		}
	}
	r.compare(s, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY id", t.names(), r.name(s, name), condition), printRows(t.columns, rows))
}

func (r *run) pointRead(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	id := r.random.Int64N(slots * r.keys)
	rows := map[int64]*row{}
	if row := t.alive(r.txnOf(s).now)[id]; row != nil {
		rows[id] = row
	}
	r.compare(s, fmt.Sprintf("SELECT %s FROM %s WHERE id = %d", t.names(), r.name(s, name), id), printRows(t.columns, rows))
}

func (r *run) aggregate(s *session) {
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	sum, rows := int64(0), t.alive(r.txnOf(s).now)
	for id := range rows {
		sum += id
	}
	r.compare(s, "SELECT count(*), coalesce(sum(id), 0) FROM "+r.name(s, name), []string{fmt.Sprintf("%d|%d", len(rows), sum)})
}

func (r *run) scanPartition(s *session) {
	_, t := r.pick(s, false)
	part := r.pickPart(t)
	if part == "" {
		return
	}
	rows := map[int64]*row{}
	for id, row := range t.alive(r.txnOf(s).now) {
		if t.partOf(id, row) == part {
			rows[id] = row
		}
	}
	r.compare(s, fmt.Sprintf("SELECT %s FROM %s ORDER BY id", t.names(), part), printRows(t.columns, rows))
}

// squared is the square of the distance between two vectors of integers; false
// where there is no vector.
func squared(a, b string) (sum int64, ok bool) {
	if a == null {
		return 0, false
	}
	x, y := strings.Split(strings.Trim(a, "[]"), ","), strings.Split(strings.Trim(b, "[]"), ",")
	for i := range x {
		p, _ := strconv.ParseInt(x[i], 10, 64)
		q, _ := strconv.ParseInt(y[i], 10, 64)
		sum += (p - q) * (p - q)
	}
	return sum, true
}

// exact says whether a search of a column finds the very nearest: codes of lists
// may leave some out.
func (t *table) exact(c *column) bool {
	for _, x := range t.indexes {
		if x.column == c.id && x.method != "hnsw" {
			return false
		}
	}
	return true
}

// nearest searches, with an index where there is one. The model knows the
// distances; of rows at equal ones any may come.
func (r *run) nearest(s *session) {
	name, t := r.pick(s, false)
	c := r.vectors(t)
	if c == nil {
		return
	}
	query := fmt.Sprintf("[%d,%d,%d]", r.random.IntN(200)-100, r.random.IntN(50), r.random.IntN(50))
	limit := 1 + r.random.IntN(8)
	var want []int64
	distances := map[string]int64{}
	for id, row := range t.alive(r.txnOf(s).now) {
		if d, ok := squared(row.get(*c), query); ok {
			want = append(want, d)
			distances[strconv.FormatInt(id, 10)] = d
		}
	}
	slices.Sort(want)
	want = want[:min(limit, len(want))]
	sql := fmt.Sprintf("SELECT id FROM %s WHERE %s IS NOT NULL ORDER BY %[2]s <-> '%s' LIMIT %d", r.name(s, name), c.name, query, limit)
	got, err := r.query(s, sql)
	if err != nil {
		r.failf("s%d: %s: %v", s.slot, sql, err)
	}
	found := make([]int64, len(got))
	for i, id := range got {
		d, ok := distances[id]
		if !ok {
			r.failf("s%d: %s: finds row %s, which is not there", s.slot, sql, id)
		}
		found[i] = d
	}
	if slices.Sort(got); len(slices.Compact(got)) != len(found) {
		r.failf("s%d: %s: finds rows twice: %q", s.slot, sql, got)
	}
	if !slices.Equal(found, want) && (t.exact(c) || len(found) != len(want) || !slices.IsSorted(found)) {
		r.failf("s%d: %s: squares of distances %v, want %v", s.slot, sql, found, want)
	}
	r.did = true
}

// past is a state to read at: one of the history in which a table can be read.
func (r *run) past(name string, t *table) *state {
	h := r.history[r.random.IntN(len(r.history))]
	old := h.tables[name]
	kept := r.cluster.Clock.Now().Before(r.retention)
	if old == nil || old.id != t.id || h.at < t.readable || h.at < kept || r.retention < time.Minute {
		return nil
	}
	return h
}

// pastRows are a table's rows of then as they can be read today.
func pastRows(then, today *table, at *state) map[int64]*row {
	old := *then
	old.ttl = today.ttl
	rows := map[int64]*row{}
	for id, row := range old.alive(at.at) {
		if part := old.partOf(id, row); part == "" || hasPart(today, part) {
			rows[id] = row
		}
	}
	return rows
}

func hasPart(t *table, part string) bool {
	_, ok := t.parts[part]
	return ok
}

func (r *run) readPast(s *session) {
	name, t := r.pick(s, false)
	if t == nil || s.txn != nil {
		return
	}
	h := r.past(name, t)
	if h == nil {
		return
	}
	columns := t.columns
	want := printRows(columns, pastRows(h.tables[name], t, h))
	read := fmt.Sprintf("SELECT %s FROM %s ORDER BY id", t.names(), name)
	if r.random.IntN(2) == 0 {
		r.compare(s, fmt.Sprintf("BEGIN; SET TRANSACTION SNAPSHOT '%d'; %s", h.at, read), want)
		_, err := r.query(s, "COMMIT")
		r.check(err)
		return
	}
	_, err := r.query(s, fmt.Sprintf("SET quiver.read_timestamp = '%d'", h.at))
	r.check(err)
	r.compare(s, read, want)
	_, err = r.query(s, "RESET quiver.read_timestamp")
	r.check(err)
}

// readAtLevel: whatever the level, what is read is one of the states that were.
func (r *run) readAtLevel(s *session) {
	name, t := r.pick(s, false)
	if t == nil || s.txn != nil {
		return
	}
	level := []string{"strong", "bounded", "session", "eventually"}[r.random.IntN(4)]
	_, err := r.query(s, "SET quiver.consistency_level = '"+level+"'")
	r.check(err)
	sql := fmt.Sprintf("SELECT %s FROM %s ORDER BY id", t.names(), name)
	got, err := r.query(s, sql)
	if err != nil {
		r.failf("s%d: %s: %v", s.slot, sql, err)
	}
	now := r.cluster.Clock.Now()
	text := differ(got, printRows(t.columns, t.alive(now)))
	for i := len(r.history) - 1; i >= 0 && text != "" && level != "strong"; i-- {
		if old := r.history[i].tables[name]; old != nil && old.id == t.id && differ(got, printRows(t.columns, old.alive(now))) == "" {
			text = ""
		}
	}
	if text != "" {
		r.failf("s%d: at level %s: %s: %s", s.slot, level, sql, text)
	}
	_, err = r.query(s, "SET quiver.consistency_level = '"+map[bool]string{true: "session", false: "strong"}[s.slot == slots-1]+"'")
	r.check(err)
	r.did = true
}
