package vector

import (
	"math"
	"slices"

	"quiver/vector/rabitq"
)

// The form codeRabitq keeps records of package rabitq, seen from the mean. A
// graph is built by int8 codes, which are compared with each other quickly, and
// gets its records when it is made: they are compared with queries alone. The
// links beside them are packed.

// Bits a dimension.
const rabitqBitsDefault = 4

// rabitqSeed is of the rotation.
const rabitqSeed = 0x9e3779b97f4a7c15

// newRabitq prepares the form for so many bits.
func (c *graphCodec) newRabitq(bits int) error {
	distance := rabitq.L2
	switch c.space.Distance {
	case InnerProduct:
		distance = rabitq.InnerProduct
	case Cosine:
		distance = rabitq.Cosine
	}
	var err error
	if c.rabitq, err = rabitq.New(distance, c.space.Dim, bits, rabitqSeed); err != nil {
		return err
	}
	c.stride = (c.rabitq.RecordBytes() + 7) &^ 7
	c.mean = make([]float32, c.space.Dim)
	c.step = 1
	return nil
}

// fromInt8 is the form with what another codec was trained to.
func (c *graphCodec) fromInt8(bits int) (*graphCodec, error) {
	out := &graphCodec{space: c.space, form: codeRabitq, reach: c.reach}
	if err := out.newRabitq(bits); err != nil {
		return nil, err
	}
	copy(out.mean, c.mean)
	out.step = c.step
	out.turn()
	return out, nil
}

// turn rotates the mean.
func (c *graphCodec) turn() {
	c.centre = make([]float32, c.rabitq.Padded())
	c.rabitq.Rotate(c.centre, c.mean)
}

// decodeInt8 is the vector that a code stands for.
func (c *graphCodec) decodeInt8(code []byte, out []float32) {
	for i := range out {
		out[i] = c.mean[i] + c.step*float32(int8(code[i]))
	}
}

// recorder makes records; it belongs to one goroutine.
type recorder struct {
	codec   *graphCodec
	encoder *rabitq.Encoder
	buf     []byte
	values  []float32
	// errors is the sum of the standard errors of records, and some are those of a few.
	errors float64
	count  int
	some   []float32
}

func newRecorder(c *graphCodec) *recorder {
	return &recorder{codec: c, encoder: c.rabitq.NewEncoder(), values: make([]float32, c.space.Dim)}
}

// record writes the record of a vector.
func (r *recorder) record(v []float32, out []byte) {
	r.buf = r.encoder.Record(r.buf[:0], v, r.codec.centre)
	clear(out[copy(out, r.buf):])
	e := rabitq.ReadFactors(r.buf).Error
	r.errors += float64(e)
	if r.count%someErrors == 0 {
		r.some = append(r.some, e)
	}
	r.count++
}

// Of one record in someErrors the standard error is kept, and longErrors is how many
// of these are of vectors as long as the nearest by inner product.
const (
	someErrors = 8
	longErrors = 0.05
)

// noiseOf is the mean standard error; of inner products, of which the nearest rows are
// the long ones, whose errors are greater, what few are above.
func noiseOf(d Distance, recorders []*recorder) float32 {
	var sum float64
	var some []float32
	n := 0
	for _, r := range recorders {
		if r != nil {
			sum, n = sum+r.errors, n+r.count
			some = append(some, r.some...)
		}
	}
	mean := float32(sum / float64(max(n, 1)))
	if len(some) == 0 || d != InnerProduct {
		return mean
	}
	slices.Sort(some)
	return max(mean, some[int(float64(len(some))*(1-longErrors))])
}

// setRabitq takes the query.
func (s *graphScorer) setRabitq(v []float32) {
	if s.estimator == nil {
		s.estimator = s.graphCodec.rabitq.NewQuery(v)
	} else {
		s.estimator.Reset(v)
	}
	s.estimator.Centre(s.centre)
	var away, square float64
	for i, x := range v {
		d := float64(x) - float64(s.mean[i])
		away += d * d
		square += float64(x) * float64(x)
	}
	s.length = float32(math.Sqrt(square))
	s.away = float32(math.Sqrt(away))
	s.rounding = s.estimator.Rounding()
	s.errors = s.noise*s.away + s.rounding
	if s.product {
		s.estimator.Toward(float32(away), 0) // without offset
	}
}

// mayReach says whether a vector of a node may have as low a score as another, by the
// error of its own record: that of vectors far from the mean is greater than what
// errors has for all. The record is of the first of a chain of twins, which are in one
// cell of int8 codes, so that they lie up to a step from it each way.
func (s *graphScorer) mayReach(e poolEntry, score float32, twins bool) bool {
	if twins {
		cell := surely * math.Sqrt2 * roundingError * float64(s.step)
		root := math.Sqrt(max(float64(score), 0))
		switch s.space.Distance {
		case InnerProduct:
			score += float32(cell) * s.length
		case Cosine: // half the square
			score = float32((root + cell/math.Sqrt2) * (root + cell/math.Sqrt2))
		default:
			score = float32((root + cell) * (root + cell))
		}
	}
	own := rabitq.ReadFactors(s.codes[int(e.node())*s.stride:]).Error
	return e.score()-surely*(own*s.away+s.rounding) <= score
}

func (s *graphScorer) scoreRabitq(nodes []uint32, out []float32) {
	for _, node := range nodes {
		prefetchBytes(s.codes[int(node)*s.stride:], s.stride)
	}
	if len(s.estimates) < len(nodes) {
		s.estimates = make([]rabitq.Estimate, max(2*len(nodes), 64))
	}
	s.estimator.ScoreGathered(s.codes, s.stride, nodes, s.estimates)
	for i, e := range s.estimates[:len(nodes)] {
		out[i] = e.Score
	}
}
