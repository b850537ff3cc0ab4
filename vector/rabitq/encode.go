package rabitq

import (
	"encoding/binary"
	"math"
)

// Factors are the numbers beside a code: see the package comment. Error is the
// standard error of the estimate for a residual of the query of length one.
type Factors struct {
	Add, Rescale, Error float32
}

const factorBytes = 12

// Append appends the 12 bytes that a record begins with.
func (f Factors) Append(dst []byte) []byte {
	for _, v := range []float32{f.Add, f.Rescale, f.Error} {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

// ReadFactors is the reverse of Factors.Append.
func ReadFactors(b []byte) Factors {
	_ = b[factorBytes-1]
	return Factors{
		Add:     math.Float32frombits(binary.LittleEndian.Uint32(b)),
		Rescale: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
		Error:   math.Float32frombits(binary.LittleEndian.Uint32(b[8:])),
	}
}

// Encoder makes codes; it belongs to one goroutine.
type Encoder struct {
	// Base, if set, is from where queries see codes around whatever centre, rotated:
	// see Query.Toward. The caller owns it and does not change it.
	Base []float32

	codec *Codec
	o     []float32 // the rotated residual
	u     []uint8   // the code, a byte a dimension
	sign  Factors
	sums  [2]float32 // what a kernel writes into
}

// NewEncoder returns an encoder.
func (c *Codec) NewEncoder() *Encoder {
	return &Encoder{codec: c, o: make([]float32, c.padded), u: make([]uint8, c.padded)}
}

// Encode writes the code of x, of Dim finite elements, seen from a rotated
// centre, nil for the origin, to the CodeBytes of code, and returns its factors.
// Under Cosine x is brought to length one first, its own length being neither
// zero nor lost below float32's precision; the centre is one of such vectors.
func (e *Encoder) Encode(code []byte, x, centre []float32) Factors {
	c := e.codec
	e.residual(x, centre)
	length2 := dot(e.o, e.o)
	length := math.Sqrt(length2)
	e.quantise(length)
	e.pack(code)
	add := length2
	switch c.distance {
	case InnerProduct:
		add = 0
		if centre != nil {
			add = -dot(e.o, centre[:c.padded])
		}
	case Cosine:
		add = length2 / 2
	}
	half := float64(int(1)<<c.bits-1) / 2
	var yo, yy, so float64
	for i, o := range e.o {
		y := float64(e.u[i]) - half
		yo += y * float64(o)
		yy += y * y
		so += math.Abs(float64(o)) / 2
	}
	e.sign = c.factors(add, length2, so, float64(c.padded)/4)
	f := c.factors(add, length2, yo, yy)
	if e.Base != nil {
		e.rebase(&f, centre, half)
	}
	return f
}

// rebase takes from the factors what ⟨y,q'⟩ is more where q' is seen from Base: the
// part of the centre.
func (e *Encoder) rebase(f *Factors, centre []float32, half float64) {
	var code, sign float64
	top := uint8(1) << (e.codec.bits - 1)
	for i, b := range e.Base[:e.codec.padded] {
		way := -float64(b)
		if centre != nil {
			way += float64(centre[i])
		}
		code += (float64(e.u[i]) - half) * way
		if e.u[i]&top != 0 {
			sign += way / 2
		} else {
			sign -= way / 2
		}
	}
	f.Add -= f.Rescale * float32(code)
	e.sign.Add -= e.sign.Rescale * float32(sign)
}

// Sign returns the factors of the sign bits alone of the vector encoded last.
func (e *Encoder) Sign() Factors { return e.sign }

// Record appends the record of x to dst.
func (e *Encoder) Record(dst []byte, x, centre []float32) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, e.codec.RecordBytes())...)
	f := e.Encode(dst[start+factorBytes:], x, centre)
	f.Append(dst[start:start])
	return dst
}

// residual sets e.o.
func (e *Encoder) residual(x, centre []float32) {
	c := e.codec
	copy(e.o, x[:c.dim])
	if c.distance == Cosine {
		normalise(e.o[:c.dim])
	}
	clear(e.o[c.dim:])
	c.rotation.apply(e.o)
	if centre != nil {
		for i, v := range centre[:c.padded] {
			e.o[i] -= v
		}
	}
}

// normalise brings v to length one, or leaves it zero.
func normalise(v []float32) {
	length := math.Sqrt(dot(v, v))
	if length == 0 {
		return
	}
	for i, f := range v {
		v[i] = float32(float64(f) / length)
	}
}

// dot is ⟨x,y⟩ in float64; four sums hide the latency of additions.
func dot(x, y []float32) float64 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x, y = x[4:], y[4:] {
		a, b := x[:4:4], y[:4:4]
		s0 += float64(a[0]) * float64(b[0])
		s1 += float64(a[1]) * float64(b[1])
		s2 += float64(a[2]) * float64(b[2])
		s3 += float64(a[3]) * float64(b[3])
	}
	for i, v := range x {
		s0 += float64(v) * float64(y[i])
	}
	return s0 + s1 + (s2 + s3)
}

// factors computes what goes with a code, of |o|², ⟨y,o⟩ and |y|².
func (c *Codec) factors(add, length2, yo, yy float64) Factors {
	f := Factors{Add: float32(add)}
	if length2 == 0 || yo <= 0 {
		return f
	}
	times := 1.0
	if c.distance == L2 {
		times = 2
	}
	f.Rescale = float32(-times * length2 / yo)
	// 1/κ² - 1, not below what the rounding of float32 leaves open.
	miss := max(yy*length2/(yo*yo)-1, 1e-10)
	f.Error = float32(times * math.Sqrt(length2*miss/float64(max(c.padded-1, 1))))
	return f
}

// steps are the widths, in standard deviations, of the cells of the uniform
// quantiser of B bits that serves a normal variable best.
var steps = [BitsMax + 1]float64{0, 2, 0.9957, 0.5860, 0.3352, 0.1881, 0.1041, 0.0569, 0.0308}

// widths are tried around the best one on average: the coordinates of a
// rotated vector are nearly, not quite, normal.
var widths = [...]float64{0.7, 0.8, 0.87, 0.93, 1, 1.07, 1.15, 1.25, 1.4}

// quantise sets e.u to the code whose direction is nearest to o's, among those
// of a few cell widths.
func (e *Encoder) quantise(length float64) {
	bits := e.codec.bits
	top := 1<<(bits-1) - 1 // the largest magnitude, without sign
	scale := 0.0
	if bits > 1 && length > 0 {
		base := math.Sqrt(float64(len(e.o))) / (length * steps[bits])
		best := -1.0
		for _, w := range widths {
			t := float32(base / w)
			kernel.quality(e.o, t, top, &e.sums)
			yo, yy := float64(e.sums[0]), float64(e.sums[1])
			if quality := yo * yo / yy; quality > best {
				best, scale = quality, float64(t)
			}
		}
	}
	kernel.quantise(e.o, float32(scale), top, e.u)
}

// pack writes e.u field by field.
func (e *Encoder) pack(code []byte) {
	for _, f := range e.codec.fields {
		out := code[f.offset : f.offset+f.n]
		mask := uint8(1<<f.width - 1)
		clear(out)
		for j := 0; j < 8/f.width; j++ {
			from, to := e.codec.part(&f, j)
			for k, u := range e.u[from:to] {
				out[k] |= (u >> f.shift & mask) << (f.width * j)
			}
		}
	}
}
