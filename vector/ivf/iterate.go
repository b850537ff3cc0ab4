package ivf

import (
	"context"
	"errors"
	"math"
	"slices"

	"quiver/vector"
)

// iterator proposes ever farther rows: all kept rows of the lists so far are in
// a heap, from which each batch takes the nearest before the next lists are
// scored. The heap goes by the lower bounds of codes. A row that comes up by its
// bound is compared exactly and put back, so that the order is that of distances.
// Where rows are far away the heap goes by what the codes say, and a batch has
// besides all rows that may be as near as those.
type iterator struct {
	s      *searcher
	reach  reach
	ranked []scoredID
	done   int // lists scored
	heap   []candidate
}

// Iterate proposes ever farther candidates.
func (x *index) Iterate(r *vector.SearchRequest, stats *vector.SearchStats) vector.Iterator {
	it := &iterator{reach: x.reach(r)}
	if r.Effort <= 0 {
		// Without an angle to end at, all lists that a search looks at.
		it.reach.first = min(3*it.reach.first, len(x.meta.lists))
	}
	if x.meta.rows > 0 && r.K > 0 {
		it.s = x.searcher(r, stats)
		it.ranked = atMost(it.s.ranker.rank(it.s.wide, it.reach.first), r.MaxLists)
		it.reach.first = min(it.reach.first, len(it.ranked))
	}
	return it
}

// errClosed: Next after Close.
var errClosed = errors.New("ivf: the iterator is closed")

// Next appends the next batch.
func (it *iterator) Next(ctx context.Context, dst []vector.Candidate) ([]vector.Candidate, error) {
	if it.s == nil {
		if it.ranked != nil {
			return dst, errClosed
		}
		return dst, ctx.Err()
	}
	s, start := it.s, len(dst)
	for {
		if err := it.more(ctx); err != nil {
			return dst, err
		}
		most := float32(math.Inf(-1)) // of the upper bounds
		for len(dst)-start < s.r.K && len(it.heap) > 0 {
			c := it.pop()
			if c.low < c.score && it.exact(&c) {
				it.push(c)
				continue
			}
			most = max(most, 2*c.score-c.low)
			dst = append(dst, it.candidate(c))
		}
		if !it.compares() {
			dst = it.within(dst, most)
		}
		if len(dst) > start || it.done == len(it.ranked) {
			// One row in a hundred is nearer than its bound.
			slices.SortFunc(dst[start:], func(a, b vector.Candidate) int { return vector.Compare(float64(a.Distance), float64(b.Distance)) })
			return dst, nil
		}
	}
}

// more scores the next lists, if there are any.
func (it *iterator) more(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := it.s
	if it.done == len(it.ranked) {
		return nil
	}
	next := it.reach.first
	if it.done > 0 {
		next = min(it.done+max(it.reach.first/2, 1), len(it.ranked))
		orderFirst(it.ranked[it.done:], next-it.done)
	}
	s.candidates = it.heap
	err := s.load(ctx, it.ranked[it.done:next], s.all)
	it.heap, s.candidates = s.candidates, nil
	if err != nil {
		return err
	}
	it.done = next
	it.order()
	return nil
}

// order makes the heap one.
func (it *iterator) order() {
	for i := len(it.heap)/2 - 1; i >= 0; i-- {
		it.down(i)
	}
}

// within takes the rows out of the heap whose bounds are not above most.
func (it *iterator) within(dst []vector.Candidate, most float32) []vector.Candidate {
	left := it.heap[:0]
	for _, c := range it.heap {
		if c.low <= most {
			dst = append(dst, it.candidate(c))
		} else {
			left = append(left, c)
		}
	}
	if len(left) < len(it.heap) {
		it.heap = left
		it.order()
	}
	return dst
}

func (it *iterator) candidate(c candidate) vector.Candidate {
	return vector.Candidate{Position: c.position, Distance: it.s.distance(c.score)}
}

// compares says whether rows are near by, to be compared exactly.
func (it *iterator) compares() bool { return it.s.r.Column != nil && it.s.x.k.blocks }

// exact compares a row with the query itself, if rows are near by.
func (it *iterator) exact(c *candidate) bool {
	s := it.s
	if !it.compares() {
		return false
	}
	row := s.r.Column.Row(int(c.position))
	if row == nil {
		return false // the column changed: not the one that was indexed
	}
	s.stats.Reranked++
	s.stats.BytesRead += int64(s.x.space.RowBytes())
	d := float32(s.x.space.Exact(s.r.Query, row))
	if s.x.space.Distance == vector.L2 {
		d *= d
	}
	c.score, c.low = d, d
	return true
}

// key is what the heap is ordered by: bounds, where rows are compared exactly.
func (it *iterator) key(c candidate) float32 {
	if !it.compares() {
		return c.score
	}
	return c.low
}

func (it *iterator) before(i, j int) bool {
	a, b := it.heap[i], it.heap[j]
	return compareScores(a, b, it.key(a), it.key(b)) < 0
}

func (it *iterator) push(c candidate) {
	it.heap = append(it.heap, c)
	for i := len(it.heap) - 1; i > 0 && it.before(i, (i-1)/2); i = (i - 1) / 2 {
		h := it.heap
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (it *iterator) down(i int) {
	h := it.heap
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && it.before(c+1, c) {
			c++
		}
		if !it.before(c, i) {
			return
		}
		h[c], h[i] = h[i], h[c]
		i = c
	}
}

func (it *iterator) pop() candidate {
	h := it.heap
	c := h[0]
	h[0] = h[len(h)-1]
	it.heap = h[:len(h)-1]
	it.down(0)
	return c
}

// Close gives the searcher back.
func (it *iterator) Close() {
	if it.s != nil {
		it.s.close()
		it.s = nil
	}
}
