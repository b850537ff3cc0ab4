package pgcatalog

import (
	"strings"

	"quiver/catalog"
)

// quiverAliases is quiver.aliases.
func quiverAliases(b *rows) error {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if a, ok := r.(*catalog.Alias); ok {
			if t := b.view.Table(a.Table); t != nil {
				b.add(b.view.Database().Name, s.Name, a.Name, schemaName(b.view, t.Schema), t.Name)
			}
		}
	})
	return nil
}

// viewDefinition is pg_get_viewdef of an alias, which reads as a view of all of
// its table; that of other views is not known.
func viewDefinition(c call) (any, error) {
	a, ok := c.view.RelationByOID(c.oid(0)).(*catalog.Alias)
	if !ok {
		return nil, nil
	}
	t := c.view.Table(a.Table)
	if t == nil {
		return nil, nil
	}
	var names []string
	for _, col := range attributes(c.view, a) {
		names = append(names, quoteIdent(t.Name)+"."+quoteIdent(col.name))
	}
	return " SELECT " + strings.Join(names, ",\n    ") + "\n   FROM " + relationName(c.view, c.Session, t.OID) + ";", nil
}
