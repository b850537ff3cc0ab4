package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

const checkOID types.OID = 9972

func init() {
	funcs.Register(&funcs.Function{
		OID: checkOID, Schema: "quiver", Name: "check", Kind: funcs.KindFunction,
		Result: types.RecordOID, ReturnsSet: true, Volatility: funcs.Volatile, Strict: true,
		Columns: []funcs.Column{
			{Name: "kind", Type: types.TextOID}, {Name: "table_name", Type: types.TextOID},
			{Name: "object", Type: types.TextOID}, {Name: "detail", Type: types.TextOID},
		},
		Impl: funcs.Impl{Rows: checkRows},
	})
}

// checkRows is quiver.check(): a row for everything that is wrong with the objects
// of the cluster.
func checkRows(c *types.EvalContext, _ []types.Vec) (funcs.RowsIterator, error) {
	x, err := executionOf(c)
	if err != nil {
		return nil, err
	}
	if x.env.Engine == nil {
		return nil, sqlerr.Unsupported("checks in this process")
	}
	it := &checkIterator{c: c}
	err = x.env.Engine.Check(c.Ctx, nil, func(f storage.Finding) { it.rows = append(it.rows, f) })
	if err != nil && c.Ctx.Err() != nil {
		err = context.Cause(c.Ctx)
	}
	return it, err
}

// checkIterator hands the findings out.
type checkIterator struct {
	c    *types.EvalContext
	rows []storage.Finding
}

// Next returns all rows at once.
func (it *checkIterator) Next(context.Context) ([]arrow.Array, error) {
	if len(it.rows) == 0 {
		return nil, nil
	}
	var out []arrow.Array
	for _, value := range []func(*storage.Finding) string{
		func(f *storage.Finding) string { return f.Kind }, func(f *storage.Finding) string { return f.Table },
		func(f *storage.Finding) string { return f.Object }, func(f *storage.Finding) string { return f.Detail },
	} {
		b := array.NewStringBuilder(it.c.Mem)
		for i := range it.rows {
			if s := value(&it.rows[i]); s != "" {
				b.Append(s)
			} else {
				b.AppendNull()
			}
		}
		out = append(out, b.NewArray())
		b.Release()
	}
	it.rows = nil
	return out, nil
}
