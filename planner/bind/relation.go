package bind

import (
	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// findRelation looks a relation up along search_path; nil when there is none.
func (b *binder) findRelation(rv *ast.RangeVar) catalog.Relation {
	if rv.Database != "" && rv.Database != b.View.Database().Name {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cross-database references are not implemented: \"%s.%s.%s\"",
			rv.Database, rv.Schema, rv.Name).At(b.place(rv.Position())))
	}
	if rv.Schema != "" {
		schema := b.View.SchemaByName(rv.Schema)
		if schema == nil {
			return nil
		}
		return b.View.Relation(schema.OID, rv.Name)
	}
	for _, name := range b.SearchPath {
		if schema := b.View.SchemaByName(name); schema != nil {
			if r := b.View.Relation(schema.OID, rv.Name); r != nil {
				return r
			}
		}
	}
	return nil
}

// relation looks a relation up and fails when there is none.
func (b *binder) relation(rv *ast.RangeVar) catalog.Relation {
	r := b.findRelation(rv)
	if r == nil {
		b.failMissingRelation(rv)
	}
	return r
}

func (b *binder) failMissingRelation(rv *ast.RangeVar) {
	name := rv.Name
	if rv.Schema != "" {
		name = rv.Schema + "." + rv.Name
	}
	fail(sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name).At(b.place(rv.Position())))
}

// target is a table that a statement changes.
type target struct {
	table     *catalog.Table
	partition *catalog.Partition
	schema    string
	live      []*catalog.Column
}

// target resolves the table of INSERT, UPDATE or DELETE.
func (b *binder) target(rv *ast.RangeVar) *target {
	t := &target{}
	switch r := catalog.Follow(b.View, b.relation(rv)).(type) {
	case *catalog.Table:
		t.table = r
	case *catalog.Partition:
		t.partition, t.table = r, b.View.Table(r.Table)
		b.use(r, lockRowExclusive)
	case *catalog.Virtual:
		fail(sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: \"%s\" is a system catalog", r.Name))
	case *catalog.Sequence:
		fail(sqlerr.New(sqlerr.WrongObjectType, "cannot change sequence \"%s\"", r.Name))
	case *catalog.Index:
		b.failIndex(r, rv)
	}
	b.use(t.table, lockRowExclusive)
	b.readOnly = b.readOnly && t.table.Temporary
	if s := b.View.SchemaByOID(t.table.Schema); s != nil {
		t.schema = s.Name
	}
	t.live = liveColumns(t.table)
	return t
}

func (b *binder) failIndex(i *catalog.Index, rv *ast.RangeVar) {
	fail(sqlerr.New(sqlerr.WrongObjectType, "cannot open relation \"%s\"", i.Name).
		WithDetail("This operation is not supported for indexes.").At(b.place(rv.Position())))
}

// liveColumns are the columns that users see, in order.
func liveColumns(t *catalog.Table) []*catalog.Column {
	var live []*catalog.Column
	for i := range t.Columns {
		if !t.Columns[i].Dropped() {
			live = append(live, &t.Columns[i])
		}
	}
	return live
}

// scanTable makes a scan of a table under an alias.
func (b *binder) scanTable(t *catalog.Table, p *catalog.Partition, alias string) (*logical.Scan, *item) {
	b.meta.Relations++
	s := &logical.Scan{Table: t, Alias: alias}
	it := &item{name: alias, cols: nil, named: true, open: true, relation: t, origName: t.Name, scan: s}
	origin := t.OID
	if p != nil {
		s.Partitions = []*catalog.Partition{p}
		it.relation, it.origName, origin = p, p.Name, p.OID
	}
	for _, c := range liveColumns(t) {
		id := b.meta.Add(logical.Column{Name: c.Name, Qualifier: alias, Type: c.Type, Table: origin, Attribute: c.Number})
		s.Cols = append(s.Cols, logical.ScanColumn{ID: id, Field: c.Field})
		s.Out = append(s.Out, id)
		it.cols = append(it.cols, itemCol{name: c.Name, id: id, system: c.Hidden})
	}
	it.dynamic = takesFields(t)
	return s, it
}

// scanVirtual makes a scan of a virtual relation.
func (b *binder) scanVirtual(v *catalog.Virtual, alias string) (*logical.Scan, *item) {
	b.meta.Relations++
	s := &logical.Scan{Virtual: v, Alias: alias}
	it := &item{name: alias, named: true, open: true, relation: v, origName: v.Name}
	for i, c := range v.Columns {
		id := b.meta.Add(logical.Column{Name: c.Name, Qualifier: alias, Type: c.Type, Table: v.OID, Attribute: int16(i + 1)})
		s.Cols = append(s.Cols, logical.ScanColumn{ID: id, Index: i})
		s.Out = append(s.Out, id)
		it.cols = append(it.cols, itemCol{name: c.Name, id: id})
	}
	return s, it
}
