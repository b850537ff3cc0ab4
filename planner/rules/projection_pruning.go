package rules

import (
	"slices"

	"quiver/planner/logical"
)

// pruneColumns keeps scans from reading, and projections and groupings from
// computing, what nobody asks for.
func pruneColumns(_ *Context, root logical.Node, output logical.ColSet) logical.Node {
	return prune(root, output)
}

func used(n logical.Node) logical.ColSet {
	var s logical.ColSet
	for _, e := range n.Exprs() {
		s.AddAll(logical.Columns(*e))
	}
	return s
}

// prune returns n yielding at least the columns of need.
func prune(n logical.Node, need logical.ColSet) logical.Node {
	var below logical.ColSet
	below.AddAll(need)
	switch n := n.(type) {
	case *logical.Scan:
		pruneScan(n, need)
		return n
	case *logical.VectorSearch:
		pruneScan(&n.Scan, need)
		if !need.Has(n.Distance) {
			n.Distance = 0
		}
		for _, m := range n.Members {
			var keys logical.ColSet
			for _, k := range m.SetKeys {
				keys.AddAll(logical.Columns(k))
			}
			m.Set = prune(m.Set, keys)
		}
		return n
	case *logical.VectorFusion:
		var items []logical.Item
		for _, it := range n.Items {
			if need.Has(it.ID) {
				items = append(items, it)
			}
		}
		n.Items, n.Out = items, nil
		if n.Exact != nil {
			n.Exact = prune(n.Exact, need)
		}
		return n
	case *logical.Project:
		return pruneProject(n, need)
	case *logical.Join:
		below.AddAll(used(n))
		below.AddAll(logical.Free(n.Right))
		n.Left, n.Right = prune(n.Left, below), prune(n.Right, below)
		return n
	case *logical.Aggregate:
		return pruneAggregate(n, need)
	case *logical.Window:
		return pruneWindow(n, need)
	case *logical.Append:
		return pruneAppend(n, need)
	case *logical.Distinct:
		if n.On == nil {
			below.AddAll(logical.NewColSet(n.Input.Columns()...))
		}
	case *logical.SetOp:
		n.Left, n.Right = prune(n.Left, logical.NewColSet(n.LeftFrom...)), prune(n.Right, logical.NewColSet(n.RightFrom...))
		return n
	case *logical.With:
		for _, c := range n.CTEs {
			c.Plan = prune(c.Plan, logical.NewColSet(c.Cols...))
			if c.Recurse != nil {
				c.Recurse = prune(c.Recurse, logical.NewColSet(c.RecurseCols...))
			}
		}
	case *logical.LockRows:
		for _, t := range n.Targets {
			below.Add(t.RowID)
		}
	case *logical.Modify:
		if n.Kind == logical.ModifyDelete { // a row goes by its id: RETURNING alone reads it
			of := used(n)
			n.Old = slices.DeleteFunc(slices.Clone(n.Old), func(id logical.ColID) bool { return !of.Has(id) })
			n.New = n.Old
		}
		below = logical.NewColSet(n.Old...)
		if n.Kind != logical.ModifyInsert {
			below.Add(n.RowID)
		}
	}
	below.AddAll(used(n))
	if w, ok := n.(*logical.With); ok {
		w.Input = prune(w.Input, below)
		return n
	}
	for _, in := range n.Inputs() {
		*in = prune(*in, below)
	}
	return n
}

func pruneScan(s *logical.Scan, need logical.ColSet) {
	var out []logical.ColID
	for _, id := range s.Out {
		if need.Has(id) {
			out = append(out, id)
		}
	}
	s.Out = out
}

func pruneProject(p *logical.Project, need logical.ColSet) logical.Node {
	var items []logical.Item
	for _, it := range p.Items {
		// A set-returning item makes rows even if nobody reads its value.
		if need.Has(it.ID) || p.Sets && !it.Passes() {
			items = append(items, it)
		}
	}
	p.Items = items
	p.Input = prune(p.Input, used(p))
	if !p.Sets && changesNothing(p) {
		return p.Input
	}
	return p
}

func pruneAggregate(a *logical.Aggregate, need logical.ColSet) logical.Node {
	var calls []logical.AggregateItem
	for _, c := range a.Calls {
		if need.Has(c.ID) {
			calls = append(calls, c)
		}
	}
	a.Calls = calls
	a.Input = prune(a.Input, used(a))
	return a
}

func pruneWindow(w *logical.Window, need logical.ColSet) logical.Node {
	var calls []logical.WindowItem
	for _, c := range w.Calls {
		if need.Has(c.ID) {
			calls = append(calls, c)
		}
	}
	if len(calls) == 0 {
		return prune(w.Input, need)
	}
	w.Calls = calls
	var below logical.ColSet
	below.AddAll(need)
	below.AddAll(used(w))
	w.Input = prune(w.Input, below)
	return w
}

func pruneAppend(a *logical.Append, need logical.ColSet) logical.Node {
	var cols []logical.ColID
	from := make([][]logical.ColID, len(a.From))
	for i, id := range a.Cols {
		if !need.Has(id) {
			continue
		}
		cols = append(cols, id)
		for b := range a.From {
			from[b] = append(from[b], a.From[b][i])
		}
	}
	a.Cols, a.From = cols, from
	for i := range a.Branches {
		a.Branches[i] = prune(a.Branches[i], logical.NewColSet(from[i]...))
	}
	return a
}
