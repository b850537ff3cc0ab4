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

// from binds a FROM list into s and returns the joined items; one row of no
// columns when the list is empty.
func (b *binder) from(list []ast.FromItem, s *scope) logical.Node {
	var node logical.Node
	for _, fi := range list {
		n, items := b.fromItem(fi, s, s.items)
		b.checkNames(s.items, items)
		node = b.cross(node, n)
		s.items = append(s.items, items...)
	}
	if node == nil {
		node = &logical.Values{Rows: [][]plan.Expr{{}}}
	}
	return node
}

// cross joins two FROM items; the right one may use the left's columns.
func (b *binder) cross(left, right logical.Node) logical.Node {
	if left == nil {
		return right
	}
	return &logical.Join{Kind: plan.JoinInner, Left: left, Right: right, Lateral: usesColumns(right, left)}
}

// usesColumns says whether right refers to columns that left produces.
func usesColumns(right, left logical.Node) bool {
	return logical.Free(right).Meets(logical.NewColSet(left.Columns()...))
}

func (b *binder) checkNames(have, more []*item) {
	for _, m := range more {
		if !m.named {
			continue
		}
		for _, h := range have {
			if h.named && h.name == m.name && (h.schema == "" || m.schema == "" || h.schema == m.schema) {
				fail(sqlerr.New(sqlerr.DuplicateAlias, "table name \"%s\" specified more than once", m.name))
			}
		}
	}
}

// fromItem binds one FROM item. before are the items a LATERAL one may use.
func (b *binder) fromItem(fi ast.FromItem, s *scope, before []*item) (logical.Node, []*item) {
	b.enter()
	defer b.leave()
	switch fi := fi.(type) {
	case *ast.RangeVar:
		return b.rangeVar(fi, s)
	case *ast.RangeSubselect:
		return b.rangeSubselect(fi, s, before)
	case *ast.RangeFunction:
		return b.rangeFunction(fi, s, before)
	case *ast.JoinExpr:
		return b.join(fi, s, before)
	}
	fail(sqlerr.Unsupported("this kind of FROM item"))
	return nil, nil
}

// lateral is the scope of a LATERAL item; plain that of any other, for which
// the items to the left exist only in hints.
func lateral(s *scope, before []*item) *scope {
	return &scope{parent: s.parent, ctes: s.ctes, items: before, sel: s.sel}
}

func plainScope(s *scope, before []*item) *scope {
	return &scope{parent: s.parent, ctes: s.ctes, hidden: before}
}

func (b *binder) rangeVar(rv *ast.RangeVar, s *scope) (logical.Node, []*item) {
	if rv.Schema == "" && rv.Database == "" {
		if c := s.ctes.find(rv.Name); c != nil {
			return b.readCTE(c, rv)
		}
	}
	named := b.relation(rv)
	r := catalog.Follow(b.View, named)
	alias := rv.Name
	if rv.Alias != nil {
		alias = rv.Alias.Name
	}
	var scan *logical.Scan
	var it *item
	switch r := r.(type) {
	case *catalog.Table:
		scan, it = b.scanTable(r, nil, alias)
	case *catalog.Partition:
		t := b.View.Table(r.Table)
		b.use(t, lockAccessShare)
		scan, it = b.scanTable(t, r, alias)
	case *catalog.Virtual:
		scan, it = b.scanVirtual(r, alias)
	case *catalog.Sequence:
		scan, it = b.scanVirtual(r.Relation(), alias)
	case *catalog.Index:
		b.failIndex(r, rv)
	}
	if scan.Virtual == nil {
		b.use(r, lockAccessShare)
	}
	if rv.Alias == nil {
		if schema := b.View.SchemaByOID(named.SchemaOID()); schema != nil {
			it.schema = schema.Name
		}
	}
	b.rename(it, rv.Alias, "table", rv.Position())
	return scan, []*item{it}
}

