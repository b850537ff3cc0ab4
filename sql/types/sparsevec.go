package types

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// The limits of sparsevec.
const (
	SparsevecDimensionsMax = 1_000_000_000
	SparsevecElementsMax   = 16000
)

// Sparsevec is a sparse vector: Values[i], never 0, at Indices[i], which count
// from 0 and ascend.
//
// In an Arrow array it is one binary value, little endian: Dim, the number of
// elements n, the n indices and the n values, four bytes each. So a value lies
// in one piece and at a multiple of four bytes, where a vector search reads it.
type Sparsevec struct {
	Dim     int
	Indices []uint32
	Values  []float32
}

func registerSparsevec() {
	define(&Type{
		OID: SparsevecOID, Name: "sparsevec", Len: -1, Align: 'i', Storage: 'e', Category: CategoryUserDefined,
		Array: SparsevecArrayOID, ArrowType: always(arrowBytes),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte { return SparsevecAt(a, i).AppendText(dst) },
		ParseText: func(b array.Builder, s string, mod int32, _ *Format) error {
			v, err := parseSparsevec(s, mod)
			if err == nil {
				AppendSparsevec(b, v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte { return appendSparsevecBinary(dst, SparsevecAt(a, i)) },
		ParseBinary:  parseSparsevecBinary,
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return SparsevecAt(a, i).Compare(SparsevecAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte { return SparsevecAt(a, i).appendKey(dst) },
		ParseMod: func(args []string) (int32, error) {
			return parseDimensions(args, "sparsevec", SparsevecDimensionsMax)
		},
		FormatMod: formatDimensions,
		Coerce: func(_ *EvalContext, a arrow.Array, mod int32, _ bool) (arrow.Array, error) {
			for i := range a.Len() {
				if a.IsNull(i) {
					continue
				}
				if dim := SparsevecAt(a, i).Dim; mod > 0 && dim != int(mod) {
					return nil, errExpectedDimensions(int(mod), dim)
				}
			}
			a.Retain()
			return a, nil
		},
	})
}

const sparsevecHeader = 8

// SparsevecAt returns sparse vector i of a column, without copying: a view that
// lives as long as a.
func SparsevecAt(a arrow.Array, i int) Sparsevec {
	b := a.(*array.Binary).Value(i)
	v := Sparsevec{Dim: int(binary.LittleEndian.Uint32(b))}
	if n := int(binary.LittleEndian.Uint32(b[4:])); n > 0 {
		v.Indices = unsafe.Slice((*uint32)(unsafe.Pointer(&b[sparsevecHeader])), n)
		v.Values = unsafe.Slice((*float32)(unsafe.Pointer(&b[sparsevecHeader+4*n])), n)
	}
	return v
}

// AppendSparsevec appends v to a builder.
func AppendSparsevec(b array.Builder, v Sparsevec) {
	n := len(v.Indices)
	buf := make([]byte, 0, sparsevecHeader+8*n)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(v.Dim))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(n))
	buf = append(buf, arrow.Uint32Traits.CastToBytes(v.Indices)...)
	buf = append(buf, arrow.Float32Traits.CastToBytes(v.Values[:n])...)
	b.(*array.BinaryBuilder).Append(buf)
}

// SparsevecOf returns the sparse form of a vector that is written out: 54000 for
// one that has too many elements, 22000 for NaN and infinity.
func SparsevecOf(dense []float32) (Sparsevec, error) {
	v := Sparsevec{Dim: len(dense)}
	if err := checkSparsevecDim(v.Dim, NoMod); err != nil {
		return v, err
	}
	for i, x := range dense {
		if x != 0 {
			v.Indices, v.Values = append(v.Indices, uint32(i)), append(v.Values, x)
		}
	}
	if err := checkSparsevecCount(len(v.Indices), v.Dim); err != nil {
		return v, err
	}
	for _, x := range v.Values {
		if err := checkFinite("sparsevec", x); err != nil {
			return v, err
		}
	}
	return v, nil
}

// Dense writes v out; v has no more dimensions than a vector may have.
func (v Sparsevec) Dense() []float32 {
	out := make([]float32, v.Dim)
	for i, at := range v.Indices {
		out[at] = v.Values[i]
	}
	return out
}

// AppendText appends the text form, {index:value,…}/dim with indices from 1.
func (v Sparsevec) AppendText(dst []byte) []byte {
	dst = append(dst, '{')
	for i, at := range v.Indices {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendUint(dst, uint64(at)+1, 10), ':')
		dst = AppendFloat32(dst, v.Values[i], 1)
	}
	return strconv.AppendInt(append(dst, '}', '/'), int64(v.Dim), 10)
}

func checkSparsevecDim(dim int, mod int32) error {
	switch {
	case dim < 1:
		return sqlerr.New(sqlerr.DataException, "sparsevec must have at least 1 dimension")
	case dim > SparsevecDimensionsMax:
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "sparsevec cannot have more than %d dimensions", SparsevecDimensionsMax)
	case mod > 0 && dim != int(mod):
		return errExpectedDimensions(int(mod), dim)
	}
	return nil
}

