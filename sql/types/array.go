package types

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
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
	t := &Type{
		OID: elem.Array, Name: "_" + elem.Name, SQLName: elem.SQLName + "[]", Kind: 'b', Len: -1, Align: align, Storage: 'x',
		Category: CategoryArray, Delim: elem.Delim, Elem: elem.OID, ParseMod: elem.ParseMod, FormatMod: elem.FormatMod,
		ArrowType: func(mod int32) arrow.DataType { return arrayArrow(elem.ArrowType(mod)) },
	}
	if elem.Kind == 'p' {
		t.Category, t.Kind = CategoryPseudo, 'p'
	}
	c := arrayCodec{elem}
	t.AppendText, t.ParseText = c.appendText, c.parseText
	t.AppendBinary, t.ParseBinary = c.appendBinary, c.parseBinary
	if elem.Compare != nil {
		t.Compare, t.AppendKey = c.compare, c.appendKey
	}
	if elem.Coerce != nil {
		t.Coerce = c.coerce
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

// MapArray replaces the elements of each array of a column: f gets all elements
// that the column uses, as one array, and answers an array of the same length.
// Shapes and nulls stay. The result is the caller's to release.
func MapArray(a arrow.Array, f func(elements arrow.Array) (arrow.Array, error)) (arrow.Array, error) {
	s := a.(*array.Struct)
	l := s.Field(0).(*array.List)
	offsets := l.Offsets()
	if o := l.Data().Offset(); l.Len() > 0 {
		offsets = offsets[o : o+l.Len()+1]
	} else {
		offsets = []int32{0}
	}
	first, last := offsets[0], offsets[len(offsets)-1]
	used := array.NewSlice(l.ListValues(), int64(first), int64(last))
	defer used.Release()
	elements, err := f(used)
	if err != nil {
		return nil, err
	}
	defer elements.Release()

	moved := make([]int32, len(offsets))
	for k, o := range offsets {
		moved[k] = o - first
	}
	list := array.NewData(arrow.ListOf(elements.DataType()), l.Len(),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(moved))},
		[]arrow.ArrayData{elements.Data()}, 0, 0)
	defer list.Release()
	data := array.NewData(arrayArrow(elements.DataType()), s.Len(), []*memory.Buffer{validity(s)},
		[]arrow.ArrayData{list, s.Field(1).Data()}, s.NullN(), 0)
	defer data.Release()
	return array.NewStructData(data), nil
}

// validity is a bitmap of a's nulls that begins at bit 0; nil when there are
// none.
func validity(a arrow.Array) *memory.Buffer {
	if a.NullN() == 0 {
		return nil
	}
	bits := make([]byte, bitutil.BytesForBits(int64(a.Len())))
	bitutil.CopyBitmap(a.NullBitmapBytes(), a.Data().Offset(), a.Len(), bits, 0)
	return memory.NewBufferBytes(bits)
}
