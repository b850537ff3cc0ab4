package vector

import (
	"math"

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
	// errors is the sum of the standard errors of records.
	errors float64
	count  int
}

func newRecorder(c *graphCodec) *recorder {
	return &recorder{codec: c, encoder: c.rabitq.NewEncoder(), values: make([]float32, c.space.Dim)}
}

// record writes the record of a vector.
func (r *recorder) record(v []float32, out []byte) {
	r.buf = r.encoder.Record(r.buf[:0], v, r.codec.centre)
	clear(out[copy(out, r.buf):])
	r.errors += float64(rabitq.ReadFactors(r.buf).Error)
	r.count++
}

// noiseOf is the mean standard error.
func noiseOf(recorders []*recorder) float32 {
	var sum float64
	n := 0
	for _, r := range recorders {
		if r != nil {
			sum, n = sum+r.errors, n+r.count
		}
	}
	return float32(sum / float64(max(n, 1)))
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
	s.errors = s.noise * float32(math.Sqrt(away))
	if s.product {
		s.estimator.Toward(float32(away), 0) // without offset
	}
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
