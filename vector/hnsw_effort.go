package vector

import (
	"math"
)

// An effortTable says how many nodes a search must hold (ef) for a recall, as
// measured when the graph was built.
type effortTable struct {
	// ef for effortTargets[k][recall].
	ef [len(effortK)][len(effortRecall)]float32
	// rerank is how many of the nearest by their codes hold the nearest k, for
	// each of effortK: they are compared exactly.
	rerank [len(effortK)]float32
}

var (
	effortK      = [...]int{10, 100}
	effortRecall = [...]float64{0.90, 0.95, 0.99}
)

// defaultEffort is taken where nothing could be measured: of few vectors.
func defaultEffort() effortTable {
	return effortTable{
		ef:     [len(effortK)][len(effortRecall)]float32{{80, 160, 400}, {200, 400, 1000}},
		rerank: [len(effortK)]float32{20, 130},
	}
}

// at is the ef for k at a recall, with recalls and k in between, and beyond.
func (t *effortTable) at(k int, recall float64) int {
	if recall <= 0 {
		recall = 0.95
	}
	// ef grows with k by a power, and with the odds against a miss by another.
	x := math.Log(float64(max(k, 1))/float64(effortK[0])) / math.Log(float64(effortK[1])/float64(effortK[0]))
	miss := -math.Log(max(1-recall, 1e-4))
	var logs [len(effortRecall)]float64
	for i := range logs {
		a, b := math.Log(float64(t.ef[0][i])), math.Log(float64(t.ef[1][i]))
		logs[i] = a + (b-a)*max(x, 0)
	}
	i := 0
	if recall > effortRecall[1] {
		i = 1
	}
	m0, m1 := -math.Log(1-effortRecall[i]), -math.Log(1-effortRecall[i+1])
	ef := math.Exp(logs[i] + (logs[i+1]-logs[i])*(miss-m0)/(m1-m0))
	return int(min(max(math.Ceil(ef), float64(k), 10), graphNodesMax))
}

// rerankOf is how many candidates to compare exactly for k.
func (t *effortTable) rerankOf(k int) int {
	// What goes beyond k grows by a power of k.
	a, b := float64(max(t.rerank[0]-float32(effortK[0]), 1)), float64(max(t.rerank[1]-float32(effortK[1]), 1))
	x := math.Log(float64(max(k, 1))/float64(effortK[0])) / math.Log(float64(effortK[1])/float64(effortK[0]))
	return k + int(math.Ceil(a*math.Pow(b/a, min(max(x, 0), 3))))
}

func (t *effortTable) append(b []byte) []byte {
	for _, row := range t.ef {
		b = append(b, EncodeFloat32s(row[:])...)
	}
	return append(b, EncodeFloat32s(t.rerank[:])...)
}

func (t *effortTable) decode(d *partDecoder) {
	number := func() float32 {
		v := math.Float32frombits(d.uint32())
		if !(v >= 0 && v <= graphNodesMax) {
			d.ok = false
		}
		return v
	}
	for i := range t.ef {
		for j := range t.ef[i] {
			t.ef[i][j] = max(number(), 1)
		}
	}
	for i := range t.rerank {
		t.rerank[i] = max(number(), float32(effortK[i]))
	}
}
