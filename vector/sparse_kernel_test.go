package vector

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSparseKernelsAgree: all give the sums of their definition, and of a vector
// with itself its very square and magnitude.
func TestSparseKernelsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, k := range kernels {
		for n := range 100 {
			table := make([]float32, 3*n+1)
			var v, w SparseVector
			for at := range table {
				if r.IntN(3) == 0 {
					v.Indexes, v.Values = append(v.Indexes, uint32(at)), append(v.Values, float32(r.NormFloat64()))
				}
				if r.IntN(3) == 0 {
					w.Indexes, w.Values = append(w.Indexes, uint32(at)), append(w.Values, float32(r.NormFloat64()))
					table[at] = w.Values[len(w.Values)-1]
				}
			}
			var dot, l2, l1, square, magnitude float64
			for i, at := range v.Indexes {
				x, own := float64(v.Values[i]), float64(table[at])
				dot += x * own
				l2 += (x-own)*(x-own) - own*own
				l1 += math.Abs(x-own) - math.Abs(own)
			}
			for _, x := range w.Values {
				square += float64(x) * float64(x)
				magnitude += math.Abs(float64(x))
			}
			for _, c := range []struct {
				name      string
				got, want float64
			}{
				{"dot", k.sparse.dot(table, v), dot},
				{"L2", k.sparse.l2(table, v), l2},
				{"L1", k.sparse.l1(table, v), l1},
				{"square", -k.sparse.l2(table, w), square},
				{"magnitude", -k.sparse.l1(table, w), magnitude},
			} {
				if math.Abs(c.got-c.want) > 1e-13*float64(n+1) {
					t.Errorf("%s, %d elements: %s is %v, not %v", k.Name, len(v.Indexes), c.name, c.got, c.want)
				}
			}
		}
	}
}

// TestSparseKernelsStayInTheirTable: an index beyond it is refused, or taken for
// the last one.
func TestSparseKernelsStayInTheirTable(t *testing.T) {
	table := []float32{1, 2, 3}
	v := SparseVector{[]uint32{0, 3, 1 << 31, math.MaxUint32}, []float32{1, 1, 1, 1}}
	many := SparseVector{[]uint32{0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1 << 31, math.MaxUint32, 1}, make([]float32, 17)}
	for i := range many.Values {
		many.Values[i] = 1
	}
	for _, k := range kernels {
		for _, c := range []struct {
			of   SparseVector
			want float64
		}{{v, 1 + 3 + 3 + 3}, {many, 1 + 2 + 3 + 8 + 3 + 2 + 3 + 3 + 2}} {
			func() {
				defer func() { _ = recover() }()
				if got := k.sparse.dot(table, c.of); got != c.want {
					t.Errorf("%s: %v, not %v", k.Name, got, c.want)
				}
			}()
		}
	}
}

// TestSparseSearchWritesItsQueryOut: the same rows are found by the hash as by the
// table that takes over from it.
func TestSparseSearchWritesItsQueryOut(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	rows := sparseVectors(r, 4*hashedRows, 3000, 20)
	for _, d := range []Distance{L2, InnerProduct, Cosine, L1} {
		var found [2]*TopK
		for i, dim := range []int{3000, denseMax + 1} {
			s := NewSpaceSearch(Space{Sparse, d, dim}, rows[7], 10)
			s.AddColumn(rows, 0, len(rows), nil, func(position int) uint64 { return uint64(position) })
			if (s.table.dense != nil) != (dim <= denseMax) {
				t.Errorf("%v of %d dimensions: written out %v", d, dim, s.table.dense != nil)
			}
			found[i] = s.Top()
		}
		a, b := found[0].Sorted(), found[1].Sorted()
		for i := range a {
			if a[i] != b[i] {
				t.Errorf("%v: %v, not %v", d, a[i], b[i])
			}
		}
	}
}
