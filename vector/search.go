package vector

import "math/bits"

// blockRows is how many rows are scored by one call of a kernel.
const blockRows = 128

// Search finds the k nearest rows to a query, exactly: see the package comment.
// Feed it rows in any order by Add; it belongs to one goroutine. Searches over
// parts of the rows are joined by TopK.Merge.
type Search struct {
	element  Element
	distance Distance
	query    []float32 // of Float32; of Float16 its values
	halves   []uint16
	bits     []byte
	sparse   SparseVector
	table    *sparseTable
	dim      int // of Sparse
	top      *TopK
	bound    bound
	kernels  Kernels
	// limited: rows farther than farthest are dropped.
	limited  bool
	farthest float64

	scores, squares [blockRows]float32
	// Scored and Confirmed count the rows that a kernel scored, and those whose
	// exact distance was computed.
	Scored, Confirmed int64
}

// NewSearch begins a search for the k rows nearest to query, which is kept and
// must not change.
func NewSearch(d Distance, query []float32, k int) *Search {
	return &Search{distance: d, query: query, top: NewTopK(k), bound: newBound(d, query), kernels: fastest}
}

// NewSpaceSearch begins a search in any space for the k rows nearest to query,
// which is in the encoding of Column.Row, is kept and must not change.
func NewSpaceSearch(space Space, query []byte, k int) *Search {
	s := &Search{element: space.Element, distance: space.Distance, top: NewTopK(k), kernels: fastest}
	switch space.Element {
	case Float32:
		s.query = Float32sOf(query)
	case Float16:
		s.halves = HalvesOf(query)
		s.query = make([]float32, len(s.halves))
		HalvesToFloat32(s.query, s.halves)
	case Bit:
		s.bits = query
	case Sparse:
		s.sparse = SparseOf(query)
		// By a hash at first: many searches may be at work at once, and most
		// compare few rows.
		s.table, s.dim = &sparseTable{}, space.Dim
		s.table.set(s.sparse)
	}
	s.bound = newBound(s.distance, s.query)
	return s
}

// Within makes the search drop rows that are farther than a distance. Call it
// before Add.
func (s *Search) Within(distance float64) {
	s.limited, s.farthest = true, distance
	s.bound.set(distance)
}

// Rows are vectors in memory, row i being Values[i*Stride:][:dim], or the same
// of Halves, or Bits[i*Stride:][:(dim+7)/8], or Sparse.row(i): what the element
// of the search has.
type Rows struct {
	Values []float32
	Halves []uint16
	Bits   []byte
	Sparse SparseRows
	Stride int
	N      int
	// IDs are the row ids; nil numbers the rows from FirstID.
	IDs     []uint64
	FirstID uint64
	// idOf(number+i) is the row id of row i, found out only when needed.
	idOf   func(number int) uint64
	number int
	// Keep has a bit a row, least significant first; nil keeps all.
	Keep []byte
}

// SparseRows are sparse vectors in memory: row i has the elements from
// Offsets[i] to Offsets[i+1].
type SparseRows struct {
	Offsets []int32
	Indexes []uint32
	Values  []float32
}

func (r *SparseRows) row(i int) SparseVector {
	from, to := r.Offsets[i], r.Offsets[i+1]
	return SparseVector{Indexes: r.Indexes[from:to], Values: r.Values[from:to]}
}

func (r *Rows) id(i int) uint64 {
	switch {
	case r.IDs != nil:
		return r.IDs[i]
	case r.idOf != nil:
		return r.idOf(r.number + i)
	}
	return r.FirstID + uint64(i)
}

func (r *Rows) kept(i int) bool { return r.Keep == nil || r.Keep[i>>3]>>(i&7)&1 != 0 }

// keptIn counts the rows kept of a block that begins at a multiple of 8.
func (r *Rows) keptIn(start, n int) int {
	if r.Keep == nil {
		return n
	}
	count := 0
	for i := start; i < start+n; i += 8 {
		b := r.Keep[i>>3]
		if left := start + n - i; left < 8 {
			b &= 1<<left - 1
		}
		count += bits.OnesCount8(b)
	}
	return count
}

// Add offers rows.
func (s *Search) Add(rows Rows) {
	if s.top.k == 0 {
		return
	}
	for start := 0; start < rows.N; start += blockRows {
		n := min(blockRows, rows.N-start)
		switch kept := rows.keptIn(start, n); {
		case kept == 0:
		case kept*8 < n:
			// So few that scoring all of them would read more than it saves.
			for i := start; i < start+n; i++ {
				if rows.kept(i) {
					s.block(&rows, i, 1)
				}
			}
		default:
			s.block(&rows, start, n)
		}
	}
}

