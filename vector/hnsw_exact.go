package vector

import (
	"math"
	"slices"
)

// exactScorer computes distances to vectors themselves, by kernels: right but
// for the roundings of float32. It belongs to one goroutine.
type exactScorer struct {
	space  Space
	query  []float32
	buf    []float32
	raw    []byte
	length float32
	out    [2]float32 // of kernels
}

// set takes the query, which must not change while it is used.
func (s *exactScorer) set(query []byte) {
	s.raw = query
	switch s.space.Element {
	case Float32:
		s.query = Float32sOf(query)
	case Float16:
		if s.buf == nil {
			s.buf = make([]float32, 2*s.space.Dim)
		}
		s.query = s.buf[s.space.Dim:]
		HalvesToFloat32(s.query, HalvesOf(query))
	}
	if s.space.Distance == Cosine {
		s.length = float32(math.Sqrt(Dot(s.query, s.query)))
	}
}

// distance is that of one vector.
func (s *exactScorer) distance(row []byte) float32 {
	var values []float32
	switch s.space.Element {
	case Float32:
		values = Float32sOf(row)
	case Float16:
		values = s.buf[:s.space.Dim]
		HalvesToFloat32(values, HalvesOf(row))
	default:
		return float32(s.space.Exact(s.raw, row))
	}
	out, square := s.out[:1], s.out[1:]
	dim := len(s.query)
	switch s.space.Distance {
	case L2:
		fastest.ScoreSquaredL2(s.query, values, dim, 1, out)
		return float32(math.Sqrt(float64(out[0])))
	case L1:
		fastest.ScoreL1(s.query, values, dim, 1, out)
		return out[0]
	}
	fastest.ScoreDot(s.query, values, dim, 1, out, square)
	if s.space.Distance == InnerProduct {
		return -out[0]
	}
	cosine := 1 - out[0]/(s.length*float32(math.Sqrt(float64(square[0]))))
	if cosine < cancelled {
		return float32(exactCosine(s.query, values))
	}
	return cosine
}

// cancelled is a cosine distance of which float32 leaves too few digits.
const cancelled = 1e-3

// mergeEntries joins two lists, the first of which is sorted, into a sorted one.
func mergeEntries(a, b []poolEntry) []poolEntry {
	a = append(a, b...)
	slices.Sort(a)
	return a
}

// none is the distance of a query without direction.
func (*exactScorer) none() float32 { return float32(math.NaN()) }
