package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// searchRanges turns scans for column <op> query < distance into searches by an
// index, where there is one.
func searchRanges(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		s, ok := n.(*logical.Scan)
		if !ok || s.Virtual != nil || s.Key != nil || s.RowID != 0 {
			return n
		}
		for _, cond := range logical.Conjuncts(s.Filter) {
			r := rangeOf(cond, s)
			if r == nil {
				continue
			}
			v := r.search
			takeRange(v)
			if chooseIndex(c, v); v.Index != nil {
				return v
			}
		}
		return n
	})
}

// distanceRange is a condition that a distance is below something.
type distanceRange struct {
	search *logical.VectorSearch
	limit  plan.Expr
	equal  bool
}

// rangeOf takes distance < limit apart, limit being the same for all rows.
func rangeOf(cond plan.Expr, s *logical.Scan) *distanceRange {
	call, ok := cond.(*plan.Call)
	if !ok || len(call.Args) != 2 {
		return nil
	}
	value, limit := call.Args[0], call.Args[1]
	r := &distanceRange{}
	switch call.Operator {
	case "<":
	case "<=":
		r.equal = true
	case ">":
		value, limit = limit, value
	case ">=":
		value, limit = limit, value
		r.equal = true
	default:
		return nil
	}
	r.search = distance(value, s)
	if r.search == nil || limit.Type().OID != types.Float8OID || logical.VolatileExpr(limit) || logical.HasSubquery(limit) {
		return nil
	}
	for _, c := range s.Cols {
		if logical.Columns(limit).Has(c.ID) {
			return nil
		}
	}
	r.limit = limit
	return r
}

// takeRange takes a condition on the distance searched by out of the filter.
func takeRange(v *logical.VectorSearch) {
	want := searchKey(v)
	conds := logical.Conjuncts(v.Filter)
	for i, cond := range conds {
		r := rangeOf(cond, &v.Scan)
		if r == nil || searchKey(r.search) != want {
			continue
		}
		v.Within, v.WithinEqual = r.limit, r.equal
		rest := append(append([]plan.Expr{}, conds[:i]...), conds[i+1:]...)
		v.Filter = logical.All(rest)
		return
	}
}

// searchKey is equal for searches of the same distance.
func searchKey(v *logical.VectorSearch) [4]any {
	key := ""
	if v.Key != nil {
		key = logical.Key(v.Key)
	}
	return [4]any{v.Field, key, v.Operator, logical.Key(v.Query)}
}
