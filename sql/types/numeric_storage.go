package types

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// numeric(p,s) is stored as Decimal128(p,s) when p and s fit that type: 16 bytes
// a value, the coefficient alone, since the scale is the column's. NaN is -2^127,
// which no 38 digits reach. Infinities cannot occur: no modifier admits them.

const (
	decimalPrecisionMax = 38
	// The scale has one byte in files.
	decimalScaleMin, decimalScaleMax = math.MinInt8, math.MaxInt8
)

// decimalNaN is NaN as a Decimal128.
var decimalNaN = decimal128.New(math.MinInt64, 0)

// storedNumeric is Type.Stored of numeric.
func storedNumeric(mod int32) *Stored {
	if mod < 4 {
		return nil
	}
	precision, scale := NumericMod(mod)
	if precision > decimalPrecisionMax || scale < decimalScaleMin || scale > decimalScaleMax {
		return nil
	}
	return &Stored{
		ArrowType: &arrow.Decimal128Type{Precision: precision, Scale: scale},
		Encode: func(a arrow.Array, mem memory.Allocator) (arrow.Array, error) {
			return encodeDecimals(a.(*array.Binary), mod, mem)
		},
	}
}

// encodeDecimals turns numerics into Decimal128. Those of the column's own
// scale that fit in 64 bits, nearly all, are copied.
func encodeDecimals(a *array.Binary, mod int32, mem memory.Allocator) (arrow.Array, error) {
	precision, scale := NumericMod(mod)
	limit := uint64(math.MaxUint64) // the coefficients below it need no look at the digits
	if int(precision) < len(pow10Int64) {
		limit = uint64(pow10Int64[precision])
	}
	n := a.Len()
	data := memory.NewResizableBuffer(mem)
	defer data.Release()
	data.Resize(n * arrow.Decimal128SizeBytes)
	out := unsafe.Slice((*decimal128.Num)(unsafe.Pointer(unsafe.SliceData(data.Bytes()))), n)
	nulls := a.NullN() > 0
	offsets, bytes := NumericBytes(a)
	for i := range out {
		if nulls && a.IsNull(i) {
			out[i] = decimal128.Num{}
			continue
		}
		v := bytes[offsets[i]:offsets[i+1]]
		if len(v) == numericBytesMin && int32(binary.LittleEndian.Uint16(v)) == scale {
			if c := int64(binary.LittleEndian.Uint64(v[2:])); absInt64(c) < limit {
				out[i] = decimal128.New(c>>63, uint64(c))
				continue
			}
		}
		var err error
		if out[i], err = encodeDecimal(DecodeNumeric(v), mod); err != nil {
			return nil, err
		}
	}
	return decimalArray(a, mod, data, mem), nil
}

func decimalArray(a *array.Binary, mod int32, values *memory.Buffer, mem memory.Allocator) arrow.Array {
	validity := copyValidity(a, mem)
	data := array.NewData(storedNumeric(mod).ArrowType, a.Len(), []*memory.Buffer{validity, values}, nil, a.NullN(), 0)
	defer data.Release()
	if validity != nil {
		validity.Release()
	}
	return array.NewDecimal128Data(data)
}

// NumericBytes returns the stored forms of a column of numerics: that of row i is
// bytes[offsets[i]:offsets[i+1]].
func NumericBytes(a *array.Binary) (offsets []int32, bytes []byte) {
	if a.Len() == 0 {
		return []int32{0}, nil
	}
	if b := a.Data().Buffers()[2]; b != nil {
		bytes = b.Bytes()
	}
	return a.ValueOffsets(), bytes
}

// encodeDecimal is the general case of encodeDecimals.
func encodeDecimal(n Numeric, mod int32) (decimal128.Num, error) {
	n, err := n.Fit(mod)
	switch {
	case err != nil:
		return decimal128.Num{}, err
	case n.kind == numericNaN:
		return decimalNaN, nil
	}
	c := n.coef()
	if _, scale := NumericMod(mod); scale < 0 { // Fit left zeros before the point
		c = new(big.Int).Quo(c, pow10(int(-scale)))
	}
	return decimal128.FromBigInt(c), nil
}

// numericBytesMin and Max are the lengths of the stored form of a Numeric whose
// coefficient fits in 64 and in 128 bits.
const (
	numericBytesMin = 10
	numericBytesMax = 3 + 16
)

