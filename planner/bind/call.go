package bind

import (
	"strings"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// funcCall binds f(args): a function, an aggregate, a window function or a cast
// written as a call.
func (x *exprBinder) funcCall(e *ast.FuncCall) plan.Expr {
	pos := x.place(e.Position())
	name, schema := e.Names[len(e.Names)-1], ""
	if len(e.Names) > 1 {
		schema = e.Names[len(e.Names)-2]
		if x.View.SchemaByName(schema) == nil {
			fail(sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", schema).At(pos))
		}
	}
	inner := *x
	isAggregate := x.namesAggregate(schema, name)
	if isAggregate && e.Over == nil {
		x.allowAggregate(pos)
		inner.inAggregate = true
	}
	if e.Over != nil {
		x.allowWindow(pos)
		inner.inWindow = true
	}
	args := make([]plan.Expr, len(e.Args))
	argTypes := make([]types.T, len(e.Args))
	for i, a := range e.Args {
		args[i] = inner.expr(a)
		argTypes[i] = args[i].Type()
	}
	if e.WithinGroup {
		fail(sqlerr.Unsupported("WITHIN GROUP").At(pos))
	}
	r, err := funcs.Resolve(funcs.Call{Schema: schema, Name: name, Args: argTypes, ArgNames: argNames(e.ArgNames), Variadic: e.Variadic, Star: e.Star})
	if err != nil {
		x.failAt(err, e.Position())
	}
	if r.Function == nil {
		return x.coerceTo(args[0], types.Of(r.CastTo), coerceExplicit, e.Position())
	}
	bound := x.bindArgs(r, args)
	x.checkDecoration(e, r.Function, pos)
	switch {
	case e.Over != nil:
		return x.windowCall(e, r, bound)
	case r.Function.Kind == funcs.KindAggregate:
		return x.aggregateCall(e, r, bound, &inner)
	case r.Function.Kind == funcs.KindWindow:
		fail(sqlerr.New(sqlerr.WrongObjectType, "window function %s requires an OVER clause", name).At(pos))
	case r.Function.Kind == funcs.KindProcedure:
		fail(sqlerr.New(sqlerr.WrongObjectType, "%s is a procedure", name).WithHint("To call a procedure, use CALL.").At(pos))
	}
	call := &plan.Call{Typed: plan.Typed{T: r.Result}, Function: r.Function, Args: bound, Phrase: e.Phrase}
	x.mark(call, e.Position())
	if r.Function.Rows != nil {
		return x.setReturning(call, name, pos)
	}
	return call
}

// argNames drops a list that names nothing.
func argNames(names []string) []string {
	for _, n := range names {
		if n != "" {
			return names
		}
	}
	return nil
}

func (x *exprBinder) namesAggregate(schema, name string) bool {
	for _, f := range funcs.Lookup(schema, name) {
		if f.Kind == funcs.KindAggregate {
			return true
		}
	}
	return false
}

// bindArgs lays the arguments out as the function declares them.
func (b *binder) bindArgs(r *funcs.Resolution, args []plan.Expr) []plan.Expr {
	var out []plan.Expr
	for k, from := range r.Source {
		if from < 0 {
			e := b.sqlText(r.Function.Defaults[-1-from], nil, kindDefault)
			out = append(out, b.coerceImplicit(e, r.Args[k]))
			continue
		}
		if r.Args[k].OID == types.AnyOID || r.Args[k].OID == types.UnknownOID {
			out = append(out, b.typed(args[from]))
			continue
		}
		out = append(out, b.coerceImplicit(args[from], types.T{OID: r.Args[k].OID, Mod: types.NoMod}))
	}
	if b.written {
		// Defaults of arguments left out are not part of what was written.
		for n := len(r.Source); n > 0 && r.Source[n-1] < 0; n-- {
			out = out[:n-1]
		}
	}
	if r.Gather >= 0 {
		elem := r.Args[r.Gather]
		elem.Mod = types.NoMod
		over := types.Of(elem.Type().Array)
		array := &plan.Array{Typed: plan.Typed{T: over}, Items: append([]plan.Expr(nil), out[r.Gather:]...)}
		out = append(out[:r.Gather:r.Gather], array)
	}
	return out
}

// checkDecoration refuses DISTINCT, FILTER and ORDER BY on plain functions.
func (x *exprBinder) checkDecoration(e *ast.FuncCall, f *funcs.Function, pos int) {
	if f.Kind == funcs.KindAggregate {
		return
	}
	name := strings.Join(e.Names, ".")
	for _, d := range []struct {
		there bool
		text  string
	}{
		{e.Star, "%s(*) specified, but %s is not an aggregate function"},
		{e.Distinct, "DISTINCT specified, but %s is not an aggregate function"},
		{len(e.OrderBy) > 0, "ORDER BY specified, but %s is not an aggregate function"},
		{e.Filter != nil, "FILTER specified, but %s is not an aggregate function"},
		{e.Over != nil && f.Kind == funcs.KindFunction, "OVER specified, but %s is not a window function nor an aggregate function"},
	} {
		if d.there {
			fail(sqlerr.New(sqlerr.WrongObjectType, "%s", strings.ReplaceAll(d.text, "%s", name)).At(pos))
		}
	}
}

// setReturning puts a set-returning call where rows can be made of it.
func (x *exprBinder) setReturning(call *plan.Call, name string, pos int) plan.Expr {
	switch {
	case x.kind == kindFromFunction:
		return call
	case x.inAggregate:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "aggregate function calls cannot contain set-returning function calls").
			WithHint("You might be able to move the set-returning function into a LATERAL FROM item.").At(pos))
	case x.kind != kindSelect && x.kind != kindOrderBy && x.kind != kindGroupBy && x.kind != kindDistinctOn || x.scope.sel == nil:
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "set-returning functions are not allowed in %s", clauseName[x.kind]).At(pos))
	}
	sel := x.scope.sel
	used := logical.Columns(call)
	for _, s := range sel.sets {
		if used.Has(s.ID) {
			fail(sqlerr.Unsupported("a set-returning function inside another's arguments").At(pos))
		}
		if logical.Key(s.Expr) == logical.Key(call) && call.Function.Volatility != funcs.Volatile {
			return x.meta.Ref(s.ID)
		}
	}
	if len(call.Function.Columns) > 1 {
		fail(sqlerr.Unsupported("a function with several result columns in the select list").At(pos))
	}
	id := x.meta.Add(logical.Column{Name: name, Type: call.T})
	sel.sets = append(sel.sets, logical.Item{ID: id, Expr: call})
	r := x.meta.Ref(id)
	r.Pos = pos
	return r
}

