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
	children := plan.Children(e)
	if n, ok := e.(*plan.NullIf); ok {
		children = n.Equal.Args // which hold Arg
	}
	for _, c := range children {
		eachSubquery(c, f)
	}
}
