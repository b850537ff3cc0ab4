package binlog

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// boundBytesMax bounds a stored min or max; a longer one is left out, and the
// event is then read whenever its column is filtered on.
const boundBytesMax = 256

// bounds returns the rows with the least and greatest values that are not
// null; ok is false when there are none or the type has no order here.
func bounds(a arrow.Array, compare Compare) (lo, hi int, ok bool) {
	if compare == nil {
		if compare = NaturalOrder(a.DataType()); compare == nil {
			return 0, 0, false
		}
		if lo, hi, ok, done := fastBounds(a); done {
			return lo, hi, ok
		}
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		if !ok {
			lo, hi, ok = i, i, true
			continue
		}
		if compare(a, i, a, lo) < 0 {
			lo = i
		}
		if compare(a, i, a, hi) > 0 {
			hi = i
		}
	}
	return lo, hi, ok
}

// fastBounds is bounds for the integers that every file has, and for decimals.
func fastBounds(a arrow.Array) (lo, hi int, ok, done bool) {
	switch a := a.(type) {
	case *array.Int32:
		lo, hi, ok = ordered(a, a.Int32Values())
	case *array.Int64:
		lo, hi, ok = ordered(a, a.Int64Values())
	case *array.Uint64:
		lo, hi, ok = ordered(a, a.Uint64Values())
	case *array.Decimal128:
		lo, hi, ok = orderedDecimals(a, a.Values())
	default:
		return 0, 0, false, false
	}
	return lo, hi, ok, true
}

func ordered[T cmp.Ordered](a arrow.Array, values []T) (lo, hi int, ok bool) {
	nulls := a.NullN() > 0
	for i, v := range values {
		if nulls && a.IsNull(i) {
			continue
		}
		switch {
		case !ok:
			lo, hi, ok = i, i, true
		case v < values[lo]:
			lo = i
		case v > values[hi]:
			hi = i
		}
	}
	return lo, hi, ok
}

// NaturalOrder returns the order in which min and max of a type are kept unless
// Field.Compare says otherwise; nil for types without one.
func NaturalOrder(dt arrow.DataType) Compare {
	switch dt.ID() {
	case arrow.BOOL:
		return func(a arrow.Array, i int, b arrow.Array, j int) int {
			x, y := a.(*array.Boolean).Value(i), b.(*array.Boolean).Value(j)
			switch {
			case x == y:
				return 0
			case y:
				return -1
			}
			return 1
		}
	case arrow.INT8:
		return orderBy(func(a arrow.Array, i int) int8 { return a.(*array.Int8).Value(i) })
	case arrow.INT16:
		return orderBy(func(a arrow.Array, i int) int16 { return a.(*array.Int16).Value(i) })
	case arrow.INT32:
		return orderBy(func(a arrow.Array, i int) int32 { return a.(*array.Int32).Value(i) })
	case arrow.INT64:
		return orderBy(func(a arrow.Array, i int) int64 { return a.(*array.Int64).Value(i) })
	case arrow.UINT8:
		return orderBy(func(a arrow.Array, i int) uint8 { return a.(*array.Uint8).Value(i) })
	case arrow.UINT16:
		return orderBy(func(a arrow.Array, i int) uint16 { return a.(*array.Uint16).Value(i) })
	case arrow.UINT32:
		return orderBy(func(a arrow.Array, i int) uint32 { return a.(*array.Uint32).Value(i) })
	case arrow.UINT64:
		return orderBy(func(a arrow.Array, i int) uint64 { return a.(*array.Uint64).Value(i) })
	case arrow.FLOAT32:
		return func(a arrow.Array, i int, b arrow.Array, j int) int {
			return compareFloats(a.(*array.Float32).Value(i), b.(*array.Float32).Value(j))
		}
	case arrow.FLOAT64:
		return func(a arrow.Array, i int, b arrow.Array, j int) int {
			return compareFloats(a.(*array.Float64).Value(i), b.(*array.Float64).Value(j))
		}
	case arrow.DATE32:
		return orderBy(func(a arrow.Array, i int) arrow.Date32 { return a.(*array.Date32).Value(i) })
	case arrow.DATE64:
		return orderBy(func(a arrow.Array, i int) arrow.Date64 { return a.(*array.Date64).Value(i) })
	case arrow.TIME32:
		return orderBy(func(a arrow.Array, i int) arrow.Time32 { return a.(*array.Time32).Value(i) })
	case arrow.TIME64:
		return orderBy(func(a arrow.Array, i int) arrow.Time64 { return a.(*array.Time64).Value(i) })
	case arrow.TIMESTAMP:
		return orderBy(func(a arrow.Array, i int) arrow.Timestamp { return a.(*array.Timestamp).Value(i) })
	case arrow.DECIMAL128:
		return func(a arrow.Array, i int, b arrow.Array, j int) int {
			return compareDecimals(a.(*array.Decimal128).Value(i), b.(*array.Decimal128).Value(j))
		}
	case arrow.FIXED_SIZE_BINARY:
		return func(a arrow.Array, i int, b arrow.Array, j int) int {
			return bytes.Compare(a.(*array.FixedSizeBinary).Value(i), b.(*array.FixedSizeBinary).Value(j))
		}
	case arrow.BINARY:
		return func(a arrow.Array, i int, b arrow.Array, j int) int {
			return bytes.Compare(a.(*array.Binary).Value(i), b.(*array.Binary).Value(j))
		}
	case arrow.STRING:
		return orderBy(func(a arrow.Array, i int) string { return a.(*array.String).Value(i) })
	}
	return nil
}

func orderBy[T cmp.Ordered](value func(arrow.Array, int) T) Compare {
	return func(a arrow.Array, i int, b arrow.Array, j int) int { return cmp.Compare(value(a, i), value(b, j)) }
}

// compareFloats puts NaN last, as SQL does.
func compareFloats[T float32 | float64](x, y T) int {
	switch xNaN, yNaN := x != x, y != y; {
	case xNaN && yNaN:
		return 0
	case xNaN:
		return 1
	case yNaN:
		return -1
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// decimalNaN is how numeric's NaN is stored: no 38 digits reach it.
var decimalNaN = decimal128.New(math.MinInt64, 0)

// compareDecimals puts NaN last, as compareFloats does. Taking one from a
// number takes it below zero around to the greatest of all.
func compareDecimals(x, y decimal128.Num) int {
	xhi, xlo := decimalRank(x)
	yhi, ylo := decimalRank(y)
	if c := cmp.Compare(xhi, yhi); c != 0 {
		return c
	}
	return cmp.Compare(xlo, ylo)
}

// decimalRank is x - 1 in 128 bits.
func decimalRank(x decimal128.Num) (hi int64, lo uint64) {
	lo, borrow := bits.Sub64(x.LowBits(), 1, 0)
	return x.HighBits() - int64(borrow), lo
}

func orderedDecimals(a arrow.Array, values []decimal128.Num) (lo, hi int, ok bool) {
	nulls := a.NullN() > 0
	for i, v := range values {
		if nulls && a.IsNull(i) {
			continue
		}
		switch {
		case !ok:
			lo, hi, ok = i, i, true
		case compareDecimals(v, values[lo]) < 0:
			lo = i
		case compareDecimals(v, values[hi]) > 0:
			hi = i
		}
	}
	return lo, hi, ok
}

// appendBound encodes row i as a bound, or nothing if it is too long.
func appendBound(a arrow.Array, i int) []byte {
	b, err := AppendColumnRange(nil, a, i, 1)
	if err != nil || len(b) > boundBytesMax {
		return nil
	}
	return b
}
