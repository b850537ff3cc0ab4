package vector

import (
	"math"
)

// An effortTable says how far beyond the k-th nearest node a walk must look for
// a recall, as measured when the graph was built: while there are nodes within
// gain times its distance whose links have not been followed. What is near at
// hand for one query is far for another, but their ratios are much alike: a
// walk that holds a fixed number of nodes goes too far for most queries, and
// not far enough for those that have many nodes at nearly the same distance.
type effortTable struct {
	// gain, for effortTargets[k][recall], is at least 1; visits is how many
	// nodes were visited on average.
	gain, visits [len(effortK)][len(effortRecall)]float32
}

var (
	effortK      = [...]int{10, 100}
	effortRecall = [...]float64{0.90, 0.95, 0.99}
)

// slopeBeyond is the least by which logarithms grow, for each step like that from
// a recall of 0.95 to 0.99, beyond it: where one gain did for all recalls that were
// measured, it is not known to do for more.
const slopeBeyond = 0.35

// gainMax bounds gains.
const gainMax = 16

// defaultEffort is taken where nothing could be measured: of few vectors.
func defaultEffort() effortTable {
	return effortTable{
		gain:   [len(effortK)][len(effortRecall)]float32{{1.2, 1.3, 1.6}, {1.1, 1.2, 1.4}},
		visits: [len(effortK)][len(effortRecall)]float32{{80, 160, 400}, {200, 400, 1000}},
	}
}

// at is the gain for k at a recall, and how many nodes will be visited, with
// recalls and k in between, and beyond.
func (t *effortTable) at(k int, recall float64) (gain float32, visits float64) {
	if recall <= 0 {
		recall = 0.95
	}
	// Both go with powers of k and of the odds against a miss.
	x := max(math.Log(float64(max(k, 1))/float64(effortK[0]))/math.Log(float64(effortK[1])/float64(effortK[0])), 0)
	miss := -math.Log(max(1-recall, 1e-4))
	i := 0
	if recall > effortRecall[1] {
		i = 1
	}
	m0, m1 := -math.Log(1-effortRecall[i]), -math.Log(1-effortRecall[i+1])
	y := (miss - m0) / (m1 - m0)
	between := func(table *[len(effortK)][len(effortRecall)]float32, x, least float64) float64 {
		at := func(j int) float64 {
			a, b := math.Log(max(float64(table[0][j])-least, 1e-3)), math.Log(max(float64(table[1][j])-least, 1e-3))
			return a + (b-a)*x
		}
		slope := at(i+1) - at(i)
		if y > 1 {
			return least + math.Exp(at(i+1)+max(slope, slopeBeyond)*(y-1))
		}
		return least + math.Exp(at(i)+slope*y)
	}
	// Beyond the last k the gain stays: it is of a node that is the farther. In between
	// it falls more slowly at first: of uniform data, inner products, one that goes
	// down evenly finds 0.93 of the nearest 30 where 0.96 of 10 and of 100 are found.
	nearer := min(x, 1)
	g := between(&t.gain, nearer*math.Sqrt(nearer), 1)
	v := between(&t.visits, x, 0)
	return float32(min(g, gainMax)), min(max(v, float64(k)), graphNodesMax)
}

// raise makes the gains that much greater.
func (t *effortTable) raise(factor float32) {
	for i := range t.gain {
		for j := range t.gain[i] {
			t.gain[i][j] = min(1+(t.gain[i][j]-1)*factor, gainMax)
			t.visits[i][j] = min(t.visits[i][j]*factor, graphNodesMax)
		}
	}
}

func (t *effortTable) append(b []byte) []byte {
	for i := range t.gain {
		b = append(b, EncodeFloat32s(t.gain[i][:])...)
		b = append(b, EncodeFloat32s(t.visits[i][:])...)
	}
	return b
}

func (t *effortTable) decode(d *partDecoder) {
	number := func(least, most float32) float32 {
		v := math.Float32frombits(d.uint32())
		if !(v >= least && v <= most) {
			d.ok = false
			return least
		}
		return v
	}
	for i := range t.gain {
		for j := range t.gain[i] {
			t.gain[i][j] = number(1, gainMax)
		}
		for j := range t.visits[i] {
			t.visits[i][j] = number(0, graphNodesMax)
		}
	}
}
