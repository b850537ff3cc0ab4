package vector

import (
	"context"
	"math"
	"slices"
)

// effortSamples are nodes held back from a graph at first, ascending.
type effortSamples []uint32

// samplesMax is how many; fewer than one in samplesShare are.
const (
	samplesMax   = 256
	samplesShare = 16
)

func newEffortSamples(nodes int) effortSamples {
	n := min(samplesMax, nodes/samplesShare)
	out := make(effortSamples, n)
	for i := range out {
		out[i] = uint32((2*i + 1) * nodes / (2 * n))
	}
	return out
}

func (s effortSamples) has(node uint32) bool {
	_, ok := slices.BinarySearch(s, node)
	return ok
}

// samplesMin is the number of samples below which nothing is measured.
const samplesMin = 32

// measure searches for the samples, which are not in the graph yet, exactly and
// with growing effort, and sets the table of efforts.
func (b *graphBuild) measure(ctx context.Context, samples effortSamples) error {
	if len(samples) < samplesMin {
		return nil
	}
	truth, err := b.truth(ctx, samples)
	if err != nil {
		return err
	}
	m := effortMeasure{graphBuild: b, samples: samples, truth: truth}
	m.workers = make([]walker, b.options.Workers)
	for i := range m.workers {
		m.workers[i].init(newGraphScorer(b.codec, b.codes), 2*b.options.M)
	}
	return m.run(ctx)
}

