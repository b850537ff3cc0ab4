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

// EqualSides takes a = b apart when both sides have one type and no subquery.
func EqualSides(e plan.Expr) (x, y plan.Expr, ok bool) {
	call, isCall := e.(*plan.Call)
	if !isCall || call.Operator != "=" || len(call.Args) != 2 {
		return nil, nil, false
	}
	x, y = call.Args[0], call.Args[1]
	if x.Type().OID != y.Type().OID || x.Type().Type().AppendKey == nil || HasSubquery(e) {
		return nil, nil, false
	}
	return x, y, true
}
