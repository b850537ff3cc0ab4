package rules

import "quiver/planner/logical"

// sortTopN tells a sort under a LIMIT how many rows are wanted, so that it need
// not keep the others.
func sortTopN(_ *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		l, ok := n.(*logical.Limit)
		if !ok || l.Count == nil || l.WithTies != nil || logical.HasSubquery(l.Count) || l.Offset != nil && logical.HasSubquery(l.Offset) {
			return n
		}
		if s, ok := l.Input.(*logical.Sort); ok {
			s.Limit, s.Offset = l.Count, l.Offset
		}
		return n
	})
}
