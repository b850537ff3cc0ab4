package bind

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// subLink binds a subquery in an expression.
func (x *exprBinder) subLink(e *ast.SubLink) plan.Expr {
	pos := x.place(e.Position())
	switch x.kind {
	case kindDefault:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in DEFAULT expression").At(pos))
	case kindCheck:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in check constraint").At(pos))
	case kindCopyWhere:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in COPY FROM WHERE condition").At(pos))
	case kindIndexExpr:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in index expression").At(pos))
	case kindIndexPredicate:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in index predicate").At(pos))
	case kindPartitionKey:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in partition key expression").At(pos))
	case kindPartitionBound:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in partition bound").At(pos))
	}
	q := x.query(e.Query, x.scope, x.scope.ctes)
	x.resolveUnknowns(q)
	s := &logical.Subquery{Pos: pos}
	switch e.Kind {
	case ast.SubExists:
		s.Kind, s.Typed = plan.SubExists, boolean()
	case ast.SubScalar:
		s.Kind = plan.SubScalar
		x.oneColumn(q, pos)
		s.T = x.outType(q, 0)
	case ast.SubArray:
		s.Kind = plan.SubArray
		x.oneColumn(q, pos)
		t := x.outType(q, 0)
		s.T = types.Of(t.Type().Array)
		if isArray(t) {
			s.T = t
		}
		if s.T.OID == 0 {
			fail(sqlerr.New(sqlerr.UndefinedObject, "could not find array type for data type %s", typeName(t)).At(pos))
		}
	case ast.SubAny, ast.SubAll:
		s.Kind, s.Typed = plan.SubAny, boolean()
		if e.Kind == ast.SubAll {
			s.Kind = plan.SubAll
		}
		x.testSubquery(s, e, q, pos)
	}
	x.closeSubquery(s, q)
	return s
}

// closeSubquery fixes the columns and finds the outer references.
func (b *binder) closeSubquery(s *logical.Subquery, q *query) {
	s.Input, s.Cols = b.exactly(q), q.ids()
	if s.Kind == plan.SubExists {
		dropSelectList(s)
	}
	b.meta.Subqueries++
	s.ID = b.meta.Subqueries
	free := logical.Free(s.Input)
	pos := map[logical.ColID]int{}
	logical.WalkNodes(s.Input, func(n logical.Node) {
		for _, e := range n.Exprs() {
			logical.Walk(*e, func(e plan.Expr) bool {
				if r, ok := e.(*logical.Ref); ok && r.Pos > 0 && pos[r.ID] == 0 {
					pos[r.ID] = r.Pos
				}
				return true
			})
		}
	})
	for _, id := range free.IDs() {
		r := b.meta.Ref(id)
		r.Pos = pos[id]
		s.Args = append(s.Args, logical.Item{ID: id, Expr: r})
	}
}

// dropSelectList: EXISTS counts rows and never computes their values.
func dropSelectList(s *logical.Subquery) {
	for {
		p, ok := s.Input.(*logical.Project)
		if !ok || p.Sets { // of sets the values decide how many rows there are
			return
		}
		s.Input, s.Cols = p.Input, nil
	}
}

func (b *binder) oneColumn(q *query, pos int) {
	if len(q.cols) != 1 {
		fail(sqlerr.New(sqlerr.SyntaxError, "subquery must return only one column").At(pos))
	}
}

// testSubquery binds left OP ANY|ALL (subquery).
func (x *exprBinder) testSubquery(s *logical.Subquery, e *ast.SubLink, q *query, pos int) {
	var left []plan.Expr
	if row, ok := e.Test.(*ast.RowExpr); ok {
		for _, a := range row.Args {
			left = append(left, x.expr(a))
		}
	} else {
		left = []plan.Expr{x.expr(e.Test)}
	}
	switch {
	case len(left) < len(q.cols):
		fail(sqlerr.New(sqlerr.SyntaxError, "subquery has too many columns").At(pos))
	case len(left) > len(q.cols):
		fail(sqlerr.New(sqlerr.SyntaxError, "subquery has too few columns").At(pos))
	}
	s.Op = e.Op
	if s.Op == "" {
		s.Op = "="
	}
	x.exactly(q)
	var lefts, rights []plan.Expr
	for i, l := range left {
		right := plan.Expr(x.meta.Ref(q.cols[i].id))
		if l.Type().OID == types.UnknownOID {
			l = x.coerceTo(l, types.Of(right.Type().OID), coerceImplicit, x.loc(l))
		}
		id := x.meta.Add(logical.Column{Name: "left", Type: l.Type()})
		s.Left = append(s.Left, logical.Item{ID: id, Expr: l})
		lefts, rights = append(lefts, x.meta.Ref(id)), append(rights, right)
	}
	if len(lefts) == 1 {
		call := x.operatorCall(s.Op, e.Schema, lefts[0], rights[0], pos)
		if call.T.OID != types.BoolOID {
			fail(sqlerr.New(sqlerr.WrongObjectType, "operator %s must return type boolean, not type %s", s.Op, typeName(call.T)).At(pos))
		}
		s.Test = call
		return
	}
	s.Test = x.compareItems(s.Op, lefts, rights, pos)
}

// rowSubquery binds (a, b) = (SELECT x, y …).
func (x *exprBinder) rowSubquery(e *ast.OpExpr, l *ast.RowExpr, r *ast.SubLink) plan.Expr {
	fail(sqlerr.Unsupported("comparing a row with a scalar subquery").At(x.place(e.Position())))
	return nil
}
