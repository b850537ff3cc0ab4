package vector

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sparseVectors are vectors of topics, each of which has its own usual elements.
func sparseVectors(r *rand.Rand, n, dim, elements int) rowColumn {
	const topics = 20
	usual := make([][]uint32, topics)
	for i := range usual {
		for range 2 * elements {
			usual[i] = append(usual[i], uint32(r.IntN(dim)))
		}
	}
	out := make(rowColumn, n)
	for i := range out {
		at := map[uint32]float32{}
		for len(at) < elements {
			index := usual[i%topics][r.IntN(2*elements)]
			if r.IntN(4) == 0 {
				index = uint32(r.IntN(dim))
			}
			at[index] = float32(math.Exp(r.NormFloat64()))
		}
		out[i] = AppendSparse(nil, sortedSparse(at))
	}
	return out
}

func sortedSparse(at map[uint32]float32) (v SparseVector) {
	for index := range at {
		v.Indexes = append(v.Indexes, index)
	}
	slices.Sort(v.Indexes)
	for _, index := range v.Indexes {
		v.Values = append(v.Values, at[index])
	}
	return v
}

// TestSparseTable: the table gives the distances of the definition, written out
// and hashed, of vectors one after the other.
func TestSparseTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for _, dim := range []int{3, 1000, denseMax + 1, 1e9} {
		table := newSparseTable(dim)
		vectors := sparseVectors(r, 40, dim, min(dim, 60))
		for i, row := range vectors[1:] {
			x, y := SparseOf(vectors[i]), SparseOf(row)
			table.set(x)
			near := func(name string, got, want float64) {
				if math.Abs(got-want) > sparseError*(Dot(x.Values, x.Values)+Dot(y.Values, y.Values)) {
					t.Errorf("%d dimensions: %s is %v, want %v", dim, name, got, want)
				}
			}
			l2 := ExactSparse(L2, x, y)
			near("squared L2", table.squaredL2(y), l2*l2)
			near("dot", -table.dot(y), ExactSparse(InnerProduct, x, y))
			near("L1", table.l1(y), ExactSparse(L1, x, y))
			if table.squaredL2(x) != 0 || table.l1(x) != 0 {
				t.Errorf("%d dimensions: a vector is at %v and %v from itself", dim, table.squaredL2(x), table.l1(x))
			}
		}
	}
}

// TestHNSWSparse: recall with few and many elements and dimensions.
func TestHNSWSparse(t *testing.T) {
	var all sweep
	for _, c := range []struct{ dim, elements int }{{300, 20}, {30522, 40}, {1e9, 30}, {20000, 300}} {
		for _, d := range []Distance{L2, InnerProduct, Cosine, L1} {
			if all.passes() {
				continue
			}
			rows := 200
			if c.elements > 100 {
				rows = 100
			}
			r := rand.New(rand.NewPCG(2, uint64(c.dim)))
			vectors := sparseVectors(r, rows+20, c.dim, c.elements)
			column, queries := vectors[:rows], vectors[rows:]
			s := Space{Sparse, d, c.dim}
			index, _ := buildIndex(t, s, column, Options{Workers: 2})
			for _, k := range []int{10, 50} {
				if got := walkRecall(t, index, column, queries, k); got < 0.93 {
					t.Errorf("%v with %d elements: recall@%d %.3f of walks", s, c.elements, k, got)
				}
			}
			if got := measureRecall(t, index, column, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
				t.Errorf("%v with %d elements: recall %.3f", s, c.elements, got)
			}
		}
	}
}

// TestHNSWSparseEmpty: vectors without elements have distances, but under cosine.
func TestHNSWSparseEmpty(t *testing.T) {
	empty := AppendSparse(nil, SparseVector{})
	column := rowColumn{empty, AppendSparse(nil, SparseVector{[]uint32{1}, []float32{2}}), nil, empty}
	for d, want := range map[Distance]int{L2: 3, InnerProduct: 3, L1: 3, Cosine: 1} {
		index, _ := buildIndex(t, Space{Sparse, d, 3}, column, Options{})
		var stats SearchStats
		got, err := index.Search(context.Background(), nil, &SearchRequest{Query: column[1], K: 9, Recall: 0.9, Column: column}, &stats)
		if err != nil || len(got) != want || got[0].Position != 1 {
			t.Errorf("%v: %v, %v", d, got, err)
		}
		if got, err = index.Search(context.Background(), nil, &SearchRequest{Query: empty, K: 9, Recall: 0.9, Column: column}, &stats); err != nil || len(got) != want {
			t.Errorf("%v from nothing: %v, %v", d, got, err)
		}
	}
}

func BenchmarkSparse(b *testing.B) {
	for _, dim := range []int{30522, 1e6} {
		r := rand.New(rand.NewPCG(5, 6))
		rows := sparseVectors(r, 1000, dim, 120)
		query := SparseOf(rows[0])
		ways := map[string]func(y SparseVector) float64{
			"merge dot": func(y SparseVector) float64 { return ExactSparse(InnerProduct, query, y) },
			"merge L2":  func(y SparseVector) float64 { return ExactSparse(L2, query, y) },
		}
		dense := newSparseTable(denseMax)
		hashed := newSparseTable(denseMax + 1)
		hashed.set(query)
		ways["hash dot"], ways["hash L2"] = hashed.dot, hashed.squaredL2
		if dim <= denseMax {
			dense.set(query)
			ways["dense dot"], ways["dense L2"] = dense.dot, dense.squaredL2
		}
		for name, way := range ways {
			b.Run(name, func(b *testing.B) {
				var sum float64
				for i := range b.N {
					sum += way(SparseOf(rows[i%len(rows)]))
				}
				_ = sum
			})
		}
	}
}
