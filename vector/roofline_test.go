package vector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"quiver/vector/roofline"
)

// together is how many rows are scored by a call, as by Search.
const together = blockRows

// workingSets are how many bytes of rows are scored: more than caches hold, and
// what fits the second cache of most machines.
var workingSets = []struct {
	name  string
	bytes int
}{{"memory", 128 << 20}, {"cache", 192 << 10}}

// yard is a kernel to be measured.
type yard struct {
	name     string
	rowBytes int
	mix      roofline.Mix
	score    func(at, n int)
	memory   []byte   // of its own, if not nil
	ids      []uint32 // in which order rows are scored, if not as they lie
}

// A form is the kernels of one instruction set.
type form struct {
	*Kernels
	*gatherKernels
}

// wide says whether registers have 512 bits.
func (f form) wide() bool { return f.Name == "AVX-512" }

// forms are those that this machine can run, the fastest last.
func forms() (out []form) {
	for i := range kernels {
		// Of gathers there are two for AVX-512.
		g := &gathers[min(i, len(gathers)-1)]
		if i == len(kernels)-1 {
			g = fastestGather
		}
		out = append(out, form{&kernels[i], g})
	}
	return out
}

// yards are all kernels of a form on rows of so many dimensions (of bit strings eight times
// as many bits) that lie in memory.
func (f form) yards(memory []byte, dim int) []yard {
	r := rand.New(rand.NewPCG(1, 1))
	floats, halves := Float32sOf(memory), HalvesOf(memory)
	out, squares := make([]float32, together), make([]float32, together)
	query, codeQuery := make([]float32, dim), make([]int16, dim+gatherStep)
	for i := range query {
		query[i] = r.Float32()
		codeQuery[i] = int16(r.IntN(200) - 100)
	}
	codes := (dim + gatherStep - 1) / gatherStep * gatherStep
	// A scan scores codes as they lie, a walk those of nodes that lie anywhere.
	inOrder, ids := make([]uint32, len(memory)/codes), make([]uint32, len(memory)/codes)
	for i, id := range r.Perm(len(ids)) {
		inOrder[i], ids[i] = uint32(i), uint32(id)
	}
	bits := map[int]int{100: 96, 768: 192}[dim] // bytes of a bit string
	yards := []yard{
		{name: "squaredL2", rowBytes: 4 * dim, mix: roofline.Squares, score: func(at, n int) { f.ScoreSquaredL2(query, floats[at*dim:], dim, n, out) }},
		{name: "dot", rowBytes: 4 * dim, mix: roofline.Products, score: func(at, n int) { f.ScoreDot(query, floats[at*dim:], dim, n, out, squares) }},
		{name: "L1", rowBytes: 4 * dim, mix: roofline.Magnitudes, score: func(at, n int) { f.ScoreL1(query, floats[at*dim:], dim, n, out) }},
		{name: "half/squaredL2", rowBytes: 2 * dim, mix: roofline.HalfSquares, score: func(at, n int) { f.ScoreHalfSquaredL2(query, halves[at*dim:], dim, n, out) }},
		{name: "half/dot", rowBytes: 2 * dim, mix: roofline.HalfProducts, score: func(at, n int) { f.ScoreHalfDot(query, halves[at*dim:], dim, n, out, squares) }},
		{name: "half/L1", rowBytes: 2 * dim, mix: roofline.HalfMagnitudes, score: func(at, n int) { f.ScoreHalfL1(query, halves[at*dim:], dim, n, out) }},
		{name: "hamming", rowBytes: bits, mix: roofline.DifferingBits, score: func(at, n int) { f.ScoreHamming(memory[:bits], memory[at*bits:], bits, n, out) }},
		{name: "jaccard", rowBytes: bits, mix: roofline.CommonBits, score: func(at, n int) { f.ScoreJaccard(memory[:bits], memory[at*bits:], bits, n, out) }},
	}
	for _, c := range []struct {
		name       string
		order, ids []uint32
	}{{"codes", inOrder, nil}, {"codes of a graph", ids, ids}} {
		yards = append(yards,
			yard{name: c.name + "/dot", rowBytes: codes, ids: c.ids, mix: roofline.CodeProducts, score: func(at, n int) {
				f.codesDot(codeQuery, memory, codes, codes, c.order[at:at+n], out)
			}},
			yard{name: c.name + "/squaredL2", rowBytes: codes, ids: c.ids, mix: roofline.CodeSquares, score: func(at, n int) {
				f.codesL2(codeQuery, memory, codes, codes, c.order[at:at+n], out, 1)
			}},
			yard{name: c.name + "/L1", rowBytes: codes, ids: c.ids, mix: roofline.CodeMagnitudes, score: func(at, n int) {
				f.codesL1(codeQuery, memory, codes, codes, c.order[at:at+n], out, 1)
			}})
	}
	return yards
}

