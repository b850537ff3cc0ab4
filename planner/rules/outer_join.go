package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// simplifyOuterJoins makes an outer join an inner one where a condition above
// cannot be true for the rows that the outer join adds.
func simplifyOuterJoins(_ *Context, root logical.Node, _ logical.ColSet) logical.Node {
	simplify(root, nil)
	return root
}

// simplify walks down with the conditions that every row of n must pass.
func simplify(n logical.Node, conds []plan.Expr) {
	switch n := n.(type) {
	case *logical.Filter:
		simplify(n.Input, append(conds[:len(conds):len(conds)], logical.Conjuncts(n.Cond)...))
		return
	case *logical.Project:
		if !n.Sets {
			simplify(n.Input, through(conds, n.Items))
			return
		}
	case *logical.Join:
		simplifyJoin(n, conds)
		return
	case *logical.Sort:
		simplify(n.Input, conds)
		return
	}
	for _, in := range n.Inputs() {
		simplify(*in, nil)
	}
}

// through rewrites conditions above a projection in terms of its input.
func through(conds []plan.Expr, items []logical.Item) []plan.Expr {
	by := map[logical.ColID]plan.Expr{}
	for _, it := range items {
		by[it.ID] = it.Expr
	}
	out := make([]plan.Expr, len(conds))
	for i, c := range conds {
		out[i] = logical.Substitute(c, by)
	}
	return out
}

func simplifyJoin(j *logical.Join, conds []plan.Expr) {
	left, right := logical.NewColSet(j.Left.Columns()...), logical.NewColSet(j.Right.Columns()...)
	rejectsLeft, rejectsRight := false, false
	for _, c := range conds {
		rejectsLeft = rejectsLeft || rejectsNull(c, left)
		rejectsRight = rejectsRight || rejectsNull(c, right)
	}
	switch {
	case j.Kind == plan.JoinLeft && rejectsRight, j.Kind == plan.JoinRight && rejectsLeft, j.Kind == plan.JoinFull && rejectsLeft && rejectsRight:
		j.Kind = plan.JoinInner
	case j.Kind == plan.JoinFull && rejectsLeft:
		// Only rows with a left side are left.
		j.Kind = plan.JoinLeft
	case j.Kind == plan.JoinFull && rejectsRight:
		j.Kind = plan.JoinRight
	}
	own := append(conds[:len(conds):len(conds)], logical.Conjuncts(j.Cond)...)
	switch j.Kind {
	case plan.JoinInner:
		simplify(j.Left, own)
		simplify(j.Right, own)
	case plan.JoinSemi:
		simplify(j.Left, own)
		simplify(j.Right, logical.Conjuncts(j.Cond))
	case plan.JoinLeft, plan.JoinAnti, plan.JoinAntiNull:
		simplify(j.Left, conds)
		simplify(j.Right, nil)
	case plan.JoinRight:
		simplify(j.Left, nil)
		simplify(j.Right, conds)
	default:
		simplify(j.Left, nil)
		simplify(j.Right, nil)
	}
}

// rejectsNull says whether a condition cannot be true when all columns of s are
// null.
func rejectsNull(e plan.Expr, s logical.ColSet) bool {
	switch e := e.(type) {
	case *plan.Bool:
		switch e.Op {
		case plan.And:
			for _, a := range e.Args {
				if rejectsNull(a, s) {
					return true
				}
			}
			return false
		case plan.Or:
			for _, a := range e.Args {
				if !rejectsNull(a, s) {
					return false
				}
			}
			return true
		}
		return isNull(e.Args[0], s)
	case *plan.IsNull:
		return e.Not && isNull(e.Arg, s)
	case *plan.InList:
		return isNull(e.Arg, s)
	}
	return isNull(e, s)
}

// isNull says whether e is null when all columns of s are.
func isNull(e plan.Expr, s logical.ColSet) bool {
	switch e := e.(type) {
	case *logical.Ref:
		return s.Has(e.ID)
	case *plan.Cast:
		return isNull(e.Arg, s)
	case *plan.Call:
		if !e.Function.Strict || e.Function.Rows != nil {
			return false
		}
		for _, a := range e.Args {
			if isNull(a, s) {
				return true
			}
		}
	case *plan.AnyArray:
		return !e.All && e.Op.Function.Strict && isNull(e.Left, s)
	}
	return false
}
