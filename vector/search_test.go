package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// bruteForce is the definition: every row's exact distance, sorted.
func bruteForce(d Distance, query []float32, rows Rows, k int) []Neighbor {
	var all []Neighbor
	for i := range rows.N {
		if rows.kept(i) {
			x := rows.Values[i*rows.Stride : i*rows.Stride+len(query)]
			all = append(all, Neighbor{Row: rows.id(i), Distance: Exact(d, query, x)})
		}
	}
	slices.SortFunc(all, Neighbor.compare)
	return all[:min(k, len(all))]
}

func sameNeighbors(a, b []Neighbor) bool {
	return slices.EqualFunc(a, b, func(x, y Neighbor) bool {
		return x.Row == y.Row && (x.Distance == y.Distance || x.Distance != x.Distance && y.Distance != y.Distance)
	})
}

func TestSearchIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		dim, n, k := 1+r.IntN(40), r.IntN(600), r.IntN(20)
		rows := Rows{Stride: dim, N: n, FirstID: 1000}
		rows.Values = randomVector(r, dim*n+1, false)
		switch round % 6 {
		case 1: // many ties: few distinct values
			for i := range rows.Values {
				rows.Values[i] = float32(r.IntN(2))
			}
		case 2: // differences at the limit of float32
			for i := range rows.Values {
				rows.Values[i] = 1000 + rows.Values[i]*1e-4
			}
		case 3: // squares that underflow or overflow
			scale := []float32{1e-23, 1e-30, 1e19, 1e30}[r.IntN(4)]
			for i := range rows.Values {
				rows.Values[i] *= scale
			}
		case 4: // zero vectors, whose cosine is NaN
			for i := range n {
				if r.IntN(3) == 0 {
					clear(rows.Values[i*dim : (i+1)*dim])
				}
			}
		case 5:
			rows.IDs = make([]uint64, n)
			for i := range rows.IDs {
				rows.IDs[i] = uint64(n - i)
			}
		}
		if r.IntN(2) == 0 {
			rows.Keep = make([]byte, n/8+1)
			sparse := r.IntN(2) == 0
			for i := range rows.Keep {
				rows.Keep[i] = byte(r.Uint32())
				if sparse {
					rows.Keep[i] &= 1 << r.IntN(8)
				}
			}
		}
		query := randomVector(r, dim, false)
		if n > 0 && r.IntN(2) == 0 {
			query = slices.Clone(rows.Values[:dim])
		}
		for _, kernel := range kernels {
			for _, d := range []Distance{L2, InnerProduct, Cosine, L1} {
				s := NewSearch(d, query, k)
				s.kernels = kernel
				s.Add(rows)
				got, want := s.Top().Sorted(), bruteForce(d, query, rows, k)
				if !sameNeighbors(got, want) {
					t.Fatalf("round %d, %s, %s, %d rows of %d: got %v, want %v", round, kernel.Name, d, n, dim, got, want)
				}
			}
		}
	}
}

func TestSearchConfirmsFewRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const dim, n = 100, 20000
	rows := Rows{Values: randomVector(r, dim*n, false), Stride: dim, N: n}
	query := randomVector(r, dim, false)
	for _, d := range []Distance{L2, InnerProduct, Cosine, L1} {
		s := NewSearch(d, query, 10)
		s.Add(rows)
		// About k·ln(n/k) rows enter the heap of a random order.
		if s.Scored != n || s.Confirmed > 400 {
			t.Errorf("%s: %d rows scored, %d confirmed", d, s.Scored, s.Confirmed)
		}
	}
}

func TestTopKMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		k := r.IntN(10)
		whole, merged := NewTopK(k), NewTopK(k)
		for range 4 {
			part := NewTopK(k)
			for range r.IntN(20) {
				n := Neighbor{Row: r.Uint64N(1000), Distance: float64(r.IntN(5))}
				if r.IntN(5) == 0 {
					n.Distance = math.NaN()
				}
				part.Push(n)
				whole.Push(n)
			}
			merged.Merge(part)
		}
		if got, want := merged.Sorted(), whole.Sorted(); !sameNeighbors(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestExactKnownValues(t *testing.T) {
	x, y := []float32{1, 2, 3}, []float32{4, 6, 3}
	for d, want := range map[Distance]float64{L2: 5, InnerProduct: -25, L1: 7, Cosine: 1 - 25/math.Sqrt(14*61)} {
		if got := Exact(d, x, y); got != want {
			t.Errorf("%s: got %v, want %v", d, got, want)
		}
	}
	if got := Exact(Cosine, x, []float32{0, 0, 0}); got == got {
		t.Errorf("cosine with a zero vector is %v, not NaN", got)
	}
}

func BenchmarkSearch(b *testing.B) {
	const dim, n = 100, 200_000
	rows := Rows{Values: randomVector(rand.New(rand.NewPCG(1, 1)), dim*n, false), Stride: dim, N: n}
	query := randomVector(rand.New(rand.NewPCG(2, 2)), dim, false)
	for _, d := range []Distance{L2, InnerProduct, Cosine, L1} {
		b.Run(d.String(), func(b *testing.B) {
			for b.Loop() {
				s := NewSearch(d, query, 10)
				s.Add(rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}

// runsColumn is float32 vectors side by side, some of them null.
type runsColumn struct {
	values []float32
	dim    int
	null   []bool
}

func (c *runsColumn) Len() int { return len(c.null) }

func (c *runsColumn) Row(p int) []byte {
	if c.null[p] {
		return nil
	}
	return EncodeFloat32s(c.values[p*c.dim : (p+1)*c.dim])
}

func (c *runsColumn) Run(p int) ([]byte, int) {
	n := 1
	for p+n < len(c.null) && c.null[p+n] == c.null[p] {
		n++
	}
	if c.null[p] {
		return nil, n
	}
	return EncodeFloat32s(c.values[p*c.dim : (p+n)*c.dim]), n
}

func TestSearchAddColumn(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		dim, n, k := 1+r.IntN(40), 1+r.IntN(600), r.IntN(20)
		c := &runsColumn{values: randomVector(r, dim*n, false), dim: dim, null: make([]bool, n)}
		for p := range c.null {
			c.null[p] = r.IntN(1+r.IntN(10)) == 1
		}
		from := r.IntN(n)
		to := from + r.IntN(n-from+1)
		var keep []byte
		if r.IntN(2) == 0 {
			keep = make([]byte, n/8+1)
			for i := range keep {
				keep[i] = byte(r.Uint32())
			}
		}
		rows := Rows{N: n, Stride: dim, Values: c.values, IDs: make([]uint64, n), Keep: make([]byte, n/8+1)}
		offered, nulls := 0, 0
		for p := range n {
			rows.IDs[p] = uint64(n - p)
			switch {
			case p < from || p >= to || keep != nil && keep[p>>3]>>(p&7)&1 == 0:
			case c.null[p]:
				nulls++
			default:
				rows.Keep[p>>3] |= 1 << (p & 7)
				offered++
			}
		}
		query := randomVector(r, dim, false)
		var column Column = c
		if r.IntN(2) == 0 {
			column = struct{ Column }{c} // without Runs
		}
		for _, d := range []Distance{L2, InnerProduct, Cosine, L1} {
			s := NewSearch(d, query, k)
			gotOffered, gotNulls := s.AddColumn(column, from, to, keep, func(p int) uint64 { return rows.IDs[p] })
			if gotOffered != offered || gotNulls != nulls {
				t.Fatalf("%d offered and %d null, want %d and %d", gotOffered, gotNulls, offered, nulls)
			}
			if got, want := s.Top().Sorted(), bruteForce(d, query, rows, k); !sameNeighbors(got, want) {
				t.Fatalf("%v: got %v, want %v", d, got, want)
			}
		}
	}
}

func TestLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		n := 1 + r.IntN(5000)
		kept := 1 + r.IntN(n)
		l, all := newLargest(kept), make([]float32, n)
		for i := range all {
			all[i] = float32(r.IntN(1000))
			l.add(all[i])
		}
		slices.Sort(all)
		if least, greatest := l.ends(); least != all[n-kept] || greatest != all[n-1] {
			t.Fatalf("%d of %d: from %v to %v, want %v to %v", kept, n, least, greatest, all[n-kept], all[n-1])
		}
	}
}
