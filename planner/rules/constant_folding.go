package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// foldConstants evaluates what constants alone decide; a condition that can
// never be true makes its input empty.
func foldConstants(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		for _, e := range n.Exprs() {
			*e = logical.Map(*e, func(e plan.Expr) plan.Expr { return logical.Fold(e, c.Format) })
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
	})
}
