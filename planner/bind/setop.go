package bind

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

var setOpName = map[ast.SetOp]string{ast.SetUnion: "UNION", ast.SetIntersect: "INTERSECT", ast.SetExcept: "EXCEPT"}

// setOperation binds UNION, INTERSECT and EXCEPT.
func (b *binder) setOperation(s *ast.SelectStmt, parent *scope, ctes *cteScope) *query {
	if len(s.Locking) > 0 {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "%s is not allowed with UNION/INTERSECT/EXCEPT", s.Locking[0].Strength))
	}
	q := b.setArms(s, parent, ctes)
	return b.orderSet(s, q, parent, ctes)
}

// commonTypes is the common type of columns, reported at pos.
func (b *binder) commonTypes(construct string, pos int, list ...types.T) types.T {
	t, err := funcs.CommonType(construct, list)
	if err != nil {
		b.failAt(err, pos)
	}
	return t
}

func (b *binder) setArms(s *ast.SelectStmt, parent *scope, ctes *cteScope) *query {
	word := setOpName[s.Op]
	left := b.query(s.Left, parent, ctes)
	right := b.query(s.Right, parent, ctes)
	if len(left.cols) != len(right.cols) {
		pos := 0
		if len(right.cols) > 0 {
			pos = right.cols[0].pos
		}
		fail(sqlerr.New(sqlerr.SyntaxError, "each %s query must have the same number of columns", word).At(pos))
	}
	want := make([]types.T, len(left.cols))
	for i := range want {
		want[i] = b.commonTypes(word, right.cols[i].pos, b.outType(left, i), b.outType(right, i))
		if s.Op != ast.SetUnion || !s.All {
			if want[i].Type().AppendKey == nil {
				b.mustEqual(want[i], right.cols[i].pos)
			}
		}
	}
	b.coerceOutputs(left, want)
	b.coerceOutputs(right, want)
	out := &query{}
	var ids []logical.ColID
	for i, c := range left.cols {
		id := b.meta.Add(logical.Column{Name: c.name, Type: want[i]})
		ids = append(ids, id)
		out.cols = append(out.cols, outCol{name: c.name, id: id, pos: c.pos})
	}
	l, r := b.exactly(left), b.exactly(right)
	switch s.Op {
	case ast.SetUnion:
		out.node = &logical.Append{Branches: []logical.Node{l, r}, From: [][]logical.ColID{left.ids(), right.ids()}, Cols: ids}
		if !s.All {
			out.node = &logical.Distinct{Input: out.node}
		}
	default:
		out.node = &logical.SetOp{Except: s.Op == ast.SetExcept, All: s.All, Left: l, Right: r,
			LeftFrom: left.ids(), RightFrom: right.ids(), Cols: ids}
	}
	return out
}

// orderSet binds ORDER BY and LIMIT of a set operation or VALUES: keys are
// output names or numbers.
func (b *binder) orderSet(s *ast.SelectStmt, q *query, parent *scope, ctes *cteScope) *query {
	sel := &selection{aggKeys: map[string]logical.ColID{}}
	sc := &scope{parent: parent, ctes: ctes, sel: sel}
	it := &item{open: true}
	for _, c := range q.cols {
		it.cols = append(it.cols, itemCol{name: c.name, id: c.id})
		sel.targets = append(sel.targets, &targetItem{name: c.name, id: c.id, expr: b.meta.Ref(c.id), pos: c.pos})
	}
	sc.items = []*item{it}
	sel.scope = sc
	outputs := len(sel.targets)
	keys := b.orderBy(s.OrderBy, sel)
	if len(sel.targets) > outputs {
		if s.Op == ast.SetNone {
			return b.orderValues(s, q, sel, keys)
		}
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause").
			WithDetail("Only result column names can be used, not expressions or functions.").
			WithHint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.").At(keysPos(keys, outputs, sel)))
	}
	return b.sortAndCut(s, q, sel, keys)
}

func keysPos(keys []sortItem, outputs int, sel *selection) int {
	for _, k := range keys {
		for _, t := range sel.targets[outputs:] {
			if k.target == t {
				return k.pos
			}
		}
	}
	return 0
}

// orderValues sorts VALUES by expressions over its columns.
func (b *binder) orderValues(s *ast.SelectStmt, q *query, sel *selection, keys []sortItem) *query {
	var extra []logical.Item
	for _, t := range sel.targets[len(q.cols):] {
		extra = append(extra, logical.Item{ID: t.id, Expr: t.expr})
	}
	q.node = b.extend(q.node, extra)
	q = b.sortAndCut(s, q, sel, keys)
	q.node = b.pick(q.node, q.ids())
	return q
}

func (b *binder) sortAndCut(s *ast.SelectStmt, q *query, sel *selection, keys []sortItem) *query {
	var sort []plan.SortKey
	if len(keys) > 0 {
		sort = b.sortKeys(keys)
		q.node = &logical.Sort{Input: q.node, Keys: sort}
	}
	if l := b.limit(s, sel.scope, keys); l != nil {
		l.Input = q.node
		if s.WithTies {
			l.WithTies = sort
		}
		q.node = l
	}
	return q
}