// rename applies the column names of an alias.
func (b *binder) rename(it *item, alias *ast.Alias, kind string, pos int) {
	if alias == nil || len(alias.Columns) == 0 {
		return
	}
	if len(alias.Columns) > len(it.cols) {
		fail(sqlerr.New(sqlerr.InvalidColumnReference, "%s \"%s\" has %d columns available but %d columns specified",
			kind, it.name, len(it.cols), len(alias.Columns)))
	}
	for i, name := range alias.Columns {
		it.cols[i].name = name
		c := b.meta.Column(it.cols[i].id)
		c.Name = name
	}
}

// needAlias: a subquery in FROM has a name.
func (b *binder) needAlias(rs *ast.RangeSubselect) {
	what, example := "subquery", "SELECT"
	if sel := rs.Query; sel.Values != nil || sel.Rows != nil {
		what, example = "VALUES", "VALUES"
	}
	fail(sqlerr.New(sqlerr.SyntaxError, "%s in FROM must have an alias", what).At(b.place(rs.Position())).
		WithHint("For example, FROM (%s ...) [AS] foo.", example))
}

func (b *binder) rangeSubselect(rs *ast.RangeSubselect, s *scope, before []*item) (logical.Node, []*item) {
	if rs.Alias == nil {
		b.needAlias(rs)
	}
	parent := plainScope(s, before)
	if rs.Lateral {
		parent = lateral(s, before)
	}
	q := b.query(rs.Query, parent, s.ctes)
	b.resolveUnknowns(q)
	it := &item{open: true}
	if rs.Alias != nil {
		it.name, it.named = rs.Alias.Name, true
	}
	node := b.boundary(q, it)
	b.rename(it, rs.Alias, "table", rs.Position())
	return node, []*item{it}
}

// boundary gives a query's columns fresh ids under an alias: the same query may
// name one column twice, and outer names must not reach inside.
func (b *binder) boundary(q *query, it *item) logical.Node {
	b.meta.Relations++
	p := &logical.Project{Input: q.node, Subquery: it.name}
	for _, c := range q.cols {
		inner := *b.meta.Column(c.id)
		inner.Name, inner.Qualifier = c.name, it.name
		id := b.meta.Add(inner)
		p.Items = append(p.Items, logical.Item{ID: id, Expr: b.meta.Ref(c.id)})
		it.cols = append(it.cols, itemCol{name: c.name, id: id})
	}
	return p
}

func (b *binder) join(j *ast.JoinExpr, s *scope, before []*item) (logical.Node, []*item) {
	left, leftItems := b.fromItem(j.Left, s, before)
	visible := leftItems
	if j.Type == ast.JoinRight || j.Type == ast.JoinFull {
		visible = nil
		for _, it := range leftItems {
			barred := *it
			barred.lateralBad = true
			visible = append(visible, &barred)
		}
	}
	right, rightItems := b.fromItem(j.Right, s, append(before[:len(before):len(before)], visible...))
	b.checkNames(leftItems, rightItems)
	node := &logical.Join{Kind: joinKind(j.Type), Left: left, Right: right, Lateral: usesColumns(right, left)}
	leftCols, rightCols := openColumns(leftItems), openColumns(rightItems)
	using := j.Using
	if j.Natural {
		for _, l := range leftCols {
			if slices.ContainsFunc(rightCols, func(r itemCol) bool { return r.name == l.name }) {
				using = append(using, l.name)
			}
		}
	}
	top := &item{open: true, isJoin: true}
	both := append(leftItems[:len(leftItems):len(leftItems)], rightItems...)
	var out logical.Node = node
	switch {
	case len(using) > 0:
		out = b.using(j, node, top, using, leftCols, rightCols)
	default:
		if j.On != nil {
			x := b.exprs(lateral(s, both), kindJoinOn)
			node.Cond = x.boolean(j.On, "JOIN/ON")
		}
		top.cols = append(append(top.cols, leftCols...), rightCols...)
	}
	return out, b.joinItems(j, s, top, both, len(using))
}

