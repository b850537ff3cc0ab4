package ivf

import (
	"context"
	"fmt"
	"testing"

	"quiver/vector"
)

func BenchmarkBuild(b *testing.B) {
	s := vector.Space{Distance: vector.Cosine, Dim: 100}
	c := encodeAll(s, words())
	for b.Loop() {
		build(b, "ivfflat", s, c, vector.Options{Workers: 2})
	}
}

func BenchmarkSearch(b *testing.B) {
	s := vector.Space{Distance: vector.Cosine, Dim: 100}
	c := encodeAll(s, words())
	for _, quantization := range []string{"none", "sq8", "rabitq"} {
		x := open(b, "ivfflat", build(b, "ivfflat", s, c, vector.Options{Quantization: quantization, Workers: 2}))
		for _, target := range effortRecall {
			b.Run(fmt.Sprintf("%s/%.2f", quantization, target), func(b *testing.B) {
				var stats vector.SearchStats
				var out []vector.Candidate
				for i := 0; b.Loop(); i++ {
					out, _ = x.Search(context.Background(), out[:0], &vector.SearchRequest{Query: c[i%len(c)], K: 10, Recall: target, Column: c}, &stats)
				}
				b.ReportMetric(float64(stats.Visited)/float64(b.N), "lists/op")
				b.ReportMetric(float64(stats.Codes)/float64(b.N), "codes/op")
				b.ReportMetric(float64(stats.Reranked)/float64(b.N), "reranked/op")
			})
		}
	}
}