func checkSparsevecCount(n, dim int) error {
	switch {
	case n < 0:
		return sqlerr.New(sqlerr.DataException, "sparsevec cannot have negative number of elements")
	case n > SparsevecElementsMax:
		return errTooManyElements()
	case n > dim:
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "sparsevec cannot have more elements than dimensions")
	}
	return nil
}

func errTooManyElements() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "sparsevec cannot have more than %d non-zero elements", SparsevecElementsMax)
}

// checkSparsevecIndex checks an index, counted from 0, that follows prev (-1 at
// the start).
func checkSparsevecIndex(index, prev int64, dim int) error {
	switch {
	case index < 0 || index >= int64(dim):
		return sqlerr.New(sqlerr.DataException, "sparsevec index out of bounds")
	case prev >= 0 && index < prev:
		return sqlerr.New(sqlerr.DataException, "sparsevec indices must be in ascending order")
	case index == prev:
		return sqlerr.New(sqlerr.DataException, "sparsevec indices must not contain duplicates")
	}
	return nil
}

// sparseElement is an element as it is written, its index from 0.
type sparseElement struct {
	index int64
	value float32
}

// parseSparsevec reads the text form with pgvector's rules and errors: elements
// in any order, zeros left out.
func parseSparsevec(s string, mod int32) (v Sparsevec, err error) {
	most := strings.Count(s, ",") + 1
	if most > SparsevecElementsMax {
		return v, errTooManyElements()
	}
	i := skipSpace(s, 0)
	if i == len(s) || s[i] != '{' {
		return v, errSparsevec(s).WithDetail("Vector contents must start with \"{\".")
	}
	elements := make([]sparseElement, 0, most)
	if i = skipSpace(s, i+1); i < len(s) && s[i] == '}' {
		i++
	} else if elements, i, err = scanSparseElements(elements, s, i); err != nil {
		return v, err
	}
	if i = skipSpace(s, i); i == len(s) || s[i] != '/' {
		return v, errSparsevec(s).WithDetail("Unexpected end of input.")
	}
	dim, end := scanClamped(s, skipSpace(s, i+1))
	if end < 0 {
		return v, errSparsevec(s)
	}
	if skipSpace(s, end) != len(s) {
		return v, errSparsevec(s).WithDetail("Junk after closing.")
	}
	v.Dim = int(dim)
	if err := checkSparsevecDim(v.Dim, mod); err != nil {
		return v, err
	}
	slices.SortFunc(elements, func(a, b sparseElement) int { return cmp.Compare(a.index, b.index) })
	v.Indices, v.Values = make([]uint32, len(elements)), make([]float32, len(elements))
	prev := int64(-1)
	for k, e := range elements {
		if err := checkSparsevecIndex(e.index, prev, v.Dim); err != nil {
			return v, err
		}
		v.Indices[k], v.Values[k], prev = uint32(e.index), e.value, e.index
	}
	return v, nil
}

// scanSparseElements reads index:value,… up to the brace that closes them.
func scanSparseElements(dst []sparseElement, s string, i int) (elements []sparseElement, end int, err error) {
	for {
		index, k := scanClamped(s, skipSpace(s, i))
		if k < 0 {
			return dst, 0, errSparsevec(s)
		}
		if k = skipSpace(s, k); k == len(s) || s[k] != ':' {
			return dst, 0, errSparsevec(s)
		}
		k = skipSpace(s, k+1)
		x, n, outcome := scanFloat32(s[k:])
		switch {
		case n == 0:
			return dst, 0, errSparsevec(s)
		case outcome != inRange:
			return dst, 0, errElementRange("sparsevec", s[k:k+n])
		}
		if err := checkFinite("sparsevec", x); err != nil {
			return dst, 0, err
		}
		if x != 0 {
			dst = append(dst, sparseElement{index: index - 1, value: x})
		}
		if k = skipSpace(s, k+n); k < len(s) && s[k] == ',' {
			i = k + 1
			continue
		}
		if k == len(s) || s[k] != '}' {
			return dst, 0, errSparsevec(s)
		}
		return dst, k + 1, nil
	}
}