// joinItems decides what of a join can be named: its own columns, and, unless
// an alias hides them, the joined items as qualifiers.
func (b *binder) joinItems(j *ast.JoinExpr, s *scope, top *item, both []*item, merged int) []*item {
	items := []*item{top}
	if j.UsingAlias != nil {
		items = append(items, &item{name: j.UsingAlias.Name, named: true, cols: top.cols[:merged]})
	}
	if j.Alias != nil {
		top.name, top.named = j.Alias.Name, true
		b.rename(top, j.Alias, "join expression", j.Position())
		s.hidden = append(s.hidden, both...)
		return items
	}
	for _, it := range both {
		if it.named {
			closed := *it
			closed.open = false
			items = append(items, &closed)
		}
	}
	return items
}

func joinKind(t ast.JoinType) plan.JoinKind {
	switch t {
	case ast.JoinLeft:
		return plan.JoinLeft
	case ast.JoinRight:
		return plan.JoinRight
	case ast.JoinFull:
		return plan.JoinFull
	}
	return plan.JoinInner
}

// openColumns are the columns that an unqualified name can reach.
func openColumns(items []*item) []itemCol {
	var cols []itemCol
	for _, it := range items {
		if it.open {
			cols = append(cols, it.visible()...)
		}
	}
	return cols
}

// using binds USING and NATURAL: equality of the named columns, each appearing
// once in the result.
func (b *binder) using(j *ast.JoinExpr, node *logical.Join, top *item, names []string, left, right []itemCol) logical.Node {
	var conds []plan.Expr
	var items []logical.Item
	usedLeft, usedRight := map[int]bool{}, map[int]bool{}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			fail(sqlerr.New(sqlerr.DuplicateColumn, "column name \"%s\" appears more than once in USING clause", name).At(b.place(j.Position())))
		}
		l := b.usingColumn(left, name, "left", j.Position())
		r := b.usingColumn(right, name, "right", j.Position())
		usedLeft[l], usedRight[r] = true, true
		le, re := plan.Expr(b.meta.Ref(left[l].id)), plan.Expr(b.meta.Ref(right[r].id))
		conds = append(conds, b.operator("=", "", le, re, j.Position()))
		merged, id := b.mergeUsing(j.Type, le, re)
		if id == 0 {
			id = b.meta.Add(logical.Column{Name: name, Type: merged.Type()})
			items = append(items, logical.Item{ID: id, Expr: merged})
		}
		top.cols = append(top.cols, itemCol{name: name, id: id})
	}
	for i, c := range left {
		if !usedLeft[i] {
			top.cols = append(top.cols, c)
		}
	}
	for i, c := range right {
		if !usedRight[i] {
			top.cols = append(top.cols, c)
		}
	}
	node.Cond = logical.All(conds)
	if items == nil {
		return node
	}
	return b.extend(node, items)
}

// mergeUsing is the value of a USING column: the side that is never null, or
// whichever is not.
func (b *binder) mergeUsing(t ast.JoinType, l, r plan.Expr) (plan.Expr, logical.ColID) {
	common := b.commonType("JOIN/USING", []plan.Expr{l, r})
	lc, rc := b.coerceImplicit(l, common), b.coerceImplicit(r, common)
	switch t {
	case ast.JoinRight:
		if rc == r {
			return r, r.(*logical.Ref).ID
		}
		return rc, 0
	case ast.JoinFull:
		return &plan.Coalesce{Typed: plan.Typed{T: common}, Args: []plan.Expr{lc, rc}}, 0
	}
	if lc == l {
		return l, l.(*logical.Ref).ID
	}
	return lc, 0
}

func (b *binder) usingColumn(cols []itemCol, name, side string, pos int) int {
	found := -1
	for i, c := range cols {
		if c.name != name {
			continue
		}
		if found >= 0 {
			fail(sqlerr.New(sqlerr.AmbiguousColumn, "common column name \"%s\" appears more than once in %s table", name, side).At(b.place(pos)))
		}
		found = i
	}
	if found < 0 {
		fail(sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" specified in USING clause does not exist in %s table", name, side).At(b.place(pos)))
	}
	return found
}

// extend adds computed columns to a node's.
func (b *binder) extend(n logical.Node, items []logical.Item) logical.Node {
	p := &logical.Project{Input: n}
	for _, id := range n.Columns() {
		p.Items = append(p.Items, logical.Item{ID: id, Expr: b.meta.Ref(id)})
	}
	p.Items = append(p.Items, items...)
	return p
}