// decodeDecimals turns Decimal128 into numerics, the inverse of encodeDecimals.
func decodeDecimals(in arrow.Array, mem memory.Allocator) arrow.Array {
	a := in.(*array.Decimal128)
	scale, values := a.DataType().(*arrow.Decimal128Type).Scale, a.Values()
	data := memory.NewResizableBuffer(mem)
	defer data.Release()
	data.Resize(len(values) * numericBytesMin)
	var offsets *memory.Buffer
	if narrow := decodeNarrow(data.Bytes(), values, scale); narrow == len(values) {
		offsets = narrowOffsets(len(values), mem)
	} else {
		offsets = decodeRest(data, values, narrow, scale, mem)
	}
	defer offsets.Release()
	validity := copyValidity(a, mem)
	out := array.NewData(arrowBytes, len(values), []*memory.Buffer{validity, offsets, data}, nil, a.NullN(), 0)
	defer out.Release()
	if validity != nil {
		validity.Release()
	}
	return array.NewBinaryData(out)
}

// decodeNarrow writes the values up to the first whose stored form does not
// have the least length, and returns how many.
func decodeNarrow(dst []byte, values []decimal128.Num, scale int32) int {
	if scale < 0 {
		return 0
	}
	for i := range values {
		lo := values[i].LowBits()
		if values[i].HighBits() != int64(lo)>>63 {
			return i
		}
		d := dst[:numericBytesMin]
		binary.LittleEndian.PutUint16(d, uint16(scale))
		binary.LittleEndian.PutUint64(d[2:], lo)
		dst = dst[numericBytesMin:]
	}
	return len(values)
}

// decodeRest writes the values behind the first narrow ones and returns the
// offsets of all.
func decodeRest(data *memory.Buffer, values []decimal128.Num, narrow int, scale int32, mem memory.Allocator) *memory.Buffer {
	offsets := memory.NewResizableBuffer(mem)
	offsets.Resize((len(values) + 1) * arrow.Int32SizeBytes)
	ends := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	copy(ends, numericOffsets[:min(narrow, len(numericOffsets))])
	for i := len(numericOffsets); i < narrow; i++ {
		ends[i] = int32(i * numericBytesMin)
	}
	at := narrow * numericBytesMin
	var buf [numericBytesMax]byte
	for i := narrow; i < len(values); i++ {
		ends[i] = int32(at)
		v := appendDecimal(buf[:0], values[i], scale)
		if left := len(values) - i; at+len(v)*left > data.Len() {
			data.ResizeNoShrink(at + max(numericBytesMax, len(v))*left)
		}
		at += copy(data.Bytes()[at:], v)
	}
	ends[len(values)] = int32(at)
	data.ResizeNoShrink(at)
	return offsets
}

// numericOffsets are the offsets of a batch of values of the least length, which
// nearly all batches have: written once.
var numericOffsets = func() (offsets [4096 + 1]int32) {
	for i := range offsets {
		offsets[i] = int32(i * numericBytesMin)
	}
	return offsets
}()

func narrowOffsets(n int, mem memory.Allocator) *memory.Buffer {
	if n < len(numericOffsets) {
		return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(numericOffsets[:n+1]))
	}
	b := memory.NewResizableBuffer(mem)
	b.Resize((n + 1) * arrow.Int32SizeBytes)
	for i, offsets := 0, arrow.Int32Traits.CastFromBytes(b.Bytes()); i <= n; i++ {
		offsets[i] = int32(i * numericBytesMin)
	}
	return b
}

// appendDecimal appends the stored form of one value.
func appendDecimal(dst []byte, v decimal128.Num, scale int32) []byte {
	hi, lo := uint64(v.HighBits()), v.LowBits()
	switch {
	case v == decimalNaN:
		return NumericNaN.Append(dst)
	case scale < 0:
		c := new(big.Int).Mul(v.BigInt(), pow10(int(-scale)))
		return NewNumericBig(c, 0).Append(dst)
	case int64(hi) == int64(lo)>>63:
		return NewNumeric(int64(lo), scale).Append(dst)
	}
	negative := v.HighBits() < 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(scale))
	dst = append(dst, boolByte(negative))
	var magnitude [16]byte
	binary.BigEndian.PutUint64(magnitude[:], hi)
	binary.BigEndian.PutUint64(magnitude[8:], lo)
	// 8 bytes at least, and no zero before more.
	return append(dst, magnitude[bits.LeadingZeros64(hi)/8:]...)
}

// copyValidity returns the validity of a from bit 0 on, nil without nulls.
func copyValidity(a arrow.Array, mem memory.Allocator) *memory.Buffer {
	if a.NullN() == 0 {
		return nil
	}
	b := memory.NewResizableBuffer(mem)
	b.Resize(int(bitutil.BytesForBits(int64(a.Len()))))
	bitutil.CopyBitmap(a.NullBitmapBytes(), a.Data().Offset(), a.Len(), b.Bytes(), 0)
	return b
}
