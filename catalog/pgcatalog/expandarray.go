package pgcatalog

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/funcs"
	"quiver/sql/types"
)

// expandArrayOID is the OID of information_schema._pg_expandarray.
const expandArrayOID = 13208

// _pg_expandarray turns an array into rows (x, n): element and position from
// 1. JDBC drivers read the columns of keys by it.
func init() {
	funcs.Register(&funcs.Function{
		OID: expandArrayOID, Schema: "information_schema", Name: "_pg_expandarray", Kind: funcs.KindFunction,
		Args: []types.OID{types.AnyArrayOID}, Result: types.RecordOID,
		Volatility: funcs.Immutable, Strict: true, ReturnsSet: true,
		ResultType: func(args []types.T) types.T {
			elem, _ := types.ElementOf(args[0])
			return types.RecordOf([]string{"x", "n"}, []types.T{elem, types.Of(types.Int4OID)})
		},
		Impl: funcs.Impl{Specialize: func(call funcs.Signature) (funcs.Impl, error) {
			return funcs.Impl{Rows: func(c *types.EvalContext, args []types.Vec) (funcs.RowsIterator, error) {
				return expandArray(c, call.Result, args[0]), nil
			}}, nil
		}},
	})
}

func expandArray(c *types.EvalContext, result types.T, arg types.Vec) funcs.RowsIterator {
	out := &batchOnce{}
	if arg.IsNull(0) {
		return out
	}
	v := types.ArrayAt(arg.Array, arg.Row(0))
	if v.Len() == 0 {
		return out
	}
	positions := array.NewInt32Builder(c.Mem)
	defer positions.Release()
	for k := range v.Len() {
		positions.Append(int32(k + 1))
	}
	n := positions.NewArray()
	defer n.Release()
	x := array.NewSlice(v.Elements, int64(v.Start), int64(v.End))
	defer x.Release()
	// The one buffer is the validity of the records: all are there.
	data := array.NewData(result.Arrow(), v.Len(), []*memory.Buffer{nil}, []arrow.ArrayData{x.Data(), n.Data()}, 0, 0)
	defer data.Release()
	out.columns = []arrow.Array{array.NewStructData(data)}
	return out
}
