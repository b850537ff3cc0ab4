package bind

import (
	"strings"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// exprKind is the clause an expression stands in: it decides what is allowed.
type exprKind int

const (
	kindSelect exprKind = iota
	kindWhere
	kindHaving
	kindJoinOn
	kindOrderBy
	kindGroupBy
	kindDistinctOn
	kindLimit
	kindOffset
	kindFromFunction
	kindValues
	kindUpdateSet
	kindReturning
	kindDefault
	kindCheck
	kindCopyWhere
	kindFilter
	kindWindow
	kindConflict
	kindIndexExpr
	kindIndexPredicate
	kindPartitionKey
	kindPartitionBound
)

// clauseName is how errors name the clause.
var clauseName = map[exprKind]string{
	kindWhere: "WHERE", kindHaving: "HAVING", kindJoinOn: "JOIN conditions", kindOrderBy: "ORDER BY", kindGroupBy: "GROUP BY",
	kindLimit: "LIMIT", kindOffset: "OFFSET", kindFromFunction: "functions in FROM", kindValues: "VALUES", kindUpdateSet: "UPDATE",
	kindReturning: "RETURNING", kindDefault: "DEFAULT expressions", kindCheck: "check constraints", kindCopyWhere: "COPY FROM WHERE conditions", kindFilter: "FILTER",
	kindWindow: "window definitions", kindConflict: "ON CONFLICT", kindDistinctOn: "DISTINCT ON",
	kindIndexExpr: "index expressions", kindIndexPredicate: "index predicates",
	kindPartitionKey: "partition key expressions", kindPartitionBound: "partition bound",
}

// exprBinder binds expressions of one clause in one scope.
type exprBinder struct {
	*binder
	scope *scope
	kind  exprKind
	// inAggregate: inside the arguments of an aggregate; inWindow of a window
	// function.
	inAggregate, inWindow bool
}

func (b *binder) exprs(s *scope, kind exprKind) *exprBinder {
	return &exprBinder{binder: b, scope: s, kind: kind}
}

func boolean() plan.Typed { return plan.Typed{T: types.Of(types.BoolOID)} }

// boolean binds a condition.
func (x *exprBinder) boolean(e ast.Expr, clause string) plan.Expr {
	return x.coerceNamed(x.expr(e), types.Of(types.BoolOID), clause)
}

// expr binds an expression. Untyped literals and parameters come back with type
// unknown for the context to settle.
func (x *exprBinder) expr(e ast.Expr) plan.Expr {
	x.enter()
	defer x.leave()
	return x.mark(x.dispatch(e), e.Position())
}

func (x *exprBinder) dispatch(e ast.Expr) plan.Expr {
	switch e := e.(type) {
	case *ast.ColumnRef:
		return x.columnRef(e)
	case *ast.Const:
		return x.constant(e)
	case *ast.ParamRef:
		return x.param(e)
	case *ast.OpExpr:
		return x.opExpr(e)
	case *ast.BoolExpr:
		return x.boolExpr(e)
	case *ast.NullTest:
		arg := x.expr(e.Arg)
		if _, isParam := arg.(*plan.Param); !isParam {
			// A parameter waits for a context that says more.
			arg = x.typed(arg)
		}
		return &plan.IsNull{Typed: boolean(), Arg: arg, Not: e.Not}
	case *ast.BoolTest:
		return x.boolTest(e)
	case *ast.FuncCall:
		return x.funcCall(e)
	case *ast.Cast:
		return x.cast(e)
	case *ast.Collate:
		return x.collate(e)
	case *ast.CaseExpr:
		return x.caseExpr(e)
	case *ast.Coalesce:
		args, t := x.common("COALESCE", e.Args)
		return &plan.Coalesce{Typed: plan.Typed{T: t}, Args: args}
	case *ast.MinMax:
		word := "GREATEST"
		if e.Least {
			word = "LEAST"
		}
		args, t := x.common(word, e.Args)
		if t.Type().Compare == nil {
			fail(sqlerr.New(sqlerr.UndefinedFunction, "could not identify a comparison function for type %s", typeName(t)).At(x.place(e.Position())))
		}
		return &plan.MinMax{Typed: plan.Typed{T: t}, Least: e.Least, Args: args}
	case *ast.ArrayExpr:
		return x.array(e, types.T{})
	case *ast.RowExpr:
		return x.row(e)
	case *ast.Indirection:
		return x.indirection(e)
	case *ast.SubLink:
		return x.subLink(e)
	case *ast.ValueFunc:
		return x.valueFunc(e)
	case *ast.SetToDefault:
		fail(sqlerr.New(sqlerr.SyntaxError, "DEFAULT is not allowed in this context").At(x.place(e.Position())))
	case *ast.GroupingFunc:
		return x.groupingFunc(e)
	case *ast.Unsupported:
		fail(sqlerr.Unsupported("%s", e.Feature).At(x.place(e.Position())))
	case *ast.List:
		fail(sqlerr.New(sqlerr.SyntaxError, "a list is not allowed here").At(x.place(e.Position())))
	}
	fail(sqlerr.Unsupported("this kind of expression").At(x.place(e.Position())))
	return nil
}

// typed settles an untyped literal as text where any type will do.
func (b *binder) typed(e plan.Expr) plan.Expr {
	if e.Type().OID == types.UnknownOID {
		return b.coerceTo(e, types.Of(types.TextOID), coerceImplicit, b.loc(e))
	}
	return e
}

func (x *exprBinder) columnRef(c *ast.ColumnRef) plan.Expr {
	pos := c.Position()
	if c.Star {
		fail(sqlerr.New(sqlerr.SyntaxError, "row expansion via \"*\" is not supported here").At(x.place(pos)))
	}
	name := c.Names[len(c.Names)-1]
	if x.kind == kindDefault {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use column reference in DEFAULT expression").At(x.place(pos)))
	}
	if x.kind == kindPartitionBound {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot use column reference in partition bound expression").At(x.place(pos)))
	}
	if len(c.Names) == 1 {
		if id, s := x.lookupColumn(x.scope, name, pos); id != 0 {
			return x.reference(id, s, pos)
		}
		if it, _ := x.lookupItem(x.scope, "", name, pos); it != nil {
			return x.wholeRow(it)
		}
		if e := x.unqualifiedSystem(name); e != nil {
			return e
		}
		if e := x.dynamicReference(x.scope, name, pos); e != nil {
			return e
		}
		x.failMissingColumn(x.scope, "", name, pos)
	}
	qualifier, schema := c.Names[len(c.Names)-2], ""
	if len(c.Names) > 2 {
		schema = c.Names[len(c.Names)-3]
	}
	if len(c.Names) > 3 && c.Names[0] != x.View.Database().Name || len(c.Names) > 4 {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cross-database references are not implemented: %s", strings.Join(c.Names, ".")).At(x.place(pos)))
	}
	it, s := x.lookupItem(x.scope, schema, qualifier, pos)
	if it == nil {
		x.failMissingItem(x.scope, qualifier, pos)
	}
	if id, ok := x.findIn(it, name, pos); ok {
		return x.reference(id, s, pos)
	}
	if e, ok := x.systemColumn(it, name); ok {
		return e
	}
	if it.dynamic {
		return x.dynamicText(it, name, pos)
	}
	x.failMissingColumn(x.scope, qualifier, name, pos)
	return nil
}

func (x *exprBinder) unqualifiedSystem(name string) plan.Expr {
	var found plan.Expr
	for _, it := range x.scope.items {
		if e, ok := x.systemColumn(it, name); ok {
			found = e
		}
	}
	return found
}

func (x *exprBinder) reference(id logical.ColID, _ *scope, pos int) plan.Expr {
	r := x.meta.Ref(id)
	r.Pos = pos
	return r
}

// wholeRow is a FROM item used as a value.
func (x *exprBinder) wholeRow(it *item) plan.Expr {
	if it.scalar {
		return x.meta.Ref(it.cols[0].id)
	}
	row := &plan.Row{}
	var names []string
	for _, c := range it.visible() {
		row.Items = append(row.Items, x.meta.Ref(c.id))
		names = append(names, c.name)
	}
	row.T = recordType(names, row.Items)
	return row
}

// recordType is the type of an anonymous row.
func recordType(names []string, items []plan.Expr) types.T {
	fields := make([]types.T, len(items))
	for i, e := range items {
		fields[i] = e.Type()
	}
	return types.RecordOf(names, fields)
}

func (x *exprBinder) boolExpr(e *ast.BoolExpr) plan.Expr {
	word := [...]string{"AND", "OR", "NOT"}[e.Op]
	out := &plan.Bool{Typed: boolean(), Op: plan.BoolOp(e.Op)}
	for _, a := range e.Args {
		out.Args = append(out.Args, x.boolean(a, word))
	}
	return out
}

func (x *exprBinder) boolTest(e *ast.BoolTest) plan.Expr {
	words := [...]string{"IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"}
	return &plan.IsBool{Typed: boolean(), Arg: x.boolean(e.Arg, words[e.Test]), Value: "tfu"[e.Test/2], Not: e.Test%2 == 1}
}

// common binds the branches of a construct and brings them to one type.
func (x *exprBinder) common(construct string, list []ast.Expr) ([]plan.Expr, types.T) {
	args := make([]plan.Expr, len(list))
	for i, a := range list {
		args[i] = x.expr(a)
	}
	t := x.commonType(construct, args)
	for i := range args {
		args[i] = x.coerceImplicit(args[i], t)
	}
	return args, t
}

func (x *exprBinder) caseExpr(e *ast.CaseExpr) plan.Expr {
	out := &plan.Case{}
	var arg plan.Expr
	if e.Arg != nil {
		arg = x.typed(x.expr(e.Arg))
		if x.written {
			out.Operand = arg
		}
	}
	results := make([]plan.Expr, 0, len(e.Whens)+1)
	for _, w := range e.Whens {
		if arg == nil {
			out.Conds = append(out.Conds, x.boolean(w.Cond, "CASE/WHEN"))
		} else {
			out.Conds = append(out.Conds, x.operator("=", "", arg, x.expr(w.Cond), w.Cond.Position()))
		}
		results = append(results, x.expr(w.Result))
	}
	// Postgres looks at ELSE first when it chooses the type.
	var def plan.Expr = x.nullConst(types.Of(types.UnknownOID))
	if e.Else != nil {
		def = x.expr(e.Else)
	}
	t := x.commonType("CASE", append([]plan.Expr{def}, results...))
	out.T = t
	for _, r := range results {
		out.Results = append(out.Results, x.coerceImplicit(r, t))
	}
	out.Else = x.coerceImplicit(def, t)
	return out
}

func (x *exprBinder) collate(e *ast.Collate) plan.Expr {
	arg := x.typed(x.expr(e.Arg))
	name := e.Names[len(e.Names)-1]
	switch name {
	case "C", "POSIX", "default", "ucs_basic":
	default:
		fail(sqlerr.New(sqlerr.UndefinedObject, "collation \"%s\" for encoding \"UTF8\" does not exist", name).At(x.place(e.Position())))
	}
	if arg.Type().Type().Category != types.CategoryString {
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "collations are not supported by type %s", typeName(arg.Type())).At(x.place(e.Position())))
	}
	return arg
}

