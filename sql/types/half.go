package types

import "math"

// Half is an IEEE 754 binary16 number: an element of halfvec, with the bits of
// Arrow's float16.
type Half uint16

const (
	halfExponent = 0x7c00 // all of its bits are set in NaN and infinity
	// halfOverflow is the least float32 that rounds to infinity.
	halfOverflow = 65520
)

// Float32 returns the value, exactly.
func (h Half) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	if h&halfExponent == halfExponent {
		return math.Float32frombits(sign | 0x7f800000 | uint32(h&0x3ff)<<13)
	}
	// The product moves the exponent's bias, and makes subnormals normal.
	v := math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112
	return math.Float32frombits(math.Float32bits(v) | sign)
}

// IsFinite is false for NaN and the infinities.
func (h Half) IsFinite() bool { return h&halfExponent != halfExponent }

// IsZero is true for 0 and -0.
func (h Half) IsZero() bool { return h&0x7fff == 0 }

// HalfOf rounds to the nearest Half, ties to even; what is too large becomes
// infinite.
func HalfOf(x float32) Half {
	b := math.Float32bits(x)
	sign := Half(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch v := math.Float32frombits(b); {
	case v != v:
		return sign | 0x7e00 | Half(b>>13&0x3ff)
	case v >= halfOverflow:
		return sign | halfExponent
	case v < 0x1p-14:
		// In 1/2 ≤ y < 1 the last bit counts as much as in a subnormal Half.
		y := v + 0.5
		return sign | Half(math.Float32bits(y)-math.Float32bits(0.5))
	}
	const rebias = (127 - 15) << 23
	return sign | Half((b-rebias+0xfff+b>>13&1)>>13)
}

// beyondHalf says whether a finite x becomes infinite as a Half.
func beyondHalf(x float32) bool {
	return (x >= halfOverflow || x <= -halfOverflow) && !math.IsInf(float64(x), 0)
}
