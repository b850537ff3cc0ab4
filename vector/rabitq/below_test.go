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
		for _, dim := range []int{3, 64, 100, 1100} {
			c := newCodec(t, distance, dim, 1, 1)
			e, code := c.NewEncoder(), make([]byte, c.CodeBytes())
			const n = 5
			blocks, factors := make([]byte, n*c.BlockBytes()), make([]BlockFactors, n)
			for i := range n * BlockCodes {
				e.Encode(code, normal(r, dim), nil)
				e.PackSigns(blocks[i/BlockCodes*c.BlockBytes():], i%BlockCodes)
				factors[i/BlockCodes].Set(i%BlockCodes, e.Sign())
			}
			q := c.NewQuery(normal(r, dim))
			var want [n][BlockCodes]Estimate
			for b := range want {
				q.ScoreBlock(blocks[b*c.BlockBytes():], &factors[b], &want[b])
			}
			limit := want[1][5].Low
			var first Below
			for i, k := range implementations {
				kernel = k
				var below Below
				q.ScoreBelow(blocks, factors, limit, &below)
				if i == 0 {
					first = below
				} else if first != below {
					t.Errorf("%v, %d dimensions: %s differs", distance, dim, k.name)
				}
				for b := range factors {
					checkBelow(t, q, &want[b], &factors[b], limit, below.Masks[b], &below.Lows[b])
				}
			}
		}
	}
}

// checkBelow compares the bounds of a block with its estimates.
func checkBelow(t *testing.T, q *Query, want *[BlockCodes]Estimate, factors *BlockFactors, limit float32, mask uint32, lows *[BlockCodes]float32) {
	t.Helper()
	for i, low := range lows {
		room := 1e-4 * (math.Abs(float64(want[i].Score)) + math.Abs(float64(low)) + 1)
		if math.Abs(float64(low-want[i].Low)) > room {
			t.Errorf("bound %v, want %v", low, want[i].Low)
		}
		if above := low + q.Spread(factors, i); math.Abs(float64(above-(2*want[i].Score-want[i].Low))) > 2*room {
			t.Errorf("up to %v of %+v", above, want[i])
		}
		if got := mask>>i&1 != 0; got != (low < limit) {
			t.Errorf("%v below %v is %v", low, limit, got)
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
	was := kernel
	defer func() { kernel = was }()
	for _, k := range implementations {
		kernel = k
		b.Run(k.name, func(b *testing.B) {
			var below Below
			for b.Loop() {
				for i := 0; i < len(factors); i += BelowBlocks {
					q.ScoreBelow(blocks[i*c.BlockBytes():], factors[i:i+BelowBlocks], 0, &below)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/code")
		})
	}
}
