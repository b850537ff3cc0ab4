package vector

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"quiver/vector/rabitq"
)

// signRows are the rows of a growing graph while they are few: by codes of one
// bit a dimension (package rabitq), which are made in a twentieth of the time
// that a node takes, and of which a search passes over 32 in that of one step of
// a walk. Rows whose bounds leave open whether they are among the nearest are
// compared exactly.
//
// Codes lie in blocks of 32; the rows of the last, while it is not full, have
// none and are compared exactly. Searches go by a view, as those of the graph do.
type signRows struct {
	space    Space
	codec    *rabitq.Codec
	encoder  *rabitq.Encoder
	code     []byte
	values   []float32
	searches sync.Pool // of *signSearch
	current  atomic.Pointer[signView]
	next     signView
	end      int // positions seen
}

// signView is a prefix of the rows; it does not change.
type signView struct {
	rows      *signRows
	centre    []float32 // rotated
	blocks    []byte
	factors   []rabitq.BlockFactors // of each block
	positions []uint32              // of rows that have a distance
	room      int                   // of positions
}

// signSeed is of the rotation.
const signSeed = 0x2545f4914f6cdd1d

// newSignRows returns nil for a space that has no such codes.
func newSignRows(s Space) *signRows {
	if s.Element != Float32 && s.Element != Float16 || s.Distance == L1 {
		return nil
	}
	distance := rabitq.L2
	switch s.Distance {
	case InnerProduct:
		distance = rabitq.InnerProduct
	case Cosine:
		distance = rabitq.Cosine
	}
	codec, err := rabitq.New(distance, s.Dim, 1, signSeed)
	if err != nil {
		return nil // too many dimensions
	}
	r := &signRows{space: s, codec: codec, encoder: codec.NewEncoder(), code: make([]byte, codec.CodeBytes()), values: make([]float32, s.Dim)}
	r.searches.New = func() any {
		q := &signSearch{query: codec.NewQuery(make([]float32, s.Dim)), values: make([]float32, s.Dim)}
		q.exact.space = s
		return q
	}
	r.next.rows = r
	r.publish()
	return r
}

func (r *signRows) publish() {
	view := r.next
	r.current.Store(&view)
}

// vectorOf is a vector as float32, in values or in place; false if it has no
// distance.
func (s Space) vectorOf(row []byte, values []float32) ([]float32, bool) {
	if row == nil {
		return nil, false
	}
	v := values[:s.Dim]
	if s.Element == Float16 {
		HalvesToFloat32(v, HalvesOf(row))
	} else {
		v = Float32sOf(row)
	}
	if s.Distance != Cosine {
		return v, true
	}
	square := Dot(v, v)
	return v, square > 0 && !math.IsInf(square, 1)
}

// append adds the positions up to end and makes them visible.
func (r *signRows) append(ctx context.Context, column Column, end int) error {
	v := &r.next
	for ; r.end < end; r.end++ {
		if r.end%ctxHops == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if _, ok := r.space.vectorOf(column.Row(r.end), r.values); !ok {
			continue
		}
		if len(v.positions) == v.room {
			r.grow(column, end)
		}
		v.positions = append(v.positions, uint32(r.end))
		if n := len(v.positions); n%rabitq.BlockCodes == 0 {
			r.pack(column, n-rabitq.BlockCodes)
		}
	}
	r.publish()
	return nil
}

// grow makes room for twice the rows, and codes all anew from their mean.
func (r *signRows) grow(column Column, end int) {
	old := r.next
	v := &r.next
	v.room = (max(growingRoomMin, 2*old.room, len(old.positions)+end-r.end) + rabitq.BlockCodes - 1) &^ (rabitq.BlockCodes - 1)
	v.positions = append(make([]uint32, 0, v.room), old.positions...)
	v.blocks = make([]byte, v.room/rabitq.BlockCodes*r.codec.BlockBytes())
	v.factors = make([]rabitq.BlockFactors, v.room/rabitq.BlockCodes)
	v.centre = r.meanOf(column, end)
	for first := 0; first+rabitq.BlockCodes <= len(v.positions); first += rabitq.BlockCodes {
		r.pack(column, first)
	}
}

// meanOf is the rotated mean of the rows up to end, of length one each under
// Cosine.
func (r *signRows) meanOf(column Column, end int) []float32 {
	sums, mean := make([]float64, r.space.Dim), make([]float32, r.space.Dim)
	n := 0
	for p := 0; p < end; p += max(1, end/trainingRows) {
		v, ok := r.space.vectorOf(column.Row(p), r.values)
		if !ok {
			continue
		}
		scale := 1.0
		if r.space.Distance == Cosine {
			scale = 1 / math.Sqrt(Dot(v, v))
		}
		for i, x := range v {
			sums[i] += float64(x) * scale
		}
		n++
	}
	for i, s := range sums {
		if mean[i] = float32(s / float64(max(n, 1))); math.IsInf(float64(mean[i]), 0) || mean[i] != mean[i] {
			mean[i] = 0
		}
	}
	centre := make([]float32, r.codec.Padded())
	r.codec.Rotate(centre, mean)
	return centre
}

