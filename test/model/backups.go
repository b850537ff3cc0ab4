package model

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// backUp takes a backup of everything or of one table.
func (r *run) backUp(s *session) {
	if s.txn != nil {
		return
	}
	what := "DATABASE postgres "
	name, t := r.pick(s, false)
	if t == nil {
		return
	}
	// A backup waits for definitions that are being changed.
	for _, slots := range r.locks {
		for _, alone := range slots {
			if alone {
				return
			}
		}
	}
	saved := *r.state
	if r.random.IntN(2) == 0 {
		what = "TABLE " + name + " "
		saved.tables = map[string]*table{name: t}
	}
	b := backup{name: fmt.Sprintf("b%d", r.fresh()), url: "file://" + r.dir + "/backups", state: &saved, history: slices.Clone(r.history)}
	if !r.do(s, statement{sql: fmt.Sprintf("BACKUP %sTO '%s' WITH (name = '%s')", what, b.url, b.name)}) {
		return
	}
	saved.at = r.cluster.Clock.Now()
	r.backups = append(r.backups, b)
}

var indexedColumn = regexp.MustCompile(`USING (\w+) \((\w+)[ )]`)

// restore makes a table of a backup, under another name: as it was then, or some
// time before.
func (r *run) restore(s *session) {
	if s.txn != nil || len(r.backups) == 0 || len(r.state.tables) >= 8 {
		return
	}
	b := r.backups[r.random.IntN(len(r.backups))]
	names := slices.Sorted(maps.Keys(b.state.tables))
	name := names[r.random.IntN(len(names))]
	t := b.state.tables[name].clone()
	if len(t.parts) > 0 { // their names may be taken
		return
	}
	options := fmt.Sprintf("backup = '%s'", b.name)
	earliest := b.state.at.Before(r.retention) // of all that the backup has
	for _, other := range b.state.tables {
		earliest = max(earliest, other.readable)
	}
	if h := b.history[r.random.IntN(len(b.history))]; r.retention > 1 && r.random.IntN(2) == 0 &&
		h.tables[name] != nil && h.tables[name].id == t.id && h.at >= earliest {
		options += fmt.Sprintf(", timestamp = '%d'", h.at)
		t.rows = pastRows(h.tables[name], t, h)
		t.parts = map[string]span{}
	}
	t.rows = maps.Clone(t.rows) // those past their time are there, too, until a merge
	t.id = r.fresh()
	t.readable = 0
	made := fmt.Sprintf("t%d", t.id)
	r.do(s, statement{sql: fmt.Sprintf("RESTORE TABLE %s AS %s FROM '%s' WITH (%s)", name, made, b.url, options), effect: func(x *txn) {
		x.whole[made] = t
	}, settle: func(to *state) { r.nameIndexes(s, made, to.tables[made]) }})
}

// nameIndexes takes over how the server called the indexes of a table, if it is there.
func (r *run) nameIndexes(s *session, name string, t *table) {
	there, err := r.query(s, fmt.Sprintf("SELECT FROM pg_class WHERE relname = '%s'", name))
	r.check(err)
	if len(there) == 0 {
		return // the power went off before
	}
	got, err := r.query(s, fmt.Sprintf("SELECT indexname || ' ' || indexdef FROM pg_indexes WHERE tablename = '%s' AND indexdef NOT LIKE '%%USING btree%%'", name))
	r.check(err)
	if len(got) != len(t.indexes) {
		r.failf("%s has the indexes %q, want %d", name, got, len(t.indexes))
	}
	clear(t.indexes)
	for _, line := range got {
		name, _, _ := strings.Cut(line, " ")
		found := indexedColumn.FindStringSubmatch(line)
		t.indexes[name] = index{t.column(found[2]).id, found[1]}
	}
}
