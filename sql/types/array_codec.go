package types

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// arrayCodec makes the functions of an array type from those of its elements.
type arrayCodec struct{ elem *Type }

func (c arrayCodec) appendText(dst []byte, a arrow.Array, i int, f *Format) []byte {
	v := ArrayAt(a, i)
	n := v.NDims()
	if n == 0 {
		return append(dst, '{', '}')
	}
	explicit := false
	for k := range n {
		explicit = explicit || v.Lower(k) != 1
	}
	if explicit {
		for k := range n {
			dst = append(dst, '[')
			dst = strconv.AppendInt(dst, int64(v.Lower(k)), 10)
			dst = append(dst, ':')
			dst = strconv.AppendInt(dst, int64(v.Lower(k)+v.Dim(k)-1), 10)
			dst = append(dst, ']')
		}
		dst = append(dst, '=')
	}
	next := v.Start
	return c.appendLevel(dst, v, 0, &next, f)
}

// appendLevel prints one sub-array; next is the first element of it.
func (c arrayCodec) appendLevel(dst []byte, v ArrayView, level int, next *int, f *Format) []byte {
	dst = append(dst, '{')
	for k := range v.Dim(level) {
		if k > 0 {
			dst = append(dst, c.elem.Delim)
		}
		if level+1 < v.NDims() {
			dst = c.appendLevel(dst, v, level+1, next, f)
			continue
		}
		dst = c.appendElement(dst, v.Elements, *next, f)
		*next++
	}
	return append(dst, '}')
}

func (c arrayCodec) appendElement(dst []byte, a arrow.Array, i int, f *Format) []byte {
	if a.IsNull(i) {
		return append(dst, "NULL"...)
	}
	start := len(dst)
	dst = c.elem.AppendText(dst, a, i, f)
	text := dst[start:]
	if !c.needsQuotes(text) {
		return dst
	}
	plain := string(text)
	dst = append(dst[:start], '"')
	for k := 0; k < len(plain); k++ {
		if plain[k] == '"' || plain[k] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, plain[k])
	}
	return append(dst, '"')
}

// needsQuotes says whether an element would be read as something else.
func (c arrayCodec) needsQuotes(text []byte) bool {
	if len(text) == 0 || len(text) == 4 && strings.EqualFold(string(text), "null") {
		return true
	}
	for _, b := range text {
		if b == '"' || b == '\\' || b == '{' || b == '}' || b == c.elem.Delim || isSpace(b) {
			return true
		}
	}
	return false
}

func (c arrayCodec) parseText(b array.Builder, s string, mod int32, f *Format) error {
	lit := arrayLiteral{text: s, delim: c.elem.Delim}
	if err := lit.read(); err != nil {
		return err
	}
	elements := BeginArray(b)
	for _, item := range lit.items {
		if !item.quoted && strings.EqualFold(item.text, "null") {
			elements.AppendNull()
			continue
		}
		if err := c.elem.ParseText(elements, item.text, mod, f); err != nil {
			return err
		}
	}
	FinishArray(b, ArrayShape(lit.dims, lit.lower))
	return nil
}

func (c arrayCodec) appendBinary(dst []byte, a arrow.Array, i int) []byte {
	v := ArrayAt(a, i)
	hasNull := uint32(0)
	for k := v.Start; k < v.End; k++ {
		if v.Elements.IsNull(k) {
			hasNull = 1
			break
		}
	}
	dst = appendUint32(dst, uint32(v.NDims()))
	dst = appendUint32(dst, hasNull)
	dst = appendUint32(dst, uint32(c.elem.OID))
	for k := range v.NDims() {
		dst = appendUint32(dst, uint32(int32(v.Dim(k))))
		dst = appendUint32(dst, uint32(int32(v.Lower(k))))
	}
	for k := v.Start; k < v.End; k++ {
		dst = appendSized(dst, c.elem, v.Elements, k)
	}
	return dst
}

// appendSized appends the binary form of a value after its length, -1 for null.
func appendSized(dst []byte, t *Type, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return appendUint32(dst, 1<<32-1)
	}
	start := len(dst)
	dst = t.AppendBinary(append(dst, 0, 0, 0, 0), a, i)
	n := len(dst) - start - 4
	dst[start], dst[start+1], dst[start+2], dst[start+3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return dst
}

