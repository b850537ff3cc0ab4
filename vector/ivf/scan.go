package ivf

import (
	"math"
	"slices"
	"unsafe"

	"quiver/vector"
	"quiver/vector/rabitq"
)

// candidate is a row with its score (of package rabitq, or of the same meaning)
// and the bound below it.
type candidate struct {
	ordinal    uint32
	score, low float32
}

// searcher is the state of one search, used again.
type searcher struct {
	x      *index
	ranker *ranker
	wide   []float32     // the query, of length one under cosine
	query  *rabitq.Query // nil without codes

	r     *vector.SearchRequest
	stats *vector.SearchStats
	// seen counts the kept rows of the lists scored.
	seen int

	wanted     []rankedList
	keep       []byte // of the rows of a list
	estimates  []rabitq.Estimate
	ordinals   []uint32 // in the list
	candidates []candidate
	uppers     upperBounds // of the nearest k
	nearest    upperBounds // their scores
}

func newSearcher(x *index) *searcher {
	s := &searcher{x: x, ranker: newRanker(&x.meta), wide: make([]float32, x.space.Dim)}
	if x.codec != nil {
		s.query = x.codec.NewQuery(s.wide)
		s.query.Epsilon = epsilon
	}
	return s
}

// epsilon is the number of standard errors of the bounds: of the rows at the
// very edge of the nearest k, one in 300 is lost.
const epsilon = 2.75

func (s *searcher) begin(r *vector.SearchRequest, stats *vector.SearchStats) {
	s.r, s.stats, s.seen, s.candidates = r, stats, 0, s.candidates[:0]
	widen(s.x.space, s.wide, r.Query)
	if spherical(s.x.space) {
		normalise(s.wide)
	}
	if s.query != nil {
		s.query.Reset(s.wide)
	}
}

// around prepares the query for the codes of a list.
func (s *searcher) around(list int) {
	padded := s.x.codec.Padded()
	s.query.Centre(s.x.rotated[list*padded:][:padded])
}

// kept sets s.keep to the rows of a list that may be proposed, and counts them;
// nil are all.
func (s *searcher) kept(list int) int {
	l := &s.x.meta.lists[list]
	s.stats.Visited++
	if s.r.Keep == nil && !s.x.gone {
		s.keep = nil
		return l.rows
	}
	s.keep = slices.Grow(s.keep[:0], (l.rows+7)/8)[:(l.rows+7)/8]
	clear(s.keep)
	n := 0
	for i, p := range s.x.positions[l.first : l.first+l.rows] {
		if s.keeps(p) {
			s.keep[i>>3] |= 1 << (i & 7)
			n++
		}
	}
	return n
}

// keeps says whether a position may be proposed; those beyond the bitmap may not.
func (s *searcher) keeps(p uint32) bool {
	if p == vector.NoPosition {
		return false
	}
	k := s.r.Keep
	return k == nil || int(p>>3) < len(k) && k[p>>3]>>(p&7)&1 != 0
}

func (s *searcher) keptRow(i int) bool { return s.keep == nil || s.keep[i>>3]>>(i&7)&1 != 0 }

// prune scores a list of codes and adds the rows that may be among the nearest k
// to the candidates.
func (s *searcher) prune(list int, b []byte) {
	kept := s.kept(list)
	if kept == 0 {
		return
	}
	s.seen += kept
	s.around(list)
	l := &s.x.meta.lists[list]
	s.ordinals = s.ordinals[:0]
	if s.x.layout.blockBytes == 0 {
		for i := range l.rows {
			if s.keptRow(i) {
				s.ordinals = append(s.ordinals, uint32(i))
			}
		}
	} else {
		s.pruneBlocks(l, b)
		if s.x.layout.rowBytes == 0 {
			return
		}
	}
	s.stats.Codes += int64(len(s.ordinals))
	n := len(s.ordinals)
	s.estimates = slices.Grow(s.estimates[:0], n)[:n]
	s.query.ScoreGathered(s.x.layout.rows(b, l.rows), s.x.layout.rowBytes, s.ordinals, s.estimates)
	for i, e := range s.estimates {
		s.offer(uint32(l.first)+s.ordinals[i], e)
	}
}

// offer adds a row unless k others are nearer for sure.
func (s *searcher) offer(ordinal uint32, e rabitq.Estimate) {
	if e.Low > s.uppers.most() {
		return
	}
	s.uppers.push(2*e.Score - e.Low)
	s.nearest.push(e.Score)
	s.candidates = append(s.candidates, candidate{ordinal, e.Score, e.Low})
}