// pack codes the 32 rows from an ordinal on.
func (r *signRows) pack(column Column, first int) {
	v := &r.next
	n := first / rabitq.BlockCodes
	block := v.blocks[n*r.codec.BlockBytes():][:r.codec.BlockBytes()]
	for i, position := range v.positions[first : first+rabitq.BlockCodes] {
		x, _ := r.space.vectorOf(column.Row(int(position)), r.values)
		r.encoder.Encode(r.code, x, v.centre)
		r.encoder.PackSigns(block, i)
		v.factors[n].Set(i, r.encoder.Sign())
	}
}

// residentBytes is the memory of what a view has.
func (v *signView) residentBytes() int64 {
	return int64(len(v.blocks)) + int64(len(v.factors))*12*rabitq.BlockCodes + 4*int64(v.room)
}

// signSearch is what a search needs besides; it is used again.
type signSearch struct {
	query   *rabitq.Query
	exact   exactScorer
	values  []float32
	first   int     // ordinal
	limit   float32 // a score beyond which no row is wanted
	open    []signCandidate
	nearest pool // by distance
	uppers  pool // of open, by the greatest scores that are likely
	below   rabitq.Below
}

// signCandidate is a row whose score may be as low as that; noNode when it has been
// compared.
type signCandidate struct {
	low     float32
	ordinal uint32
}

// search appends the nearest K rows of a request, of those from a position on.
func (v *signView) search(ctx context.Context, dst []Candidate, r *SearchRequest, from uint32, stats *SearchStats) ([]Candidate, error) {
	if r.K <= 0 {
		return dst, nil
	}
	s := v.rows.searches.Get().(*signSearch)
	defer v.rows.searches.Put(s)
	query, ok := v.rows.space.vectorOf(r.Query, s.values)
	// positions is in order.
	s.first, _ = slices.BinarySearch(v.positions, from)
	if !ok {
		return v.undirected(dst, r, s.first), nil
	}
	s.exact.set(r.Query)
	s.nearest.reset(r.K)
	// The rows that the request knows.
	rows, _ := slices.BinarySearch(v.positions, uint32(r.Column.Len()))
	whole := rows / rabitq.BlockCodes
	if coded := whole*rabitq.BlockCodes - s.first; coded > 0 {
		s.query.Epsilon = epsilonOf(r)
		s.query.Reset(query)
		s.query.Centre(v.centre)
		if err := v.scan(ctx, s, r, whole); err != nil {
			return dst, err
		}
		v.confirm(s, r, stats)
		stats.Codes += int64(coded)
	}
	for o := max(whole*rabitq.BlockCodes, s.first); o < rows; o++ {
		v.compare(s, r, uint32(o), stats)
	}
	for _, e := range s.nearest.entries {
		dst = append(dst, Candidate{v.positions[e.node()], e.score()})
	}
	return dst, nil
}

// undirected proposes any rows from an ordinal on: all are as far from a query
// without direction.
func (v *signView) undirected(dst []Candidate, r *SearchRequest, first int) []Candidate {
	most := len(dst) + r.K
	for _, p := range v.positions[first:] {
		if len(dst) == most {
			break
		}
		if keeps(r.Keep, p) {
			dst = append(dst, Candidate{p, float32(math.NaN())})
		}
	}
	return dst
}

// keeps says whether a bitmap, of which nil is all, has a position.
func keeps(keep []byte, position uint32) bool {
	return keep == nil || position>>3 < uint32(len(keep)) && keep[position>>3]&(1<<(position&7)) != 0
}

// scan finds the rows whose bounds are below the K-th least of what scores likely
// are at most.
func (v *signView) scan(ctx context.Context, s *signSearch, r *SearchRequest, whole int) error {
	s.open = s.open[:0]
	s.uppers.reset(r.K)
	s.limit = v.limit(r)
	size := v.rows.codec.BlockBytes()
	for n := s.first / rabitq.BlockCodes; n < whole; n += rabitq.BelowBlocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(n+rabitq.BelowBlocks, whole)
		s.query.ScoreBelow(v.blocks[n*size:end*size], v.factors[n:end], s.limit, &s.below)
		for b, mask := range s.below.Masks[:end-n] {
			if mask != 0 {
				v.leaveOpen(s, r, n+b, mask, &s.below.Lows[b])
			}
		}
	}
	return nil
}

