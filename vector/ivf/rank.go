package ivf

import (
	"cmp"
	"slices"

	"quiver/vector"
)

// rankedList is a list and the score of its centroid.
type rankedList struct {
	list  int
	score float32
}

// ranker orders lists by nearness of their centroids; it belongs to one
// goroutine.
type ranker struct {
	meta            *meta
	scores, squares []float32
	lists           []rankedList
}

func newRanker(m *meta) *ranker {
	return &ranker{meta: m, scores: make([]float32, len(m.lists)), squares: make([]float32, len(m.lists))}
}

// rank returns all lists, the first n of them in order: by inner product under
// InnerProduct, else by the distance that clustered them. The query is wide, and
// of length one under cosine.
func (r *ranker) rank(query []float32, n int) []rankedList {
	c := r.meta.centroids
	if r.meta.space.Distance == vector.InnerProduct {
		vector.Fastest().ScoreDot(query, c.Values, c.Dim, c.Len(), r.scores, r.squares)
		for i, s := range r.scores {
			r.scores[i] = -s
		}
	} else {
		vector.Fastest().ScoreSquaredL2(query, c.Values, c.Dim, c.Len(), r.scores)
	}
	r.lists = r.lists[:0]
	for i, s := range r.scores {
		r.lists = append(r.lists, rankedList{i, s})
	}
	r.order(0, n)
	return r.lists
}

// order sorts the lists from from to to, which are the nearest of those from
// from on.
func (r *ranker) order(from, to int) {
	rest := r.lists[from:]
	n := min(to-from, len(rest))
	if n <= 0 {
		return
	}
	// Selection first: mostly few of many are wanted.
	for low, high := 0, len(rest); high-low > 1 && n < len(rest); {
		pivot := rest[low+(high-low)/2]
		i, j := low, high-1
		for i <= j {
			for compareRanked(rest[i], pivot) < 0 {
				i++
			}
			for compareRanked(rest[j], pivot) > 0 {
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
	slices.SortFunc(rest[:n], compareRanked)
}

// compareRanked orders by score, NaN last, then by list.
func compareRanked(a, b rankedList) int {
	if a.score != b.score {
		if a.score != a.score || b.score != b.score {
			if c := vector.Compare(float64(a.score), float64(b.score)); c != 0 {
				return c
			}
		} else {
			return cmp.Compare(a.score, b.score)
		}
	}
	return cmp.Compare(a.list, b.list)
}
