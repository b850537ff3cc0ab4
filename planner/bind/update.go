package bind

import (
	"slices"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// modifyInput is FROM and WHERE of UPDATE or DELETE over the target's scan.
type modifyInput struct {
	node  logical.Node
	scope *scope
	item  *item
	scan  *logical.Scan
}

func (b *binder) modifyInput(t *target, rv *ast.RangeVar, from []ast.FromItem, ctes *cteScope) *modifyInput {
	scan, it := b.scanTable(t.table, t.partition, alias(rv))
	it.schema = t.schema
	scan.RowID = b.meta.Add(logical.Column{Name: "row id", Type: types.Of(types.Int8OID)})
	sc := &scope{ctes: ctes, items: []*item{it}}
	var node logical.Node = scan
	for _, fi := range from {
		n, items := b.fromItem(fi, sc, sc.items)
		b.checkNames(sc.items, items)
		node = b.cross(node, n)
		sc.items = append(sc.items, items...)
	}
	return &modifyInput{node: node, scope: sc, item: it, scan: scan}
}

func (in *modifyInput) where(b *binder, e ast.Expr) {
	if e != nil {
		in.node = &logical.Filter{Input: in.node, Cond: b.exprs(in.scope, kindWhere).boolean(e, "WHERE")}
	}
}

// update binds UPDATE.
func (b *binder) update(s *ast.UpdateStmt, outer *cteScope) *query {
	ctes, wrap := b.with(s.With, outer, nil)
	t := b.target(s.Table)
	in := b.modifyInput(t, s.Table, s.From, ctes)
	m := &logical.Modify{Kind: logical.ModifyUpdate, Table: t.table, Partition: t.partition, RowID: in.scan.RowID}
	for _, c := range in.item.cols {
		m.Old = append(m.Old, c.id)
	}
	old := make([]plan.Expr, len(m.Old))
	for i, id := range m.Old {
		old[i] = b.meta.Ref(id)
	}
	in.where(b, s.Where)
	m.Input = in.node
	m.Source, m.Assigned = b.assignments(s.Set, t, in.scope, old)
	ids, it := b.newRow(t, in.item.name)
	it.relation, it.origName = in.item.relation, in.item.origName
	m.New = ids
	m.Checks = b.checks(t, m.New)
	if movesRows(t, m.Assigned) {
		m.PartitionKey = b.partitionKey(t, m.New)
	}
	q := b.returning(m, s.Returning, &scope{ctes: ctes, items: append([]*item{it}, in.scope.items[1:]...)})
	q.node = wrap(q.node)
	return q
}

// movesRows says whether an UPDATE may change to which partition a row belongs: it
// sets a column of the partition key, or that is made of expressions.
func movesRows(t *target, assigned []bool) bool {
	key := t.table.PartitionKey
	if key == nil {
		return false
	}
	for _, k := range key.Columns {
		for i, c := range t.live {
			if k.Number == 0 || c.Number == k.Number && assigned[i] {
				return true
			}
		}
	}
	return false
}

// delete binds DELETE.
func (b *binder) delete(s *ast.DeleteStmt, outer *cteScope) *query {
	ctes, wrap := b.with(s.With, outer, nil)
	t := b.target(s.Table)
	in := b.modifyInput(t, s.Table, s.Using, ctes)
	m := &logical.Modify{Kind: logical.ModifyDelete, Table: t.table, RowID: in.scan.RowID}
	for _, c := range in.item.cols {
		m.Old = append(m.Old, c.id)
	}
	in.where(b, s.Where)
	m.Input, m.New = in.node, m.Old
	q := b.returning(m, s.Returning, in.scope)
	q.node = wrap(q.node)
	return q
}

// assignments binds SET: one expression a live column, old values where SET is
// silent.
func (b *binder) assignments(list []*ast.ResTarget, t *target, sc *scope, old []plan.Expr) ([]plan.Expr, []bool) {
	source := append([]plan.Expr(nil), old...)
	assigned := make([]bool, len(old))
	x := b.exprs(sc, kindUpdateSet)
	var fields []*catalog.Column
	var values []plan.Expr
	for _, set := range list {
		if t.isMeta(set) {
			fields, values = append(fields, dynamicColumn(set.Name)), append(values, b.dynamicAssignment(x, fields, set))
			continue
		}
		if slices.Contains(catalog.SystemColumns, set.Name) {
			fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot assign to system column \"%s\"", set.Name).At(b.place(set.Position())))
		}
		c := b.assignable(set, t)
		i := 0
		for t.live[i] != c {
			i++
		}
		if assigned[i] {
			fail(sqlerr.New(sqlerr.SyntaxError, "multiple assignments to same column \"%s\"", c.Name))
		}
		assigned[i] = true
		value := set.Value
		if m, ok := value.(*ast.MultiAssign); ok {
			value = b.multiAssign(m)
		}
		if _, isDefault := value.(*ast.SetToDefault); isDefault {
			source[i] = b.defaultOf(t, c)
			continue
		}
		if c.Identity == 'a' {
			fail(sqlerr.New(sqlerr.GeneratedAlways, "column \"%s\" can only be updated to DEFAULT", c.Name).
				WithDetail("Column \"%s\" is an identity column defined as GENERATED ALWAYS.", c.Name))
		}
		source[i] = b.assign(x.expr(value), c.Name, c.Type)
	}
	for i, c := range t.live {
		if c.Hidden && fields != nil {
			source[i], assigned[i] = b.metaWith(source[i], fields, values), true
		}
	}
	return source, assigned
}

