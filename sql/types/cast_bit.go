package types

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

func registerBitCasts() {
	for _, pair := range [][2]OID{{BitOID, VarbitOID}, {VarbitOID, BitOID}} {
		registerCast(&Cast{Source: pair[0], Target: pair[1], Context: CastImplicit, Method: 'b'})
	}
	for _, oid := range []OID{BitOID, VarbitOID} {
		registerCast(&Cast{Source: oid, Target: oid, Context: CastImplicit, Method: 'f', Kernel: identity})
	}
	for _, source := range []OID{Int4OID, Int8OID} {
		registerCast(&Cast{
			Source: source, Target: BitOID, Context: CastExplicit, Method: 'f', Kernel: intToBits(1), KernelFor: intToBits,
		})
	}
	registerCast(&Cast{
		Source: BitOID, Target: Int4OID, Context: CastExplicit, Method: 'f',
		Kernel: castValues(Int4OID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			v, err := BitsAt(a, i).Int(32, "integer")
			b.(*array.Int32Builder).Append(int32(v))
			return err
		}),
	})
	registerCast(&Cast{
		Source: BitOID, Target: Int8OID, Context: CastExplicit, Method: 'f',
		Kernel: castValues(Int8OID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			v, err := BitsAt(a, i).Int(64, "bigint")
			b.(*array.Int64Builder).Append(v)
			return err
		}),
	})
}

// intToBits is the cast of an integer to bit(n).
func intToBits(n int32) Kernel {
	return castValues(BitOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		AppendBits(b, BitsOfInt(intAt(a, i), int(max(n, 1))))
		return nil
	})
}

// BitsOfInt returns the low n bits of v, after copies of its sign.
func BitsOfInt(v int64, n int) Bits {
	out := NewBits(n)
	var low [8]byte
	binary.BigEndian.PutUint64(low[:], uint64(v))
	number := Bits{Bytes: low[:], Len: 64}
	if n <= 64 {
		return number.Slice(64-n, 64)
	}
	if v < 0 {
		for i := range out.Bytes {
			out.Bytes[i] = 0xff
		}
	}
	head := out.Slice(0, n-64)
	return head.Concat(number)
}

// Int reads v as the low bits of an integer of width bits, the others being
// zero: 22003 for a longer one.
func (v Bits) Int(width int, typeName string) (int64, error) {
	if v.Len > width {
		return 0, errOutOfRange(typeName)
	}
	n := uint64(0)
	for _, b := range v.Bytes {
		n = n<<8 | uint64(b)
	}
	n >>= 8*len(v.Bytes) - v.Len
	if width == 32 {
		return int64(int32(n)), nil
	}
	return int64(n), nil
}
