package vector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestHNSWGrowingOfRowsInOrder: rows come in the order of what they are like, few
// at a time, so that those to come are beyond whatever codes have been made for,
// and the longest of inner products come last.
func TestHNSWGrowingOfRowsInOrder(t *testing.T) {
	const rows, dim = 3000, 12
	var all sweep
	for _, c := range []struct {
		element  Element
		distance Distance
		quantize string
	}{
		{Float32, L2, "sq8"}, {Float32, L1, "sq8"}, {Float32, InnerProduct, "sq8"}, {Float32, InnerProduct, "none"},
		{Float16, L2, "sq8"}, {Float32, L2, "rabitq"}, {Sparse, InnerProduct, ""}, {Sparse, L2, ""},
	} {
		if all.passes() {
			continue
		}
		t.Run(fmt.Sprint(c.element, "/", c.distance, "/", c.quantize), func(t *testing.T) {
			r := rand.New(rand.NewPCG(51, 52))
			vectors := generate(rows, dim, func(i, j int) float32 {
				if j == 0 {
					return float32(i) / 50
				}
				return float32(r.NormFloat64()) * (1 + float32(i)/500)
			})
			var queries [][]float32
			for i := 15; i < rows; i += 30 {
				q := append([]float32(nil), vectors[i]...)
				for j := range q {
					q[j] += float32(r.NormFloat64()) / 10
				}
				queries = append(queries, q)
			}
			s, column := Space{c.element, c.distance, dim}, floatColumn(c.element, vectors)
			g, err := KindByName("hnsw").NewGrowing(s, Options{Quantization: c.quantize})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			g.(*growingGraph).signsUntil = 0
			for to := 64; to < rows; to += 1 + r.IntN(60) {
				if err := g.Append(context.Background(), prefixColumn{column, to}, to, 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.Append(context.Background(), column, rows, 1); err != nil {
				t.Fatal(err)
			}
			if got := measureRecall(t, g, column, floatColumn(c.element, queries), 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
				t.Errorf("recall %.3f", got)
			}
		})
	}
}

// TestGrowingGraphCatchesUp searches the nodes of a graph that is behind, and the
// rows that it does not have yet by their codes: each row is found, once, as soon as
// it is added.
func TestGrowingGraphCatchesUp(t *testing.T) {
	const rows, dim, few = 6000, 16, 3000
	for _, d := range []Distance{L2, InnerProduct, Cosine} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			r := rand.New(rand.NewPCG(61, 62))
			vectors := vectorSets["clustered"](r, rows+20, dim)
			for i := 50; i < rows; i += 97 {
				vectors[i] = nil
			}
			queries := floatColumn(Float32, vectors[rows:])
			s, column := Space{Float32, d, dim}, floatColumn(Float32, vectors[:rows])
			index, err := KindByName("hnsw").NewGrowing(s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer index.Close()
			g := index.(*growingGraph)
			g.signsUntil, g.graphFrom = few, 500
			behind := 0
			for to := 0; to < rows; {
				to = min(to+400, rows)
				known := column[:to]
				if err := g.Append(context.Background(), known, to, 1); err != nil {
					t.Fatal(err)
				}
				if g.signs.Load() == nil || g.end < g.graphFrom {
					continue
				}
				behind++
				if got := measureRecall(t, g, known, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.9 {
					t.Errorf("recall %.3f, the graph has %d of %d rows", got, g.end, to)
				}
				checkFindsLast(t, g, known)
			}
			if behind < 5 {
				t.Errorf("the graph was behind %d times", behind)
			}
			if err := g.Settle(context.Background(), column, 1); err != nil {
				t.Fatal(err)
			}
			if g.signs.Load() != nil {
				t.Error("the graph is still behind")
			}
		})
	}
}

// checkFindsLast finds the last rows, each once.
func checkFindsLast(t *testing.T, g *growingGraph, column rowColumn) {
	t.Helper()
	var stats SearchStats
	for p := len(column) - 1; p > len(column)-20; p -= 3 {
		if column[p] == nil {
			continue
		}
		got, err := g.Search(context.Background(), nil, &SearchRequest{Query: column[p], K: 10, Recall: 0.95, Column: column}, &stats)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[uint32]bool{}
		for _, c := range got {
			if seen[c.Position] {
				t.Fatalf("position %d is proposed twice", c.Position)
			}
			seen[c.Position] = true
		}
		if g.space.Distance != InnerProduct && !seen[uint32(p)] {
			t.Errorf("position %d, the query itself, is not found", p)
		}
	}
}
