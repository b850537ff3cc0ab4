package pgcatalog

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// call is one row of a call of a catalog function.
type call struct {
	*types.EvalContext
	view catalog.View
	args []types.Vec
	row  int
}

// The arguments, by position.
func (c call) oid(k int) types.OID {
	return types.OID(c.args[k].Array.(*array.Uint32).Value(c.args[k].Row(c.row)))
}
func (c call) text(k int) string { return c.args[k].Array.(*array.String).Value(c.args[k].Row(c.row)) }
func (c call) bool(k int) bool   { return c.args[k].Array.(*array.Boolean).Value(c.args[k].Row(c.row)) }
func (c call) isNull(k int) bool { return c.args[k].IsNull(c.row) }

func (c call) int(k int) int64 {
	row := c.args[k].Row(c.row)
	switch a := c.args[k].Array.(type) {
	case *array.Int16:
		return int64(a.Value(row))
	case *array.Int32:
		return int64(a.Value(row))
	}
	return c.args[k].Array.(*array.Int64).Value(row)
}

func (c call) names() Names { return Names{View: c.view, Session: c.Session} }

// errNoCatalog is a bug of whoever evaluates: the statement has a catalog.
var errNoCatalog = errors.New("pgcatalog: evaluated without a catalog")

// define registers a strict function under signatures of pg_proc. f returns the
// value in the form that appendValue takes, nil for null.
func define(f func(c call) (any, error), signatures ...string) { defineAs(f, true, signatures) }

// defineNullable is define for a function that is handed nulls too.
func defineNullable(f func(c call) (any, error), signatures ...string) {
	defineAs(f, false, signatures)
}

func defineAs(f func(c call) (any, error), strict bool, signatures []string) {
	for _, signature := range signatures {
		var result catalog.VirtualColumn
		fn := funcs.Builtin(signature, funcs.Impl{Kernel: func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
			return evaluate(c, args, n, result, strict, f)
		}})
		if fn != nil { // nil: over types that Quiver lacks
			result = catalog.VirtualColumn{Name: fn.Name, Type: types.Of(fn.Result)}
		}
	}
}

func evaluate(c *types.EvalContext, args []types.Vec, n int, result catalog.VirtualColumn, strict bool, f func(c call) (any, error)) (arrow.Array, error) {
	view, ok := c.Catalog.(catalog.View)
	if !ok {
		return nil, errNoCatalog
	}
	b := types.NewBuilder(result.Type, c.Mem)
	defer b.Release()
	for row := range n {
		one := call{c, view, args, row}
		if strict && one.anyNull() {
			b.AppendNull()
			continue
		}
		v, err := f(one)
		if err != nil {
			return nil, err
		}
		appendValue(b, result, v)
	}
	return b.NewArray(), nil
}

func (c call) anyNull() bool {
	for k := range c.args {
		if c.isNull(k) {
			return true
		}
	}
	return false
}

// defineRows registers a strict set-returning function: f calls add with the
// values of each row, column by column.
func defineRows(signature string, f func(c call, add func(values ...any)) error) {
	var fn *funcs.Function
	fn = funcs.Builtin(signature, funcs.Impl{Rows: func(c *types.EvalContext, args []types.Vec) (funcs.RowsIterator, error) {
		view, ok := c.Catalog.(catalog.View)
		if !ok {
			return nil, errNoCatalog
		}
		columns := fn.Columns
		if len(columns) == 0 {
			columns = []funcs.Column{{Name: fn.Name, Type: fn.Result}}
		}
		builders := make([]array.Builder, len(columns))
		for i, column := range columns {
			builders[i] = types.NewBuilder(types.Of(column.Type), c.Mem)
			defer builders[i].Release()
		}
		one := call{c, view, args, 0}
		n := 0
		if !one.anyNull() {
			err := f(one, func(values ...any) {
				for i, v := range values {
					appendValue(builders[i], catalog.VirtualColumn{Type: types.Of(columns[i].Type)}, v)
				}
				n++
			})
			if err != nil {
				return nil, err
			}
		}
		out := &batchOnce{}
		if n > 0 {
			for _, b := range builders {
				out.columns = append(out.columns, b.NewArray())
			}
		}
		return out, nil
	}})
}

// batchOnce yields one batch.
type batchOnce struct{ columns []arrow.Array }

func (b *batchOnce) Next(context.Context) ([]arrow.Array, error) {
	columns := b.columns
	b.columns = nil
	return columns, nil
}