// dynamicAssignment is the value of SET of a dynamic field.
func (b *binder) dynamicAssignment(x *exprBinder, before []*catalog.Column, set *ast.ResTarget) plan.Expr {
	for _, c := range before {
		if c.Name == set.Name {
			fail(sqlerr.New(sqlerr.SyntaxError, "multiple assignments to same column \"%s\"", c.Name))
		}
	}
	value := set.Value
	if m, ok := value.(*ast.MultiAssign); ok {
		value = b.multiAssign(m)
	}
	if _, isDefault := value.(*ast.SetToDefault); isDefault {
		return b.nullConst(types.Of(types.JSONBOID))
	}
	return b.toJSON(x.expr(value))
}

// multiAssign picks a column's value out of SET (a, b) = source: an item of a
// row, or the column of a subquery, which then runs once for each.
func (b *binder) multiAssign(m *ast.MultiAssign) ast.Expr {
	switch src := m.Source.(type) {
	case *ast.RowExpr:
		if len(src.Args) != m.Columns {
			fail(sqlerr.New(sqlerr.SyntaxError, "number of columns does not match number of values").At(b.place(src.Position())))
		}
		return src.Args[m.Column-1]
	case *ast.SubLink:
		if src.Kind == ast.SubScalar && src.Query.Op == ast.SetNone && src.Query.Values == nil {
			return b.oneTarget(src, m)
		}
	}
	fail(sqlerr.New(sqlerr.FeatureNotSupported, "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression").At(b.place(m.Position())))
	return nil
}

// oneTarget narrows a subquery to one of its outputs by reading it in FROM.
func (b *binder) oneTarget(src *ast.SubLink, m *ast.MultiAssign) ast.Expr {
	names := make([]string, m.Columns)
	for i := range names {
		names[i] = "column" + itoa(i+1)
	}
	if n := len(src.Query.Targets); n != m.Columns {
		star := false
		for _, t := range src.Query.Targets {
			c, ok := t.Value.(*ast.ColumnRef)
			star = star || ok && c.Star
		}
		if !star {
			fail(sqlerr.New(sqlerr.SyntaxError, "number of columns does not match number of values").At(b.place(src.Position())))
		}
	}
	from := &ast.RangeSubselect{Pos: src.Pos, Lateral: true, Query: src.Query, Alias: &ast.Alias{Name: "source", Columns: names}}
	return &ast.SubLink{Pos: src.Pos, Kind: ast.SubScalar, Query: &ast.SelectStmt{
		Targets: []*ast.ResTarget{{Value: &ast.ColumnRef{Names: []string{"source", names[m.Column-1]}}}},
		From:    []ast.FromItem{from},
	}}
}
