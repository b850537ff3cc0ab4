package bind

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// windowSpec is a window definition as written, found by name.
type windowSpec struct {
	def *ast.WindowDef
}

func (b *binder) nameWindows(defs []*ast.WindowDef, sel *selection) {
	sel.named = map[string]*windowSpec{}
	for _, d := range defs {
		if sel.named[d.Name] != nil {
			fail(sqlerr.New(sqlerr.WindowingError, "window \"%s\" is already defined", d.Name).At(b.place(d.Position())))
		}
		sel.named[d.Name] = &windowSpec{def: d}
	}
}

func (x *exprBinder) allowWindow(pos int) {
	if x.inWindow {
		fail(sqlerr.New(sqlerr.WindowingError, "window function calls cannot be nested").At(pos))
	}
	if x.inAggregate {
		fail(sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot contain window function calls").At(pos))
	}
	if x.kind != kindSelect && x.kind != kindOrderBy && x.kind != kindDistinctOn && x.kind != kindGroupBy || x.scope.sel == nil {
		fail(sqlerr.New(sqlerr.WindowingError, "window functions are not allowed in %s", clauseName[x.kind]).At(pos))
	}
}

// windowCall binds f(…) OVER (…): it becomes a column of a Window node.
func (x *exprBinder) windowCall(e *ast.FuncCall, r *funcs.Resolution, args []plan.Expr) plan.Expr {
	pos := x.place(e.Position())
	if e.Distinct {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "DISTINCT is not implemented for window functions").At(pos))
	}
	if len(e.OrderBy) > 0 {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "aggregate ORDER BY is not implemented for window functions").At(pos))
	}
	inner := *x
	inner.inWindow = true
	call := &plan.WindowCall{AggregateCall: *inner.aggregateOf(e, r, args)}
	inner.window(e.Over, call)
	sel := x.scope.sel
	id := x.meta.Add(logical.Column{Name: r.Function.Name, Type: r.Result})
	sel.windows = append(sel.windows, logical.WindowItem{ID: id, Call: call})
	ref := x.meta.Ref(id)
	ref.Pos = e.Position()
	return ref
}

// window binds PARTITION BY, ORDER BY and the frame into call.
func (x *exprBinder) window(d *ast.WindowDef, call *plan.WindowCall) {
	base := d
	if d.Name != "" || d.RefName != "" {
		name := d.Name
		if name == "" {
			name = d.RefName
		}
		spec := x.scope.sel.named[name]
		if spec == nil {
			fail(sqlerr.New(sqlerr.UndefinedObject, "window \"%s\" does not exist", name).At(x.place(d.Position())))
		}
		base = spec.def
		if d.RefName != "" && d.Name == "" {
			merged := *d
			merged.RefName = ""
			if len(d.PartitionBy) > 0 {
				fail(sqlerr.New(sqlerr.WindowingError, "cannot override PARTITION BY clause of window \"%s\"", name).At(x.place(d.Position())))
			}
			merged.PartitionBy = base.PartitionBy
			if len(base.OrderBy) > 0 {
				if len(d.OrderBy) > 0 {
					fail(sqlerr.New(sqlerr.WindowingError, "cannot override ORDER BY clause of window \"%s\"", name).At(x.place(d.Position())))
				}
				merged.OrderBy = base.OrderBy
			}
			base = &merged
		}
	}
	inner := *x
	inner.kind = kindWindow
	inner.inWindow = true
	for _, p := range base.PartitionBy {
		e := x.typed(inner.expr(p))
		x.mustOrder(e.Type(), x.place(p.Position()))
		call.PartitionBy = append(call.PartitionBy, e)
	}
	for _, s := range base.OrderBy {
		e := x.typed(inner.expr(s.Expr))
		x.mustOrder(e.Type(), x.place(s.Expr.Position()))
		k := plan.SortKey{Expr: e}
		k.Desc, k.NullsFirst = x.direction(s)
		call.OrderBy = append(call.OrderBy, k)
	}
	call.FrameOptions = base.FrameOptions
	bound := func(e ast.Expr) plan.Expr {
		if e == nil {
			return nil
		}
		return x.coerceNamed(inner.expr(e), types.Of(types.Int8OID), "ROWS")
	}
	call.Start, call.End = bound(base.Start), bound(base.End)
}

// windowNodes stacks a Window node for each distinct partitioning and order.
func (b *binder) windowNodes(node logical.Node, sel *selection) logical.Node {
	var keys []string
	byKey := map[string][]logical.WindowItem{}
	for _, w := range sel.windows {
		key := ""
		for _, p := range w.Call.PartitionBy {
			key += logical.Key(p) + "|"
		}
		key += "order"
		for _, o := range w.Call.OrderBy {
			key += logical.Key(o.Expr)
			if o.Desc {
				key += " desc"
			}
			if o.NullsFirst {
				key += " first"
			}
			key += "|"
		}
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], w)
	}
	for _, key := range keys {
		node = &logical.Window{Input: node, Calls: byKey[key]}
	}
	return node
}
