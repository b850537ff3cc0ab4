package rabitq

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"quiver/vector/roofline"
)

// BenchmarkRoofline shows, as that of package vector, what scoring codes reaches of
// the machine: blocks of sign bits with their factors, and codes of 8 bits.
func BenchmarkRoofline(b *testing.B) {
	for _, set := range []struct {
		name  string
		bytes int
	}{{"memory", 128 << 20}, {"cache", 192 << 10}} {
		memory := make([]byte, set.bytes)
		for _, dim := range []int{100, 768} {
			for i := range memory {
				memory[i] = byte(i * 7 % 61)
			}
			benchmarkBlocks(b, set.name, memory, dim)
			benchmarkCodes(b, set.name, memory, dim)
		}
	}
}

// benchmarkBlocks scores blocks from the beginning of memory, whose factors lie
// behind them.
func benchmarkBlocks(b *testing.B, name string, memory []byte, dim int) {
	c := newCodec(b, Cosine, dim, 1, 1)
	q := c.NewQuery(normal(rand.New(rand.NewPCG(7, 7)), dim))
	size := c.BlockBytes()
	each := size + int(unsafe.Sizeof(BlockFactors{}))
	n := len(memory) / each / BelowBlocks * BelowBlocks
	blocks := memory[:n*size]
	factors := unsafe.Slice((*BlockFactors)(unsafe.Pointer(&memory[n*size])), n)
	for i := range factors { // of no subnormal numbers, which take long
		for j := range BlockCodes {
			factors[i].Set(j, Factors{Add: 1, Rescale: -0.1, Error: 0.2})
		}
	}
	score := func() {
		var below Below
		for i := 0; i < n; i += BelowBlocks {
			q.ScoreBelow(blocks[i*size:], factors[i:i+BelowBlocks], 0, &below)
		}
	}
	compare(b, fmt.Sprintf("%s/rabitq/blocks/%d", name, dim), memory[:n*each], roofline.NibbleLookups, float64(size)/float64(each), score)
}

// benchmarkCodes scores codes of 8 bits that lie one after the other.
func benchmarkCodes(b *testing.B, name string, memory []byte, dim int) {
	c := newCodec(b, L2, dim, 8, 1)
	q := c.NewQuery(normal(rand.New(rand.NewPCG(7, 7)), dim))
	stride := c.CodeBytes()
	n := len(memory) / stride / batch * batch
	score := func() {
		var sums [batch]int32
		for i := 0; i < n; i += batch {
			q.dots(memory[i*stride:], stride, consecutive[:], sums[:])
		}
	}
	compare(b, fmt.Sprintf("%s/rabitq/codes/%d", name, dim), memory[:n*stride], roofline.CodeProducts, 1, score)
}

// compare reports each form beside the roofline of its registers; a part of the
// bytes is what the mix works on.
func compare(b *testing.B, name string, memory []byte, mix roofline.Mix, part float64, score func()) {
	was := kernel
	defer func() { kernel = was }()
	for i, k := range implementations[1:] {
		with := func(of implementation) func() { return func() { kernel = of; score() } }
		b.Run(name+"/"+k.name, func(b *testing.B) {
			var r roofline.Result
			speedup := 1.0
			for b.Loop() {
				r = roofline.Measure(memory, mix, k.name == "AVX-512", with(k))
				if i > 0 {
					speedup = roofline.Speedup(with(k), with(implementations[i]))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(r.Rate/1e9, "GB/s")
			b.ReportMetric(r.Bandwidth/1e9, "GB/s-read")
			b.ReportMetric(r.Arithmetic/part/1e9, "GB/s-arithmetic")
			b.ReportMetric(r.Rate/min(r.Bandwidth, r.Arithmetic/part), "of-roofline")
			b.ReportMetric(speedup, "times-as-fast")
		})
	}
}
