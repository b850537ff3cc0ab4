package vector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"quiver/vector/roofline"
)

// together is how many rows are scored by a call, as by Search.
const together = blockRows

// rooflineBytes of rows are scored: more than caches hold.
const rooflineBytes = 128 << 20

// BenchmarkRoofline scores rows that lie in memory, and shows the share of what
// the machine can do, measured in the same run: the time that reading the rows,
// or the arithmetic, must take, over the time taken.
func BenchmarkRoofline(b *testing.B) {
	memory := make([]byte, rooflineBytes)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range memory {
		memory[i] = byte(r.Uint32())
	}
	floats, halves := Float32sOf(memory), HalvesOf(memory)
	for i := range floats { // no NaN, nothing huge
		floats[i] = float32(i%1000) / 1000
	}
	out, squares := make([]float32, together), make([]float32, together)
	query := make([]float32, 1024)
	for i := range query {
		query[i] = r.Float32()
	}
	codeQuery, ids := make([]int16, 1024), make([]uint32, together)
	for i := range codeQuery {
		codeQuery[i] = int16(r.IntN(200) - 100)
	}
	for i := range ids {
		ids[i] = uint32(i)
	}
	k := Fastest()
	for _, dim := range []int{100, 768} {
		codes := (dim + gatherStep - 1) / gatherStep * gatherStep
		bits := map[int]int{100: 96, 768: 192}[dim] // bytes of a bit string
		for _, c := range []struct {
			name                        string
			rowBytes, perElement, count int
			score                       func(at, n int)
		}{
			{"squaredL2", 4 * dim, 3, dim, func(at, n int) { k.ScoreSquaredL2(query[:dim], floats[at*dim:], dim, n, out) }},
			{"dot", 4 * dim, 4, dim, func(at, n int) { k.ScoreDot(query[:dim], floats[at*dim:], dim, n, out, squares) }},
			{"L1", 4 * dim, 3, dim, func(at, n int) { k.ScoreL1(query[:dim], floats[at*dim:], dim, n, out) }},
			{"half/squaredL2", 2 * dim, 3, dim, func(at, n int) { k.ScoreHalfSquaredL2(query[:dim], halves[at*dim:], dim, n, out) }},
			{"half/dot", 2 * dim, 4, dim, func(at, n int) { k.ScoreHalfDot(query[:dim], halves[at*dim:], dim, n, out, squares) }},
			{"codes/dot", codes, 2, codes, func(at, n int) {
				fastestGather.codesDot(codeQuery, memory[at*codes:], codes, codes, ids[:n], out)
			}},
			{"codes/squaredL2", codes, 3, codes, func(at, n int) {
				fastestGather.codesL2(codeQuery, memory[at*codes:], codes, codes, ids[:n], out, 0)
			}},
			{"hamming", bits, 0, 0, func(at, n int) {
				k.ScoreHamming(memory[:bits], memory[at*bits:], bits, n, out)
			}},
			{"jaccard", bits, 0, 0, func(at, n int) {
				k.ScoreJaccard(memory[:bits], memory[at*bits:], bits, n, out)
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, dim), func(b *testing.B) {
				arithmetic := roofline.Arithmetic()
				rows := rooflineBytes / c.rowBytes
				share, bandwidth := 0.0, 0.0
				for b.Loop() {
					// Beside each other, since a shared machine's memory is not
					// always as fast.
					bandwidth = max(bandwidth, roofline.Bandwidth(memory))
					took := roofline.Fastest(func() {
						for at := 0; at < rows; at += together {
							c.score(at, min(together, rows-at))
						}
					})
					share = max(share, roofline.Share(took, rows*c.rowBytes, rows*c.perElement*c.count, bandwidth, arithmetic))
				}
				b.ReportMetric(share, "of-roofline")
				b.ReportMetric(bandwidth/1e9, "GB/s-memory")
			})
		}
	}
}
