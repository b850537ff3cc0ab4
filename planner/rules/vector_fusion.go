package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// fuseSearches turns ORDER BY w1 * distance + w2 * distance … LIMIT k over one
// table into searches by an index of each column, and ORDER BY
// quiver.rrf(distance, distance …) DESC LIMIT k into reciprocal rank fusion. It
// returns nil where there is nothing to fuse.
func fuseSearches(c *Context, s *logical.Sort) logical.Node {
	key := s.Keys[0].Expr
	exact := logical.Node(s)
	items := make([]logical.Item, 0, len(s.Columns()))
	for _, id := range s.Columns() {
		items = append(items, logical.Item{ID: id, Expr: c.Meta.Ref(id)})
	}
	input, ok := belowProjects(s.Input, func(_ *logical.Project, by map[logical.ColID]plan.Expr) {
		key = logical.Substitute(key, by)
		for i := range items {
			items[i].Expr = logical.Substitute(items[i].Expr, by)
		}
	})
	if !ok {
		return nil
	}
	scan, ok := input.(*logical.Scan)
	if !ok || scan.Virtual != nil || scan.Key != nil || scan.RowID != 0 {
		return nil
	}
	f := &logical.VectorFusion{Scan: *scan, Limit: s.Limit, Offset: s.Offset}
	ranked := isRankFusion(key)
	switch {
	case ranked && !s.Keys[0].Desc, !ranked && (s.Keys[0].Desc || s.Keys[0].NullsFirst):
		return nil
	case ranked:
		for _, arg := range key.(*plan.Call).Args {
			v := distance(arg, scan)
			if v == nil {
				return nil
			}
			if chooseIndex(c, v); v.Field == 0 && v.Index == nil {
				return nil
			}
			f.Searches = append(f.Searches, v)
		}
	default:
		if !addTerms(c, f, key) || len(f.Searches) < 2 {
			return nil
		}
		f.Score, f.Exact = key, exact
	}
	for _, v := range f.Searches {
		if !logical.Columns(v.Query).Within(logical.Free(s)) {
			return nil
		}
	}
	f.ScoreID = c.Meta.Add(logical.Column{Name: "score", Type: types.Of(types.Float8OID)})
	want, ref := logical.Key(key), c.Meta.Ref(f.ScoreID)
	for i := range items {
		items[i].Expr = logical.Map(items[i].Expr, func(e plan.Expr) plan.Expr {
			if logical.Key(e) == want {
				return ref
			}
			return e
		})
	}
	f.Items = items
	return f
}

// isRankFusion says whether an expression calls quiver.rrf.
func isRankFusion(e plan.Expr) bool {
	call, ok := e.(*plan.Call)
	return ok && call.Function.Schema == "quiver" && call.Function.Name == "rrf"
}

// addTerms takes a weighted sum of distances apart, each of which an index must
// serve.
func addTerms(c *Context, f *logical.VectorFusion, e plan.Expr) bool {
	if v := distance(e, &f.Scan); v != nil {
		return addTerm(c, f, v, nil)
	}
	call, ok := e.(*plan.Call)
	if !ok || len(call.Args) != 2 || call.T.OID != types.Float8OID {
		return false
	}
	switch call.Operator {
	case "+":
		return addTerms(c, f, call.Args[0]) && addTerms(c, f, call.Args[1])
	case "*":
		for i, arg := range call.Args {
			weight := call.Args[1-i]
			if v := distance(arg, &f.Scan); v != nil && logical.Columns(weight).Empty() && !logical.VolatileExpr(weight) && !logical.HasSubquery(weight) {
				return addTerm(c, f, v, weight)
			}
		}
	}
	return false
}

func addTerm(c *Context, f *logical.VectorFusion, v *logical.VectorSearch, weight plan.Expr) bool {
	if chooseIndex(c, v); v.Index == nil {
		return false
	}
	f.Searches, f.Weights = append(f.Searches, v), append(f.Weights, weight)
	return true
}
