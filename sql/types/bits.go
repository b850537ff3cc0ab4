package types

import (
	"bytes"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// Bits is a bit string: Len bits, the first in the highest bit of Bytes[0].
// Bytes has as many bytes as they need, and zeros past the last bit.
//
// In an Arrow array it is Bytes and then one byte, the number of bits of the
// last byte that are unused: so that a value says its own length, whatever
// modifier its type has.
type Bits struct {
	Bytes []byte
	Len   int
}

// BitsLenMax is the most bits of a bit string, as in Postgres.
const BitsLenMax = (1<<31 - 1) - 8

// NewBits returns n zeros.
func NewBits(n int) Bits {
	size := bitsBytes(n)
	return Bits{Bytes: make([]byte, size, size+1), Len: n} // one more for AppendBits
}

// bitsBytes is how many bytes n bits take.
func bitsBytes(n int) int { return int((int64(n) + 7) / 8) }

// BitsAt returns bit string i of a column: a view that lives as long as a.
func BitsAt(a arrow.Array, i int) Bits {
	v := a.(*array.Binary).Value(i)
	last := len(v) - 1
	return Bits{Bytes: v[:last:last], Len: 8*last - int(v[last])}
}

// AppendBits appends v to a builder. It may write to the memory behind v.Bytes,
// as append does.
func AppendBits(b array.Builder, v Bits) {
	b.(*array.BinaryBuilder).Append(append(v.Bytes, v.unused()))
}

// unused is the byte behind the bits.
func (v Bits) unused() byte { return byte(8*len(v.Bytes) - v.Len) }

// Bit returns bit i, counted from 0.
func (v Bits) Bit(i int) bool { return v.Bytes[i>>3]>>(7-i&7)&1 != 0 }

// SetBit sets bit i of a bit string that is the caller's own.
func (v Bits) SetBit(i int, bit bool) {
	mask := byte(1) << (7 - i&7)
	if bit {
		v.Bytes[i>>3] |= mask
	} else {
		v.Bytes[i>>3] &^= mask
	}
}

// Count is the number of ones.
func (v Bits) Count() (n int) {
	for _, b := range v.Bytes {
		n += bits.OnesCount8(b)
	}
	return n
}

// Compare orders by the bits, then by length.
func (v Bits) Compare(o Bits) int {
	n := min(len(v.Bytes), len(o.Bytes))
	if c := bytes.Compare(v.Bytes[:n], o.Bytes[:n]); c != 0 {
		return c
	}
	return v.Len - o.Len
}

// Slice returns bits [from, to), which lie within v.
func (v Bits) Slice(from, to int) Bits {
	out := NewBits(to - from)
	start, shift := from>>3, from&7
	if shift == 0 {
		copy(out.Bytes, v.Bytes[start:])
	} else {
		for i := range out.Bytes {
			b := v.Bytes[start+i] << shift
			if start+i+1 < len(v.Bytes) {
				b |= v.Bytes[start+i+1] >> (8 - shift)
			}
			out.Bytes[i] = b
		}
	}
	out.clearUnused()
	return out
}

// clearUnused makes the bits behind the last one zero.
func (v Bits) clearUnused() {
	if used := v.Len & 7; used != 0 {
		v.Bytes[len(v.Bytes)-1] &= 0xff << (8 - used)
	}
}

// Resize returns v with n bits: cut, or with zeros added, on the right.
func (v Bits) Resize(n int) Bits {
	if n <= v.Len {
		return v.Slice(0, n)
	}
	out := NewBits(n)
	copy(out.Bytes, v.Bytes)
	return out
}

// Concat returns the bits of v and then those of o.
func (v Bits) Concat(o Bits) Bits {
	out := NewBits(v.Len + o.Len)
	copy(out.Bytes, v.Bytes)
	start, shift := v.Len>>3, v.Len&7
	for i, b := range o.Bytes {
		out.Bytes[start+i] |= b >> shift
		if shift != 0 && start+i+1 < len(out.Bytes) {
			out.Bytes[start+i+1] = b << (8 - shift)
		}
	}
	return out
}

// AppendText appends the bits as 0 and 1.
func (v Bits) AppendText(dst []byte) []byte {
	for i := range v.Len {
		dst = append(dst, '0'+v.Bytes[i>>3]>>(7-i&7)&1)
	}
	return dst
}
