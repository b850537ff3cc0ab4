package logical

import (
	"fmt"
	"slices"

	"quiver/planner/plan"
)

// MapChildren returns e with f applied to its direct subexpressions; e itself
// when nothing changed. A Subquery's input is not entered: only Args, Left and
// Test are.
func MapChildren(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *Ref, *plan.Const, *plan.Column, *plan.Outer, *plan.Param, nil:
		return e
	case *Subquery:
		c := *e
		args, a := mapItems(e.Args, f)
		left, l := mapItems(e.Left, f)
		if !a && !l {
			return e
		}
		c.Args, c.Left = args, left
		return &c
	case *plan.Call:
		if args, changed := mapList(e.Args, f); changed {
			c := *e
			c.Args = args
			return &c
		}
	case *plan.Cast:
		if arg := f(e.Arg); arg != e.Arg {
			c := *e
			c.Arg = arg
			return &c
		}
	case *plan.ArrayCast:
		if arg := f(e.Arg); arg != e.Arg {
			c := *e
			c.Arg = arg
			return &c
		}
	case *plan.Bool:
		if args, changed := mapList(e.Args, f); changed {
			c := *e
			c.Args = args
			return &c
		}
	case *plan.IsNull:
		if arg := f(e.Arg); arg != e.Arg {
			c := *e
			c.Arg = arg
			return &c
		}
	case *plan.IsBool:
		if arg := f(e.Arg); arg != e.Arg {
			c := *e
			c.Arg = arg
			return &c
		}
	case *plan.Distinct:
		if call := mapKeep(e.Equal, f); call != e.Equal {
			c := *e
			c.Equal = call
			return &c
		}
	case *plan.InList:
		if arg := f(e.Arg); arg != e.Arg {
			c := *e
			c.Arg = arg
			return &c
		}
	case *plan.AnyArray:
		left, array := f(e.Left), f(e.Array)
		if left != e.Left || array != e.Array {
			c := *e
			c.Left, c.Array = left, array
			return &c
		}
	case *plan.Case:
		conds, a := mapList(e.Conds, f)
		results, b := mapList(e.Results, f)
		def, operand := f(e.Else), e.Operand
		if operand != nil {
			operand = f(operand)
		}
		if a || b || def != e.Else || operand != e.Operand {
			c := *e
			c.Conds, c.Results, c.Else, c.Operand = conds, results, def, operand
			return &c
		}
	case *plan.Coalesce:
		if args, changed := mapList(e.Args, f); changed {
			c := *e
			c.Args = args
			return &c
		}
	case *plan.MinMax:
		if args, changed := mapList(e.Args, f); changed {
			c := *e
			c.Args = args
			return &c
		}
	case *plan.NullIf:
		arg, equal := f(e.Arg), mapKeep(e.Equal, f)
		if arg != e.Arg || equal != e.Equal {
			c := *e
			c.Arg, c.Equal = arg, equal
			return &c
		}
	case *plan.Array:
		if items, changed := mapList(e.Items, f); changed {
			c := *e
			c.Items = items
			return &c
		}
	case *plan.Row:
		if items, changed := mapList(e.Items, f); changed {
			c := *e
			c.Items = items
			return &c
		}
	case *plan.RowCompare:
		left, a := mapList(e.Left, f)
		right, b := mapList(e.Right, f)
		if a || b {
			c := *e
			c.Left, c.Right = left, right
			return &c
		}
	case *plan.Field:
		if arg := f(e.Arg); arg != e.Arg {
			c := *e
			c.Arg = arg
			return &c
		}
	case *plan.Subscript:
		arg := f(e.Arg)
		index, a := mapList(e.Index, f)
		lower, b := mapList(e.Lower, f)
		upper, d := mapList(e.Upper, f)
		if arg != e.Arg || a || b || d {
			c := *e
			c.Arg, c.Index, c.Lower, c.Upper = arg, index, lower, upper
			return &c
		}
	case *plan.Subquery:
		panic("logical: a physical subquery in a logical expression")
	default:
		panic(fmt.Sprintf("logical: unknown expression %T", e))
	}
	return e
}

// mapKeep maps a call that must stay a call: only its arguments are mapped.
func mapKeep(call *plan.Call, f func(plan.Expr) plan.Expr) *plan.Call {
	args, changed := mapList(call.Args, f)
	if !changed {
		return call
	}
	c := *call
	c.Args = args
	return &c
}

