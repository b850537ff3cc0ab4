package ivf

import (
	"cmp"
	"math"
	"slices"

	"quiver/vector"
)

// rankedList is a list and the score of its centroid, and of the nearest that a
// row of the list is likely to be: what lists are ordered by.
type rankedList struct {
	list        int
	score, near float32
}

// ranker orders lists by nearness of their centroids; it belongs to one
// goroutine.
type ranker struct {
	meta            *meta
	scores, squares []float32
	lists           []rankedList
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
func (r *ranker) rank(query []float32, n int) []rankedList {
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
		r.lists = append(r.lists, rankedList{i, s, near})
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
func (r *ranker) within(lists []rankedList, kth float64, most float32) []rankedList {
	out := lists[:0]
	for _, l := range lists {
		if r.meta.angle(l.list, l.score, r.scale, kth) <= most {
			out = append(out, l)
		}
	}
	return out
}

// order sorts the lists from from to to, which are the nearest of those from
// from on.
func (r *ranker) order(from, to int) { orderFirst(r.lists[from:], to-from) }

// orderFirst sorts the first n lists of rest, which become the nearest of them.
func orderFirst(rest []rankedList, n int) {
	if n = min(n, len(rest)); n > 0 {
		// Selection first: mostly few of many are wanted.
		selectFirst(rest, n, compareRanked)
		slices.SortFunc(rest[:n], compareRanked)
	}
}

// selectFirst brings the least n of some to the front, in any order.
func selectFirst[T any](rest []T, n int, compare func(a, b T) int) {
	for low, high := 0, len(rest); high-low > 1 && n < len(rest); {
		pivot := rest[low+(high-low)/2]
		i, j := low, high-1
		for i <= j {
			for compare(rest[i], pivot) < 0 {
				i++
			}
			for compare(rest[j], pivot) > 0 {
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

// compareRanked orders by what is near, NaN last, then by list.
func compareRanked(a, b rankedList) int {
	if a.near != b.near {
		if a.near != a.near || b.near != b.near {
			if c := vector.Compare(float64(a.near), float64(b.near)); c != 0 {
				return c
			}
		} else {
			return cmp.Compare(a.near, b.near)
		}
	}
	return cmp.Compare(a.list, b.list)
}
