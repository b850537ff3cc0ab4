package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// implies says whether conditions that hold together make another one true, as
// far as it can be proven: by finding it among them, by comparing constants
// (x = 5 implies x > 3), and because a comparison that is true has no null
// operand.
func implies(given []plan.Expr, want plan.Expr) bool {
	if b, ok := want.(*plan.Bool); ok {
		switch b.Op {
		case plan.And:
			for _, a := range b.Args {
				if !implies(given, a) {
					return false
				}
			}
			return true
		case plan.Or:
			for _, a := range b.Args {
				if implies(given, a) {
					return true
				}
			}
		}
	}
	if v, known := logical.BoolValue(want); known {
		return v != nil && *v
	}
	key := logical.Key(want)
	for _, g := range given {
		if logical.Key(g) == key || impliesOne(g, want) {
			return true
		}
	}
	return false
}

func impliesOne(given, want plan.Expr) bool {
	if b, ok := given.(*plan.Bool); ok && b.Op == plan.Or {
		for _, a := range b.Args {
			if !implies(logical.Conjuncts(a), want) {
				return false
			}
		}
		return true
	}
	if n, ok := want.(*plan.IsNull); ok {
		return n.Not && notNull(given, n.Arg)
	}
	g, w := comparisonOf(given), comparisonOf(want)
	if g == nil || w == nil || logical.Key(g.arg) != logical.Key(w.arg) || g.value.T.OID != w.value.T.OID {
		return false
	}
	compare := g.value.T.Type().Compare
	if compare == nil || g.value.Value.IsNull(0) || w.value.Value.IsNull(0) {
		return false
	}
	return impliesComparison(g.op, w.op, compare(g.value.Value, 0, w.value.Value, 0))
}

// notNull says whether a true condition proves that an expression is not null:
// one of the comparisons, over it.
func notNull(given, arg plan.Expr) bool {
	key := logical.Key(arg)
	switch g := given.(type) {
	case *plan.Call:
		switch g.Operator {
		case "=", "<>", "<", "<=", ">", ">=":
			for _, a := range g.Args {
				if logical.Key(a) == key {
					return true
				}
			}
		}
	case *plan.InList:
		return !g.Negate && logical.Key(g.Arg) == key
	}
	return false
}

// comparison is arg op value.
type comparison struct {
	arg   plan.Expr
	op    string
	value *plan.Const
}

var mirrored = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func comparisonOf(e plan.Expr) *comparison {
	call, ok := e.(*plan.Call)
	if !ok || len(call.Args) != 2 || mirrored[call.Operator] == "" {
		return nil
	}
	if v, ok := call.Args[1].(*plan.Const); ok {
		return &comparison{call.Args[0], call.Operator, v}
	}
	if v, ok := call.Args[0].(*plan.Const); ok {
		return &comparison{call.Args[1], mirrored[call.Operator], v}
	}
	return nil
}

// impliesComparison: does x given a imply x want b, where order is that of a
// to b?
func impliesComparison(given, want string, order int) bool {
	switch want {
	case "=":
		return given == "=" && order == 0
	case "<>":
		switch given {
		case "=":
			return order != 0
		case "<>":
			return order == 0
		case "<":
			return order <= 0
		case "<=":
			return order < 0
		case ">":
			return order >= 0
		case ">=":
			return order > 0
		}
	case "<", "<=":
		switch given {
		case "=", "<=":
			return order < 0 || order == 0 && want == "<="
		case "<":
			return order <= 0
		}
	case ">", ">=":
		switch given {
		case "=", ">=":
			return order > 0 || order == 0 && want == ">="
		case ">":
			return order >= 0
		}
	}
	return false
}
