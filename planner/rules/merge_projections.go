package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// mergeProjections makes one projection of two, and drops those that change
// nothing.
func mergeProjections(_ *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		p, ok := n.(*logical.Project)
		if !ok || p.Sets {
			return n
		}
		for {
			inner, ok := p.Input.(*logical.Project)
			if !ok || inner.Sets || !mergeable(p, inner) {
				break
			}
			by := map[logical.ColID]plan.Expr{}
			for _, it := range inner.Items {
				by[it.ID] = it.Expr
			}
			for i := range p.Items {
				p.Items[i].Expr = logical.Substitute(p.Items[i].Expr, by)
			}
			p.Input = inner.Input
		}
		if changesNothing(p) {
			return p.Input
		}
		return p
	})
}

// mergeable: nothing that costs is computed twice, nothing volatile moves.
func mergeable(outer, inner *logical.Project) bool {
	uses := map[logical.ColID]int{}
	for _, it := range outer.Items {
		logical.Walk(it.Expr, func(e plan.Expr) bool {
			if r, ok := e.(*logical.Ref); ok {
				uses[r.ID]++
			}
			return true
		})
	}
	for _, it := range inner.Items {
		switch it.Expr.(type) {
		case *logical.Ref, *plan.Const, *plan.Param:
			continue
		}
		if uses[it.ID] > 1 || uses[it.ID] > 0 && logical.VolatileExpr(it.Expr) {
			return false
		}
	}
	return true
}

func changesNothing(p *logical.Project) bool {
	below := p.Input.Columns()
	if len(below) != len(p.Items) {
		return false
	}
	for i, it := range p.Items {
		if !it.Passes() || it.ID != below[i] {
			return false
		}
	}
	return true
}
