package types

import (
	"encoding/binary"
	"math"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// VectorDimensionsMax is the most dimensions a vector can have.
const VectorDimensionsMax = 16000

func registerVector() {
	define(&Type{
		OID: VectorOID, Name: "vector", Len: -1, Align: 'i', Storage: 'e', Category: CategoryUserDefined, Array: VectorArrayOID,
		ArrowType: func(mod int32) arrow.DataType {
			if mod > 0 {
				return arrow.FixedSizeListOf(mod, arrow.PrimitiveTypes.Float32)
			}
			return arrow.ListOf(arrow.PrimitiveTypes.Float32)
		},
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return AppendVectorText(dst, VectorAt(a, i))
		},
		ParseText: parseVectorText,
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendVectorBinary(dst, VectorAt(a, i))
		},
		ParseBinary: parseVectorBinary,
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return CompareVectors(VectorAt(a, i), VectorAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyVector(dst, VectorAt(a, i))
		},
		ParseMod:  parseVectorMod,
		FormatMod: func(mod int32) string { return "(" + strconv.Itoa(int(mod)) + ")" },
		Coerce:    coerceVectors,
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
	if err := checkDimensions(len(v), mod); err != nil {
		return err
	}
	for _, x := range v {
		if err := checkElement(x); err != nil {
			return err
		}
	}
	return nil
}

func checkDimensions(n int, mod int32) error {
	switch {
	case n < 1:
		return errNoDimensions()
	case n > VectorDimensionsMax:
		return errTooManyDimensions()
	case mod > 0 && n != int(mod):
		return sqlerr.New(sqlerr.DataException, "expected %d dimensions, not %d", mod, n)
	}
	return nil
}

func errNoDimensions() error {
	return sqlerr.New(sqlerr.DataException, "vector must have at least 1 dimension")
}

func errTooManyDimensions() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "vector cannot have more than %d dimensions", VectorDimensionsMax)
}

func checkElement(x float32) error {
	switch {
	case x != x:
		return sqlerr.New(sqlerr.DataException, "NaN not allowed in vector")
	case x > math.MaxFloat32 || x < -math.MaxFloat32:
		return sqlerr.New(sqlerr.DataException, "infinite value not allowed in vector")
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

// scratch holds the elements of a vector until all of it is known to be good.
var scratch = sync.Pool{New: func() any { return new([]float32) }}

func parseVectorText(b array.Builder, s string, mod int32, _ *Format) error {
	buf := scratch.Get().(*[]float32)
	defer scratch.Put(buf)
	v, err := ParseVector((*buf)[:0], s)
	*buf = v
	if err != nil {
		return err
	}
	if err := checkDimensions(len(v), mod); err != nil {
		return err
	}
	AppendVector(b, v)
	return nil
}

// ParseVector appends the elements of the text form s to dst, with pgvector's
// rules and errors.
func ParseVector(dst []float32, s string) ([]float32, error) {
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '[' {
		return dst, invalidText("vector", s).WithDetail("Vector contents must start with \"[\".")
	}
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == ']' {
		return dst, errNoDimensions()
	}
	for start := len(dst); ; i++ {
		if len(dst)-start == VectorDimensionsMax {
			return dst, errTooManyDimensions()
		}
		if i < len(s) && isSpace(s[i]) {
			i = skipSpace(s, i)
		}
		x, end := scanPlain(s, i)
		if end == i {
			var err error
			if x, end, err = scanElement(s, i); err != nil {
				return dst, err
			}
		}
		dst = append(dst, x)
		i = end
		if i < len(s) && isSpace(s[i]) {
			i = skipSpace(s, i)
		}
		if i < len(s) && s[i] == ',' {
			continue
		}
		if i >= len(s) || s[i] != ']' {
			return dst, invalidText("vector", s)
		}
		if skipSpace(s, i+1) != len(s) {
			return dst, invalidText("vector", s).WithDetail("Junk after closing right brace.")
		}
		return dst, nil
	}
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

// scanElement reads an element in any spelling of strtof.
func scanElement(s string, i int) (x float32, end int, err error) {
	x, n, outcome := scanFloat32(s[i:])
	switch {
	case n == 0:
		return 0, i, invalidText("vector", s)
	case outcome == overflows:
		return 0, i, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type vector", s[i:i+n])
	}
	return x, i + n, checkElement(x)
}

func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

func appendVectorBinary(dst []byte, v []float32) []byte {
	dst = appendUint16(appendUint16(dst, uint16(len(v))), 0)
	for _, x := range v {
		dst = appendUint32(dst, math.Float32bits(x))
	}
	return dst
}

func parseVectorBinary(b array.Builder, data []byte, mod int32) error {
	c := cursor{data: data}
	dim, unused := int(c.int16()), c.int16()
	if c.bad {
		return errInsufficientData()
	}
	if err := checkDimensions(dim, mod); err != nil {
		return err
	}
	if unused != 0 {
		return sqlerr.New(sqlerr.DataException, "expected unused to be 0, not %d", unused)
	}
	if err := wantLength(c.data, 4*dim); err != nil {
		return err
	}
	buf := scratch.Get().(*[]float32)
	defer scratch.Put(buf)
	if cap(*buf) < dim {
		*buf = make([]float32, dim)
	}
	v := (*buf)[:dim]
	const exponent = 0x7f800000 // all of its bits are set in NaN and infinity
	odd := false
	for i, in := 0, c.data; i < len(v) && len(in) >= 4; i, in = i+1, in[4:] {
		x := binary.BigEndian.Uint32(in)
		odd = odd || x&exponent == exponent
		v[i] = math.Float32frombits(x)
	}
	if odd {
		return CheckVector(v, NoMod)
	}
	AppendVector(b, v)
	return nil
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

func parseVectorMod(args []string) (int32, error) {
	n, err := oneMod(args)
	switch {
	case err != nil:
		return 0, err
	case n < 1:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "dimensions for type vector must be at least 1")
	case n > VectorDimensionsMax:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "dimensions for type vector cannot exceed %d", VectorDimensionsMax)
	}
	return n, nil
}

// coerceVectors checks dimensions and gives vector(n) its fixed layout.
func coerceVectors(c *EvalContext, a arrow.Array, mod int32, _ bool) (arrow.Array, error) {
	if fixed, ok := a.DataType().(*arrow.FixedSizeListType); mod <= 0 || ok && fixed.Len() == mod {
		a.Retain()
		return a, nil
	}
	b := NewBuilder(T{OID: VectorOID, Mod: mod}, c.Mem)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := VectorAt(a, i)
		if err := checkDimensions(len(v), mod); err != nil {
			return nil, err
		}
		AppendVector(b, v)
	}
	return b.NewArray(), nil
}
