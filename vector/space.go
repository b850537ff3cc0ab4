package vector

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// String names the element by its type.
func (e Element) String() string {
	switch e {
	case Float16:
		return "halfvec"
	case Bit:
		return "bit"
	case Sparse:
		return "sparsevec"
	}
	return "vector"
}

// Has says whether vectors of the element have the distance: bits Hamming and
// Jaccard, all others L2, InnerProduct, Cosine and L1.
func (e Element) Has(d Distance) bool {
	if e == Bit {
		return d == Hamming || d == Jaccard
	}
	return e <= Sparse && d <= L1
}

// String names element, dimension and distance: "vector(3), cosine".
func (s Space) String() string { return fmt.Sprintf("%s(%d), %s", s.Element, s.Dim, s.Distance) }

// RowBytes is the size of a vector in the encoding of Column.Row; 0 for sparse
// vectors, whose sizes differ.
func (s Space) RowBytes() int {
	switch s.Element {
	case Float16:
		return 2 * s.Dim
	case Bit:
		return (s.Dim + 7) / 8
	case Sparse:
		return 0
	}
	return 4 * s.Dim
}

// Exact is the exact distance of two vectors in the encoding of Column.Row.
func (s Space) Exact(x, y []byte) float64 {
	switch s.Element {
	case Float16:
		return ExactHalf(s.Distance, HalvesOf(x), HalvesOf(y))
	case Bit:
		return ExactBits(s.Distance, x, y)
	case Sparse:
		return ExactSparse(s.Distance, SparseOf(x), SparseOf(y))
	}
	return Exact(s.Distance, Float32sOf(x), Float32sOf(y))
}

// The encoding of Column.Row is the memory of the machines that Quiver runs on,
// all little-endian, so that mapped files are used in place.

// Float32sOf views encoded float32 elements, at an address aligned to 4 bytes.
func Float32sOf(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// HalvesOf views encoded float16 elements, at an address aligned to 2 bytes.
func HalvesOf(b []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

// SparseOf views an encoded sparse vector, at an address aligned to 4 bytes.
func SparseOf(b []byte) SparseVector {
	n := int(binary.LittleEndian.Uint32(b))
	words := b[4 : 4+8*n]
	return SparseVector{
		Indexes: unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(words))), n),
		Values:  Float32sOf(words[4*n:]),
	}
}

// EncodeFloat32s views float32 elements in the encoding of Column.Row.
func EncodeFloat32s(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// EncodeHalves views float16 elements in the encoding of Column.Row.
func EncodeHalves(v []uint16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 2*len(v))
}

// AppendSparse appends a sparse vector in the encoding of Column.Row.
func AppendSparse(dst []byte, v SparseVector) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.Indexes)))
	dst = append(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v.Indexes))), 4*len(v.Indexes))...)
	return append(dst, EncodeFloat32s(v.Values[:len(v.Indexes)])...)
}