// truth is the exact nearest nodes of each sample, the nearest first: those of
// effortK's last. Every row is compared with all samples while it is at hand.
func (b *graphBuild) truth(ctx context.Context, samples effortSamples) ([][]Neighbor, error) {
	k := effortK[len(effortK)-1]
	searches := make([][]*Search, b.options.Workers)
	for w := range searches {
		searches[w] = make([]*Search, len(samples))
		for i, node := range samples {
			// A few more, for samples among them.
			searches[w][i] = NewSpaceSearch(b.space, b.row(node), k+k/10)
		}
	}
	runs, _ := b.column.(Runs)
	const chunk = blockRows
	n := b.column.Len()
	err := b.share(ctx, "measuring recall", (n+chunk-1)/chunk, func(worker, i int) error {
		end := min((i+1)*chunk, n)
		for p := i * chunk; p < end; {
			row, rows := b.column.Row(p), 1
			if runs != nil {
				row, rows = runs.Run(p)
				rows = min(rows, end-p)
			}
			if row != nil {
				batch := viewRows(b.space, row, rows, uint64(p))
				for _, s := range searches[worker] {
					s.Add(batch)
				}
			}
			p += rows
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([][]Neighbor, len(samples))
	for i := range samples {
		top := searches[0][i].Top()
		for _, other := range searches[1:] {
			top.Merge(other[i].Top())
		}
		out[i] = slices.DeleteFunc(top.Sorted(), func(nb Neighbor) bool {
			ordinal, ok := slices.BinarySearch(b.positions, uint32(nb.Row))
			return !ok || samples.has(uint32(ordinal))
		})
		out[i] = out[i][:min(len(out[i]), k)]
	}
	return out, nil
}

// viewRows views n encoded vectors, one after the other, as Rows. Sparse vectors
// go one by one.
func viewRows(s Space, rows []byte, n int, first uint64) Rows {
	r := Rows{N: n, FirstID: first, Stride: s.Dim}
	switch s.Element {
	case Float16:
		r.Halves = HalvesOf(rows)
	case Bit:
		r.Bits, r.Stride = rows, s.RowBytes()
	default:
		r.Values = Float32sOf(rows)
	}
	return r
}

// effortMeasure is a measurement under way.
type effortMeasure struct {
	*graphBuild
	samples effortSamples
	truth   [][]Neighbor
	workers []walker
}

// found is, for each sample, how far down the pool each of the true nearest
// lies; -1 if it is not there.
type found [][]int32

// walk searches for all samples with one ef.
func (m *effortMeasure) walk(ctx context.Context, ef int) (found, error) {
	out := make(found, len(m.samples))
	err := m.share(ctx, "measuring recall", len(m.samples), func(worker, i int) error {
		w := &m.workers[worker]
		if !w.scorer.setVector(m.row(m.samples[i])) {
			return nil
		}
		entry, top, ok := m.entryPoint()
		if !ok {
			return nil
		}
		node, score := w.descend(m.graph, entry, top, 0)
		w.start(m.nodes, ef)
		w.seed(node, score)
		if err := w.run(ctx, m.graph, 0); err != nil {
			return err
		}
		out[i] = m.ranks(w, m.truth[i])
		return nil
	})
	return out, err
}

// ranks looks the true nearest up in a pool.
func (m *effortMeasure) ranks(w *walker, truth []Neighbor) []int32 {
	place := make(map[uint32]int32, len(w.pool.entries))
	rank := int32(0)
	for _, e := range w.pool.entries {
		for o := e.node(); o != noNode; o = m.twins[o] {
			place[m.positions[o]] = rank
			rank++
		}
	}
	out := make([]int32, len(truth))
	for i, nb := range truth {
		out[i] = -1
		if at, ok := place[uint32(nb.Row)]; ok {
			out[i] = at
		}
	}
	return out
}

// share of the nearest k found within the first most.
func (f found) recall(k, most int) float64 {
	hits, all := 0, 0
	for _, ranks := range f {
		for _, at := range ranks[:min(k, len(ranks))] {
			all++
			if at >= 0 && int(at) < most {
				hits++
			}
		}
	}
	return float64(hits) / float64(max(all, 1))
}

// rerankFor is how many of the nearest by code hold nearly all of the nearest k
// that were found at all.
func (f found) rerankFor(k int) float32 {
	var places []int32
	for _, ranks := range f {
		for _, at := range ranks[:min(k, len(ranks))] {
			if at >= 0 {
				places = append(places, at+1)
			}
		}
	}
	if len(places) == 0 {
		return float32(2 * k)
	}
	slices.Sort(places)
	return float32(max(int(places[len(places)-1-len(places)/500]), k+k/5))
}

// effortMax bounds what is tried.
const effortMax = 4096

// run raises ef step by step until all recalls are reached, and takes the
// efforts in between the steps.
func (m *effortMeasure) run(ctx context.Context) error {
	type step struct {
		ef    int
		found found
	}
	var steps []step
	for ef := effortK[0]; ; ef += max(ef/3, 1) {
		ef = min(ef, m.nodes, effortMax)
		f, err := m.walk(ctx, ef)
		if err != nil {
			return err
		}
		steps = append(steps, step{ef, f})
		if ef == min(m.nodes, effortMax) || f.recall(effortK[0], ef) > 0.995 && f.recall(effortK[1], ef) > 0.993 {
			break
		}
	}
	last := steps[len(steps)-1].found
	for i, k := range effortK {
		m.effort.rerank[i] = last.rerankFor(k)
		most := int(m.effort.rerank[i])
		for j, target := range effortRecall {
			// A little more than asked: the samples are few.
			wanted := target + (1-target)*recallMargin
			before, recallBefore := 1.0, 0.0
			m.effort.ef[i][j] = float32(steps[len(steps)-1].ef)
			for _, s := range steps {
				if s.ef < k {
					continue
				}
				recall := s.found.recall(k, most)
				if recall >= wanted {
					share := (wanted - recallBefore) / max(recall-recallBefore, 1e-9)
					ef := math.Exp(math.Log(before) + (math.Log(float64(s.ef))-math.Log(before))*share)
					m.effort.ef[i][j] = float32(max(ef, float64(k)))
					break
				}
				before, recallBefore = float64(s.ef), recall
			}
		}
		for j := 1; j < len(effortRecall); j++ {
			m.effort.ef[i][j] = max(m.effort.ef[i][j], m.effort.ef[i][j-1])
		}
	}
	for j := range effortRecall {
		m.effort.ef[1][j] = max(m.effort.ef[1][j], m.effort.ef[0][j])
	}
	return nil
}

// recallMargin is the share of the misses that is left out, for safety.
const recallMargin = 0.1
