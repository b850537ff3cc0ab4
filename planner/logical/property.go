package logical

import (
	"quiver/planner/plan"
	"quiver/sql/funcs"
)

// HasSubquery says whether an expression holds a subquery.
func HasSubquery(e plan.Expr) bool {
	found := false
	Walk(e, func(e plan.Expr) bool {
		_, ok := e.(*Subquery)
		found = found || ok
		return !found
	})
	return found
}

// VolatileExpr says whether evaluating e again may give another value.
func VolatileExpr(e plan.Expr) bool {
	found := false
	Walk(e, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *plan.Call:
			found = found || e.Function.Volatility == funcs.Volatile
		case *Subquery:
			found = found || Volatile(e.Input)
		}
		return !found
	})
	return found
}

// Volatile says whether running a tree again may give other rows.
func Volatile(n Node) bool {
	found := false
	WalkNodes(n, func(n Node) {
		if _, ok := n.(*Modify); ok {
			found = true
		}
		for _, e := range n.Exprs() {
			found = found || VolatileExpr(*e)
		}
	})
	return found
}
