package bind

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// operator binds left name right; left is nil for a prefix operator.
func (b *binder) operator(name, schema string, left, right plan.Expr, pos int) plan.Expr {
	return b.operatorCall(name, schema, left, right, pos)
}

func (b *binder) operatorCall(name, schema string, left, right plan.Expr, pos int) *plan.Call {
	left, right = b.dynamicOperands(name, left, right)
	var lt *types.T
	if left != nil {
		t := left.Type()
		lt = &t
	}
	r, err := funcs.ResolveOperator(schema, name, lt, right.Type())
	if err != nil {
		b.failAt(err, pos)
	}
	call := &plan.Call{Typed: plan.Typed{T: r.Result}, Function: r.Function, Operator: name}
	if left != nil {
		call.Args = append(call.Args, b.coerceImplicit(left, r.Left))
	}
	call.Args = append(call.Args, b.coerceImplicit(right, r.Right))
	b.mark(call, pos)
	return call
}

func (x *exprBinder) opExpr(e *ast.OpExpr) plan.Expr {
	pos := e.Position()
	switch e.Kind {
	case ast.OpAny, ast.OpAll:
		return x.anyArray(e)
	case ast.OpDistinct, ast.OpNotDistinct:
		return x.distinctFrom(e)
	case ast.OpNullIf:
		return x.nullIf(e)
	case ast.OpIn:
		return x.in(e)
	case ast.OpBetween, ast.OpNotBetween, ast.OpBetweenSym, ast.OpNotBetweenSym:
		return x.between(e)
	}
	if l, ok := e.Left.(*ast.RowExpr); ok {
		switch r := e.Right.(type) {
		case *ast.RowExpr:
			return x.rowCompare(e.Name, l, r, pos)
		case *ast.SubLink:
			if r.Kind == ast.SubScalar {
				return x.rowSubquery(e, l, r)
			}
		}
	}
	var left plan.Expr
	if e.Left != nil {
		left = x.expr(e.Left)
	}
	right := x.expr(e.Right)
	return x.operator(e.Name, e.Schema, left, right, pos)
}

