package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// searchVectors turns ORDER BY column <op> query LIMIT k over one table, with or
// without conditions on it, into a vector search.
func searchVectors(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		s, ok := n.(*logical.Sort)
		if !ok || s.Limit == nil || len(s.Keys) == 0 {
			return n
		}
		single := len(s.Keys) == 1
		if single {
			if fused := fuseSearches(c, s); fused != nil {
				return fused
			}
		}
		if s.Keys[0].Desc || s.Keys[0].NullsFirst {
			return n
		}
		v, place := vectorSearch(c, s)
		switch {
		case v != nil && single:
			return place(v)
		case single:
			return widenSearch(c, s)
		case v != nil && v.Index != nil && !logical.VolatileExpr(s.Limit) && (s.Offset == nil || !logical.VolatileExpr(s.Offset)):
			return searchTies(c, s, v, place)
		}
		return n
	})
}

// searchTies has rows at the same distance put in order by further keys: a search finds
// those wanted and all that are as far as the last of them, which are then sorted.
func searchTies(c *Context, s *logical.Sort, v *logical.VectorSearch, place func(logical.Node) logical.Node) logical.Node {
	v.Wide = true
	s.Input = place(&logical.WidenSearch{Input: v, Limit: s.Limit, Offset: s.Offset, Ties: c.Meta.Ref(v.Distance)})
	return s
}

// vectorSearch returns the search that finds the rows of a sort by its first key, and
// what puts a node in the place of the scan below and returns the sort's input then; nil
// when it is no search.
func vectorSearch(c *Context, s *logical.Sort) (v *logical.VectorSearch, place func(logical.Node) logical.Node) {
	key := s.Keys[0].Expr
	var projects []*logical.Project
	input, ok := belowProjects(s.Input, func(p *logical.Project, by map[logical.ColID]plan.Expr) {
		projects = append(projects, p)
		key = logical.Substitute(key, by)
	})
	if !ok {
		return nil, nil
	}
	scan, ok := input.(*logical.Scan)
	if !ok || scan.Virtual != nil || scan.Key != nil {
		return nil, nil
	}
	if v = distance(key, scan); v == nil {
		return nil, nil
	}
	takeRange(v)
	chooseIndex(c, v)
	if v.Field == 0 && v.Index == nil {
		return nil, nil // an expression without an index
	}
	v.Limit, v.Offset = s.Limit, s.Offset
	v.Distance = c.Meta.Add(logical.Column{Name: "distance", Type: types.Of(types.Float8OID)})
	return v, func(n logical.Node) logical.Node {
		if len(projects) == 0 {
			return n
		}
		// The computed distance stands in for the expression wherever it occurs in
		// the lowest projection.
		want, ref := logical.Key(key), c.Meta.Ref(v.Distance)
		lowest := projects[len(projects)-1]
		for i := range lowest.Items {
			lowest.Items[i].Expr = logical.Map(lowest.Items[i].Expr, func(e plan.Expr) plan.Expr {
				if logical.Key(e) == want {
					return ref
				}
				return e
			})
		}
		lowest.Input = n
		return projects[0]
	}
}

// belowProjects is what lies below projections, of which each sees every one
// with what it computes; false when one does more than compute.
func belowProjects(n logical.Node, each func(*logical.Project, map[logical.ColID]plan.Expr)) (logical.Node, bool) {
	for {
		p, ok := n.(*logical.Project)
		if !ok {
			return n, true
		}
		if p.Sets || volatileItems(p) {
			return nil, false
		}
		by := map[logical.ColID]plan.Expr{}
		for _, it := range p.Items {
			by[it.ID] = it.Expr
		}
		each(p, by)
		n = p.Input
	}
}

// distance takes value <op> query apart: the value is a column of the scan or an
// expression over its columns, the query must not depend on the row.
func distance(e plan.Expr, s *logical.Scan) *logical.VectorSearch {
	call, ok := e.(*plan.Call)
	if !ok || call.Operator == "" || len(call.Args) != 2 {
		return nil
	}
	op := funcs.LookupOperator(call.Operator, call.Args[0].Type().OID, call.Args[1].Type().OID)
	if op == nil || op.Distance == "" {
		return nil
	}
	var own logical.ColSet
	for _, c := range s.Cols {
		own.Add(c.ID)
	}
	for i, value := range call.Args {
		query := call.Args[1-i]
		if logical.Columns(query).Meets(own) || logical.VolatileExpr(query) {
			continue
		}
		v := &logical.VectorSearch{Scan: *s, Operator: call.Operator, Query: query}
		if r, isRef := value.(*logical.Ref); isRef && s.FieldOf(r.ID) != nil {
			v.Field = s.FieldOf(r.ID).Field
			return v
		}
		if used := logical.Columns(value); !used.Empty() && used.Within(own) {
			v.Key = value
			return v
		}
	}
	return nil
}
