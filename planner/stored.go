package planner

import (
	"quiver/catalog"
	"quiver/catalog/pgcatalog"
	"quiver/planner/bind"
	"quiver/planner/explain"
	"quiver/planner/logical"
	"quiver/planner/physical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/types"
)

// Default binds the DEFAULT of a column and returns the text that the catalog
// keeps: what pg_get_expr prints. It is "" for NULL, which is no default. source
// is the text of e, kept where the printed one would not mean the same.
func Default(e ast.Expr, source, column string, t types.T, opts Options) (string, error) {
	bound, err := bind.Default(e, column, t, opts.bind())
	if err != nil {
		return "", err
	}
	if c, ok := bound.(*plan.Const); ok && c.Value.IsNull(0) {
		return "", nil
	}
	f := storedFormat(opts.View)
	text := explain.Stored(bound, f)
	again, err := bind.StoredDefault(text, column, t, storedOptions(opts.View))
	if err != nil || !same(bound, again, f) {
		return source, nil
	}
	return text, nil
}

// Check binds a CHECK constraint of table and returns the text that the catalog
// keeps, as Default does.
func Check(e ast.Expr, source string, table *catalog.Table, opts Options) (string, error) {
	scan, meta, bound, err := bind.Check(e, table, opts.bind())
	if err != nil {
		return "", err
	}
	f := storedFormat(opts.View)
	bound = physical.Over(scan.Out, meta, bound)
	text := explain.Stored(bound, f)
	scan, meta, again, err := bind.StoredCheck(text, table, storedOptions(opts.View))
	if err != nil || !same(bound, physical.Over(scan.Out, meta, again), f) {
		return source, nil
	}
	return text, nil
}

// PartitionBound binds a value of FOR VALUES …: of type t, without columns.
func PartitionBound(e ast.Expr, column string, t types.T, opts Options) (plan.Expr, error) {
	bound, err := bind.PartitionBound(e, column, t, opts.bind())
	if err != nil {
		return nil, err
	}
	return physical.Over(nil, nil, logical.Fold(bound, opts.format())), nil
}

// PartitionExpr binds an expression of PARTITION BY, over the live columns of
// table, and returns the text that the catalog keeps, as Default does.
func PartitionExpr(e ast.Expr, source string, table *catalog.Table, opts Options) (plan.Expr, string, error) {
	scan, meta, bound, err := bind.PartitionExpr(e, table, opts.bind())
	if err != nil {
		return nil, "", err
	}
	f := storedFormat(opts.View)
	bound = physical.Over(scan.Out, meta, bound)
	text := explain.Stored(bound, f)
	scan, meta, again, err := bind.StoredPartitionExpr(text, table, storedOptions(opts.View))
	if err != nil || !same(bound, physical.Over(scan.Out, meta, again), f) {
		return bound, source, nil
	}
	return bound, text, nil
}

// PartitionKey binds the partition key of table over its live columns.
func PartitionKey(table *catalog.Table, opts Options) ([]plan.Expr, error) {
	scan, meta, exprs, err := bind.PartitionKey(table, storedOptions(opts.View))
	if err != nil {
		return nil, err
	}
	for i, e := range exprs {
		exprs[i] = physical.Over(scan.Out, meta, e)
	}
	return exprs, nil
}

// same says whether two expressions are printed alike, wherever the elements of
// an array get their type: (ARRAY[a])::text[] is read as ARRAY[(a)::text].
func same(a, b plan.Expr, f *types.Format) bool {
	return a.Type() == b.Type() && explain.Stored(castItems(a), f) == explain.Stored(castItems(b), f)
}

func castItems(e plan.Expr) plan.Expr {
	e = logical.MapChildren(e, castItems)
	switch e := e.(type) {
	case *plan.ArrayCast:
		if array, ok := e.Arg.(*plan.Array); ok && !array.Nested {
			return castEach(array, e.T, e.Elem.Type())
		}
	case *plan.AnyArray:
		array, ok := e.Array.(*plan.Array)
		cast, isCast := e.Op.Args[1].(*plan.Cast)
		if ok && isCast && !array.Nested {
			out, op := *e, *e.Op
			op.Args = []plan.Expr{op.Args[0], cast.Arg}
			out.Array, out.Op = castEach(array, types.Of(cast.T.Type().Array), cast.T), &op
			return &out
		}
	}
	return e
}

func castEach(array *plan.Array, t, elem types.T) *plan.Array {
	out := &plan.Array{Typed: plan.Typed{T: t}}
	for _, item := range array.Items {
		out.Items = append(out.Items, &plan.Cast{Typed: plan.Typed{T: elem}, Arg: item, Explicit: true})
	}
	return out
}

// storedFormat spells constants as the catalog keeps them: alike in every
// session, names with their schemas.
func storedFormat(view catalog.View) *types.Format {
	f := types.DefaultFormat()
	f.Names = pgcatalog.Names{View: view, Qualify: true}
	return f
}

// storedOptions is what the texts of descriptors are bound with: nothing of a
// session.
func storedOptions(view catalog.View) bind.Options {
	opts := Options{View: view, SearchPath: []string{"pg_catalog"}, Format: storedFormat(view)}
	return opts.bind()
}