func mapList(list []plan.Expr, f func(plan.Expr) plan.Expr) ([]plan.Expr, bool) {
	var out []plan.Expr
	for i, e := range list {
		if e == nil {
			if out != nil {
				out = append(out, nil)
			}
			continue
		}
		m := f(e)
		if m != e && out == nil {
			out = append(make([]plan.Expr, 0, len(list)), list[:i]...)
		}
		if out != nil {
			out = append(out, m)
		}
	}
	if out == nil {
		return list, false
	}
	return out, true
}

func mapItems(items []Item, f func(plan.Expr) plan.Expr) ([]Item, bool) {
	changed := false
	out := make([]Item, len(items))
	for i, it := range items {
		out[i] = Item{it.ID, f(it.Expr)}
		changed = changed || out[i].Expr != it.Expr
	}
	if !changed {
		return items, false
	}
	return out, true
}

// Map rewrites e bottom-up: f sees each node after its children.
func Map(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	return f(MapChildren(e, func(c plan.Expr) plan.Expr { return Map(c, f) }))
}

// Walk visits e and what is below it, parents first; f says whether to go on
// below.
func Walk(e plan.Expr, f func(plan.Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	MapChildren(e, func(c plan.Expr) plan.Expr {
		Walk(c, f)
		return c
	})
}

// Columns are the columns that e reads, its subqueries' arguments included.
func Columns(e plan.Expr) ColSet {
	var s ColSet
	addColumns(&s, e)
	return s
}

func addColumns(s *ColSet, e plan.Expr) {
	Walk(e, func(e plan.Expr) bool {
		if r, ok := e.(*Ref); ok {
			s.Add(r.ID)
		}
		return true
	})
}

// Free are the columns that a tree uses and does not produce: its outer
// references.
func Free(n Node) ColSet {
	var used, made ColSet
	WalkNodes(n, func(n Node) {
		for _, e := range n.Exprs() {
			addColumns(&used, *e)
		}
		for _, id := range n.Columns() {
			if !passes(n, id) {
				made.Add(id)
			}
		}
		if m, ok := n.(*Modify); ok {
			made.AddAll(m.Produces())
		}
		if s := scanOf(n); s != nil {
			for _, c := range s.Cols {
				made.Add(c.ID)
			}
		}
		if f, ok := n.(*VectorFusion); ok {
			made.Add(f.ScoreID)
		}
	})
	used.Remove(made)
	return used
}

// passes says whether n only hands on a column: of its input, or, in the select
// list of a subquery, of the enclosing row.
func passes(n Node, id ColID) bool {
	for _, in := range n.Inputs() {
		if slices.Contains((*in).Columns(), id) {
			return true
		}
	}
	p, ok := n.(*Project)
	if !ok {
		return false
	}
	for _, item := range p.Items {
		if r, isRef := item.Expr.(*Ref); isRef && item.ID == id && r.ID == id {
			return true
		}
	}
	return false
}

func scanOf(n Node) *Scan {
	switch n := n.(type) {
	case *Scan:
		return n
	case *VectorSearch:
		return &n.Scan
	case *VectorFusion:
		return &n.Scan
	}
	return nil
}

// WalkNodes visits the nodes of a tree, parents first. Subqueries in
// expressions are not entered.
func WalkNodes(n Node, f func(Node)) {
	f(n)
	for _, in := range n.Inputs() {
		WalkNodes(*in, f)
	}
}

// Substitute replaces columns by expressions.
func Substitute(e plan.Expr, by map[ColID]plan.Expr) plan.Expr {
	return Map(e, func(e plan.Expr) plan.Expr {
		if r, ok := e.(*Ref); ok {
			if to := by[r.ID]; to != nil {
				return to
			}
		}
		return e
	})
}

// Conjuncts splits a condition at its ANDs; nil has none.
func Conjuncts(e plan.Expr) []plan.Expr {
	if e == nil {
		return nil
	}
	if b, ok := e.(*plan.Bool); ok && b.Op == plan.And {
		var list []plan.Expr
		for _, a := range b.Args {
			list = append(list, Conjuncts(a)...)
		}
		return list
	}
	return []plan.Expr{e}
}

// All joins conditions by AND; nil when there are none.
func All(conds []plan.Expr) plan.Expr {
	switch len(conds) {
	case 0:
		return nil
	case 1:
		return conds[0]
	}
	return &plan.Bool{Typed: plan.Typed{T: conds[0].Type()}, Op: plan.And, Args: conds}
}
