package types

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Arrow returns the Arrow type of a column of type t.
func (t T) Arrow() arrow.DataType { return t.Type().ArrowType(t.Mod) }

// NewBuilder returns a builder of arrays of type t; the caller releases it.
func NewBuilder(t T, mem memory.Allocator) array.Builder {
	return array.NewBuilder(mem, t.Arrow())
}

// EmptyArray returns an array of type t without rows; the caller releases it.
func EmptyArray(t T, mem memory.Allocator) arrow.Array {
	b := NewBuilder(t, mem)
	defer b.Release()
	return b.NewArray()
}

// NullArray returns n nulls of type t; the caller releases it.
func NullArray(t T, mem memory.Allocator, n int) arrow.Array {
	if t.Arrow().ID() == arrow.NULL {
		return array.NewNull(n)
	}
	b := NewBuilder(t, mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.AppendNull()
	}
	return b.NewArray()
}

// ConstArray returns n copies of value i of a; the caller releases it.
func ConstArray(a arrow.Array, i, n int, mem memory.Allocator) arrow.Array {
	b := array.NewBuilder(mem, a.DataType())
	defer b.Release()
	b.Reserve(n)
	for range n {
		AppendFrom(b, a, i)
	}
	return b.NewArray()
}

// AppendFrom appends value i of a, null or not, to b. Both have the Arrow type
// of one SQL type. Layouts may differ where a type has two: a vector value goes
// into a List or a FixedSizeList builder from either (of equal dimension, which
// binding has checked), a numeric only into Binary.
func AppendFrom(b array.Builder, a arrow.Array, i int) {
	if a.IsNull(i) {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.NullBuilder:
		b.AppendNull()
	case *array.BooleanBuilder:
		b.Append(a.(*array.Boolean).Value(i))
	case *array.Int16Builder:
		b.Append(a.(*array.Int16).Value(i))
	case *array.Int32Builder:
		b.Append(a.(*array.Int32).Value(i))
	case *array.Int64Builder:
		b.Append(a.(*array.Int64).Value(i))
	case *array.Uint32Builder:
		b.Append(a.(*array.Uint32).Value(i))
	case *array.Uint64Builder:
		b.Append(a.(*array.Uint64).Value(i))
	case *array.Float16Builder:
		b.Append(a.(*array.Float16).Value(i))
	case *array.Float32Builder:
		b.Append(a.(*array.Float32).Value(i))
	case *array.Float64Builder:
		b.Append(a.(*array.Float64).Value(i))
	case *array.StringBuilder:
		b.Append(a.(*array.String).Value(i))
	case *array.BinaryBuilder:
		b.Append(a.(*array.Binary).Value(i))
	case *array.FixedSizeBinaryBuilder:
		b.Append(a.(*array.FixedSizeBinary).Value(i))
	case *array.Date32Builder:
		b.Append(a.(*array.Date32).Value(i))
	case *array.Time64Builder:
		b.Append(a.(*array.Time64).Value(i))
	case *array.TimestampBuilder:
		b.Append(a.(*array.Timestamp).Value(i))
	case *array.FixedSizeListBuilder:
		appendList(b, b.ValueBuilder(), a, i)
	case *array.ListBuilder:
		appendList(b, b.ValueBuilder(), a, i)
	case *array.StructBuilder:
		s := a.(*array.Struct)
		b.Append(true)
		for f := range b.NumField() {
			AppendFrom(b.FieldBuilder(f), s.Field(f), i)
		}
	default:
		panic(fmt.Sprintf("types: cannot append to %T", b))
	}
}

type listAppender interface{ Append(bool) }

// appendList appends the elements of value i of the list array a.
func appendList(b listAppender, values array.Builder, a arrow.Array, i int) {
	l := a.(array.ListLike)
	start, end := l.ValueOffsets(i)
	b.Append(true)
	elems := l.ListValues()
	// Only vectors have fixed size; the nulls below them belong to null rows.
	if _, isVector := a.(*array.FixedSizeList); isVector || elems.NullN() == 0 {
		switch elems := elems.(type) {
		case *array.Float32:
			values.(*array.Float32Builder).AppendValues(elems.Float32Values()[start:end], nil)
			return
		case *array.Float16:
			values.(*array.Float16Builder).AppendValues(elems.Values()[start:end], nil)
			return
		}
	}
	for j := start; j < end; j++ {
		AppendFrom(values, elems, int(j))
	}
}
