package rules

import "quiver/planner/logical"

// pushLimits moves LIMIT below projections, so that it meets the sort or scan
// that it cuts and nothing is computed for rows that are cut off.
func pushLimits(_ *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return pushLimit(root)
}

func pushLimit(n logical.Node) logical.Node {
	if l, ok := n.(*logical.Limit); ok && l.WithTies == nil {
		if p, ok := l.Input.(*logical.Project); ok && !p.Sets && !volatileItems(p) {
			l.Input = p.Input
			p.Input = pushLimit(l)
			return p
		}
	}
	for _, in := range n.Inputs() {
		*in = pushLimit(*in)
	}
	return n
}

func volatileItems(p *logical.Project) bool {
	for _, it := range p.Items {
		if logical.VolatileExpr(it.Expr) {
			return true
		}
	}
	return false
}