// hashedRows is how many sparse rows a search compares before it writes its query
// out: that clears a table of all dimensions.
const hashedRows = 512

// block compares n rows.
func (s *Search) block(rows *Rows, start, n int) {
	s.Scored += int64(n)
	switch s.element {
	case Bit:
		s.scoreBits(rows, start, n)
	case Sparse:
		if s.Scored > hashedRows && s.dim <= denseMax && s.table.dense == nil {
			s.table = newSparseTable(s.dim)
			s.table.set(s.sparse)
		}
		for i := start; i < start+n; i++ {
			if rows.kept(i) && !s.beyond(rows.Sparse.row(i)) {
				s.confirm(rows, i)
			}
		}
	default:
		s.score(rows, start, n)
	}
}

// score scores n rows from start and confirms those that may be among the
// nearest.
func (s *Search) score(rows *Rows, start, n int) {
	switch s.distance {
	case L2, L1:
		s.distances(rows, start*rows.Stride, n)
		for i, score := range s.scores[:n] {
			if score > s.bound.limit || !rows.kept(start+i) {
				continue
			}
			s.confirm(rows, start+i)
		}
	default:
		if s.element == Float16 {
			s.kernels.ScoreHalfDot(s.query, rows.Halves[start*rows.Stride:], rows.Stride, n, s.scores[:], s.squares[:])
		} else {
			s.kernels.ScoreDot(s.query, rows.Values[start*rows.Stride:], rows.Stride, n, s.scores[:], s.squares[:])
		}
		// The limit only shrinks: what this excludes stays excluded.
		below := s.bound.cosineBelow()
		for i, dot := range s.scores[:n] {
			square := s.squares[i]
			if below.exceeds(dot, square) || s.bound.exceeds(dot, square) || !rows.kept(start+i) {
				continue
			}
			s.confirm(rows, start+i)
		}
	}
}

// beyond says whether a sparse vector is surely not among the nearest.
func (s *Search) beyond(v SparseVector) bool {
	full := s.top.Full()
	if !full && !s.limited {
		return false
	}
	least := s.table.atLeast(s.distance, v)
	return full && least > s.top.Farthest().Distance || s.limited && least > s.farthest
}

// scoreBits is score for bit strings.
func (s *Search) scoreBits(rows *Rows, start, n int) {
	if s.distance == Jaccard {
		s.kernels.ScoreJaccard(s.bits, rows.Bits[start*rows.Stride:], rows.Stride, n, s.scores[:])
	} else {
		s.kernels.ScoreHamming(s.bits, rows.Bits[start*rows.Stride:], rows.Stride, n, s.scores[:])
	}
	for i, score := range s.scores[:n] {
		if score <= s.bound.limit && rows.kept(start+i) {
			s.confirm(rows, start+i)
		}
	}
}

// distances scores n rows from an element on under L2 or L1.
func (s *Search) distances(rows *Rows, at, n int) {
	switch {
	case s.element == Float16 && s.distance == L2:
		s.kernels.ScoreHalfSquaredL2(s.query, rows.Halves[at:], rows.Stride, n, s.scores[:])
	case s.element == Float16:
		s.kernels.ScoreHalfL1(s.query, rows.Halves[at:], rows.Stride, n, s.scores[:])
	case s.distance == L2:
		s.kernels.ScoreSquaredL2(s.query, rows.Values[at:], rows.Stride, n, s.scores[:])
	default:
		s.kernels.ScoreL1(s.query, rows.Values[at:], rows.Stride, n, s.scores[:])
	}
}

// exact is the exact distance of row i.
func (s *Search) exact(rows *Rows, i int) float64 {
	at := i * rows.Stride
	switch s.element {
	case Float16:
		return ExactHalf(s.distance, s.halves, rows.Halves[at:at+len(s.halves)])
	case Bit:
		return ExactBits(s.distance, s.bits, rows.Bits[at:at+len(s.bits)])
	case Sparse:
		return ExactSparse(s.distance, s.sparse, rows.Sparse.row(i))
	}
	return Exact(s.distance, s.query, rows.Values[at:at+len(s.query)])
}

// confirm computes the exact distance of row i and offers it.
func (s *Search) confirm(rows *Rows, i int) {
	s.Confirmed++
	d := s.exact(rows, i)
	if s.limited && Compare(d, s.farthest) > 0 {
		return
	}
	if s.top.Push(Neighbor{Row: rows.id(i), Distance: d}) && s.top.Full() {
		s.bound.set(s.top.Farthest().Distance)
	}
}

// Top is the nearest rows so far.
func (s *Search) Top() *TopK { return s.top }
