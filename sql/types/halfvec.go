package types

import (
	"encoding/binary"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/float16"

	"quiver/sql/sqlerr"
)

func registerHalfvec() {
	define(&Type{
		OID: HalfvecOID, Name: "halfvec", Len: -1, Align: 'i', Storage: 'e', Category: CategoryUserDefined, Array: HalfvecArrayOID,
		ArrowType: func(mod int32) arrow.DataType {
			if mod > 0 {
				return arrow.FixedSizeListOf(mod, arrow.FixedWidthTypes.Float16)
			}
			return arrow.ListOf(arrow.FixedWidthTypes.Float16)
		},
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			dst = append(dst, '[')
			for k, x := range HalfvecAt(a, i) {
				if k > 0 {
					dst = append(dst, ',')
				}
				dst = AppendFloat32(dst, x.Float32(), 1)
			}
			return append(dst, ']')
		},
		ParseText: func(b array.Builder, s string, mod int32, _ *Format) error {
			return denseHalfvec.parseText(b, s, mod)
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			v := HalfvecAt(a, i)
			dst = appendUint16(appendUint16(dst, uint16(len(v))), 0)
			for _, x := range v {
				dst = appendUint16(dst, uint16(x))
			}
			return dst
		},
		ParseBinary: parseHalfvecBinary,
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return CompareHalfvecs(HalfvecAt(a, i), HalfvecAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			for _, x := range HalfvecAt(a, i) {
				dst = keyHalf(append(dst, 1), x)
			}
			return append(dst, 0)
		},
		ParseMod:  denseHalfvec.parseMod,
		FormatMod: formatDimensions,
		Coerce: func(c *EvalContext, a arrow.Array, mod int32, _ bool) (arrow.Array, error) {
			return coerceDense(denseHalfvec, c, a, mod, HalfvecAt, AppendHalfvec)
		},
	})
}

// HalfvecAt returns half vector i of a column of either layout, without
// copying: a view that lives as long as a.
func HalfvecAt(a arrow.Array, i int) []Half {
	l := a.(array.ListLike)
	start, end := l.ValueOffsets(i)
	return halves(l.ListValues().(*array.Float16).Values())[start:end:end]
}

// halves and numbers are views: both types are the 16 bits of the number.
func halves(v []float16.Num) []Half {
	return unsafe.Slice((*Half)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

func numbers(v []Half) []float16.Num {
	return unsafe.Slice((*float16.Num)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// AppendHalfvec appends v to a builder of either layout. For halfvec(n) the
// caller has seen to it that len(v) is n.
func AppendHalfvec(b array.Builder, v []Half) {
	beginHalfvec(b).AppendValues(numbers(v), nil)
}

// appendHalves is AppendHalfvec of numbers that are not beyond the range.
func appendHalves(b array.Builder, v []float32) {
	elements := beginHalfvec(b)
	elements.Reserve(len(v))
	for _, x := range v {
		elements.UnsafeAppend(float16.FromBits(uint16(HalfOf(x))))
	}
}

func beginHalfvec(b array.Builder) *array.Float16Builder {
	if fixed, ok := b.(*array.FixedSizeListBuilder); ok {
		fixed.Append(true)
		return fixed.ValueBuilder().(*array.Float16Builder)
	}
	list := b.(*array.ListBuilder)
	list.Append(true)
	return list.ValueBuilder().(*array.Float16Builder)
}

// CheckHalfvec says whether v may be a halfvec(mod): 22000 or 54000 as pgvector.
func CheckHalfvec(v []Half, mod int32) error {
	if err := denseHalfvec.checkDimensions(len(v), mod); err != nil {
		return err
	}
	for _, x := range v {
		if !x.IsFinite() {
			return denseHalfvec.checkElement(x.Float32())
		}
	}
	return nil
}

// HalfvecOf rounds numbers to a half vector: 22003 for one beyond the range.
func HalfvecOf(v []float32) ([]Half, error) {
	out := make([]Half, len(v))
	for i, x := range v {
		if beyondHalf(x) {
			return nil, errElementRange("halfvec", string(AppendFloat32(nil, x, 1)))
		}
		out[i] = HalfOf(x)
	}
	return out, nil
}

func parseHalfvecBinary(b array.Builder, data []byte, mod int32) error {
	c := cursor{data: data}
	dim, unused := int(c.int16()), c.int16()
	if c.bad {
		return errInsufficientData()
	}
	if err := denseHalfvec.checkDimensions(dim, mod); err != nil {
		return err
	}
	if unused != 0 {
		return sqlerr.New(sqlerr.DataException, "expected unused to be 0, not %d", unused)
	}
	v := make([]Half, 0, min(dim, len(c.data)/2))
	for len(v) < dim && len(c.data) >= 2 {
		x := Half(binary.BigEndian.Uint16(c.data))
		if !x.IsFinite() {
			return denseHalfvec.checkElement(x.Float32())
		}
		v, c.data = append(v, x), c.data[2:]
	}
	if len(v) < dim {
		return errInsufficientData()
	}
	if err := c.done(); err != nil {
		return err
	}
	AppendHalfvec(b, v)
	return nil
}

// CompareHalfvecs orders element by element, then by dimensions.
func CompareHalfvecs(x, y []Half) int {
	for i := range min(len(x), len(y)) {
		switch a, b := x[i].Float32(), y[i].Float32(); {
		case a < b:
			return -1
		case a > b:
			return 1
		}
	}
	return len(x) - len(y)
}

// keyHalf is keyFloat32 for a finite number of two bytes.
func keyHalf(dst []byte, h Half) []byte {
	switch {
	case h.IsZero():
		return appendUint16(dst, 0x8000)
	case h&0x8000 != 0:
		return appendUint16(dst, ^uint16(h))
	}
	return appendUint16(dst, uint16(h)|0x8000)
}
