package bind

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// loc is where an expression begins in the text, as Postgres' exprLocation: an
// operator, a function or a cast begins where its leftmost operand does; a
// keyword construct where its keyword stands.
func (b *binder) loc(e plan.Expr) int {
	first := 0
	logical.Walk(e, func(e plan.Expr) bool {
		if pos := b.at[e]; pos > 0 && (first == 0 || pos < first) {
			first = pos
		}
		switch e.(type) {
		case *plan.Call, *plan.Cast, *plan.ArrayCast, *plan.Bool, *plan.IsNull, *plan.IsBool, *plan.Distinct, *plan.NullIf, *plan.AnyArray,
			*plan.InList, *plan.Subscript, *plan.RowCompare:
			return true
		}
		return false
	})
	return first
}
