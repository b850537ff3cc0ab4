package executor

import (
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/vector"
)

// elementOf is how vectors of an SQL type are compared.
func elementOf(t types.T) vector.Element {
	switch t.OID {
	case types.HalfvecOID:
		return vector.Float16
	case types.BitOID, types.VarbitOID:
		return vector.Bit
	case types.SparsevecOID:
		return vector.Sparse
	}
	return vector.Float32
}

// appendVector appends value i of a vector column in the encoding of
// vector.Column, and returns the number of its elements.
func appendVector(dst []byte, e vector.Element, a arrow.Array, i int) ([]byte, int) {
	switch e {
	case vector.Bit:
		v := types.BitsAt(a, i)
		return append(dst, v.Bytes...), v.Len
	case vector.Sparse:
		v := types.SparsevecAt(a, i)
		return vector.AppendSparse(dst, vector.SparseVector{Indexes: v.Indices, Values: v.Values}), v.Dim
	}
	switch a := a.(type) {
	case array.ListLike:
		start, end := a.ValueOffsets(i)
		switch values := a.ListValues().(type) {
		case *array.Float32:
			dst = append(dst, vector.EncodeFloat32s(values.Float32Values()[start:end])...)
		case *array.Float16:
			dst = append(dst, vector.EncodeHalves(halves(values)[start:end])...)
		}
		return dst, int(end - start)
	}
	return dst, 0
}

// uniformBits views a column of bit strings of n bits each, of stride bytes; ok
// is false when they lie in another way.
func uniformBits(a *array.Binary, n int) (bits []byte, stride int, ok bool) {
	stride = (n+7)/8 + 1
	offsets := a.ValueOffsets()
	if len(offsets) == 0 {
		return nil, stride, false
	}
	unused := byte(8*(stride-1) - n)
	bits = a.ValueBytes()
	for i := range a.Len() {
		if int(offsets[i+1]-offsets[i]) != stride || bits[(i+1)*stride-1] != unused {
			return nil, stride, false
		}
	}
	return bits, stride, true
}

// errDimensions is pgvector's error for vectors of different length.
func errDimensions(e vector.Element, a, b int) error {
	if e == vector.Bit {
		return sqlerr.New(sqlerr.DataException, "different bit lengths %d and %d", a, b)
	}
	return sqlerr.New(sqlerr.DataException, "different %s dimensions %d and %d", e, a, b)
}

// halves views the bits of float16 values.
func halves(a *array.Float16) []uint16 {
	v := a.Values()
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// vectorRow is one vector as a vector.Search takes it.
func vectorRow(e vector.Element, row []byte, dims int, id []uint64) vector.Rows {
	r := vector.Rows{Stride: dims, N: 1, IDs: id}
	switch e {
	case vector.Float32:
		r.Values = vector.Float32sOf(row)
	case vector.Float16:
		r.Halves = vector.HalvesOf(row)
	case vector.Bit:
		r.Bits, r.Stride = row, len(row)
	case vector.Sparse:
		v := vector.SparseOf(row)
		r.Sparse = vector.SparseRows{Offsets: []int32{0, int32(len(v.Indexes))}, Indexes: v.Indexes, Values: v.Values}
	}
	return r
}
