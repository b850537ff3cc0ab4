package types

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
)

// VectorDimensionsMax is the most dimensions a vector can have.
const VectorDimensionsMax = 16000

// anyVector is the layout of vector without a number of dimensions.
var anyVector = arrow.ListOf(arrow.PrimitiveTypes.Float32)

func registerVector() {
	define(&Type{
		OID: VectorOID, Name: "vector", Len: -1, Align: 'i', Storage: 'e', Category: CategoryUserDefined, Array: VectorArrayOID,
		ArrowType: func(mod int32) arrow.DataType {
			if mod > 0 {
				return arrow.FixedSizeListOf(mod, arrow.PrimitiveTypes.Float32)
			}
			return anyVector
		},
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return AppendVectorText(dst, VectorAt(a, i))
		},
		ParseText: func(b array.Builder, s string, mod int32, _ *Format) error {
			return denseVector.parseText(b, s, mod)
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendVectorBinary(dst, VectorAt(a, i))
		},
		ParseBinary: parseVectorBinary,
		BinaryArray: vectorFromBinary,
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return CompareVectors(VectorAt(a, i), VectorAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyVector(dst, VectorAt(a, i))
		},
		ParseMod:  denseVector.parseMod,
		FormatMod: formatDimensions,
		Coerce: func(c *EvalContext, a arrow.Array, mod int32, _ bool) (arrow.Array, error) {
			return coerceDense(denseVector, c, a, mod, VectorAt, AppendVector)
		},
	})
}

// VectorAt returns vector i of a column of either layout, without copying: a
// view that lives as long as a.
func VectorAt(a arrow.Array, i int) []float32 {
	switch a := a.(type) {
	case *array.FixedSizeList:
		start, end := a.ValueOffsets(i)
		return a.ListValues().(*array.Float32).Float32Values()[start:end:end]
	default:
		l := a.(*array.List)
		start, end := l.ValueOffsets(i)
		return l.ListValues().(*array.Float32).Float32Values()[start:end:end]
	}
}

// Vectors returns all values of a column of either layout as one slice of
// float32, and where vector i begins and ends in it; nulls have unspecified
// content. Scans use it to hand many rows to one kernel call.
func Vectors(a arrow.Array) (values []float32, offsets func(i int) (start, end int64)) {
	l := a.(array.ListLike)
	return l.ListValues().(*array.Float32).Float32Values(), l.ValueOffsets
}

// AppendVector appends v to a builder of either layout. For vector(n) the
// caller has seen to it that len(v) is n.
func AppendVector(b array.Builder, v []float32) {
	if fixed, ok := b.(*array.FixedSizeListBuilder); ok {
		fixed.Append(true)
		fixed.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
		return
	}
	list := b.(*array.ListBuilder)
	list.Append(true)
	list.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
}

// CheckVector says whether v may be a vector(mod): 22000 or 54000 as pgvector.
func CheckVector(v []float32, mod int32) error {
	if err := denseVector.checkDimensions(len(v), mod); err != nil {
		return err
	}
	odd := float32(0)
	for _, x := range v {
		odd += x - x // 0, if x is finite
	}
	if odd == 0 {
		return nil
	}
	for _, x := range v {
		if err := denseVector.checkElement(x); err != nil {
			return err
		}
	}
	return nil
}

// AppendVectorText appends the text form: [1,2.5,3].
func AppendVectorText(dst []byte, v []float32) []byte {
	dst = append(dst, '[')
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendFloat32(dst, x, 1)
	}
	return append(dst, ']')
}

// scanPlain reads the usual spelling of an element, [-]digits[.digits] of at
// most 15 digits, which float64 holds exactly: one division then rounds, and a
// second rounding to float32 errs only on a tie (see scanFloat32). For anything
// else end is i.
func scanPlain(s string, i int) (x float32, end int) {
	k := i
	negative := k < len(s) && s[k] == '-'
	if negative {
		k++
	}
	digits, mantissa := k, uint64(0)
	for k < len(s) && s[k]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(s[k]-'0')
		k++
	}
	fraction := 0
	if k < len(s) && s[k] == '.' {
		k++
		point := k
		for k < len(s) && s[k]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(s[k]-'0')
			k++
		}
		fraction = k - point
		digits++
	}
	if n := k - digits; n < 1 || n > 15 || k == len(s) || s[k] != ',' && s[k] != ']' {
		return 0, i
	}
	v := float64(mantissa) / exactPowers[fraction]
	if math.Float64bits(v)&(1<<29-1) == 1<<28 {
		return 0, i
	}
	if negative {
		v = -v
	}
	return float32(v), k
}

