package pgcatalog

import (
	"strconv"

	"quiver/catalog"
	"quiver/sql/settings"
)

// isTable says whether clients see r as a table: tables, partitions and the
// catalog's own tables.
func isTable(r catalog.Relation) bool { return r.Kind() == 'r' || r.Kind() == 'p' }

// indexesOf are the indexes of a relation; partitions have none of their own.
func indexesOf(v catalog.View, r catalog.Relation) []*catalog.Index {
	if t, ok := r.(*catalog.Table); ok {
		return v.Indexes(t.OID)
	}
	return nil
}

func pgTables(b *rows) error {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if isTable(r) {
			b.add(s.Name, r.Head().Name, b.role(), nil, len(indexesOf(b.view, r)) > 0, false, false, false)
		}
	})
	return nil
}

func pgViews(b *rows) error {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if r.Kind() == 'v' {
			b.add(s.Name, r.Head().Name, b.role(), nil)
		}
	})
	return nil
}

func pgIndexes(b *rows) error {
	b.eachIndex(func(s *catalog.Schema, i *catalog.Index, t *catalog.Table) {
		schema := schemaName(b.view, t.Schema)
		b.add(schema, t.Name, i.Name, nil, indexDefinition(i, t, qualified(schema, t.Name), false))
	})
	return nil
}

// isSystem says whether a schema is one of the server's own.
func isSystem(s *catalog.Schema) bool { return s.Database == 0 }

func everySchema(*catalog.Schema) bool  { return true }
func userSchema(s *catalog.Schema) bool { return !isSystem(s) }

func pgStatAllTables(b *rows) error  { return b.statTables(everySchema) }
func pgStatSysTables(b *rows) error  { return b.statTables(isSystem) }
func pgStatUserTables(b *rows) error { return b.statTables(userSchema) }

// statTables lists tables with counters that nobody has counted yet.
func (b *rows) statTables(in func(*catalog.Schema) bool) error {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if in(s) && isTable(r) {
			b.add(r.Head().OID, s.Name, r.Head().Name, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, nil, nil, nil, nil, 0, 0, 0, 0)
		}
	})
	return nil
}

func pgStatAllIndexes(b *rows) error  { return b.statIndexes(everySchema) }
func pgStatSysIndexes(b *rows) error  { return b.statIndexes(isSystem) }
func pgStatUserIndexes(b *rows) error { return b.statIndexes(userSchema) }

func (b *rows) statIndexes(in func(*catalog.Schema) bool) error {
	b.eachIndex(func(s *catalog.Schema, i *catalog.Index, t *catalog.Table) {
		if in(s) {
			b.add(t.OID, i.OID, s.Name, t.Name, i.Name, 0, 0, 0)
		}
	})
	return nil
}

func pgSettings(b *rows) error {
	for _, s := range settings.All() {
		value := s.Default
		if b.session != nil {
			if v, ok := b.session.Setting(s.Name); ok {
				value = v
			}
		}
		source := "default"
		if value != s.Default {
			source = "session"
		}
		b.setting(s, value, source)
	}
	return nil
}

// setting prints numbers in the setting's unit, as pg_settings does, where SHOW
// would print 4MB.
func (b *rows) setting(s *settings.Setting, value, source string) {
	var unit, low, high any
	boot := s.Default
	if s.Unit != "" {
		unit = s.Unit
	}
	if s.Kind == settings.Int || s.Kind == settings.Real {
		low, high = plainNumber(s, s.Min), plainNumber(s, s.Max)
		value, boot = plainNumber(s, s.Number(value)), plainNumber(s, s.Number(boot))
	}
	b.add(s.Name, value, unit, s.Category, s.Help, nil, s.Context.String(), s.Kind.String(), source, low, high, s.Values,
		boot, boot, nil, nil, false)
}

func plainNumber(s *settings.Setting, n float64) string {
	if s.Kind == settings.Int {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 6, 64)
}