// rangeFunction binds a function in FROM.
func (b *binder) rangeFunction(rf *ast.RangeFunction, s *scope, before []*item) (logical.Node, []*item) {
	b.meta.Relations++
	scope := lateral(s, before)
	it := &item{named: true, open: true}
	if rf.Alias != nil {
		it.name = rf.Alias.Name
	}
	fs := &logical.FunctionScan{Ordinality: rf.Ordinality}
	if len(rf.Columns) > 0 {
		fail(sqlerr.Unsupported("a column definition list for a function in FROM").At(b.place(rf.Position())))
	}
	for _, f := range spreadUnnest(rf.Functions) {
		if len(f.Columns) > 0 {
			fail(sqlerr.Unsupported("a column definition list for a function in FROM").At(b.place(rf.Position())))
		}
		x := b.exprs(scope, kindFromFunction)
		e := x.expr(f.Call)
		name := figureName(f.Call)
		if it.name == "" {
			it.name = name
		}
		b.functionColumns(fs, it, e, name, rf)
	}
	fs.Alias = it.name
	if rf.Ordinality {
		id := b.meta.Add(logical.Column{Name: "ordinality", Qualifier: it.name, Type: types.Of(types.Int8OID)})
		fs.Cols = append(fs.Cols, id)
		it.cols = append(it.cols, itemCol{name: "ordinality", id: id})
	}
	it.scalar = len(it.cols) == 1
	b.rename(it, rf.Alias, "table", rf.Position())
	return b.functionNode(fs), []*item{it}
}

// spreadUnnest makes unnest(a, b) a call for each array, as Postgres does in
// FROM.
func spreadUnnest(list []ast.RangeFunctionItem) []ast.RangeFunctionItem {
	var out []ast.RangeFunctionItem
	for _, f := range list {
		call, ok := f.Call.(*ast.FuncCall)
		if !ok || len(call.Names) != 1 || call.Names[0] != "unnest" || len(call.Args) < 2 || call.Variadic {
			out = append(out, f)
			continue
		}
		for _, a := range call.Args {
			one := *call
			one.Args = []ast.Expr{a}
			out = append(out, ast.RangeFunctionItem{Call: &one})
		}
	}
	return out
}

// functionColumns adds the result columns of one call.
func (b *binder) functionColumns(fs *logical.FunctionScan, it *item, e plan.Expr, name string, rf *ast.RangeFunction) {
	fs.Calls = append(fs.Calls, e)
	call, _ := e.(*plan.Call)
	if call != nil && len(call.Function.Columns) > 0 {
		for _, c := range call.Function.Columns {
			id := b.meta.Add(logical.Column{Name: c.Name, Qualifier: it.name, Type: types.Of(c.Type)})
			fs.Cols = append(fs.Cols, id)
			it.cols = append(it.cols, itemCol{name: c.Name, id: id})
		}
		return
	}
	if rf.Alias != nil && len(spreadUnnest(rf.Functions)) == 1 {
		name = rf.Alias.Name
	}
	id := b.meta.Add(logical.Column{Name: name, Qualifier: it.name, Type: e.Type()})
	fs.Cols = append(fs.Cols, id)
	it.cols = append(it.cols, itemCol{name: name, id: id})
}

// functionNode turns a single call that returns no set into a row of values.
func (b *binder) functionNode(fs *logical.FunctionScan) logical.Node {
	if len(fs.Calls) == 1 && !fs.Ordinality {
		if call, ok := fs.Calls[0].(*plan.Call); !ok || call.Function.Rows == nil {
			return &logical.Values{Rows: [][]plan.Expr{{fs.Calls[0]}}, Cols: fs.Cols, Alias: fs.Alias}
		}
	}
	for _, c := range fs.Calls {
		if call, ok := c.(*plan.Call); !ok || call.Function.Rows == nil {
			fail(sqlerr.Unsupported("a function that returns no set in ROWS FROM or WITH ORDINALITY").At(b.loc(c)))
		}
	}
	return fs
}
