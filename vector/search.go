package vector

import "math/bits"

// blockRows is how many rows are scored by one call of a kernel.
const blockRows = 128

// Search finds the k nearest rows to a query, exactly: see the package comment.
// Feed it rows in any order by Add; it belongs to one goroutine. Searches over
// parts of the rows are joined by TopK.Merge.
type Search struct {
	distance Distance
	query    []float32
	top      *TopK
	bound    bound
	kernels  Kernels

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

// Rows are vectors in memory, row i being Values[i*Stride:][:dim].
type Rows struct {
	Values []float32
	Stride int
	N      int
	// IDs are the row ids; nil numbers the rows from FirstID.
	IDs     []uint64
	FirstID uint64
	// Keep has a bit a row, least significant first; nil keeps all.
	Keep []byte
}

func (r *Rows) id(i int) uint64 {
	if r.IDs != nil {
		return r.IDs[i]
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

// block scores n rows and confirms those that may be among the nearest.
func (s *Search) block(rows *Rows, start, n int) {
	values := rows.Values[start*rows.Stride:]
	s.Scored += int64(n)
	switch s.distance {
	case L2, L1:
		if s.distance == L2 {
			s.kernels.ScoreSquaredL2(s.query, values, rows.Stride, n, s.scores[:])
		} else {
			s.kernels.ScoreL1(s.query, values, rows.Stride, n, s.scores[:])
		}
		for i, score := range s.scores[:n] {
			if score > s.bound.limit || !rows.kept(start+i) {
				continue
			}
			s.confirm(rows, start+i)
		}
	default:
		s.kernels.ScoreDot(s.query, values, rows.Stride, n, s.scores[:], s.squares[:])
		for i, dot := range s.scores[:n] {
			if s.bound.exceeds(dot, s.squares[i]) || !rows.kept(start+i) {
				continue
			}
			s.confirm(rows, start+i)
		}
	}
}

// confirm computes the exact distance of row i and offers it.
func (s *Search) confirm(rows *Rows, i int) {
	s.Confirmed++
	at := i * rows.Stride
	d := Exact(s.distance, s.query, rows.Values[at:at+len(s.query)])
	if s.top.Push(Neighbor{Row: rows.id(i), Distance: d}) && s.top.Full() {
		s.bound.set(s.top.Farthest().Distance)
	}
}

// Top is the nearest rows so far.
func (s *Search) Top() *TopK { return s.top }
