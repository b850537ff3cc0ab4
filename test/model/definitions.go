package model

import (
	"fmt"
	"maps"
	"slices"
)

// sqlNames are types as format_type calls them, where that is another name.
var sqlNames = map[string]string{"int": "integer", "float8": "double precision"}

// definition is what a query of the catalog says of all tables, beside what the
// model says of each.
type definition struct {
	what, query string
	due         func(name string, t *table) []string
}

var definitions = []definition{
	{"columns", `SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped`,
		func(name string, t *table) (list []string) {
			names := []string{name}
			if t.scheme == unpartitioned { // whose partitions are tables to the catalog
				names = slices.AppendSeq(names, maps.Keys(t.parts))
			}
			for _, n := range names {
				for _, c := range t.columns {
					typ := c.typ
					if other, ok := sqlNames[typ]; ok {
						typ = other
					}
					list = append(list, fmt.Sprintf("%s.%s %s", n, c.name, typ))
				}
			}
			return list
		}},
	{"time to live", `SELECT relname || ' ' || o FROM pg_class, unnest(reloptions) o WHERE o LIKE 'ttl=%' AND NOT relispartition`,
		func(name string, t *table) []string {
			if t.ttl == 0 {
				return nil
			}
			return []string{fmt.Sprintf("%s ttl=%d minutes", name, int(t.ttl.Minutes()))}
		}},
	{"indexes", `SELECT tablename || ' ' || indexname FROM pg_indexes WHERE indexdef NOT LIKE '%USING btree%'`,
		func(name string, t *table) (list []string) {
			for index := range t.indexes {
				list = append(list, name+" "+index)
			}
			return list
		}},
	{"partitions", `SELECT table_name || ' ' || partition_name FROM quiver.partitions WHERE partition_name ~ '^p[0-9]+$'`,
		func(name string, t *table) (list []string) {
			for part := range t.parts {
				list = append(list, name+" "+part)
			}
			return list
		}},
}

// differs says how the server differs from a state, as new sessions see it; "" if
// it does not.
func (r *run) differs(want *state) string {
	s := r.sessions[0]
	for _, d := range definitions {
		got, err := r.query(s, d.query)
		if err != nil {
			return fmt.Sprintf("%s: %v", d.what, err)
		}
		var due []string
		for name, t := range want.tables {
			due = append(due, d.due(name, t)...)
		}
		slices.Sort(got)
		slices.Sort(due)
		if text := differ(got, due); text != "" {
			return d.what + ": " + text
		}
	}
	var aliases []string
	for alias, name := range want.aliases {
		aliases = append(aliases, alias+" "+name)
	}
	slices.Sort(aliases)
	got, err := r.query(s, "SELECT alias_name || ' ' || table_name FROM quiver.aliases")
	if err != nil {
		return err.Error()
	}
	slices.Sort(got)
	if text := differ(got, aliases); text != "" {
		return "aliases: " + text
	}
	if text := r.databasesDiffer(want); text != "" {
		return text
	}
	for name, t := range want.tables {
		got, err := r.query(s, fmt.Sprintf("SELECT %s FROM %s ORDER BY id", t.names(), name))
		if err != nil {
			return fmt.Sprintf("%s: %v", name, err)
		}
		if text := differ(got, printRows(t.columns, t.alive(r.cluster.Clock.Now()))); text != "" {
			return name + ": " + text
		}
		if !t.dynamic || len(t.fields) == 0 {
			continue
		}
		sql, due := t.readFields(name, t.alive(r.cluster.Clock.Now()))
		if got, err = r.query(s, sql); err != nil {
			return fmt.Sprintf("%s: %v", name, err)
		}
		if text := differ(got, due); text != "" {
			return "fields of " + name + ": " + text
		}
	}
	return ""
}