func (x *exprBinder) row(e *ast.RowExpr) plan.Expr {
	row := &plan.Row{}
	for _, a := range e.Args {
		if star, ok := a.(*ast.ColumnRef); ok && star.Star {
			for _, t := range x.star(star, x) {
				row.Items = append(row.Items, t.expr)
			}
			continue
		}
		row.Items = append(row.Items, x.typed(x.expr(a)))
	}
	names := make([]string, len(row.Items))
	for i := range names {
		names[i] = "f" + itoa(i+1)
	}
	row.T = recordType(names, row.Items)
	return row
}

// array binds ARRAY[…]; want is the array type of a cast around it.
func (x *exprBinder) array(e *ast.ArrayExpr, want types.T) plan.Expr {
	var items []plan.Expr
	nested := false
	elemWant := types.T{}
	if want.OID != 0 {
		elemWant = types.T{OID: want.Type().Elem, Mod: want.Mod}
	}
	for _, item := range e.Items {
		if inner, ok := item.(*ast.ArrayExpr); ok {
			nested = true
			items = append(items, x.mark(x.array(inner, want), inner.Position()))
			continue
		}
		bound := x.expr(item)
		nested = nested || isArray(bound.Type())
		items = append(items, bound)
	}
	if len(items) == 0 {
		if want.OID == 0 {
			fail(sqlerr.New(sqlerr.IndeterminateDatatype, "cannot determine type of empty array").
				WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].").At(x.place(e.Position())))
		}
		return &plan.Array{Typed: plan.Typed{T: want}}
	}
	var elem types.T
	switch {
	case want.OID != 0 && nested:
		elem = want
	case want.OID != 0:
		elem = elemWant
	default:
		elem = x.commonType("ARRAY", items)
	}
	for i := range items {
		if want.OID != 0 {
			items[i] = x.coerceTo(items[i], elem, coerceExplicit, x.loc(items[i]))
		} else {
			items[i] = x.coerceImplicit(items[i], elem)
		}
	}
	t := elem
	if !nested {
		t = types.T{OID: elem.Type().Array, Mod: elem.Mod}
		if t.OID == 0 {
			fail(sqlerr.New(sqlerr.UndefinedObject, "could not find array type for data type %s", typeName(elem)).At(x.place(e.Position())))
		}
	}
	return &plan.Array{Typed: plan.Typed{T: t}, Items: items, Nested: nested}
}

