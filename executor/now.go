package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	funcs.Register(&funcs.Function{
		OID: nowOID, Schema: "quiver", Name: "now", Kind: funcs.KindFunction,
		Result: types.Int8OID, Volatility: funcs.Volatile,
		Impl: funcs.Impl{Kernel: nowKernel},
	})
}

// nowKernel is quiver.now(): a timestamp that is later than every commit so far
// and earlier than all to come, which quiver.read_timestamp takes.
func nowKernel(c *types.EvalContext, _ []types.Vec, n int) (arrow.Array, error) {
	x, err := executionOf(c)
	if err != nil {
		return nil, err
	}
	if x.env.Engine == nil {
		return nil, sqlerr.Unsupported("quiver.now() in this process")
	}
	b := array.NewInt64Builder(c.Mem)
	defer b.Release()
	for range n {
		at, err := x.env.Engine.Timestamp()
		if err != nil {
			return nil, err
		}
		b.Append(int64(at))
	}
	return b.NewArray(), nil
}
