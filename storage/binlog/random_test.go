package binlog

import (
	"math"
	"math/rand/v2"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// testTypes has every type the format knows, nested ones included.
func testTypes() []arrow.DataType {
	vector := arrow.FixedSizeListOf(5, arrow.PrimitiveTypes.Float32)
	return []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean,
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.PrimitiveTypes.Date32, arrow.PrimitiveTypes.Date64,
		arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time64us,
		&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"},
		&arrow.Decimal128Type{Precision: 38, Scale: -2}, &arrow.FixedSizeBinaryType{ByteWidth: 16},
		arrow.BinaryTypes.Binary, arrow.BinaryTypes.String,
		vector, arrow.ListOf(arrow.PrimitiveTypes.Float32), arrow.ListOf(arrow.BinaryTypes.String),
		arrow.FixedSizeListOf(3, arrow.FixedWidthTypes.Boolean),
		arrow.StructOf(
			arrow.Field{Name: "elements", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
			arrow.Field{Name: "shape", Type: arrow.BinaryTypes.Binary, Nullable: true}),
		arrow.StructOf(
			arrow.Field{Name: "a", Type: vector},
			arrow.Field{Name: "b", Type: arrow.StructOf(arrow.Field{Name: "c", Type: arrow.Null, Nullable: true})}),
		arrow.ListOf(arrow.ListOf(arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int16, Nullable: true}))),
	}
}

// randomArray returns n random rows, a share of them null.
func randomArray(r *rand.Rand, mem memory.Allocator, dt arrow.DataType, n int, nulls float64) arrow.Array {
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	for range n {
		appendRandom(r, b, nulls)
	}
	return b.NewArray()
}

func appendRandom(r *rand.Rand, builder array.Builder, nulls float64) {
	if r.Float64() < nulls {
		builder.AppendNull()
		return
	}
	switch b := builder.(type) {
	case *array.NullBuilder:
		b.AppendNull()
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(r.Uint32()))
	case *array.Int16Builder:
		b.Append(int16(r.Uint32()))
	case *array.Int32Builder:
		b.Append(int32(r.Uint32()))
	case *array.Int64Builder:
		b.Append(int64(r.Uint64()))
	case *array.Uint8Builder:
		b.Append(uint8(r.Uint32()))
	case *array.Uint16Builder:
		b.Append(uint16(r.Uint32()))
	case *array.Uint32Builder:
		b.Append(r.Uint32())
	case *array.Uint64Builder:
		b.Append(r.Uint64())
	case *array.Float16Builder:
		b.Append(float16.New(r.Float32()))
	case *array.Float32Builder:
		b.Append(float32(r.NormFloat64()))
	case *array.Float64Builder:
		b.Append([]float64{r.NormFloat64(), math.NaN(), math.Inf(-1), 0}[r.IntN(4)])
	case *array.Date32Builder:
		b.Append(arrow.Date32(r.Uint32()))
	case *array.Date64Builder:
		b.Append(arrow.Date64(r.Uint64()))
	case *array.Time32Builder:
		b.Append(arrow.Time32(r.Uint32()))
	case *array.Time64Builder:
		b.Append(arrow.Time64(r.Uint64()))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(r.Uint64()))
	case *array.Decimal128Builder:
		b.Append(decimal128.New(int64(r.Uint64()), r.Uint64()))
	case *array.FixedSizeBinaryBuilder:
		v := make([]byte, b.Type().(*arrow.FixedSizeBinaryType).ByteWidth)
		for i := range v {
			v[i] = byte(r.Uint32())
		}
		b.Append(v)
	case *array.BinaryBuilder:
		b.Append(make([]byte, r.IntN(9)))
	case *array.StringBuilder:
		b.Append("žluťoučký kůň"[:r.IntN(8)*2/2])
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			appendRandom(r, b.ValueBuilder(), nulls)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			appendRandom(r, b.ValueBuilder(), nulls)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(r, b.FieldBuilder(i), nulls)
		}
	default:
		panic("no random values of " + builder.Type().String())
	}
}

// sameRows compares by text, so that NaN equals itself; what lies under a null
// does not count.
func sameRows(a, b arrow.Array) bool {
	if a.Len() != b.Len() || a.NullN() != b.NullN() {
		return false
	}
	for i := range a.Len() {
		if a.IsNull(i) != b.IsNull(i) {
			return false
		}
		if a.IsValid(i) && ValueText(a, i) != ValueText(b, i) {
			return false
		}
	}
	return true
}
