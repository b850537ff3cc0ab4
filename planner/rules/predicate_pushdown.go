package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// pushPredicates moves conditions as far down as they can go: through
// projections, joins, groupings and unions, into the scans.
func pushPredicates(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return push(root, nil)
}

// push returns n filtered by conds.
func push(n logical.Node, conds []plan.Expr) logical.Node {
	switch n := n.(type) {
	case *logical.Filter:
		return pushFilter(n, conds)
	case *logical.Project:
		return pushProject(n, conds)
	case *logical.Join:
		return pushJoin(n, conds)
	case *logical.Aggregate:
		return pushAggregate(n, conds)
	case *logical.Sort:
		n.Input = push(n.Input, conds)
		return n
	case *logical.Distinct:
		if n.On == nil {
			n.Input = push(n.Input, conds)
			return n
		}
	case *logical.Append:
		for i := range n.Branches {
			n.Branches[i] = push(n.Branches[i], renamed(conds, n.Cols, n.From[i]))
		}
		return n
	case *logical.SetOp:
		n.Left = push(n.Left, renamed(conds, n.Cols, n.LeftFrom))
		n.Right = push(n.Right, renamed(conds, n.Cols, n.RightFrom))
		return n
	case *logical.With:
		for _, in := range n.Inputs()[1:] {
			*in = push(*in, nil)
		}
		n.Input = push(n.Input, conds)
		return n
	case *logical.Scan:
		return pushScan(n, conds)
	}
	for _, in := range n.Inputs() {
		*in = push(*in, nil)
	}
	return filtered(n, conds)
}

// filtered puts a Filter on n when there is something to filter.
func filtered(n logical.Node, conds []plan.Expr) logical.Node {
	if len(conds) == 0 {
		return n
	}
	return &logical.Filter{Input: n, Cond: logical.All(conds)}
}

// pushFilter lets the steady conditions go down and keeps volatile ones.
func pushFilter(f *logical.Filter, conds []plan.Expr) logical.Node {
	var stay []plan.Expr
	down := conds[:len(conds):len(conds)]
	for _, c := range logical.Conjuncts(f.Cond) {
		if logical.VolatileExpr(c) {
			stay = append(stay, c)
		} else {
			down = append(down, c)
		}
	}
	return filtered(push(f.Input, down), stay)
}

func pushProject(p *logical.Project, conds []plan.Expr) logical.Node {
	by := map[logical.ColID]plan.Expr{}
	var fixed logical.ColSet
	for _, it := range p.Items {
		by[it.ID] = it.Expr
		if logical.VolatileExpr(it.Expr) || p.Sets && !it.Passes() {
			fixed.Add(it.ID)
		}
	}
	var down, stay []plan.Expr
	for _, c := range conds {
		if logical.Columns(c).Meets(fixed) {
			stay = append(stay, c)
		} else {
			down = append(down, logical.Substitute(c, by))
		}
	}
	p.Input = push(p.Input, down)
	return filtered(p, stay)
}

// renamed rewrites conditions over a set operation's columns for one input.
func renamed(conds []plan.Expr, cols, from []logical.ColID) []plan.Expr {
	if len(conds) == 0 {
		return nil
	}
	by := map[logical.ColID]plan.Expr{}
	for _, c := range conds {
		logical.Walk(c, func(e plan.Expr) bool {
			if r, ok := e.(*logical.Ref); ok {
				for i, id := range cols {
					if id == r.ID {
						by[id] = &logical.Ref{Typed: r.Typed, ID: from[i]}
					}
				}
			}
			return true
		})
	}
	out := make([]plan.Expr, len(conds))
	for i, c := range conds {
		out[i] = logical.Substitute(c, by)
	}
	return out
}

func pushAggregate(a *logical.Aggregate, conds []plan.Expr) logical.Node {
	if len(a.Groups) == 0 || a.Sets != nil {
		a.Input = push(a.Input, nil)
		return filtered(a, conds)
	}
	by := map[logical.ColID]plan.Expr{}
	var made logical.ColSet
	for _, g := range a.Groups {
		if logical.VolatileExpr(g.Expr) {
			made.Add(g.ID)
		}
		by[g.ID] = g.Expr
	}
	for _, c := range a.Calls {
		made.Add(c.ID)
	}
	var down, stay []plan.Expr
	for _, c := range conds {
		if logical.Columns(c).Meets(made) {
			stay = append(stay, c)
		} else {
			down = append(down, logical.Substitute(c, by))
		}
	}
	a.Input = push(a.Input, down)
	return filtered(a, stay)
}

// pushScan puts conditions into the scan, but for those with subqueries: a scan
// may evaluate its filter on several goroutines.
func pushScan(s *logical.Scan, conds []plan.Expr) logical.Node {
	var stay []plan.Expr
	into := logical.Conjuncts(s.Filter)
	for _, c := range conds {
		if logical.HasSubquery(c) {
			stay = append(stay, c)
		} else {
			into = append(into, c)
		}
	}
	s.Filter = logical.All(into)
	return filtered(s, stay)
}

func pushJoin(j *logical.Join, conds []plan.Expr) logical.Node {
	left, right := logical.NewColSet(j.Left.Columns()...), logical.NewColSet(j.Right.Columns()...)
	side := func(c plan.Expr) (onLeft, onRight bool) {
		cols := logical.Columns(c)
		return cols.Meets(left), cols.Meets(right)
	}
	var toLeft, toRight, above, on []plan.Expr
	for _, c := range conds {
		l, r := side(c)
		switch {
		case j.Kind == plan.JoinInner && l && r:
			on = append(on, c)
		case !r && j.Kind != plan.JoinRight && j.Kind != plan.JoinFull:
			toLeft = append(toLeft, c)
		case !l && (j.Kind == plan.JoinInner || j.Kind == plan.JoinRight):
			toRight = append(toRight, c)
		default:
			above = append(above, c)
		}
	}
	for _, c := range logical.Conjuncts(j.Cond) {
		l, r := side(c)
		volatile := logical.VolatileExpr(c)
		switch {
		case volatile || j.Kind == plan.JoinAntiNull || j.Kind == plan.JoinFull:
			on = append(on, c)
		case !r && (j.Kind == plan.JoinInner || j.Kind == plan.JoinRight || j.Kind == plan.JoinSemi):
			toLeft = append(toLeft, c)
		case !l && j.Kind != plan.JoinRight:
			toRight = append(toRight, c)
		default:
			on = append(on, c)
		}
	}
	j.Left, j.Right, j.Cond = push(j.Left, toLeft), push(j.Right, toRight), logical.All(on)
	return filtered(j, above)
}
