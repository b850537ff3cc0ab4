package pgcatalog

import (
	"fmt"
	"strconv"

	"quiver/catalog"
	"quiver/sql/types"
)

// catalogName is the name of the database, which the standard calls catalog.
func (b *rows) catalogName() string {
	if d := b.view.Database(); d != nil {
		return d.Name
	}
	return ""
}

// yesNo is information_schema's yes_or_no.
func yesNo(v bool) string {
	if v {
		return "YES"
	}
	return "NO"
}

func infoCatalogName(b *rows) error {
	b.add(b.catalogName())
	return nil
}

func infoEnabledRoles(b *rows) error {
	b.add(b.role())
	return nil
}

// infoApplicableRoles is empty: nobody was granted a role.
func infoApplicableRoles(*rows) error { return nil }

func infoCharacterSets(b *rows) error {
	b.add(nil, nil, "UTF8", "UCS", "UTF8", b.catalogName(), "pg_catalog", "default")
	return nil
}

func infoSchemata(b *rows) error {
	for _, s := range b.view.Schemas() {
		b.add(b.catalogName(), s.Name, b.role(), nil, nil, nil, nil)
	}
	return nil
}

// eachTable calls f with the relations that the standard calls tables.
func (b *rows) eachTable(f func(s *catalog.Schema, r catalog.Relation, isView bool)) {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if kind := r.Kind(); kind == 'r' || kind == 'v' {
			f(s, r, kind == 'v')
		}
	})
}

func infoTables(b *rows) error {
	b.eachTable(func(s *catalog.Schema, r catalog.Relation, isView bool) {
		kind := "BASE TABLE"
		if isView {
			kind = "VIEW"
		}
		b.add(b.catalogName(), s.Name, r.Head().Name, kind, nil, nil, nil, nil, nil, yesNo(!isView), "NO", nil)
	})
	return nil
}

func infoViews(b *rows) error {
	b.eachTable(func(s *catalog.Schema, r catalog.Relation, isView bool) {
		if isView {
			b.add(b.catalogName(), s.Name, r.Head().Name, nil, "NONE", "NO", "NO", "NO", "NO", "NO")
		}
	})
	return nil
}