func isArray(t types.T) bool { return t.Type().Category == types.CategoryArray }

// indirection binds subscripts and fields.
func (x *exprBinder) indirection(e *ast.Indirection) plan.Expr {
	value := x.expr(e.Arg)
	var run []ast.IndirectionStep
	flush := func() {
		if len(run) > 0 {
			value = x.subscript(value, run, e.Position())
			run = nil
		}
	}
	for _, step := range e.Steps {
		if step.Field == "" && !step.Star {
			run = append(run, step)
			continue
		}
		flush()
		if field := recordField(value, step.Field); field != nil {
			value = field
			continue
		}
		fail(sqlerr.New(sqlerr.WrongObjectType, "column notation .%s applied to type %s, which is not a composite type",
			step.Field, typeName(value.Type())).At(x.place(e.Position())))
	}
	flush()
	return value
}

// recordField takes a field, by name, of a record whose fields are known; nil
// when there is no such field.
func recordField(value plan.Expr, name string) plan.Expr {
	if value.Type().OID != types.RecordOID || name == "" {
		return nil
	}
	names, fields := types.RecordFields(value.Type())
	for k := range names {
		if names[k] == name {
			return &plan.Field{Typed: plan.Typed{T: fields[k]}, Arg: value, Index: k, Name: name}
		}
	}
	return nil
}

