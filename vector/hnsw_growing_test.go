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
