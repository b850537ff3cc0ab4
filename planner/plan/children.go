package plan

import "slices"

// Children are the expressions right below e, over the same input row: not the
// element expressions of array operations, nor the plans and tests of subqueries.
func Children(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *Cast:
		return []Expr{e.Arg}
	case *ArrayCast:
		return []Expr{e.Arg}
	case *Bool:
		return e.Args
	case *IsNull:
		return []Expr{e.Arg}
	case *IsBool:
		return []Expr{e.Arg}
	case *Distinct:
		return e.Equal.Args
	case *InList:
		return []Expr{e.Arg}
	case *AnyArray:
		return []Expr{e.Left, e.Array}
	case *Case:
		return slices.Concat(e.Conds, e.Results, []Expr{e.Else})
	case *Coalesce:
		return e.Args
	case *MinMax:
		return e.Args
	case *NullIf:
		return append([]Expr{e.Arg}, e.Equal.Args...)
	case *Array:
		return e.Items
	case *Row:
		return e.Items
	case *RowCompare:
		return slices.Concat(e.Left, e.Right)
	case *Field:
		return []Expr{e.Arg}
	case *Subscript:
		return slices.Concat([]Expr{e.Arg}, e.Index, e.Lower, e.Upper)
	case *Subquery:
		return slices.Concat(e.Args, e.Left)
	}
	return nil
}
