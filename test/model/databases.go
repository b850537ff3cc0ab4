package model

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Databases beside the one of the sessions have a table "numbers" each, which must
// be its own.

const databasesMax = 3

func (r *run) createDatabase(s *session) {
	if s.txn != nil || len(r.state.databases) >= databasesMax {
		return
	}
	name := fmt.Sprintf("d%d", r.fresh())
	r.do(s, statement{sql: "CREATE DATABASE " + name, effect: func(x *txn) { x.databases[name] = []int64{} }})
}

func (r *run) pickDatabase() string {
	list := slices.Sorted(maps.Keys(r.state.databases))
	if len(list) == 0 {
		return ""
	}
	return list[r.random.IntN(len(list))]
}

func (r *run) dropDatabase(s *session) {
	name := r.pickDatabase()
	if s.txn != nil || name == "" || len(r.state.databases) < 2 {
		return
	}
	r.do(s, statement{sql: "DROP DATABASE " + name + " WITH (FORCE)", effect: func(x *txn) { x.databases[name] = nil }})
}

// insertElsewhere inserts a number into the table of another database, which the
// first one makes.
func (r *run) insertElsewhere(s *session) {
	name := r.pickDatabase()
	if s.txn != nil || name == "" {
		return
	}
	conn, err := r.cluster.Connect(r.ctx, name)
	r.check(err)
	visitor := &session{slot: s.slot, conn: conn}
	defer func() { _ = conn.Close(r.ctx) }()
	numbers := r.state.databases[name]
	n := int64(len(numbers))
	sql := fmt.Sprintf("INSERT INTO numbers VALUES (%d)", n)
	if n == 0 {
		sql = "CREATE TABLE numbers (n bigint PRIMARY KEY); " + sql
	}
	r.do(visitor, statement{sql: sql, effect: func(x *txn) { x.databases[name] = append(slices.Clone(numbers), n) }})
}

// databasesDiffer says how other databases differ from a state; "" if they do not.
func (r *run) databasesDiffer(want *state) string {
	got, err := r.query(r.sessions[0], "SELECT datname FROM pg_database WHERE datname ~ '^d[0-9]+$'")
	if err != nil {
		return err.Error()
	}
	slices.Sort(got)
	if text := differ(got, slices.Sorted(maps.Keys(want.databases))); text != "" {
		return "databases: " + text
	}
	for name, numbers := range want.databases {
		var due []string
		for _, n := range numbers {
			due = append(due, strconv.FormatInt(n, 10))
		}
		if got, err = r.numbers(name); err != nil {
			return fmt.Sprintf("database %s: %v", name, err)
		}
		if text := differ(got, due); text != "" {
			return "database " + name + ": " + text
		}
	}
	return ""
}

// numbers is what the table of a database has; nothing if there is no table.
func (r *run) numbers(database string) ([]string, error) {
	conn, err := r.cluster.Connect(r.ctx, database)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(r.ctx) }()
	got, err := r.query(&session{conn: conn}, "SELECT n FROM numbers ORDER BY n")
	if codeOf(err) == "42P01" {
		return nil, nil
	}
	return got, err
}