// sparseYard is that of sparse vectors of so many elements, words as frequent as those
// of texts.
func (f form) sparseYard(bytes, elements int) yard {
	memory := make([]byte, bytes)
	indexes, values := wordsOf(memory[:bytes/2]), Float32sOf(memory[bytes/2:])
	roofline.Words(indexes)
	for i := range values {
		values[i] = 1
	}
	table, out := make([]float32, roofline.WordsDim), make([]float64, together)
	return yard{name: "sparse/dot", rowBytes: 8 * elements, mix: roofline.Lookups, memory: memory, score: func(at, n int) {
		for i := range n {
			from, to := (at+i)*elements, (at+i+1)*elements
			out[i] = f.sparse.dot(table, SparseVector{indexes[from:to], values[from:to]})
		}
	}}
}

// BenchmarkRoofline scores rows that lie in memory or in a cache, and shows
// beside the rate reached what the machine can do, as package roofline says, and
// the share of that.
func BenchmarkRoofline(b *testing.B) {
	everything := make([]byte, workingSets[0].bytes)
	for i := range Float32sOf(everything) { // no NaN, nothing huge
		Float32sOf(everything)[i] = float32(i%1000) / 1000
	}
	all := forms()
	for _, set := range workingSets {
		memory := everything[:set.bytes]
		for _, dim := range []int{100, 768} {
			var before []yard
			for i, f := range all {
				yards := append(f.yards(memory, dim), f.sparseYard(set.bytes, dim))
				for j, y := range yards {
					if i == 0 {
						continue // portable
					}
					var other *yard
					if i > 1 {
						other = &before[j]
					}
					b.Run(fmt.Sprintf("%s/%s/%d/%s", set.name, y.name, dim, f.Name), func(b *testing.B) { y.measure(b, memory, f.wide(), other) })
				}
				before = yards
			}
		}
	}
}

// scorer returns what scores all rows in memory.
func (y *yard) scorer(rows int) func() {
	return func() {
		for at := 0; at < rows; at += together {
			y.score(at, min(together, rows-at))
		}
	}
}

// measure reports a kernel, and how much faster than another form it is.
func (y *yard) measure(b *testing.B, memory []byte, wide bool, other *yard) {
	if y.memory != nil {
		memory = y.memory
	}
	rows := len(memory) / y.rowBytes
	var r roofline.Result
	speedup := 1.0
	for b.Loop() {
		if y.ids != nil {
			r = roofline.MeasureRows(memory, y.ids, together, y.rowBytes, y.mix, wide, y.scorer(rows))
		} else {
			r = roofline.Measure(memory[:rows*y.rowBytes], y.mix, wide, y.scorer(rows))
		}
		if other != nil {
			speedup = roofline.Speedup(y.scorer(rows), other.scorer(rows))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.Rate/1e9, "GB/s")
	b.ReportMetric(r.Bandwidth/1e9, "GB/s-read")
	b.ReportMetric(r.Arithmetic/1e9, "GB/s-arithmetic")
	b.ReportMetric(r.Share, "of-roofline")
	b.ReportMetric(speedup, "times-as-fast")
}

// BenchmarkPanels shows the share of the machine's arithmetic that finding the
// nearest centroids reaches.
func BenchmarkPanels(b *testing.B) {
	const dim, vectors, n = 100, 584, 1200
	r := rand.New(rand.NewPCG(33, 34))
	values, rows := randomVector(r, dim*vectors, false), randomVector(r, dim*n, false)
	ids, nearest := make([]uint32, n), make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(i)
	}
	// A lane of a register is one multiplication: with the centroids for rows,
	// each row of n reads all of them.
	centroids := bytesOf(make([]uint32, dim*vectors))
	var before func()
	for i, f := range forms() {
		p := f.newPanels(values, dim, true)
		score := func() { p.Nearest(rows, dim, ids, nearest) }
		if i > 0 {
			b.Run("cache/k-means/panels/100/"+f.Name, func(b *testing.B) {
				var reached roofline.Result
				speedup := 1.0
				for b.Loop() {
					reached = roofline.Measure(centroids, roofline.MultiplyAdds, f.wide(), score)
					if i > 1 {
						speedup = roofline.Speedup(score, before)
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(n*reached.Rate/1e9, "GB/s")
				b.ReportMetric(reached.Arithmetic/1e9, "GB/s-arithmetic")
				b.ReportMetric(n*reached.Rate/reached.Arithmetic, "of-roofline")
				b.ReportMetric(speedup, "times-as-fast")
			})
		}
		before = score
	}
}