// leaveOpen keeps the rows of a block that its bounds leave open.
func (v *signView) leaveOpen(s *signSearch, r *SearchRequest, block int, mask uint32, lows *[rabitq.BlockCodes]float32) {
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros32(mask)
		low, ordinal := lows[i], uint32(block*rabitq.BlockCodes+i)
		if low >= s.limit || int(ordinal) < s.first || r.Keep != nil && !keeps(r.Keep, v.positions[ordinal]) {
			continue
		}
		e := newPoolEntry(low+s.query.Spread(&v.factors[block], i), uint32(len(s.open)))
		s.open = append(s.open, signCandidate{low, ordinal})
		if e < s.uppers.worst() {
			s.uppers.insert(e)
			if len(s.uppers.entries) == r.K {
				s.limit = min(s.limit, s.uppers.entries[r.K-1].score())
			}
		}
	}
}

// confirm compares rows that scan left open: those first that are likely the
// nearest, for the others to be beyond them.
func (v *signView) confirm(s *signSearch, r *SearchRequest, stats *SearchStats) {
	fetch := func(c signCandidate) {
		row := r.Column.Row(int(v.positions[c.ordinal]))
		prefetchBytes(row, len(row))
	}
	compare := func(ordinal uint32) {
		if v.compare(s, r, ordinal, stats); len(s.nearest.entries) == r.K {
			s.limit = min(s.limit, v.rows.scoreOf(s.nearest.entries[r.K-1].score()))
		}
	}
	for i, e := range s.uppers.entries {
		if ahead := i + confirmAhead; ahead < len(s.uppers.entries) {
			fetch(s.open[s.uppers.entries[ahead].node()])
		}
		c := &s.open[e.node()]
		compare(c.ordinal)
		c.ordinal = noNode
	}
	s.open = slices.DeleteFunc(s.open, func(c signCandidate) bool { return c.ordinal == noNode || c.low > s.limit })
	for i, c := range s.open {
		if ahead := i + confirmAhead; ahead < len(s.open) && !(s.open[ahead].low > s.limit) {
			fetch(s.open[ahead])
		}
		if !(c.low > s.limit) {
			compare(c.ordinal)
		}
	}
}

// confirmAhead is how many rows before their turn vectors are asked for.
const confirmAhead = 4

// epsilonOf is how many standard errors bounds are below estimates, so that for
// the wanted share of the rows the truth is not below its bound; nearly all where
// it is an effort that is wanted.
func epsilonOf(r *SearchRequest) float32 {
	if r.Effort > 0 || r.Recall <= 0 {
		return rabitq.EpsilonDefault
	}
	return float32(math.Sqrt2 * math.Erfinv(2*min(max(r.Recall, 0.5), 0.999)-1))
}

// limit is a score beyond which no row is wanted.
func (v *signView) limit(r *SearchRequest) float32 {
	if r.Bounded {
		return v.rows.scoreOf(r.Bound)
	}
	return float32(math.Inf(1))
}

// scoreOf is what a code would have for a distance.
func (r *signRows) scoreOf(distance float32) float32 {
	if r.space.Distance == L2 {
		return distance * distance
	}
	return distance
}

// compare puts a row, if it is kept, among the nearest by its exact distance.
func (v *signView) compare(s *signSearch, r *SearchRequest, ordinal uint32, stats *SearchStats) {
	position := v.positions[ordinal]
	if !keeps(r.Keep, position) {
		return
	}
	row := r.Column.Row(int(position))
	stats.Reranked++
	stats.BytesRead += int64(len(row))
	if e := newPoolEntry(s.exact.distance(row), ordinal); e < s.nearest.worst() {
		s.nearest.insert(e)
	}
}

// signIterator proposes ever farther rows: each batch is what a search for twice
// as many finds besides.
type signIterator struct {
	view     *signView
	request  SearchRequest
	stats    *SearchStats
	proposed marks // positions
	found    []Candidate
	finished bool
}

func (v *signView) iterate(r *SearchRequest, stats *SearchStats) Iterator {
	it := &signIterator{view: v, request: *r, stats: stats}
	it.request.K = max(r.K, 1)
	if n := len(v.positions); n > 0 {
		it.proposed.reset(int(v.positions[n-1]) + 1)
	}
	return it
}

// Next implements Iterator.
func (it *signIterator) Next(ctx context.Context, dst []Candidate) ([]Candidate, error) {
	for start := len(dst); len(dst) == start && !it.finished; it.request.K *= 2 {
		var err error
		if it.found, err = it.view.search(ctx, it.found[:0], &it.request, 0, it.stats); err != nil {
			return dst, err
		}
		it.finished = len(it.found) < it.request.K
		for _, c := range it.found {
			if it.proposed.mark(c.Position) {
				dst = append(dst, c)
			}
		}
	}
	return dst, nil
}

// Close implements Iterator.
func (it *signIterator) Close() {}
