package rabitq

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestScoreBelow compares bounds of blocks with those of ScoreBlock, on each
// machine's kernels, which agree to the bit.
func TestScoreBelow(t *testing.T) {
	was := kernel
	defer func() { kernel = was }()
	r := rand.New(rand.NewPCG(11, 12))
	for _, distance := range []Distance{L2, InnerProduct, Cosine} {
		for _, dim := range []int{3, 100, 1100} {
			c := newCodec(t, distance, dim, 1, 1)
			e, code := c.NewEncoder(), make([]byte, c.CodeBytes())
			block := make([]byte, c.BlockBytes())
			var factors BlockFactors
			for i := range BlockCodes {
				e.Encode(code, normal(r, dim), nil)
				e.PackSigns(block, i)
				factors.Set(i, e.Sign())
			}
			q := c.NewQuery(normal(r, dim))
			var want [BlockCodes]Estimate
			var first [BlockCodes]float32
			q.ScoreBlock(block, &factors, &want)
			limit := want[5].Low
			for n, k := range implementations {
				kernel = k
				var lows [BlockCodes]float32
				mask := q.ScoreBelow(block, &factors, limit, &lows)
				if n == 0 {
					first = lows
				} else if first != lows {
					t.Errorf("%v, %d dimensions: %s differs", distance, dim, k.name)
				}
				for i, low := range lows {
					room := 1e-4 * (math.Abs(float64(want[i].Score)) + math.Abs(float64(low)) + 1)
					if math.Abs(float64(low-want[i].Low)) > room {
						t.Errorf("%v, %d dimensions: bound %v, want %v", distance, dim, low, want[i].Low)
					}
					if above := low + q.Spread(&factors, i); math.Abs(float64(above-(2*want[i].Score-want[i].Low))) > 2*room {
						t.Errorf("%v, %d dimensions: up to %v of %+v", distance, dim, above, want[i])
					}
					if got := mask>>i&1 != 0; got != (low < limit) {
						t.Errorf("%v, %d dimensions: %v below %v is %v", distance, dim, low, limit, got)
					}
				}
			}
		}
	}
}

func BenchmarkScoreBelow(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	const n = 4096
	c := newCodec(b, Cosine, 100, 1, 1)
	e, code := c.NewEncoder(), make([]byte, c.CodeBytes())
	blocks, factors := make([]byte, n/BlockCodes*c.BlockBytes()), make([]BlockFactors, n/BlockCodes)
	for i := range n {
		e.Encode(code, normal(r, 100), nil)
		e.PackSigns(blocks[i/BlockCodes*c.BlockBytes():], i%BlockCodes)
		factors[i/BlockCodes].Set(i%BlockCodes, e.Sign())
	}
	q := c.NewQuery(normal(r, 100))
	var lows [BlockCodes]float32
	for b.Loop() {
		for i := range factors {
			q.ScoreBelow(blocks[i*c.BlockBytes():], &factors[i], 0, &lows)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/code")
}
