package explain

import "quiver/planner/plan"

// eachSubquery calls f for the subqueries of an expression, outermost first.
func eachSubquery(e plan.Expr, f func(*plan.Subquery)) {
	if e == nil {
		return
	}
	if s, ok := e.(*plan.Subquery); ok {
		f(s)
		for _, l := range s.Left {
			eachSubquery(l, f)
		}
		return
	}
	for _, c := range parts(e) {
		eachSubquery(c, f)
	}
}

// parts are the direct subexpressions.
func parts(e plan.Expr) []plan.Expr {
	switch e := e.(type) {
	case *plan.Call:
		return e.Args
	case *plan.Cast:
		return []plan.Expr{e.Arg}
	case *plan.ArrayCast:
		return []plan.Expr{e.Arg}
	case *plan.Bool:
		return e.Args
	case *plan.IsNull:
		return []plan.Expr{e.Arg}
	case *plan.IsBool:
		return []plan.Expr{e.Arg}
	case *plan.Distinct:
		return e.Equal.Args
	case *plan.InList:
		return []plan.Expr{e.Arg}
	case *plan.AnyArray:
		return []plan.Expr{e.Left, e.Array}
	case *plan.Case:
		list := append([]plan.Expr{}, e.Conds...)
		return append(append(list, e.Results...), e.Else)
	case *plan.Coalesce:
		return e.Args
	case *plan.MinMax:
		return e.Args
	case *plan.NullIf:
		return e.Equal.Args
	case *plan.Array:
		return e.Items
	case *plan.Row:
		return e.Items
	case *plan.RowCompare:
		return append(append([]plan.Expr{}, e.Left...), e.Right...)
	case *plan.Field:
		return []plan.Expr{e.Arg}
	case *plan.Subscript:
		list := append([]plan.Expr{e.Arg}, e.Index...)
		return append(append(list, e.Lower...), e.Upper...)
	}
	return nil
}
