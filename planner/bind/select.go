package bind

import (
	"slices"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// selection is one SELECT being bound: what its expressions add on the way.
type selection struct {
	scope *scope
	// from are the columns that FROM produces.
	from logical.ColSet
	aggs []logical.AggregateItem
	// aggKeys finds an aggregate written twice.
	aggKeys map[string]logical.ColID
	// grouping are GROUPING(…) calls.
	grouping []groupingCall
	windows  []logical.WindowItem
	sets     []logical.Item // set-returning calls of the select list
	targets  []*targetItem
	groups   []logical.Item
	groupSet [][]int
	hasGroup bool
	// definitions of WINDOW.
	named map[string]*windowSpec
}

// targetItem is an entry of the select list, or a value that only ORDER BY or
// DISTINCT ON needs (junk).
type targetItem struct {
	name string
	id   logical.ColID
	expr plan.Expr
	junk bool
	pos  int
	// src is the select item as written, for matching GROUP BY and ORDER BY.
	src ast.Expr
}

// query binds a SELECT, VALUES or set operation. Names not found in it are
// looked up in parent.
func (b *binder) query(s *ast.SelectStmt, parent *scope, ctes *cteScope) *query {
	b.enter()
	defer b.leave()
	if s.Into != nil {
		fail(sqlerr.Unsupported("SELECT INTO"))
	}
	inner, wrap := b.with(s.With, ctes, parent)
	var q *query
	switch {
	case s.Op != ast.SetNone:
		q = b.setOperation(s, parent, inner)
	case s.Values != nil || s.Rows != nil:
		q = b.values(s, parent, inner)
	default:
		q = b.selectQuery(s, parent, inner)
	}
	q.node = wrap(q.node)
	return q
}

// selectQuery binds a plain SELECT.
func (b *binder) selectQuery(s *ast.SelectStmt, parent *scope, ctes *cteScope) *query {
	sel := &selection{aggKeys: map[string]logical.ColID{}}
	sc := &scope{parent: parent, ctes: ctes, sel: sel}
	sel.scope = sc
	node := b.from(s.From, sc)
	for _, id := range node.Columns() {
		sel.from.Add(id)
	}
	b.nameWindows(s.Windows, sel)
	b.targets(s.Targets, sel)
	var where plan.Expr
	if s.Where != nil {
		where = b.exprs(sc, kindWhere).boolean(s.Where, "WHERE")
	}
	var having plan.Expr
	if s.Having != nil {
		having = b.exprs(sc, kindHaving).boolean(s.Having, "HAVING")
	}
	keys := b.orderBy(s.OrderBy, sel)
	b.groupBy(s.GroupBy, sel)
	distinct := b.distinct(s, sel, keys)
	limit := b.limit(s, sc, keys)

	if where != nil {
		node = &logical.Filter{Input: node, Cond: where}
	}
	node = b.aggregate(node, sel, &having, keys)
	if having != nil {
		node = &logical.Filter{Input: node, Cond: having}
	}
	node = b.windowNodes(node, sel)
	if len(sel.sets) > 0 {
		p := b.extend(node, sel.sets).(*logical.Project)
		p.Sets = true
		node = p
	}
	return b.finish(s, sel, node, keys, distinct, limit)
}

// finish puts projection, DISTINCT, ORDER BY, row locks and LIMIT on top.
func (b *binder) finish(s *ast.SelectStmt, sel *selection, node logical.Node, keys []sortItem, d *distinctClause, limit *logical.Limit) *query {
	locks, lockIDs := b.locking(s, sel)
	project := &logical.Project{Input: node}
	q := &query{}
	junk := false
	for _, t := range sel.targets {
		project.Items = append(project.Items, logical.Item{ID: t.id, Expr: t.expr})
		junk = junk || t.junk
	}
	for _, id := range lockIDs {
		passUp(b.meta, node, id)
		project.Items = append(project.Items, logical.Item{ID: id, Expr: b.meta.Ref(id)})
	}
	for i, t := range sel.targets {
		if !t.junk {
			q.cols = append(q.cols, outCol{name: t.name, id: t.id, def: &project.Items[i].Expr, pos: t.pos})
		}
	}
	node = project
	sort := b.sortKeys(keys)
	if d != nil {
		if d.on != nil {
			node = &logical.Sort{Input: node, Keys: d.keys(b, sort)}
		}
		node = &logical.Distinct{Input: node, On: d.exprs(b)}
	}
	if len(sort) > 0 && (d == nil || d.on == nil) {
		node = &logical.Sort{Input: node, Keys: sort}
	}
	if len(locks) > 0 {
		node = &logical.LockRows{Input: node, Targets: locks}
	}
	if limit != nil {
		limit.Input = node
		if s.WithTies {
			limit.WithTies = sort
		}
		node = limit
	}
	q.node = node
	if junk {
		// Junk columns end here.
		q.node = b.pick(node, q.ids())
	}
	return q
}

// pick returns a node with just these columns.
func (b *binder) pick(n logical.Node, ids []logical.ColID) logical.Node {
	p := &logical.Project{Input: n}
	for _, id := range ids {
		p.Items = append(p.Items, logical.Item{ID: id, Expr: b.meta.Ref(id)})
	}
	return p
}

// resolveUnknowns makes untyped literals and parameters among the outputs text.
func (b *binder) resolveUnknowns(q *query) {
	for i := range q.cols {
		if b.meta.Column(q.cols[i].id).Type.OID == types.UnknownOID {
			b.coerceOutput(q, i, types.Of(types.TextOID))
		}
	}
}

// outType is the type of output i.
func (b *binder) outType(q *query, i int) types.T { return b.meta.Column(q.cols[i].id).Type }

// coerceOutput gives an untyped output a type where it is computed; false when
// it is not computed there.
func (b *binder) coerceOutput(q *query, i int, t types.T) bool {
	c := q.cols[i]
	if c.def == nil || (*c.def).Type().OID != types.UnknownOID {
		return false
	}
	*c.def = b.coerceTo(*c.def, t, coerceImplicit, c.pos)
	b.meta.Column(c.id).Type = t
	return true
}

// coerceOutputs makes a query's outputs have the given types, with a projection
// on top where that takes a cast.
func (b *binder) coerceOutputs(q *query, want []types.T) {
	var p *logical.Project
	for i := range q.cols {
		have := b.outType(q, i)
		if have == want[i] {
			continue
		}
		if have.OID == types.UnknownOID && b.coerceOutput(q, i, want[i]) {
			continue
		}
		if p == nil {
			p = b.pick(q.node, q.ids()).(*logical.Project)
		}
		cast := b.coerceTo(b.meta.Ref(q.cols[i].id), want[i], coerceImplicit, q.cols[i].pos)
		m := *b.meta.Column(q.cols[i].id)
		m.Type, m.Table, m.Attribute = want[i], 0, 0
		p.Items[i] = logical.Item{ID: b.meta.Add(m), Expr: cast}
	}
	if p == nil {
		return
	}
	q.node = p
	for i := range q.cols {
		q.cols[i].id, q.cols[i].def = p.Items[i].ID, nil
	}
}

// limit binds LIMIT and OFFSET.
func (b *binder) limit(s *ast.SelectStmt, sc *scope, keys []sortItem) *logical.Limit {
	if s.Limit == nil && s.Offset == nil {
		return nil
	}
	l := &logical.Limit{}
	if s.Offset != nil {
		l.Offset = b.limitExpr(s.Offset, sc, kindOffset, "OFFSET")
	}
	if s.Limit != nil {
		if c, ok := s.Limit.(*ast.Const); !ok || c.Kind != ast.ConstNull {
			l.Count = b.limitExpr(s.Limit, sc, kindLimit, "LIMIT")
		}
	}
	if s.WithTies && len(keys) == 0 {
		fail(sqlerr.New(sqlerr.SyntaxError, "WITH TIES cannot be specified without ORDER BY clause"))
	}
	if l.Count == nil && l.Offset == nil {
		return nil
	}
	return l
}

func (b *binder) limitExpr(e ast.Expr, sc *scope, kind exprKind, word string) plan.Expr {
	x := b.exprs(&scope{parent: sc.parent, ctes: sc.ctes, hidden: sc.items, items: sc.items, sel: sc.sel}, kind)
	v := x.expr(e)
	v = b.coerceNamed(v, types.Of(types.Int8OID), word)
	cols := logical.Columns(v)
	for _, it := range sc.items {
		if cols.Meets(it.ids()) {
			fail(sqlerr.New(sqlerr.InvalidColumnReference, "argument of %s must not contain variables", word).At(b.firstColumn(v)))
		}
	}
	return v
}

// firstColumn is where an expression first names a column.
func (b *binder) firstColumn(e plan.Expr) int {
	pos := 0
	logical.Walk(e, func(e plan.Expr) bool {
		if r, ok := e.(*logical.Ref); ok && pos == 0 {
			pos = b.place(r.Pos)
		}
		return pos == 0
	})
	return pos
}

// locking binds FOR UPDATE and its like: each table locked yields its row id.
func (b *binder) locking(s *ast.SelectStmt, sel *selection) ([]logical.LockTarget, []logical.ColID) {
	if len(s.Locking) == 0 {
		return nil, nil
	}
	strongest := s.Locking[0]
	word := strongest.Strength.String()
	for _, bad := range []struct {
		there bool
		what  string
	}{
		{s.Distinct, "DISTINCT clause"}, {sel.hasGroup, "GROUP BY clause"},
		{s.Having != nil, "HAVING clause"}, {len(sel.aggs) > 0, "aggregate functions"},
		{len(sel.windows) > 0, "window functions"}, {len(sel.sets) > 0, "set-returning functions in the target list"},
	} {
		if bad.there {
			fail(sqlerr.New(sqlerr.FeatureNotSupported, "%s is not allowed with %s", word, bad.what))
		}
	}
	var targets []logical.LockTarget
	var ids []logical.ColID
	for _, clause := range s.Locking {
		for _, it := range b.lockedItems(clause, sel) {
			if it.scan.RowID == 0 {
				it.scan.RowID = b.meta.Add(logical.Column{Name: "row id", Type: types.Of(types.Int8OID)})
				ids = append(ids, it.scan.RowID)
				targets = append(targets, logical.LockTarget{Table: it.scan.Table, RowID: it.scan.RowID, Strength: clause.Strength, Wait: clause.Wait})
			}
			b.use(it.scan.Table, lockRowShare)
			b.readOnly = b.readOnly && it.scan.Table.Temporary
		}
	}
	return targets, ids
}

func (b *binder) lockedItems(clause *ast.LockingClause, sel *selection) []*item {
	word := clause.Strength.String()
	var locked []*item
	if len(clause.Tables) == 0 {
		for _, it := range sel.scope.items {
			if it.scan != nil && it.scan.Virtual == nil {
				locked = append(locked, it)
			}
		}
		return locked
	}
	for _, rv := range clause.Tables {
		if rv.Schema != "" {
			fail(sqlerr.New(sqlerr.SyntaxError, "%s must specify unqualified relation names", word).At(b.place(rv.Position())))
		}
		var found *item
		for _, it := range sel.scope.items {
			if it.named && it.name == rv.Name {
				found = it
			}
		}
		if found == nil {
			fail(sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" in %s clause not found in FROM clause", rv.Name, word).At(b.place(rv.Position())))
		}
		if found.scan == nil || found.scan.Virtual != nil {
			fail(sqlerr.New(sqlerr.FeatureNotSupported, "%s cannot be applied to this kind of FROM item", word).At(b.place(rv.Position())))
		}
		locked = append(locked, found)
	}
	return locked
}

// passUp makes the projections of a tree yield a column that a scan below them
// was made to produce; it says whether n yields it.
func passUp(m *logical.Metadata, n logical.Node, id logical.ColID) bool {
	if slices.Contains(n.Columns(), id) {
		return true
	}
	for _, in := range n.Inputs() {
		if !passUp(m, *in, id) {
			continue
		}
		if p, ok := n.(*logical.Project); ok {
			p.Items = append(p.Items, logical.Item{ID: id, Expr: m.Ref(id)})
		}
		return true
	}
	return false
}
