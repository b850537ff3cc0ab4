package rules

import (
	"slices"

	"quiver/planner/logical"
)

// inlineCTEs puts a WITH query that is read once in the place where it is read,
// so that conditions and limits reach it; queries that nothing reads go. Those
// that change data, recurse or are volatile stay as they are.
func inlineCTEs(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	top := root
	replace := func(in *logical.Node) {
		if w, ok := (*in).(*logical.With); ok {
			for _, cte := range slices.Clone(w.CTEs) {
				inlineOne(c, w, cte)
				w.CTEs = kept(w.CTEs) // a query without a plan is no input
			}
			if len(w.CTEs) == 0 {
				*in = w.Input
			}
		}
	}
	replace(&top)
	for changed := true; changed; {
		before := top
		replace(&top)
		changed = top != before
	}
	eachInput(top, func(in *logical.Node) {
		for {
			before := *in
			replace(in)
			if *in == before {
				return
			}
		}
	})
	return top
}

func kept(list []*logical.CTE) []*logical.CTE {
	var out []*logical.CTE
	for _, c := range list {
		if c.Plan != nil {
			out = append(out, c)
		}
	}
	return out
}

// inlineOne empties cte.Plan when the query is no longer needed.
func inlineOne(c *Context, w *logical.With, cte *logical.CTE) {
	if cte.Modifies || cte.Recurse != nil || cte.Plan == nil {
		return
	}
	if len(cte.Reads) == 0 {
		if !logical.Volatile(cte.Plan) {
			cte.Plan = nil
		}
		return
	}
	if len(cte.Reads) > 1 || cte.Materialized != nil && *cte.Materialized || logical.Volatile(cte.Plan) || !logical.Free(cte.Plan).Empty() {
		return
	}
	read := cte.Reads[0]
	p := &logical.Project{Input: cte.Plan, Subquery: read.Alias}
	for i, id := range read.Cols {
		p.Items = append(p.Items, logical.Item{ID: id, Expr: c.Meta.Ref(cte.Cols[i])})
	}
	done := false
	eachInput(w, func(in *logical.Node) {
		if *in == logical.Node(read) {
			*in, done = p, true
		}
	})
	if done {
		cte.Plan = nil
	}
}
