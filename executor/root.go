package executor

import "quiver/planner/plan"

// buildRoot builds a statement's plan: the rows that its outermost INSERT,
// UPDATE or DELETE changes are those of the command tag.
func (b *builder) buildRoot(n plan.Node) (operator, error) {
	b.root = n
	if w, ok := n.(*plan.With); ok {
		b.root = w.Input
	}
	return b.build(n)
}
