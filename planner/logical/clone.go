package logical

import (
	"slices"

	"quiver/planner/plan"
)

// Clone copies a tree, so that rules can change it in two places; nil when it
// holds a subquery or a node that is not copied. Columns keep their ids.
func Clone(n Node) Node {
	for _, e := range n.Exprs() {
		if HasSubquery(*e) {
			return nil
		}
	}
	copied := cloneNode(n)
	if copied == nil {
		return nil
	}
	for _, in := range copied.Inputs() {
		if *in = Clone(*in); *in == nil {
			return nil
		}
	}
	return copied
}

// cloneNode copies a node and the lists of its expressions, not its inputs.
func cloneNode(n Node) Node {
	switch n := n.(type) {
	case *Scan:
		c := *n
		c.Out, c.Key = slices.Clone(n.Out), slices.Clone(n.Key)
		return &c
	case *FunctionScan:
		c := *n
		c.Calls = slices.Clone(n.Calls)
		return &c
	case *Values:
		c := *n
		c.Rows = make([][]plan.Expr, len(n.Rows))
		for i := range n.Rows {
			c.Rows[i] = slices.Clone(n.Rows[i])
		}
		return &c
	case *Empty:
		c := *n
		return &c
	case *Filter:
		c := *n
		return &c
	case *Project:
		c := *n
		c.Items = slices.Clone(n.Items)
		return &c
	case *Join:
		c := *n
		return &c
	case *Sort:
		c := *n
		c.Keys = slices.Clone(n.Keys)
		return &c
	case *Limit:
		c := *n
		c.WithTies = slices.Clone(n.WithTies)
		return &c
	case *Distinct:
		c := *n
		c.On = slices.Clone(n.On)
		return &c
	}
	return nil
}