// scanClamped reads an integer as strtol does and keeps it within int32; end is
// -1 when there is none.
func scanClamped(s string, i int) (v int64, end int) {
	negative := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		negative = s[i] == '-'
		i++
	}
	start := i
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		v = min(v*10+int64(s[i]-'0'), 1<<31-1)
	}
	if i == start {
		return 0, -1
	}
	if negative {
		v = -v
	}
	return v, i
}

func errSparsevec(s string) *sqlerr.Error { return invalidText("sparsevec", s) }

func appendSparsevecBinary(dst []byte, v Sparsevec) []byte {
	dst = appendUint32(appendUint32(appendUint32(dst, uint32(v.Dim)), uint32(len(v.Indices))), 0)
	for _, at := range v.Indices {
		dst = appendUint32(dst, at)
	}
	return appendFloats(dst, v.Values)
}

func parseSparsevecBinary(b array.Builder, data []byte, mod int32) error {
	c := cursor{data: data}
	dim, n, unused := int(c.int32()), int(c.int32()), c.int32()
	if c.bad {
		return errInsufficientData()
	}
	if err := checkSparsevecDim(dim, NoMod); err != nil {
		return err
	}
	if err := checkSparsevecCount(n, dim); err != nil {
		return err
	}
	if err := checkSparsevecDim(dim, mod); err != nil {
		return err
	}
	if unused != 0 {
		return sqlerr.New(sqlerr.DataException, "expected unused to be 0, not %d", unused)
	}
	v := Sparsevec{Dim: dim, Indices: make([]uint32, n), Values: make([]float32, n)}
	prev := int64(-1)
	for i := range v.Indices {
		at := int64(c.int32())
		if c.bad {
			return errInsufficientData()
		}
		if err := checkSparsevecIndex(at, prev, dim); err != nil {
			return err
		}
		v.Indices[i], prev = uint32(at), at
	}
	for i := range v.Values {
		x := c.float32()
		if c.bad {
			return errInsufficientData()
		}
		if err := checkFinite("sparsevec", x); err != nil {
			return err
		}
		if x == 0 {
			return sqlerr.New(sqlerr.DataException, "binary representation of sparsevec cannot contain zero values")
		}
		v.Values[i] = x
	}
	if err := c.done(); err != nil {
		return err
	}
	AppendSparsevec(b, v)
	return nil
}

// Compare orders as the vectors written out do: element by element, then by
// dimensions.
func (v Sparsevec) Compare(o Sparsevec) int {
	n := min(len(v.Indices), len(o.Indices))
	for i := range n {
		x, y := v.Values[i], o.Values[i]
		switch a, b := v.Indices[i], o.Indices[i]; {
		case a < b:
			return againstZero(x)
		case a > b:
			return -againstZero(y)
		case x < y:
			return -1
		case x > y:
			return 1
		}
	}
	switch {
	case n < len(o.Indices) && int(o.Indices[n]) < v.Dim:
		return -againstZero(o.Values[n])
	case n < len(v.Indices) && int(v.Indices[n]) < o.Dim:
		return againstZero(v.Values[n])
	}
	return cmp.Compare(v.Dim, o.Dim)
}

func againstZero(x float32) int {
	if x < 0 {
		return -1
	}
	return 1
}

// appendKey writes what tells v from a vector that goes on with zeros, where it
// does: something less (a negative element, or the end) the sooner the smaller,
// and something more the sooner the greater.
func (v Sparsevec) appendKey(dst []byte) []byte {
	const less, more = 0, 1
	const end, element = 0, 1
	for i, at := range v.Indices {
		x := v.Values[i]
		if x < 0 {
			dst = append(appendUint32(append(dst, less), at), element)
		} else {
			dst = appendUint32(append(dst, more), ^at)
		}
		dst = keyFloat32(dst, x)
	}
	return append(appendUint32(append(dst, less), uint32(v.Dim)), end)
}