func (c arrayCodec) parseBinary(b array.Builder, data []byte, mod int32) error {
	in := cursor{data: data}
	ndims, flags, elem := int(in.int32()), in.int32(), OID(in.uint32())
	switch {
	case in.bad:
		return errInsufficientData()
	case ndims < 0:
		return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "invalid number of dimensions: %d", ndims)
	case ndims > arrayDimensionsMax:
		return errTooManyArrayDimensions(ndims)
	case flags != 0 && flags != 1:
		return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "invalid array flags")
	case elem != c.elem.OID:
		return sqlerr.New(sqlerr.DatatypeMismatch, "binary data has array element type %d (%s) instead of expected %d (%s)",
			elem, FormatType(Of(elem)), c.elem.OID, c.elem.SQLName)
	}
	dims, lower := make([]int, ndims), make([]int, ndims)
	for k := range ndims {
		dims[k], lower[k] = int(in.int32()), int(in.int32())
	}
	if in.bad {
		return errInsufficientData()
	}
	n, err := countElements(dims, lower)
	if err != nil {
		return err
	}
	elements := BeginArray(b)
	for k := range n {
		size := int(in.int32())
		if in.bad || size < -1 || size > len(in.data) {
			return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "insufficient data left in message")
		}
		if size < 0 {
			elements.AppendNull()
			continue
		}
		if err := c.elem.ParseBinary(elements, in.bytes(size), mod); err != nil {
			if sqlerr.CodeOf(err) == sqlerr.InvalidBinaryRepresentation {
				return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "improper binary format in array element %d", k+1)
			}
			return err
		}
	}
	if n == 0 {
		dims, lower = nil, nil
	}
	FinishArray(b, ArrayShape(dims, lower))
	return in.done()
}

// arrayElementsMax is Postgres' MaxArraySize.
const arrayElementsMax = 134217727

// countElements multiplies dimensions within the limits of Postgres.
func countElements(dims, lower []int) (int, error) {
	n := 1
	for k, d := range dims {
		if d < 0 || d > arrayElementsMax || n*d > arrayElementsMax {
			return 0, sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", arrayElementsMax)
		}
		if lower[k]+d > 1<<31-1 {
			return 0, sqlerr.New(sqlerr.ProgramLimitExceeded, "array lower bound is too large: %d", lower[k])
		}
		n *= d
	}
	if len(dims) == 0 {
		return 0, nil
	}
	return n, nil
}

func errTooManyArrayDimensions(n int) error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (%d)", n, arrayDimensionsMax)
}

// compare orders by elements (null last), their number, then the shape.
func (c arrayCodec) compare(a arrow.Array, i int, b arrow.Array, j int) int {
	x, y := ArrayAt(a, i), ArrayAt(b, j)
	for k := range min(x.Len(), y.Len()) {
		if r := compareNullable(c.elem, x.Elements, x.Start+k, y.Elements, y.Start+k); r != 0 {
			return r
		}
	}
	if r := cmp.Or(cmp.Compare(x.Len(), y.Len()), cmp.Compare(x.NDims(), y.NDims())); r != 0 {
		return r
	}
	for k := range x.NDims() {
		if r := cmp.Compare(x.Dim(k), y.Dim(k)); r != 0 {
			return r
		}
	}
	for k := range x.NDims() {
		if r := cmp.Compare(x.Lower(k), y.Lower(k)); r != 0 {
			return r
		}
	}
	return 0
}

// compareNullable orders members of arrays and records: a null is equal to a
// null and greater than anything else.
func compareNullable(t *Type, a arrow.Array, i int, b arrow.Array, j int) int {
	switch nullA, nullB := a.IsNull(i), b.IsNull(j); {
	case nullA && nullB:
		return 0
	case nullA:
		return 1
	case nullB:
		return -1
	}
	return t.Compare(a, i, b, j)
}

func (c arrayCodec) appendKey(dst []byte, a arrow.Array, i int) []byte {
	v := ArrayAt(a, i)
	for k := v.Start; k < v.End; k++ {
		dst = keyNullable(dst, c.elem, v.Elements, k)
	}
	dst = append(dst, 0, byte(v.NDims()))
	for k := range v.NDims() {
		dst = keyInt32(dst, int32(v.Dim(k)))
	}
	for k := range v.NDims() {
		dst = keyInt32(dst, int32(v.Lower(k)))
	}
	return dst
}

// keyNullable is the key of a member: 1 and its key, or 2 for null.
func keyNullable(dst []byte, t *Type, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, 2)
	}
	return t.AppendKey(append(dst, 1), a, i)
}

func (c arrayCodec) coerce(ctx *EvalContext, a arrow.Array, mod int32, explicit bool) (arrow.Array, error) {
	return MapArray(a, func(elements arrow.Array) (arrow.Array, error) {
		return c.elem.Coerce(ctx, elements, mod, explicit)
	})
}
