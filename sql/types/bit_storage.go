package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// storedBitsMax is up to which n bit(n) is stored at fixed width: longer ones
// would take much for a null.
const storedBitsMax = 1 << 19

// storedBits is Type.Stored of bit: bit(n) is stored as the bytes of its bits,
// all values of one width, so that a vector search finds each by its position.
func storedBits(mod int32) *Stored {
	if mod <= 0 || mod > storedBitsMax {
		return nil
	}
	return &Stored{
		ArrowType: &arrow.FixedSizeBinaryType{ByteWidth: bitsBytes(int(mod))},
		Encode: func(a arrow.Array, mem memory.Allocator) (arrow.Array, error) {
			return encodeBits(a.(*array.Binary), mod, mem)
		},
	}
}

func encodeBits(a *array.Binary, mod int32, mem memory.Allocator) (arrow.Array, error) {
	stored := storedBits(mod).ArrowType.(*arrow.FixedSizeBinaryType)
	width := stored.ByteWidth
	values := memory.NewResizableBuffer(mem)
	defer values.Release()
	values.Resize(a.Len() * width)
	out := values.Bytes()
	for i := range a.Len() {
		to := out[i*width : (i+1)*width]
		if a.IsNull(i) {
			clear(to)
			continue
		}
		v := BitsAt(a, i)
		if err := (bitKind{fixed: true}).check(v.Len, mod); err != nil {
			return nil, err
		}
		copy(to, v.Bytes)
	}
	validity := copyValidity(a, mem)
	data := array.NewData(stored, a.Len(), []*memory.Buffer{validity, values}, nil, a.NullN(), 0)
	defer data.Release()
	if validity != nil {
		validity.Release()
	}
	return array.NewFixedSizeBinaryData(data), nil
}

// decodeBits is the inverse of encodeBits for values of mod bits.
func decodeBits(a *array.FixedSizeBinary, mod int32, mem memory.Allocator) arrow.Array {
	width := a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth
	if mod <= 0 || bitsBytes(int(mod)) != width {
		mod = int32(8 * width)
	}
	unused := byte(8*width - int(mod))
	step := width + 1
	values, offsets := memory.NewResizableBuffer(mem), memory.NewResizableBuffer(mem)
	defer values.Release()
	defer offsets.Release()
	values.Resize(a.Len() * step)
	offsets.Resize((a.Len() + 1) * arrow.Int32SizeBytes)
	ends, out := arrow.Int32Traits.CastFromBytes(offsets.Bytes()), values.Bytes()
	ends[0] = 0
	for i := range a.Len() {
		to := out[i*step : (i+1)*step]
		copy(to, a.Value(i))
		to[width] = unused
		ends[i+1] = int32((i + 1) * step)
	}
	validity := copyValidity(a, mem)
	data := array.NewData(arrowBytes, a.Len(), []*memory.Buffer{validity, offsets, values}, nil, a.NullN(), 0)
	defer data.Release()
	if validity != nil {
		validity.Release()
	}
	return array.NewBinaryData(data)
}
