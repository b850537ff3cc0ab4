package types

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// arrayDimensionsMax is MAXDIM: the most dimensions of an array.
const arrayDimensionsMax = 6

// arrayArrow is the layout of arrays over elem.
func arrayArrow(elem arrow.DataType) arrow.DataType {
	return arrow.StructOf(
		arrow.Field{Name: "elements", Type: arrow.ListOf(elem), Nullable: true},
		arrow.Field{Name: "shape", Type: arrowBytes, Nullable: true},
	)
}

// arrayOf makes the array type over elem.
func arrayOf(elem *Type) *Type {
	align := byte('i')
	if elem.Align == 'd' {
		align = 'd'
	}
	category, kind := CategoryArray, byte('b')
	if elem.Kind == 'p' {
		category, kind = CategoryPseudo, 'p'
	}
	t := &Type{
		OID: elem.Array, Name: "_" + elem.Name, SQLName: elem.SQLName + "[]", Kind: kind, Len: -1, Align: align, Storage: 'x',
		Category: category, Delim: elem.Delim, Elem: elem.OID,
		ArrowType: func(mod int32) arrow.DataType { return arrayArrow(elem.ArrowType(mod)) },
		ParseMod:  elem.ParseMod,
	}
	if elem.FormatMod != nil {
		t.FormatMod = elem.FormatMod
	}
	return t
}

// ArrayView is one array value: elements Start to End-1 of Elements, in row
// order. It is a view of its column and lives as long.
type ArrayView struct {
	Elements   arrow.Array
	Start, End int
	shape      []byte // nil: one dimension from 1, or none when empty
}

// ArrayAt returns array i of a column.
func ArrayAt(a arrow.Array, i int) ArrayView {
	s := a.(*array.Struct)
	l := s.Field(0).(*array.List)
	start, end := l.ValueOffsets(i)
	v := ArrayView{Elements: l.ListValues(), Start: int(start), End: int(end)}
	if shape := s.Field(1).(*array.Binary); shape.IsValid(i) {
		v.shape = shape.Value(i)
	}
	return v
}

// Len is the number of elements over all dimensions.
func (v ArrayView) Len() int { return v.End - v.Start }

// NDims is the number of dimensions, 0 for an empty array.
func (v ArrayView) NDims() int {
	switch {
	case v.shape != nil:
		return len(v.shape) / 8
	case v.Len() == 0:
		return 0
	}
	return 1
}

// Dim is the length of dimension k, counted from 0.
func (v ArrayView) Dim(k int) int {
	if v.shape == nil {
		return v.Len()
	}
	return int(int32(binary.LittleEndian.Uint32(v.shape[8*k:])))
}

// Lower is the lower bound of dimension k, counted from 0.
func (v ArrayView) Lower(k int) int {
	if v.shape == nil {
		return 1
	}
	return int(int32(binary.LittleEndian.Uint32(v.shape[8*k+4:])))
}

// Shape is the dimensions and lower bounds in the form that FinishArray takes;
// nil when there is one dimension from 1, or none.
func (v ArrayView) Shape() []byte { return v.shape }

// BeginArray begins an array value in b and returns the builder that its
// elements go to, in row order. FinishArray must follow.
func BeginArray(b array.Builder) (elements array.Builder) {
	s := b.(*array.StructBuilder)
	s.Append(true)
	l := s.FieldBuilder(0).(*array.ListBuilder)
	l.Append(true)
	return l.ValueBuilder()
}

// FinishArray ends the value that BeginArray began. shape is what ArrayShape or
// ArrayView.Shape gave.
func FinishArray(b array.Builder, shape []byte) {
	f := b.(*array.StructBuilder).FieldBuilder(1).(*array.BinaryBuilder)
	if shape == nil {
		f.AppendNull()
		return
	}
	f.Append(shape)
}

// ArrayShape encodes dimensions and lower bounds: nil for the usual case of one
// dimension from 1 and for the empty array.
func ArrayShape(dims, lower []int) []byte {
	if len(dims) == 0 || len(dims) == 1 && lower[0] == 1 {
		return nil
	}
	var shape []byte
	for k, n := range dims {
		shape = binary.LittleEndian.AppendUint32(shape, uint32(int32(n)))
		shape = binary.LittleEndian.AppendUint32(shape, uint32(int32(lower[k])))
	}
	return shape
}
