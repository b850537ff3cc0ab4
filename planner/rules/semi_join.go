package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// makeSemiJoins turns IN and EXISTS subqueries among the conjuncts of a filter
// into semi-joins, their negations into anti-joins.
func makeSemiJoins(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		f, ok := n.(*logical.Filter)
		if !ok {
			return n
		}
		input := f.Input
		var rest []plan.Expr
		for _, cond := range logical.Conjuncts(f.Cond) {
			if j := semiJoin(c, input, cond); j != nil {
				input = j
			} else {
				rest = append(rest, cond)
			}
		}
		if len(rest) == 0 {
			return input
		}
		f.Input, f.Cond = input, logical.All(rest)
		return f
	})
}

// semiJoin returns the join that does what cond does; nil when none does.
func semiJoin(c *Context, left logical.Node, cond plan.Expr) logical.Node {
	negated := false
	if b, ok := cond.(*plan.Bool); ok && b.Op == plan.Not {
		negated, cond = true, b.Args[0]
	}
	s, ok := cond.(*logical.Subquery)
	if !ok || logical.Volatile(s.Input) {
		return nil
	}
	join := &logical.Join{Kind: plan.JoinSemi, Left: left}
	switch {
	case s.Kind == plan.SubExists && len(s.Args) > 0:
		if negated {
			join.Kind = plan.JoinAnti
		}
	case s.Kind == plan.SubAny && s.Op == "=" && !negated:
	case s.Kind == plan.SubAny && s.Op == "=" && len(s.Args) == 0 && hashable(s.Test):
		join.Kind = plan.JoinAntiNull
	default:
		return nil
	}
	return correlate(c, join, s)
}

// hashable: NOT IN joins by hash alone, over one pair of values of one type.
func hashable(test plan.Expr) bool {
	call, ok := test.(*plan.Call)
	return ok && len(call.Args) == 2 && call.Args[0].Type().OID == call.Args[1].Type().OID && call.Args[0].Type().Type().AppendKey != nil
}

// correlate fills in the right side and the condition; nil when the subquery
// uses the outer row in a way that no join condition can take over.
func correlate(c *Context, join *logical.Join, s *logical.Subquery) logical.Node {
	by := map[logical.ColID]plan.Expr{}
	var outer logical.ColSet
	for _, a := range s.Args {
		if logical.HasSubquery(a.Expr) {
			return nil
		}
		by[a.ID] = a.Expr
		outer.Add(a.ID)
	}
	for _, l := range s.Left {
		if logical.HasSubquery(l.Expr) || logical.VolatileExpr(l.Expr) {
			return nil
		}
		by[l.ID] = l.Expr
	}
	d := &decorrelation{c: c, outer: outer}
	if !d.possible(s.Input) {
		return nil
	}
	right, conds := d.pull(s.Input)
	if s.Kind == plan.SubAny {
		conds = append([]plan.Expr{s.Test}, conds...)
	}
	for i := range conds {
		conds[i] = logical.Substitute(conds[i], by)
	}
	join.Right, join.Cond = foldConstants(c, right, logical.ColSet{}), logical.All(conds)
	return makeSemiJoins(c, join, logical.ColSet{})
}

// decorrelation pulls conditions on the outer row out of a subquery.
type decorrelation struct {
	c     *Context
	outer logical.ColSet
}

// possible says whether every use of the outer row is a conjunct that can be
// pulled up.
func (d *decorrelation) possible(n logical.Node) bool {
	if !logical.Free(n).Meets(d.outer) {
		return true
	}
	switch n := n.(type) {
	case *logical.Filter:
		for _, cond := range logical.Conjuncts(n.Cond) {
			if logical.Columns(cond).Meets(d.outer) && logical.HasSubquery(cond) {
				return false
			}
		}
		return d.possible(n.Input)
	case *logical.Project:
		if n.Sets {
			return false
		}
		for _, it := range n.Items {
			if logical.Columns(it.Expr).Meets(d.outer) {
				return false
			}
		}
		return d.possible(n.Input)
	case *logical.Join:
		if n.Kind != plan.JoinInner || n.Cond != nil && logical.HasSubquery(n.Cond) {
			return false
		}
		return d.possible(n.Left) && d.possible(n.Right)
	}
	return false
}

// pull takes the conjuncts on the outer row out of n, and makes the columns
// that they need come through.
func (d *decorrelation) pull(n logical.Node) (logical.Node, []plan.Expr) {
	if !logical.Free(n).Meets(d.outer) {
		return n, nil
	}
	switch n := n.(type) {
	case *logical.Filter:
		input, conds := d.pull(n.Input)
		kept, pulled := d.split(n.Cond)
		conds = append(conds, pulled...)
		if len(kept) == 0 {
			return input, conds
		}
		n.Input, n.Cond = input, logical.All(kept)
		return n, conds
	case *logical.Project:
		input, conds := d.pull(n.Input)
		n.Input = input
		have := logical.NewColSet(n.Columns()...)
		below := logical.NewColSet(input.Columns()...)
		for _, cond := range conds {
			for _, id := range logical.Columns(cond).IDs() {
				if below.Has(id) && !have.Has(id) {
					have.Add(id)
					n.Items = append(n.Items, logical.Item{ID: id, Expr: d.c.Meta.Ref(id)})
				}
			}
		}
		return n, conds
	case *logical.Join:
		left, a := d.pull(n.Left)
		right, b := d.pull(n.Right)
		kept, pulled := d.split(n.Cond)
		n.Left, n.Right, n.Cond = left, right, logical.All(kept)
		return n, append(append(a, b...), pulled...)
	}
	return n, nil
}

func (d *decorrelation) split(cond plan.Expr) (kept, pulled []plan.Expr) {
	for _, c := range logical.Conjuncts(cond) {
		if logical.Columns(c).Meets(d.outer) {
			pulled = append(pulled, c)
		} else {
			kept = append(kept, c)
		}
	}
	return kept, pulled
}
