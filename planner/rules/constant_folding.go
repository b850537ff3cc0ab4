package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// foldConstants evaluates what constants alone decide; a condition that can
// never be true makes its input empty. An evaluation that fails becomes the
// statement's error, as in PostgreSQL, even if no row would reach it.
func foldConstants(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return c.fold(root)
}

func (c *Context) fold(n logical.Node) logical.Node {
	for _, e := range n.Exprs() {
		simple, err := logical.Simplify(*e, c.Format)
		if err != nil && c.err == nil && !c.nested {
			c.err = err
		}
		*e = simple
		c.foldSubqueries(simple)
	}
	for _, in := range n.Inputs() {
		*in = c.fold(*in)
	}
	f, ok := n.(*logical.Filter)
	if !ok {
		return n
	}
	v, known := logical.BoolValue(f.Cond)
	switch {
	case !known:
		return n
	case v != nil && *v:
		return f.Input
	}
	if logical.Volatile(f.Input) {
		return n
	}
	return &logical.Empty{Cols: f.Input.Columns()}
}

// foldSubqueries folds below the subqueries of an expression.
func (c *Context) foldSubqueries(e plan.Expr) {
	logical.Walk(e, func(e plan.Expr) bool {
		if s, ok := e.(*logical.Subquery); ok {
			s.Input = c.fold(s.Input)
		}
		return true
	})
}
