package vector

import "math"

// A half is an IEEE 754 binary16 number in an uint16: halfvec's element. Every
// half is a float32, so distances of halves are those of their float32 values.

// halfValues has the float32 of each of the 65,536 halves.
var halfValues = func() *[1 << 16]float32 {
	var t [1 << 16]float32
	for i := range t {
		t[i] = halfToFloat32(uint16(i))
	}
	return &t
}()

func halfToFloat32(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	case 0:
		// Zero or subnormal: fraction · 2^-24.
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// HalfToFloat32 returns the value of a half.
func HalfToFloat32(h uint16) float32 { return halfValues[h] }

// Float32ToHalf returns the nearest half, ties to even; beyond the largest half
// an infinity.
func Float32ToHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 1<<31 - 1
	switch {
	case b > 0xff<<23: // NaN, quiet, with what fits of its payload
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: the addition rounds at 2^-24
		const magic = 0.5 // its last bit is worth 2^-24
		sum := math.Float32frombits(b) + magic
		return sign | uint16(math.Float32bits(sum)-math.Float32bits(magic))
	}
	b -= (127 - 15) << 23
	b += 0xfff + b>>13&1 // to nearest, ties to even
	return sign | uint16(b>>13)
}

// HalvesToFloat32 writes the values of halves to dst, which is as long.
func HalvesToFloat32(dst []float32, halves []uint16) {
	dst = dst[:len(halves)]
	for i, h := range halves {
		dst[i] = halfValues[h]
	}
}

// ExactHalf is Exact for halves.
func ExactHalf(d Distance, x, y []uint16) float64 {
	var sum, xx, yy float64
	y = y[:len(x)]
	switch d {
	case InnerProduct:
		for i, h := range x {
			sum += float64(float64(halfValues[h]) * float64(halfValues[y[i]]))
		}
		return -sum
	case L1:
		for i, h := range x {
			sum += math.Abs(float64(halfValues[h]) - float64(halfValues[y[i]]))
		}
		return sum
	case Cosine:
		for i, h := range x {
			a, b := float64(halfValues[h]), float64(halfValues[y[i]])
			sum += float64(a * b)
			xx += float64(a * a)
			yy += float64(b * b)
		}
		return cosineDistance(sum, xx, yy)
	}
	for i, h := range x {
		v := float64(halfValues[h]) - float64(halfValues[y[i]])
		sum += float64(v * v)
	}
	return math.Sqrt(sum)
}