func (x *exprBinder) subscript(value plan.Expr, steps []ast.IndirectionStep, pos int) plan.Expr {
	t := value.Type()
	if t.Type().Elem == 0 || t.Type().Category != types.CategoryArray {
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting",
			typeName(types.Of(t.OID))).At(x.place(pos)))
	}
	s := &plan.Subscript{Arg: value}
	for _, step := range steps {
		s.Slice = s.Slice || step.IsSlice
	}
	bound := func(e ast.Expr) plan.Expr {
		if e == nil {
			return nil
		}
		v := x.expr(e)
		if !canCoerce(v.Type().OID, types.Int4OID, types.CastAssignment) {
			fail(sqlerr.New(sqlerr.DatatypeMismatch, "array subscript must have type integer").At(x.place(e.Position())))
		}
		return x.coerceTo(v, types.Of(types.Int4OID), coerceAssignment, x.loc(v))
	}
	s.T = types.T{OID: t.Type().Elem, Mod: t.Mod}
	if s.Slice {
		s.T = t
	}
	for _, step := range steps {
		switch {
		case !s.Slice:
			s.Index = append(s.Index, bound(step.Index))
		case step.IsSlice:
			s.Lower = append(s.Lower, bound(step.Lower))
			s.Upper = append(s.Upper, bound(step.Upper))
		default:
			// a[2:3][4] means a[2:3][1:4].
			s.Lower = append(s.Lower, x.intConst(1))
			s.Upper = append(s.Upper, bound(step.Index))
		}
	}
	return s
}

func (x *exprBinder) groupingFunc(e *ast.GroupingFunc) plan.Expr {
	sel := x.scope.sel
	if sel == nil || x.kind != kindSelect && x.kind != kindHaving && x.kind != kindOrderBy {
		fail(sqlerr.New(sqlerr.GroupingError, "grouping operations are not allowed in %s", clauseName[x.kind]).At(x.place(e.Position())))
	}
	call := groupingCall{pos: e.Position()}
	for _, a := range e.Args {
		call.args = append(call.args, x.expr(a))
	}
	call.id = x.meta.Add(logical.Column{Name: "grouping", Type: types.Of(types.Int4OID)})
	sel.grouping = append(sel.grouping, call)
	return x.meta.Ref(call.id)
}