// kth is the score of the k-th row found, nearly. The k least of many scores are
// those that err the farthest below, and the fewer the bits the farther: so much
// of the way to the k-th upper bound has searches of codes of one bit look at as
// many lists as those of four.
func (s *searcher) kth() float64 {
	least, most := float64(s.nearest.most()), float64(s.uppers.most())
	if math.IsInf(most, 1) {
		return most
	}
	return least + kthShare*(most-least)
}

const kthShare = 0.3

// pruneBlocks leaves the rows of a list that their signs do not rule out in
// s.ordinals; if there is nothing but signs, it offers them.
func (s *searcher) pruneBlocks(l *listEntry, b []byte) {
	var out [rabitq.BlockCodes]rabitq.Estimate
	most := s.uppers.most()
	for block := range blocksOf(l.rows) {
		first := block * rabitq.BlockCodes
		n := min(rabitq.BlockCodes, l.rows-first)
		if s.keep != nil {
			any := byte(0)
			for _, k := range s.keep[first/8 : (first+n+7)/8] {
				any |= k
			}
			if any == 0 {
				continue
			}
		}
		signs, factors := s.x.layout.block(b, l.rows, block)
		s.query.ScoreBlock(signs, factors, &out)
		s.stats.Codes += int64(n)
		for i := range n {
			switch {
			case out[i].Low > most || !s.keptRow(first+i):
			case s.x.layout.rowBytes == 0:
				s.offer(uint32(l.first+first+i), out[i])
				most = s.uppers.most()
			default:
				s.ordinals = append(s.ordinals, uint32(first+i))
			}
		}
	}
}

// all scores every kept row of a list and adds them to the candidates.
func (s *searcher) all(list int, b []byte) {
	kept := s.kept(list)
	if kept == 0 {
		return
	}
	s.seen += kept
	l := &s.x.meta.lists[list]
	if s.query == nil {
		s.allVectors(l, b)
		return
	}
	s.around(list)
	n := blocksOf(l.rows) * rabitq.BlockCodes
	s.estimates = slices.Grow(s.estimates[:0], n)[:n]
	if s.x.layout.rowBytes == 0 {
		for block := range blocksOf(l.rows) {
			signs, factors := s.x.layout.block(b, l.rows, block)
			out := s.estimates[block*rabitq.BlockCodes:]
			s.query.ScoreBlock(signs, factors, (*[rabitq.BlockCodes]rabitq.Estimate)(unsafe.Pointer(unsafe.SliceData(out))))
		}
	} else {
		s.query.ScoreRows(s.x.layout.rows(b, l.rows), s.x.layout.rowBytes, l.rows, s.estimates)
	}
	s.stats.Codes += int64(l.rows)
	for i, e := range s.estimates[:l.rows] {
		if s.keptRow(i) {
			s.candidates = append(s.candidates, candidate{uint32(l.first + i), e.Score, e.Low})
		}
	}
}

func (s *searcher) allVectors(l *listEntry, b []byte) {
	rowBytes := s.x.layout.rowBytes
	s.stats.Distances += int64(l.rows)
	for i := range l.rows {
		if s.keptRow(i) {
			d := float32(s.x.space.Exact(s.r.Query, b[i*rowBytes:(i+1)*rowBytes]))
			if s.x.space.Distance == vector.L2 {
				d *= d
			}
			s.candidates = append(s.candidates, candidate{uint32(l.first + i), d, d})
		}
	}
}

// distance is what a score stands for.
func (s *searcher) distance(score float32) float32 {
	if s.x.space.Distance == vector.L2 {
		return float32(math.Sqrt(max(float64(score), 0)))
	}
	return score
}

// upperBounds keeps the k least of the numbers it is given: a heap with the
// largest on top.
type upperBounds struct {
	k    int
	heap []float32
}

func (u *upperBounds) reset(k int) { u.k, u.heap = k, u.heap[:0] }

// most is the k-th least; infinite while there are fewer.
func (u *upperBounds) most() float32 {
	if len(u.heap) < u.k {
		return float32(math.Inf(1))
	}
	return u.heap[0]
}

func (u *upperBounds) push(v float32) {
	if v != v { // NaN bounds nothing
		v = float32(math.Inf(1))
	}
	h := u.heap
	switch {
	case len(h) < u.k:
		h = append(h, v)
		i := len(h) - 1
		for i > 0 && h[(i-1)/2] < h[i] {
			h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
			i = (i - 1) / 2
		}
	case v < h[0]:
		h[0] = v
		for i := 0; ; {
			c := 2*i + 1
			if c >= len(h) {
				break
			}
			if c+1 < len(h) && h[c+1] > h[c] {
				c++
			}
			if h[c] <= h[i] {
				break
			}
			h[c], h[i] = h[i], h[c]
			i = c
		}
	}
	u.heap = h
}