// allowAggregate fails where the clause has no groups.
func (x *exprBinder) allowAggregate(pos int) {
	if x.inAggregate {
		fail(sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot be nested").At(pos))
	}
	switch x.kind {
	case kindSelect, kindHaving, kindOrderBy, kindDistinctOn, kindGroupBy, kindWindow:
		if x.scope.sel != nil {
			return
		}
	}
	fail(sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in %s", clauseName[x.kind]).At(pos))
}

// aggregateCall binds an aggregate: it becomes a column of its query's groups.
func (x *exprBinder) aggregateCall(e *ast.FuncCall, r *funcs.Resolution, args []plan.Expr, inner *exprBinder) plan.Expr {
	call := inner.aggregateOf(e, r, args)
	sel := x.aggregateLevel(call)
	for _, w := range sel.windows {
		for _, a := range args {
			if logical.Columns(a).Has(w.ID) {
				fail(sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot contain window function calls").At(x.place(e.Position())))
			}
		}
	}
	key := aggregateKey(call)
	id, known := sel.aggKeys[key]
	if !known {
		id = x.meta.Add(logical.Column{Name: r.Function.Name, Type: r.Result})
		sel.aggs = append(sel.aggs, logical.AggregateItem{ID: id, Call: call})
		sel.aggKeys[key] = id
	}
	ref := x.meta.Ref(id)
	ref.Pos = e.Position()
	return ref
}

// aggregateLevel is the query that an aggregate belongs to: the innermost one
// whose columns its arguments use, or, when they use none, its own.
func (x *exprBinder) aggregateLevel(call *plan.AggregateCall) *selection {
	var used logical.ColSet
	for _, a := range call.Args {
		used.AddAll(logical.Columns(a))
	}
	if call.Filter != nil {
		used.AddAll(logical.Columns(call.Filter))
	}
	own := x.scope.sel
	if used.Empty() {
		return own
	}
	for s := x.scope; s != nil; s = s.parent {
		if s.sel == nil {
			continue
		}
		for _, it := range s.items {
			if used.Meets(it.ids()) {
				return s.sel
			}
		}
	}
	return own
}

func aggregateKey(c *plan.AggregateCall) string {
	var b strings.Builder
	b.WriteString(itoa(int(c.Function.OID)))
	for _, a := range c.Args {
		b.WriteString("," + logical.Key(a))
	}
	if c.Distinct {
		b.WriteString(" distinct")
	}
	for _, k := range c.OrderBy {
		b.WriteString(" order " + logical.Key(k.Expr))
		if k.Desc {
			b.WriteString(" desc")
		}
		if k.NullsFirst {
			b.WriteString(" first")
		}
	}
	if c.Filter != nil {
		b.WriteString(" filter " + logical.Key(c.Filter))
	}
	return b.String()
}

// aggregateOf builds the call with DISTINCT, ORDER BY and FILTER.
func (x *exprBinder) aggregateOf(e *ast.FuncCall, r *funcs.Resolution, args []plan.Expr) *plan.AggregateCall {
	call := &plan.AggregateCall{Typed: plan.Typed{T: r.Result}, Function: r.Function, Args: args, Star: e.Star, Distinct: e.Distinct}
	for _, a := range args {
		call.ArgTypes = append(call.ArgTypes, a.Type())
	}
	if e.Distinct {
		if len(args) == 0 {
			fail(sqlerr.New(sqlerr.SyntaxError, "DISTINCT specified, but %s has no arguments", r.Function.Name).At(x.place(e.Position())))
		}
		for _, a := range args {
			x.mustEqual(a.Type(), x.place(e.Position()))
		}
	}
	for _, s := range e.OrderBy {
		k := x.typed(x.expr(s.Expr))
		x.mustOrder(k.Type(), x.place(s.Expr.Position()))
		key := plan.SortKey{Expr: k}
		key.Desc, key.NullsFirst = x.direction(s)
		if e.Distinct {
			found := false
			for _, a := range args {
				found = found || logical.Key(a) == logical.Key(k)
			}
			if !found {
				fail(sqlerr.New(sqlerr.InvalidColumnReference, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list").At(x.place(s.Expr.Position())))
			}
		}
		call.OrderBy = append(call.OrderBy, key)
	}
	if e.Filter != nil {
		f := *x
		f.kind = kindFilter
		call.Filter = f.boolean(e.Filter, "FILTER")
	}
	return call
}

// valueFunc binds CURRENT_DATE and its like as the functions they stand for.
func (x *exprBinder) valueFunc(e *ast.ValueFunc) plan.Expr {
	word := strings.ToUpper(e.Name)
	if e.Precision >= 0 {
		word += "(" + itoa(e.Precision) + ")"
	}
	switch bound := x.valueCall(e).(type) {
	case *plan.Call:
		bound.Word = word
		return bound
	case *plan.Cast:
		bound.Word = word
		return bound
	default:
		return bound
	}
}

func (x *exprBinder) valueCall(e *ast.ValueFunc) plan.Expr {
	call := func(name string) plan.Expr {
		return x.funcCall(&ast.FuncCall{Pos: e.Pos, Names: []string{"pg_catalog", name}})
	}
	now := func(t types.OID) plan.Expr {
		return x.coerceTo(call("now"), types.T{OID: t, Mod: int32(e.Precision)}, coerceExplicit, e.Position())
	}
	switch strings.ToLower(e.Name) {
	case "current_date":
		return x.coerceTo(call("now"), types.Of(types.DateOID), coerceExplicit, e.Position())
	case "current_time":
		return now(types.TimetzOID)
	case "localtime":
		return now(types.TimeOID)
	case "current_timestamp":
		if e.Precision < 0 {
			return call("now")
		}
		return now(types.TimestamptzOID)
	case "localtimestamp":
		return now(types.TimestampOID)
	case "current_user", "current_role", "user":
		return call("current_user")
	case "session_user":
		return call("session_user")
	case "current_catalog":
		return call("current_database")
	case "current_schema":
		return call("current_schema")
	}
	fail(sqlerr.Unsupported("%s", e.Name).At(x.place(e.Position())))
	return nil
}