func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

func appendVectorBinary(dst []byte, v []float32) []byte {
	dst = appendUint16(appendUint16(dst, uint16(len(v))), 0)
	return appendFloats(dst, v)
}

func appendFloats(dst []byte, v []float32) []byte {
	for _, x := range v {
		dst = appendUint32(dst, math.Float32bits(x))
	}
	return dst
}

// vectorElements returns the elements of a binary form, 4 bytes each.
func vectorElements(data []byte, mod int32) (elements []byte, err error) {
	c := cursor{data: data}
	dim, unused := int(c.int16()), c.int16()
	if c.bad {
		return nil, errInsufficientData()
	}
	if err := denseVector.checkDimensions(dim, mod); err != nil {
		return nil, err
	}
	if unused != 0 {
		return nil, sqlerr.New(sqlerr.DataException, "expected unused to be 0, not %d", unused)
	}
	return c.data, wantLength(c.data, 4*dim)
}

// readElements fills v, which has their number, and refuses NaN and infinity.
func readElements(v []float32, elements []byte) error {
	const exponent = 0x7f800000 // all of its bits are set in NaN and infinity
	odd := false
	for i, in := 0, elements; i < len(v) && len(in) >= 4; i, in = i+1, in[4:] {
		x := binary.BigEndian.Uint32(in)
		odd = odd || x&exponent == exponent
		v[i] = math.Float32frombits(x)
	}
	if odd {
		return CheckVector(v, NoMod)
	}
	return nil
}

func parseVectorBinary(b array.Builder, data []byte, mod int32) error {
	elements, err := vectorElements(data, mod)
	if err != nil {
		return err
	}
	dim := len(elements) / 4
	buf := scratch.Get().(*[]float32)
	defer scratch.Put(buf)
	if cap(*buf) < dim {
		*buf = make([]float32, dim)
	}
	v := (*buf)[:dim]
	if err := readElements(v, elements); err != nil {
		return err
	}
	AppendVector(b, v)
	return nil
}

// vectorFromBinary is Type.BinaryArray: the offsets and the elements share memory.
func vectorFromBinary(data []byte) (arrow.Array, error) {
	elements, err := vectorElements(data, NoMod)
	if err != nil {
		return nil, err
	}
	const offsets = 2 * arrow.Int32SizeBytes
	dim := len(elements) / 4
	room := make([]byte, offsets+4*dim)
	arrow.Int32Traits.CastFromBytes(room[:offsets])[1] = int32(dim)
	if err := readElements(arrow.Float32Traits.CastFromBytes(room[offsets:]), elements); err != nil {
		return nil, err
	}
	values := array.NewData(arrow.PrimitiveTypes.Float32, dim, []*memory.Buffer{nil, memory.NewBufferBytes(room[offsets:])}, nil, 0, 0)
	defer values.Release()
	list := array.NewData(anyVector, 1, []*memory.Buffer{nil, memory.NewBufferBytes(room[:offsets])}, []arrow.ArrayData{values}, 0, 0)
	defer list.Release()
	return array.NewListData(list), nil
}

// CompareVectors orders element by element, then by dimensions.
func CompareVectors(x, y []float32) int {
	for i := range min(len(x), len(y)) {
		switch {
		case x[i] < y[i]:
			return -1
		case x[i] > y[i]:
			return 1
		}
	}
	return len(x) - len(y)
}

// keyVector marks each element, so that a prefix sorts first.
func keyVector(dst []byte, v []float32) []byte {
	for _, x := range v {
		dst = keyFloat32(append(dst, 1), x)
	}
	return append(dst, 0)
}
