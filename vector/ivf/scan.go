package ivf

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"quiver/vector"
	"quiver/vector/rabitq"
)

// candidate is a row with its score (of package rabitq, or of the same meaning)
// and the bound below it.
type candidate struct {
	position   uint32
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

	wanted     []scoredID
	keep       []byte // of the rows of a list
	estimates  []rabitq.Estimate
	ordinals   []uint32 // in the list
	candidates []candidate
	found      []uint32    // positions of the vectors compared
	uppers     upperBounds // of the nearest k
	nearest    upperBounds // their scores
	bound      float32     // a score beyond which no row is wanted
	below      rabitq.Below
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

// signEpsilon is that of the bounds by signs alone, after which there are codes: of
// the rows at the very edge half of what may be missed is lost, and hardly any of
// those that are nearer.
func signEpsilon(recall float64) float32 {
	return float32(min(math.Sqrt2*math.Erfinv(min(max(recall, 0.5), 0.999)), epsilon))
}

func (s *searcher) begin(r *vector.SearchRequest, stats *vector.SearchStats) {
	s.ranker.meta = &s.x.meta
	s.r, s.stats, s.seen, s.candidates, s.found = r, stats, 0, s.candidates[:0], s.found[:0]
	s.bound = float32(math.Inf(1))
	if bound, ok := r.Bound(); ok {
		s.bound = s.scoreOf(bound)
	}
	widen(s.x.space, s.wide, r.Query)
	if spherical(s.x.space) {
		normalise(s.wide)
	}
	if s.query != nil {
		if s.x.layout.rowBytes > 0 {
			s.query.SignEpsilon = signEpsilon(orDefault(r.Recall))
		}
		s.query.Reset(s.wide)
		s.query.Centre(s.x.base)
	}
}

// close gives the searcher back.
func (s *searcher) close() {
	x := s.x
	s.x, s.r, s.stats = nil, nil, nil
	x.searchers.Put(s)
}

// grown is a list of an index that grows, without the rows that came since the
// request.
func (s *searcher) grown(id int) list {
	if s.r.Column != nil && s.r.Column.Len() < s.x.end {
		return s.x.grown[id].before(s.r.Column.Len())
	}
	return s.x.grown[id]
}

// inMemory is a list that is mapped, or grows.
func (s *searcher) inMemory(id int) list {
	if s.x.grown != nil {
		return s.grown(id)
	}
	return s.x.layout.open(s.x.mapped(id), s.x.positionsOf(id))
}

// positionsOf are the positions of the rows of a list that a search sees.
func (s *searcher) positionsOf(id int) []uint32 {
	if s.x.grown != nil {
		l := s.grown(id)
		return l.positions
	}
	return s.x.positionsOf(id)
}

// around prepares the query for the codes of a list.
func (s *searcher) around(list int) {
	score := s.ranker.scores[list]
	square := max(score, 0)
	if s.x.space.Distance == vector.InnerProduct {
		// Its rounding is not to have bounds too near.
		squares := s.x.squares[list] + float32(s.ranker.scale*s.ranker.scale)
		square = max(squares+2*score, 0) + 1e-6*squares
	}
	s.query.Toward(square, -score)
}

// kept sets s.keep to the rows of a list that may be proposed, and counts them;
// nil are all.
func (s *searcher) kept(l *list) int {
	s.stats.Visited++
	n := len(l.positions)
	if s.r.Keep == nil && !s.x.gone {
		s.keep = nil
		return n
	}
	s.keep = slices.Grow(s.keep[:0], (n+7)/8)[:(n+7)/8]
	clear(s.keep)
	n = 0
	for i, p := range l.positions {
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
func (s *searcher) prune(id int, l *list) {
	kept := s.kept(l)
	if kept == 0 {
		return
	}
	s.seen += kept
	s.around(id)
	s.ordinals = s.ordinals[:0]
	s.pruneBlocks(l)
	if s.x.layout.rowBytes == 0 {
		return
	}
	for i := l.signed(); i < len(l.positions); i++ {
		if s.keptRow(i) {
			s.ordinals = append(s.ordinals, uint32(i))
		}
	}
	s.stats.Codes += int64(len(s.ordinals))
	n := len(s.ordinals)
	s.estimates = slices.Grow(s.estimates[:0], n)[:n]
	s.query.ScoreGathered(l.rows, s.x.layout.rowBytes, s.ordinals, s.estimates)
	most := s.most()
	for i, e := range s.estimates {
		if !(e.Low > most) {
			s.offer(l.positions[s.ordinals[i]], e)
			most = s.most()
		}
	}
}

// offer adds a row that k others are not nearer than for sure.
func (s *searcher) offer(position uint32, e rabitq.Estimate) {
	s.uppers.push(2*e.Score - e.Low)
	s.nearest.push(e.Score)
	s.candidates = append(s.candidates, candidate{position, e.Score, e.Low})
}

// most is the score beyond which k rows are nearer for sure.
func (s *searcher) most() float32 { return min(s.uppers.most(), s.bound) }

// kth is the score of the k-th row found, nearly. The k least of many scores are
// those that err the farthest below, and the fewer the bits the farther: so much
// of the way to the k-th upper bound has searches of codes of one bit look at as
// many lists as those of four.
func (s *searcher) kth() float64 {
	least, most := float64(s.nearest.most()), float64(s.uppers.most())
	if !math.IsInf(most, 1) {
		most = least + kthShare*(most-least)
	}
	return min(most, float64(s.bound))
}

const kthShare = 0.3

// pruneBlocks leaves the rows of a list that their signs do not rule out in
// s.ordinals; if there is nothing but signs, it offers them.
func (s *searcher) pruneBlocks(l *list) {
	size := s.x.layout.blockBytes
	for first := 0; first < len(l.factors); first += rabitq.BelowBlocks {
		end := min(first+rabitq.BelowBlocks, len(l.factors))
		s.query.ScoreBelow(l.signs[first*size:end*size], l.factors[first:end], s.most(), &s.below)
		for b, mask := range s.below.Masks[:end-first] {
			block := first + b
			for mask &= s.keptOfBlock(block, len(l.positions)); mask != 0; mask &= mask - 1 {
				i := bits.TrailingZeros32(mask)
				row := block*rabitq.BlockCodes + i
				if n := s.x.layout.rowBytes; n > 0 {
					s.ordinals = append(s.ordinals, uint32(row))
					vector.Prefetch(l.rows[row*n:][:n])
					continue
				}
				low := s.below.Lows[b][i]
				if low > s.most() {
					continue
				}
				s.offer(l.positions[row], rabitq.Estimate{Score: low + s.query.Spread(&l.factors[block], i)/2, Low: low})
			}
		}
	}
	s.stats.Codes += int64(l.signed())
}

// keptOfBlock has a bit for each row of a block of a list of so many rows that may
// be proposed.
func (s *searcher) keptOfBlock(block, rows int) uint32 {
	mask := ^uint32(0)
	if left := rows - block*rabitq.BlockCodes; left < rabitq.BlockCodes {
		mask = 1<<left - 1
	}
	if s.keep == nil {
		return mask
	}
	var kept [4]byte
	copy(kept[:], s.keep[block*rabitq.BlockCodes/8:])
	return mask & binary.LittleEndian.Uint32(kept[:])
}

// all scores every kept row of a list and adds them to the candidates.
func (s *searcher) all(id int, l *list) {
	kept := s.kept(l)
	if kept == 0 {
		return
	}
	s.seen += kept
	if s.query == nil {
		s.allVectors(l)
		return
	}
	s.around(id)
	rows := len(l.positions)
	n := blocksOf(rows) * rabitq.BlockCodes
	s.estimates = slices.Grow(s.estimates[:0], n)[:n]
	if s.x.layout.rowBytes == 0 {
		size := s.x.layout.blockBytes
		for block := range l.factors {
			out := s.estimates[block*rabitq.BlockCodes:]
			s.query.ScoreBlock(l.signs[block*size:][:size], &l.factors[block], (*[rabitq.BlockCodes]rabitq.Estimate)(unsafe.Pointer(unsafe.SliceData(out))))
		}
	} else {
		s.query.ScoreRows(l.rows, s.x.layout.rowBytes, rows, s.estimates)
	}
	s.stats.Codes += int64(rows)
	for i, e := range s.estimates[:rows] {
		if s.keptRow(i) {
			s.candidates = append(s.candidates, candidate{l.positions[i], e.Score, e.Low})
		}
	}
}

func (s *searcher) allVectors(l *list) {
	rowBytes := s.x.layout.rowBytes
	s.stats.Distances += int64(len(l.positions))
	for i, p := range l.positions {
		if s.keptRow(i) {
			d := float32(s.x.space.Exact(s.r.Query, l.rows[i*rowBytes:(i+1)*rowBytes]))
			if s.x.space.Distance == vector.L2 {
				d *= d
			}
			s.candidates = append(s.candidates, candidate{p, d, d})
		}
	}
}

// scoreOf is what a code would have for a distance.
func (s *searcher) scoreOf(distance float32) float32 {
	if s.x.space.Distance == vector.L2 {
		return distance * distance
	}
	return distance
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
