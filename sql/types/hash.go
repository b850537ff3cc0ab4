package types

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
)

// HashExtended is PostgreSQL's extended hash function of a value's type: equal
// values have equal hashes, and hash partitioning of both puts a row alike. It
// reads the binary form. Types that PostgreSQL hashes by their inner form
// (numeric, interval, arrays …) are hashed by their order-preserving key, which
// is as good but not the same. The type must have an AppendKey.
func (t *Type) HashExtended(a arrow.Array, i int, seed uint64) uint64 {
	switch t.OID {
	case BoolOID:
		return hashUint32(uint32(t.AppendBinary(nil, a, i)[0]), seed)
	case Int2OID:
		return hashUint32(uint32(int32(int16(binary.BigEndian.Uint16(t.AppendBinary(nil, a, i))))), seed)
	case Int4OID, OIDOID, DateOID:
		return hashUint32(binary.BigEndian.Uint32(t.AppendBinary(nil, a, i)), seed)
	case Int8OID, TimeOID, TimestampOID, TimestamptzOID:
		return hashInt64(int64(binary.BigEndian.Uint64(t.AppendBinary(nil, a, i))), seed)
	case Float4OID:
		return hashFloat64(float64(math.Float32frombits(binary.BigEndian.Uint32(t.AppendBinary(nil, a, i)))), seed)
	case Float8OID:
		return hashFloat64(math.Float64frombits(binary.BigEndian.Uint64(t.AppendBinary(nil, a, i))), seed)
	case TextOID, VarcharOID, NameOID, ByteaOID, UUIDOID:
		return hashBytes(t.AppendBinary(nil, a, i), seed)
	case BPCharOID:
		text := t.AppendBinary(nil, a, i)
		for len(text) > 0 && text[len(text)-1] == ' ' {
			text = text[:len(text)-1]
		}
		return hashBytes(text, seed)
	}
	return hashBytes(t.AppendKey(nil, a, i), seed)
}

// hashInt64 folds the high half in so that an int8 has the hash of the int4 of the
// same value.
func hashInt64(v int64, seed uint64) uint64 {
	low, high := uint32(v), uint32(uint64(v)>>32)
	if v < 0 {
		high = ^high
	}
	return hashUint32(low^high, seed)
}

func hashFloat64(v float64, seed uint64) uint64 {
	switch {
	case v == 0: // -0 too
		return seed
	case math.IsNaN(v):
		v = math.Float64frombits(0x7ff8000000000000)
	}
	return hashBytes(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)), seed)
}

// lookup3 is the state of Bob Jenkins' hash of that name (2006, public domain).
type lookup3 struct{ a, b, c uint32 }

func newLookup3(length int, seed uint64) lookup3 {
	start := uint32(0x9e3779b9) + uint32(length) + 3923095
	h := lookup3{start, start, start}
	if seed != 0 {
		h.a += uint32(seed >> 32)
		h.b += uint32(seed)
		h.mix()
	}
	return h
}

func (h *lookup3) mix() {
	a, b, c := h.a, h.b, h.c
	a -= c
	a ^= bits.RotateLeft32(c, 4)
	c += b
	b -= a
	b ^= bits.RotateLeft32(a, 6)
	a += c
	c -= b
	c ^= bits.RotateLeft32(b, 8)
	b += a
	a -= c
	a ^= bits.RotateLeft32(c, 16)
	c += b
	b -= a
	b ^= bits.RotateLeft32(a, 19)
	a += c
	c -= b
	c ^= bits.RotateLeft32(b, 4)
	b += a
	h.a, h.b, h.c = a, b, c
}

func (h *lookup3) sum() uint64 {
	a, b, c := h.a, h.b, h.c
	c ^= b
	c -= bits.RotateLeft32(b, 14)
	a ^= c
	a -= bits.RotateLeft32(c, 11)
	b ^= a
	b -= bits.RotateLeft32(a, 25)
	c ^= b
	c -= bits.RotateLeft32(b, 16)
	a ^= c
	a -= bits.RotateLeft32(c, 4)
	b ^= a
	b -= bits.RotateLeft32(a, 14)
	c ^= b
	c -= bits.RotateLeft32(b, 24)
	return uint64(b)<<32 | uint64(c)
}

func hashUint32(v uint32, seed uint64) uint64 {
	h := newLookup3(4, seed)
	h.a += v
	return h.sum()
}

// hashBytes takes three little-endian words at a time; of the last ones the lowest
// byte of c is left to the length.
func hashBytes(key []byte, seed uint64) uint64 {
	h := newLookup3(len(key), seed)
	for ; len(key) >= 12; key = key[12:] {
		h.a += binary.LittleEndian.Uint32(key)
		h.b += binary.LittleEndian.Uint32(key[4:])
		h.c += binary.LittleEndian.Uint32(key[8:])
		h.mix()
	}
	words := [3]*uint32{&h.a, &h.b, &h.c}
	for i, b := range key {
		shift := uint(i%4) * 8
		if i >= 8 {
			shift += 8
		}
		*words[i/4] += uint32(b) << shift
	}
	return h.sum()
}
