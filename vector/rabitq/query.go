package rabitq

import (
	"math"
)

// EpsilonDefault is how many standard errors a bound lies below the estimate
// when nothing else is said: the true score is lower for one vector in 100.
const EpsilonDefault = 2.33

// Estimate is a score estimated, and its bound: the true score is not below
// Low but for a rare vector. Scores are squared distances under L2, negative
// inner products, and cosine distances.
type Estimate struct {
	Score, Low float32
}

// Query estimates the distances of one vector to codes. It belongs to one
// goroutine and is used again by Reset and Centre.
type Query struct {
	// Epsilon is the number of standard errors of a bound, SignEpsilon that of those of
	// ScoreBelow; it is the same if 0.
	Epsilon, SignEpsilon float32

	codec   *Codec
	rotated []float32

	// What Centre prepares.
	residual []float32
	add      float32 // the query's term
	length   float32 // |q'|
	scale    float32 // of an integer of q16
	sum      float32 // -(2^B-1)/2·Σq', of the codes' middle
	signSum  float32 // the same for sign bits alone
	// q16 is the residual in integers: for each field, for each of its 8/width
	// parts, n of them, padded with zeros to a multiple of partPad.
	q16  []int16
	flat []int16 // by dimension
	// What kernels write into is the query's, lest each call allocate.
	sums      [batch]int32
	blockSums [BlockCodes]uint32
	finishing finishing
	tables    blockTables
}

// partPad is what the integers of a part of a field are padded to: the bytes
// that a kernel takes at once.
const partPad = 32

func padPart(n int) int { return (n + partPad - 1) &^ (partPad - 1) }

// NewQuery prepares a query seen from the origin; Centre moves it.
func (c *Codec) NewQuery(q []float32) *Query {
	size := 0
	for _, f := range c.fields {
		size += 8 / f.width * padPart(f.n)
	}
	query := &Query{
		Epsilon: EpsilonDefault, codec: c,
		rotated: make([]float32, c.padded), residual: make([]float32, c.padded),
		q16: make([]int16, size), flat: make([]int16, c.padded),
	}
	query.Reset(q)
	return query
}

// Reset makes it the query of another vector, of Dim elements.
func (q *Query) Reset(v []float32) {
	copy(q.rotated, v[:q.codec.dim])
	if q.codec.distance == Cosine {
		normalise(q.rotated[:q.codec.dim])
	}
	clear(q.rotated[q.codec.dim:])
	q.codec.rotation.apply(q.rotated)
	q.Centre(nil)
}

// Rotated is the rotated query, of length one under Cosine.
func (q *Query) Rotated() []float32 { return q.rotated }

// Centre prepares for codes seen from a rotated centre; nil is the origin.
func (q *Query) Centre(centre []float32) {
	c := q.codec
	if centre == nil {
		copy(q.residual, q.rotated)
	} else {
		centre = centre[:c.padded]
		for i, v := range q.rotated {
			q.residual[i] = v - centre[i]
		}
	}
	var length2, total, most, sum float64
	for _, v := range q.residual {
		f := float64(v)
		length2 += f * f
		total += math.Abs(f)
		most = max(most, math.Abs(f))
		sum += f
	}
	q.length = float32(math.Sqrt(length2))
	switch c.distance {
	case L2:
		q.add = float32(length2)
	case Cosine:
		q.add = float32(length2 / 2)
	default:
		q.add = 0
		if centre != nil {
			q.add = float32(-dot(centre, q.rotated))
		}
	}
	q.tables.ready = false
	// As fine as 16 bits allow, and so that sums with codes fit 31.
	fine := 0.0
	if most > 0 && !math.IsInf(total, 0) {
		fine = min(32767/most, (1<<31-1)/(255*total+1e-30)/(1+1e-6))
		fine = min(fine, math.MaxFloat32)
	}
	if fine > 0 {
		q.scale = float32(1 / fine)
	} else {
		q.scale = 0
	}
	rounded := 0
	f32 := float32(fine)
	for i, v := range q.residual {
		n := int(v*f32+32768.5) - 32768
		n = max(-32767, min(n, 32767))
		q.flat[i] = int16(n)
		rounded += n
	}
	// The middle of the codes is taken off the integers, so that what rounding
	// did to them is the same for both.
	q.sum = -float32(rounded) * q.scale * float32(int(1)<<c.bits-1) / 2
	q.signSum = -float32(rounded) * q.scale / 2
	at := 0
	for _, f := range c.fields {
		for j := 0; j < 8/f.width; j++ {
			from, to := c.part(&f, j)
			copy(q.q16[at:], q.flat[from:to])
			at += padPart(f.n)
		}
	}
}