// boolOperator binds a comparison that must yield a boolean.
func (x *exprBinder) boolOperator(name, schema string, left, right plan.Expr, pos int) *plan.Call {
	call := x.operatorCall(name, schema, left, right, pos)
	if call.T.OID != types.BoolOID {
		fail(sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL (array) requires operator to yield boolean").At(x.place(pos)))
	}
	return call
}

func (x *exprBinder) distinctFrom(e *ast.OpExpr) plan.Expr {
	left, right := x.expr(e.Left), x.expr(e.Right)
	not := e.Kind == ast.OpNotDistinct
	if _, null, ok := unknownText(right); ok && null {
		return &plan.IsNull{Typed: boolean(), Arg: x.typed(left), Not: !not}
	}
	if _, null, ok := unknownText(left); ok && null {
		return &plan.IsNull{Typed: boolean(), Arg: x.typed(right), Not: !not}
	}
	equal := x.operatorCall("=", "", left, right, e.Position())
	return &plan.Distinct{Typed: boolean(), Equal: equal, Not: not}
}

func (x *exprBinder) nullIf(e *ast.OpExpr) plan.Expr {
	left, right := x.expr(e.Left), x.expr(e.Right)
	equal := x.operatorCall("=", "", left, right, e.Position())
	arg := left
	if arg.Type().OID == types.UnknownOID {
		arg = equal.Args[0]
	}
	return &plan.NullIf{Typed: plan.Typed{T: arg.Type()}, Arg: arg, Equal: equal}
}

func (x *exprBinder) between(e *ast.OpExpr) plan.Expr {
	pos := e.Position()
	bounds := e.Right.(*ast.List).Items
	// The grammar's own rewriting: the operand appears twice and is bound twice.
	ge := func(lo, hi ast.Expr) plan.Expr {
		return &plan.Bool{Typed: boolean(), Op: plan.And, Args: []plan.Expr{
			x.operator(">=", "", x.expr(e.Left), x.expr(lo), pos), x.operator("<=", "", x.expr(e.Left), x.expr(hi), pos)}}
	}
	lt := func(lo, hi ast.Expr) plan.Expr {
		return &plan.Bool{Typed: boolean(), Op: plan.Or, Args: []plan.Expr{
			x.operator("<", "", x.expr(e.Left), x.expr(lo), pos), x.operator(">", "", x.expr(e.Left), x.expr(hi), pos)}}
	}
	switch e.Kind {
	case ast.OpBetween:
		return ge(bounds[0], bounds[1])
	case ast.OpNotBetween:
		return lt(bounds[0], bounds[1])
	case ast.OpBetweenSym:
		return &plan.Bool{Typed: boolean(), Op: plan.Or, Args: []plan.Expr{ge(bounds[0], bounds[1]), ge(bounds[1], bounds[0])}}
	}
	return &plan.Bool{Typed: boolean(), Op: plan.And, Args: []plan.Expr{lt(bounds[0], bounds[1]), lt(bounds[1], bounds[0])}}
}

// in binds a [NOT] IN (list): by hash when the list is constants of one type,
// else as comparisons joined by OR (or AND).
func (x *exprBinder) in(e *ast.OpExpr) plan.Expr {
	not := e.Name == "<>"
	items := e.Right.(*ast.List).Items
	if row, ok := e.Left.(*ast.RowExpr); ok {
		return x.inRows(e, row, items, not)
	}
	left := x.expr(e.Left)
	bound := make([]plan.Expr, len(items))
	for i, item := range items {
		bound[i] = x.expr(item)
	}
	if x.written {
		return x.inWritten(e, left, bound, not)
	}
	if list := x.inConstants(left, bound, not, e.Position()); list != nil {
		return list
	}
	return x.anyOf(e, left, bound, not)
}

// anyOf joins comparisons of left with each item by OR (or AND).
func (x *exprBinder) anyOf(e *ast.OpExpr, left plan.Expr, items []plan.Expr, not bool) plan.Expr {
	out := &plan.Bool{Typed: boolean(), Op: plan.Or}
	if not {
		out.Op = plan.And
	}
	for _, item := range items {
		out.Args = append(out.Args, x.operator(e.Name, "", left, item, e.Position()))
	}
	if len(out.Args) == 1 {
		return out.Args[0]
	}
	return out
}

// inWritten binds a [NOT] IN (list) as Postgres keeps it: the items without
// columns, if there are two and they have a common type, as an array, the others
// compared one by one.
func (x *exprBinder) inWritten(e *ast.OpExpr, left plan.Expr, items []plan.Expr, not bool) plan.Expr {
	var fixed, others []plan.Expr
	ts := []types.T{left.Type()}
	for _, item := range items {
		if logical.Columns(item).Empty() {
			fixed, ts = append(fixed, item), append(ts, item.Type())
		} else {
			others = append(others, item)
		}
	}
	t, err := funcs.CommonType("IN", ts)
	t.Mod = types.NoMod
	if len(fixed) < 2 || err != nil || pseudo(t.OID) || t.Type().Array == 0 {
		return x.anyOf(e, left, items, not)
	}
	array := &plan.Array{Typed: plan.Typed{T: types.Of(t.Type().Array)}}
	for _, item := range fixed {
		array.Items = append(array.Items, x.coerceImplicit(item, t))
	}
	among := x.compareArray(e, left, array, not)
	if len(others) == 0 {
		return among
	}
	out := &plan.Bool{Typed: boolean(), Op: plan.Or, Args: []plan.Expr{among}}
	if not {
		out.Op = plan.And
	}
	for _, item := range others {
		out.Args = append(out.Args, x.operator(e.Name, "", left, item, e.Position()))
	}
	return out
}

func (x *exprBinder) inRows(e *ast.OpExpr, left *ast.RowExpr, items []ast.Expr, not bool) plan.Expr {
	out := &plan.Bool{Typed: boolean(), Op: plan.Or}
	if not {
		out.Op = plan.And
	}
	for _, item := range items {
		right, ok := item.(*ast.RowExpr)
		if !ok {
			fail(sqlerr.New(sqlerr.SyntaxError, "IN with a row needs rows of the same size in its list").At(x.place(item.Position())))
		}
		out.Args = append(out.Args, x.rowCompare(e.Name, left, right, e.Position()))
	}
	return out
}

// inConstants builds an InList when every item is a constant that = compares
// within one type; nil otherwise.
func (x *exprBinder) inConstants(left plan.Expr, items []plan.Expr, not bool, pos int) plan.Expr {
	if len(items) < 2 {
		return nil
	}
	known := []plan.Expr{left}
	for _, item := range items {
		if _, ok := item.(*plan.Const); !ok {
			return nil
		}
		known = append(known, item)
	}
	if _, _, literal := unknownText(left); literal {
		return nil
	}
	ts := make([]types.T, len(known))
	for i, e := range known {
		ts[i] = e.Type()
	}
	t, err := funcs.CommonType("IN", ts)
	if err != nil || pseudo(t.OID) || t.Type().AppendKey == nil {
		return nil
	}
	t.Mod = types.NoMod
	equal, err := funcs.ResolveOperator("", "=", &t, t)
	if err != nil || equal.Left.OID != t.OID || equal.Right.OID != t.OID {
		return nil
	}
	builder := types.NewBuilder(t, goMemory)
	defer builder.Release()
	for _, item := range items {
		c, ok := x.fold(x.coerceImplicit(item, t)).(*plan.Const)
		if !ok {
			return nil
		}
		types.AppendFrom(builder, c.Value, 0)
	}
	return &plan.InList{Typed: boolean(), Arg: x.coerceImplicit(left, t), Values: builder.NewArray(), Negate: not}
}

// anyArray binds a OP ANY|ALL (array).
func (x *exprBinder) anyArray(e *ast.OpExpr) plan.Expr {
	left, right := x.expr(e.Left), x.expr(e.Right)
	pos := e.Position()
	if right.Type().OID == types.UnknownOID {
		// An untyped literal or parameter is an array of the left side's type.
		elem := x.typed(left).Type()
		over := elem.Type().Array
		if over == 0 {
			fail(sqlerr.New(sqlerr.UndefinedObject, "could not find array type for data type %s", typeName(elem)).At(x.place(pos)))
		}
		right = x.coerceTo(right, types.Of(over), coerceImplicit, x.loc(right))
	}
	if right.Type().Type().Elem == 0 {
		fail(sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL (array) requires array on right side").At(x.place(pos)))
	}
	return x.compareArray(e, left, right, e.Kind == ast.OpAll)
}

// compareArray binds left OP ANY|ALL (right), an array.
func (x *exprBinder) compareArray(e *ast.OpExpr, left, right plan.Expr, all bool) plan.Expr {
	rt := right.Type()
	if f, dynamic := x.dynamic[left]; dynamic {
		left = x.dynamicAs(f, left, types.Of(rt.Type().Elem))
	}
	elem := &plan.Column{Typed: plan.Typed{T: types.T{OID: rt.Type().Elem, Mod: rt.Mod}}, Index: 1}
	probe := left
	if left.Type().OID != types.UnknownOID {
		probe = &plan.Column{Typed: plan.Typed{T: left.Type()}}
	}
	call := x.boolOperator(e.Name, e.Schema, probe, elem, e.Position())
	if probe == left {
		// The operator has typed the literal.
		left = call.Args[0]
		op := *call
		op.Args = []plan.Expr{&plan.Column{Typed: plan.Typed{T: left.Type()}}, call.Args[1]}
		call = &op
	}
	return &plan.AnyArray{Typed: boolean(), Left: left, Array: right, Op: call, All: all}
}

// rowCompare binds (a, b) OP (c, d).
func (x *exprBinder) rowCompare(op string, l, r *ast.RowExpr, pos int) plan.Expr {
	if len(l.Args) != len(r.Args) {
		fail(sqlerr.New(sqlerr.SyntaxError, "unequal number of entries in row expressions").At(x.place(pos)))
	}
	if len(l.Args) == 0 {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot compare rows of zero length").At(x.place(pos)))
	}
	var left, right []plan.Expr
	for i := range l.Args {
		left, right = append(left, x.expr(l.Args[i])), append(right, x.expr(r.Args[i]))
	}
	return x.compareItems(op, left, right, pos)
}

func (x *exprBinder) compareItems(op string, left, right []plan.Expr, pos int) plan.Expr {
	switch op {
	case "=", "<>":
		out := &plan.Bool{Typed: boolean(), Op: plan.And}
		if op == "<>" {
			out.Op = plan.Or
		}
		for i := range left {
			out.Args = append(out.Args, x.operator(op, "", left[i], right[i], pos))
		}
		if len(out.Args) == 1 {
			return out.Args[0]
		}
		return out
	case "<", "<=", ">", ">=":
	default:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "could not determine interpretation of row comparison operator %s", op).
			WithHint("Row comparison operators must be associated with btree operator families.").At(x.place(pos)))
	}
	out := &plan.RowCompare{Typed: boolean(), Op: op}
	for i := range left {
		equal := x.operatorCall("=", "", left[i], right[i], pos)
		less := x.operatorCall("<", "", left[i], right[i], pos)
		out.Left, out.Right = append(out.Left, equal.Args[0]), append(out.Right, equal.Args[1])
		out.Equal, out.Less = append(out.Equal, template(equal)), append(out.Less, template(less))
	}
	return out
}

// template replaces a call's two operands by columns 0 and 1.
func template(c *plan.Call) *plan.Call {
	t := *c
	t.Args = []plan.Expr{
		&plan.Column{Typed: plan.Typed{T: c.Args[0].Type()}},
		&plan.Column{Typed: plan.Typed{T: c.Args[1].Type()}, Index: 1},
	}
	return &t
}

// fold evaluates a cast of a constant; anything else comes back as it is.
func (b *binder) fold(e plan.Expr) plan.Expr {
	return logical.Fold(e, b.Format)
}
