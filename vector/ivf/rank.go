package ivf

import (
	"math"
	"slices"

	"quiver/vector"
)

// scoredID is the number of a list or a row and its score in one word, which orders
// by the score, NaN last, then by the number.
type scoredID uint64

func newScoredID(score float32, id int) scoredID {
	order := math.Float32bits(score + 0) // there is one zero
	switch {
	case score != score:
		order = math.MaxUint32
	case order>>31 != 0:
		order = ^order
	default:
		order |= 1 << 31
	}
	return scoredID(order)<<32 | scoredID(id)
}

func (s scoredID) id() int { return int(uint32(s)) }

func (s scoredID) score() float32 {
	order := uint32(s >> 32)
	if order>>31 == 0 {
		return math.Float32frombits(^order)
	}
	return math.Float32frombits(order &^ (1 << 31))
}

// ranker orders lists by nearness of their centroids; it belongs to one
// goroutine.
type ranker struct {
	meta            *meta
	scores, squares []float32 // scores of the centroids, by list
	lists           []scoredID
	scale           float64 // of meta.angle under InnerProduct and L1
}

func newRanker(m *meta) *ranker {
	return &ranker{meta: m, scores: make([]float32, len(m.lists)), squares: make([]float32, len(m.lists))}
}

// spreads is, of each list, the greatest cosine that of so many rows, which lie
// around the centroid in all directions, one has with the way to the query, times
// the radius; nil where lists are not ranked by it.
func (m *meta) spreads() []float32 {
	if m.space.Distance != vector.InnerProduct {
		return nil
	}
	out := make([]float32, len(m.lists))
	for i, l := range m.lists {
		out[i] = l.radius * float32(min(math.Sqrt(2*math.Log(float64(max(l.rows, 1)))/float64(m.space.Dim)), 1))
	}
	return out
}

// rank returns all lists, the first n of them in order: under InnerProduct by the
// product that the nearest row of the list is likely to have, by L1 under L1, else by the distance that clustered them. The
// query is wide, and of length one under cosine.
func (r *ranker) rank(query []float32, n int) []scoredID {
	m := r.meta
	c := m.centroids
	switch m.space.Distance {
	case vector.InnerProduct:
		vector.Fastest().ScoreDot(query, c.Values, c.Dim, c.Len(), r.scores, r.squares)
		for i, s := range r.scores {
			r.scores[i] = -s
		}
		r.scale = math.Sqrt(vector.Dot(query, query))
	case vector.L1:
		vector.Fastest().ScoreL1(query, c.Values, c.Dim, c.Len(), r.scores)
		r.scale = math.Sqrt(float64(c.Dim))
	default:
		vector.Fastest().ScoreSquaredL2(query, c.Values, c.Dim, c.Len(), r.scores)
	}
	r.lists = r.lists[:0]
	for i, s := range r.scores {
		near := s
		if m.spread != nil {
			near -= float32(r.scale) * m.spread[i]
		}
		r.lists = append(r.lists, newScoredID(near, i))
	}
	r.order(0, n)
	return r.lists
}

// angleMax is beyond any angle that is measured.
const angleMax = 4

// angle says how far out of the way of its list, by the score of the centroid, a
// row must lie to be as near to the query as kth, in the measure of scores. A
// typical row is radius away from its centroid, and so D² + radius² - 2·D·radius·cos
// from a query at the distance D of the centroid: the cosine at which that is kth
// is the answer. Rows lie in all directions, so that few have a large one, the
// fewer the more dimensions. Under InnerProduct and L1 the same is said of scores
// that grow in proportion to the radius.
func (m *meta) angle(list int, listScore float32, scale, kth float64) float32 {
	score, radius := float64(listScore), float64(m.lists[list].radius)
	need, span := score-kth, scale*radius
	if d := m.space.Distance; d != vector.InnerProduct && d != vector.L1 {
		need, span = score+radius*radius-kth, 2*math.Sqrt(max(score, 0))*radius
	}
	need -= 1e-5 * (math.Abs(score) + math.Abs(kth)) // rounding of equals
	switch a := need / span; {
	case a >= angleMax || span == 0 && need > 0:
		return angleMax
	case a > -angleMax:
		return float32(a)
	}
	return -angleMax // NaN too: what cannot be told is near
}

// within keeps the lists of some whose angle is at most so much.
func (r *ranker) within(lists []scoredID, kth float64, most float32) []scoredID {
	out := lists[:0]
	for _, l := range lists {
		if r.meta.angle(l.id(), r.scores[l.id()], r.scale, kth) <= most {
			out = append(out, l)
		}
	}
	return out
}

// order sorts the lists from from to to, which are the nearest of those from
// from on.
func (r *ranker) order(from, to int) { orderFirst(r.lists[from:], to-from) }

// orderFirst sorts the first n lists of rest, which become the nearest of them.
func orderFirst(rest []scoredID, n int) {
	if n = min(n, len(rest)); n > 0 {
		// Selection first: mostly few of many are wanted.
		selectFirst(rest, n)
		slices.Sort(rest[:n])
	}
}

// selectFirst brings the least n of some to the front, in any order.
func selectFirst(rest []scoredID, n int) {
	for low, high := 0, len(rest); high-low > 1 && n < len(rest); {
		pivot := rest[low+(high-low)/2]
		i, j := low, high-1
		for i <= j {
			for rest[i] < pivot {
				i++
			}
			for rest[j] > pivot {
				j--
			}
			if i <= j {
				rest[i], rest[j] = rest[j], rest[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j+1:
			high = j + 1
		case n > i:
			low = i
		default:
			low = high
		}
	}
}