// tablePrivileges are those that an owner has.
var tablePrivileges = []string{"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}

func infoTablePrivileges(b *rows) error {
	b.eachTable(func(s *catalog.Schema, r catalog.Relation, _ bool) {
		for _, p := range tablePrivileges {
			b.add(b.role(), b.role(), b.catalogName(), s.Name, r.Head().Name, p, "YES", yesNo(p == "SELECT"))
		}
	})
	return nil
}

// typeShape is how information_schema tells a type's size.
type typeShape struct {
	name                            string
	length, octets                  any
	precision, radix, scale, moment any
}

// characterOctetsMax is what it says of text without a limit.
const characterOctetsMax = 1 << 30

func shapeOf(t types.T) (s typeShape) {
	typ := types.ByOID(t.OID)
	switch {
	case typ == nil:
		return s
	case typ.Elem != 0 && typ.Len == -1 && typ.Category == types.CategoryArray:
		s.name = "ARRAY"
		return s
	case types.SchemaOf(typ) != "pg_catalog":
		s.name = "USER-DEFINED"
		return s
	}
	s.name = typ.SQLName
	switch t.OID {
	case types.VarcharOID, types.BPCharOID, types.TextOID:
		s.octets = characterOctetsMax
		if t.Mod >= 4 {
			s.length, s.octets = t.Mod-4, 4*(t.Mod-4)
		}
	case types.Int2OID:
		s.precision, s.radix, s.scale = 16, 2, 0
	case types.Int4OID:
		s.precision, s.radix, s.scale = 32, 2, 0
	case types.Int8OID:
		s.precision, s.radix, s.scale = 64, 2, 0
	case types.Float4OID:
		s.precision, s.radix = 24, 2
	case types.Float8OID:
		s.precision, s.radix = 53, 2
	case types.NumericOID:
		s.radix = 10
		if t.Mod >= 4 {
			s.precision, s.scale = (t.Mod-4)>>16, (t.Mod-4)&0x7ff
		}
	case types.DateOID:
		s.moment = 0
	case types.TimeOID, types.TimetzOID, types.TimestampOID, types.TimestamptzOID, types.IntervalOID:
		s.moment = 6
		if t.Mod >= 0 {
			s.moment = t.Mod & 0xffff
		}
	}
	return s
}

// identity is the part of information_schema.columns on identity columns.
func (b *rows) identity(r catalog.Relation, a attribute) (generation, start, increment, high, low any, cycle string) {
	t, _ := r.(*catalog.Table)
	c := columnOf(t, a.number)
	if a.identity == 0 || c == nil {
		return nil, nil, nil, nil, nil, "NO"
	}
	generation = "BY DEFAULT"
	if a.identity == 'a' {
		generation = "ALWAYS"
	}
	s, ok := b.view.RelationByOID(c.Sequence).(*catalog.Sequence)
	if !ok {
		return generation, nil, nil, nil, nil, "NO"
	}
	return generation, decimal(s.Start), decimal(s.Increment), decimal(s.Max), decimal(s.Min), yesNo(s.Cycle)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func infoColumns(b *rows) error {
	db := b.catalogName()
	b.eachTable(func(s *catalog.Schema, r catalog.Relation, isView bool) {
		for _, a := range attributes(b.view, r) {
			if a.dropped {
				continue
			}
			shape := shapeOf(a.typ)
			var text, collationSchema, collation, collationCatalog any
			if a.text != "" {
				text = spelled(b.view, b.session, indented(a.text))
			}
			if a.typ.OID == types.NameOID {
				collationCatalog, collationSchema, collation = db, "pg_catalog", "C"
			}
			typ := a.typ.Type()
			generation, start, increment, high, low, cycle := b.identity(r, a)
			b.add(db, s.Name, r.Head().Name, a.name, a.number, text, yesNo(!a.notNull), shape.name, shape.length, shape.octets,
				shape.precision, shape.radix, shape.scale, shape.moment, nil, nil, nil, nil, nil,
				collationCatalog, collationSchema, collation, nil, nil, nil, db, types.SchemaOf(typ), typ.Name, nil, nil, nil, nil,
				decimal(int64(a.number)), "NO", yesNo(a.identity != 0), generation, start, increment, high, low, cycle,
				"NEVER", nil, yesNo(!isView))
		}
	})
	return nil
}

func infoElementTypes(b *rows) error {
	db := b.catalogName()
	b.eachTable(func(s *catalog.Schema, r catalog.Relation, _ bool) {
		for _, a := range attributes(b.view, r) {
			if a.dropped || shapeOf(a.typ).name != "ARRAY" {
				continue
			}
			elem := types.ByOID(a.typ.Type().Elem)
			b.add(db, s.Name, r.Head().Name, "TABLE", decimal(int64(a.number)), shapeOf(types.Of(elem.OID)).name, nil, nil, nil, nil, nil,
				nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, db, types.SchemaOf(elem), elem.Name, nil, nil, nil, nil,
				"a"+decimal(int64(a.number)))
		}
	})
	return nil
}

func infoSequences(b *rows) error {
	b.eachSequence(func(schema *catalog.Schema, s *catalog.Sequence) {
		if c := columnOf(b.view.Table(s.OwnerTable), s.OwnerColumn); c != nil && c.Identity != 0 {
			return // part of the column
		}
		shape := shapeOf(types.Of(s.Type))
		b.add(b.catalogName(), schema.Name, s.Name, shape.name, shape.precision, 2, 0, decimal(s.Start), decimal(s.Min), decimal(s.Max),
			decimal(s.Increment), yesNo(s.Cycle))
	})
	return nil
}

// eachNotNull calls f with each NOT NULL column of users' tables, which the
// standard sees as a check with a made-up name.
func (b *rows) eachNotNull(f func(s *catalog.Schema, r catalog.Relation, a attribute, name string)) {
	b.eachTable(func(s *catalog.Schema, r catalog.Relation, isView bool) {
		if isView || isSystem(s) {
			return
		}
		for _, a := range attributes(b.view, r) {
			if a.notNull && !a.dropped {
				f(s, r, a, fmt.Sprintf("%d_%d_%d_not_null", s.OID, r.Head().OID, a.number))
			}
		}
	})
}

func constraintType(kind catalog.ConstraintKind) string {
	switch kind {
	case catalog.ConstraintPrimaryKey:
		return "PRIMARY KEY"
	case catalog.ConstraintUnique:
		return "UNIQUE"
	case catalog.ConstraintForeignKey:
		return "FOREIGN KEY"
	}
	return "CHECK"
}

func infoTableConstraints(b *rows) error {
	db := b.catalogName()
	b.eachConstraint(func(s *catalog.Schema, t *catalog.Table, c *catalog.Constraint) {
		var distinct any
		if c.Kind == catalog.ConstraintUnique {
			distinct = "YES"
		}
		b.add(db, s.Name, c.Name, db, s.Name, t.Name, constraintType(c.Kind), "NO", "NO", "YES", distinct)
	})
	b.eachNotNull(func(s *catalog.Schema, r catalog.Relation, _ attribute, name string) {
		b.add(db, s.Name, name, db, s.Name, r.Head().Name, "CHECK", "NO", "NO", "YES", nil)
	})
	return nil
}

func infoCheckConstraints(b *rows) error {
	db := b.catalogName()
	b.eachConstraint(func(s *catalog.Schema, _ *catalog.Table, c *catalog.Constraint) {
		if c.Kind == catalog.ConstraintCheck {
			b.add(db, s.Name, c.Name, "("+exprText(c.Expr, false)+")")
		}
	})
	b.eachNotNull(func(s *catalog.Schema, _ catalog.Relation, a attribute, name string) {
		b.add(db, s.Name, name, a.name+" IS NOT NULL")
	})
	return nil
}

func infoKeyColumnUsage(b *rows) error {
	db := b.catalogName()
	b.eachConstraint(func(s *catalog.Schema, t *catalog.Table, c *catalog.Constraint) {
		if c.Kind == catalog.ConstraintCheck {
			return
		}
		for i, number := range c.Columns {
			if col := columnOf(t, number); col != nil {
				b.add(db, s.Name, c.Name, db, s.Name, t.Name, col.Name, i+1, nil)
			}
		}
	})
	return nil
}

func infoConstraintColumnUsage(b *rows) error {
	db := b.catalogName()
	b.eachConstraint(func(s *catalog.Schema, t *catalog.Table, c *catalog.Constraint) {
		for _, number := range c.Columns {
			if col := columnOf(t, number); col != nil {
				b.add(db, s.Name, t.Name, col.Name, db, s.Name, c.Name)
			}
		}
	})
	return nil
}

func infoConstraintTableUsage(b *rows) error {
	db := b.catalogName()
	b.eachConstraint(func(s *catalog.Schema, t *catalog.Table, c *catalog.Constraint) {
		if c.Kind != catalog.ConstraintCheck {
			b.add(db, s.Name, t.Name, db, s.Name, c.Name)
		}
	})
	return nil
}