// Toward prepares for codes around another centre by an Encoder whose Base is what
// Centre was called with: nothing is computed for each dimension. square is the
// squared distance of query and centre, product their inner product, which
// InnerProduct alone has use for.
func (q *Query) Toward(square, product float32) {
	q.length = float32(math.Sqrt(float64(square)))
	switch q.codec.distance {
	case L2:
		q.add = square
	case Cosine:
		q.add = square / 2
	default:
		q.add = -product
	}
}

// estimate finishes ⟨u,q'⟩ in integers.
func (q *Query) estimate(f Factors, dot int32) Estimate {
	score := f.Add + q.add + f.Rescale*(float32(dot)*q.scale+q.sum)
	return Estimate{Score: score, Low: score - q.Epsilon*f.Error*q.length}
}

// Rounding is the standard error that the rounding of the query to integers, and of
// sums to float32, adds to the estimate of a vector that is as far from the centre as
// the query; a bound is without it. It counts where codes err by less: of one
// dimension, they have no error at all.
func (q *Query) Rounding() float32 {
	times := float32(1)
	if q.codec.distance == L2 {
		times = 2
	}
	const uniform, single = 0.2887, 0x1p-22 // standard error of integers; of several float32
	return times * q.length * (uniform*q.scale + single*q.length)
}

// Estimate is the estimate of a code.
func (q *Query) Estimate(f Factors, code []byte) Estimate {
	q.sums[0] = 0
	q.dots(code[:q.codec.codeBytes], 0, consecutive[:1], q.sums[:1])
	return q.estimate(f, q.sums[0])
}

// batch is how many codes go through a kernel at a time.
const batch = 64

var consecutive = func() (o [batch]uint32) {
	for i := range o {
		o[i] = uint32(i)
	}
	return o
}()

// ScoreRows estimates n records in a row, stride bytes apart.
func (q *Query) ScoreRows(records []byte, stride, n int, out []Estimate) {
	for start := 0; start < n; start += batch {
		m := min(batch, n-start)
		q.scoreBatch(records[start*stride:], stride, consecutive[:m], out[start:])
	}
}

// ScoreGathered estimates the records of the ordinals: record i begins at
// i*stride.
func (q *Query) ScoreGathered(records []byte, stride int, ordinals []uint32, out []Estimate) {
	for len(ordinals) > batch {
		q.scoreBatch(records, stride, ordinals[:batch], out)
		ordinals, out = ordinals[batch:], out[batch:]
	}
	q.scoreBatch(records, stride, ordinals, out)
}

func (q *Query) scoreBatch(records []byte, stride int, ordinals []uint32, out []Estimate) {
	var last uint32
	for _, o := range ordinals {
		last = max(last, o)
	}
	// The kernels do not look where they read.
	if len(ordinals) == 0 || int(last)*stride+q.codec.RecordBytes() > len(records) {
		if len(ordinals) == 0 {
			return
		}
		panic("rabitq: record out of range")
	}
	sums := q.sums[:len(ordinals)]
	clear(sums)
	q.dots(records[factorBytes:], stride, ordinals, sums)
	out = out[:len(ordinals)]
	for i, o := range ordinals {
		out[i] = q.estimate(ReadFactors(records[int(o)*stride:]), sums[i])
	}
}

// dots sums ⟨u,q'⟩ in integers for the codes of the ordinals; out is zero before.
func (q *Query) dots(codes []byte, stride int, ordinals []uint32, out []int32) {
	at := 0
	for i := range q.codec.fields {
		f := &q.codec.fields[i]
		kernel.dots(f, q.q16[at:], codes[f.offset:], stride, ordinals, out)
		at += 8 / f.width * padPart(f.n)
	}
}
