package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

func init() {
	specialized("pg_column_size(any)", func(call Signature) (types.Kernel, error) {
		t := types.ByOID(call.Args[0].OID)
		return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
			var buf []byte
			return fill(c, args, n, func(i int) (int32, error) {
				size := valueSize(&buf, t, args[0].Array, args[0].Row(i))
				return int32(size), nil
			})
		}, nil
	})
}

// valueSize is what a value takes in the memory of PostgreSQL, its header
// included. Quiver keeps columns otherwise, but sums of sizes are what users
// plan by. buf is room to work in.
func valueSize(buf *[]byte, t *types.Type, a arrow.Array, i int) int {
	const header = 4
	switch {
	case t.Len > 0:
		return int(t.Len)
	case isArray(t):
		return arraySize(buf, types.ByOID(t.Elem), types.ArrayAt(a, i))
	case t.AppendBinary == nil:
		*buf = t.AppendText((*buf)[:0], a, i, &types.Format{})
		return header + len(*buf)
	}
	*buf = t.AppendBinary((*buf)[:0], a, i)
	if t.OID == types.NumericOID {
		// The binary form has four words before the digits, the value one.
		return header + max(len(*buf)-6, 2)
	}
	return header + len(*buf)
}

// arraySize: a header, the dimensions, the bits of nulls if there are any, and
// the elements, each aligned.
func arraySize(buf *[]byte, elem *types.Type, v types.ArrayView) int {
	size := 16 + 8*v.NDims()
	for k := v.Start; k < v.End; k++ {
		if v.Elements.IsNull(k) {
			size += (v.Len() + 7) / 8
			break
		}
	}
	size = (size + 7) &^ 7
	align := map[byte]int{'c': 1, 's': 2, 'i': 4, 'd': 8}[elem.Align]
	for k := v.Start; k < v.End; k++ {
		if v.Elements.IsValid(k) {
			size += valueSize(buf, elem, v.Elements, k)
			size = (size + align - 1) / align * align
		}
	}
	return size
}
