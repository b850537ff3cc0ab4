package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/types"
)

// openExtension opens the Go types that package types defines.
func openExtension(x any, a arrow.Array) {
	switch p := x.(type) {
	case *input[types.Numeric]:
		p.at = func(i int) types.Numeric { return types.NumericAt(a, i) }
	case *input[types.Interval]:
		p.at = func(i int) types.Interval { return types.IntervalAt(a, i) }
	case *input[types.Timetz]:
		p.at = func(i int) types.Timetz { return types.TimetzAt(a, i) }
	case *input[[]types.Half]:
		p.at = func(i int) []types.Half { return types.HalfvecAt(a, i) }
	case *input[types.Sparsevec]:
		p.at = func(i int) types.Sparsevec { return types.SparsevecAt(a, i) }
	case *input[types.Bits]:
		p.at = func(i int) types.Bits { return types.BitsAt(a, i) }
	case *input[texts]:
		p.at = func(i int) texts {
			v := types.ArrayAt(a, i)
			elements := v.Elements.(*array.String)
			list := make(texts, 0, v.Len())
			for k := v.Start; k < v.End; k++ {
				if elements.IsNull(k) {
					list = append(list, nil)
					continue
				}
				s := elements.Value(k)
				list = append(list, &s)
			}
			return list
		}
	case *input[[]string]:
		p.at = func(i int) []string { return stringsAt(a, i) }
	default:
		panic(unreadable(x))
	}
}

// outputExtension prepares an output of a Go type that package types defines.
func outputExtension(x any, mem memory.Allocator) {
	switch p := x.(type) {
	case *output[types.Numeric]:
		b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
		p.builder, p.put = b, func(v types.Numeric) { types.AppendNumeric(b, v) }
	case *output[types.Interval]:
		b := types.NewBuilder(types.Of(types.IntervalOID), mem)
		p.builder, p.put = b, func(v types.Interval) { types.AppendInterval(b, v) }
	case *output[types.Timetz]:
		b := types.NewBuilder(types.Of(types.TimetzOID), mem)
		p.builder, p.put = b, func(v types.Timetz) { types.AppendTimetz(b, v) }
	case *output[types.Sparsevec]:
		b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
		p.builder, p.put = b, func(v types.Sparsevec) { types.AppendSparsevec(b, v) }
	case *output[types.Bits]:
		b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
		p.builder, p.put = b, func(v types.Bits) { types.AppendBits(b, v) }
	case *output[[]types.Half]:
		b := types.NewBuilder(types.Of(types.HalfvecOID), mem)
		p.builder, p.put = b, func(v []types.Half) { types.AppendHalfvec(b, v) }
	default:
		panic(unreadable(x))
	}
}

// appendStrings appends a one-dimensional text[].
func appendStrings(b array.Builder, v []string) {
	elements := types.BeginArray(b).(*array.StringBuilder)
	for _, s := range v {
		elements.Append(s)
	}
	types.FinishArray(b, nil)
}

// stringsAt returns the elements of array i of a column of text arrays, nulls
// as empty strings.
func stringsAt(a arrow.Array, i int) []string {
	v := types.ArrayAt(a, i)
	elements := v.Elements.(*array.String)
	s := make([]string, 0, v.Len())
	for k := v.Start; k < v.End; k++ {
		s = append(s, elements.Value(k))
	}
	return s
}
