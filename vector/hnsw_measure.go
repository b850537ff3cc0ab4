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

// measureEffort searches for the vectors at some positions, ascending, which
// the graph does not hold yet, among those before end, exactly and with growing
// effort. Too few samples give the default.
func measureEffort(ctx context.Context, x *graphIndex, column Column, end int, samples []uint32, o Options) (effortTable, error) {
	m := effortMeasure{graphIndex: x, column: column, end: end, samples: samples, options: o, table: defaultEffort()}
	if len(samples) < samplesMin {
		return m.table, nil
	}
	if err := m.exact(ctx); err != nil {
		return m.table, err
	}
	m.workers = make([]walker, o.Workers)
	for i := range m.workers {
		m.workers[i].init(newGraphScorer(x.codec, x.codes), 2*x.m)
	}
	err := m.run(ctx)
	return m.table, err
}

// effortMeasure is a measurement under way.
type effortMeasure struct {
	*graphIndex
	column  Column
	end     int
	samples []uint32
	options Options
	truth   [][]Neighbor
	workers []walker
	table   effortTable
}

// exact finds the true nearest of each sample, the nearest first, as many as
// effortK's last. Every row is compared with all samples while it is at hand.
func (m *effortMeasure) exact(ctx context.Context) error {
	k := effortK[len(effortK)-1]
	searches := make([][]*Search, m.options.Workers)
	for w := range searches {
		searches[w] = make([]*Search, len(m.samples))
		for i, p := range m.samples {
			// A few more, for samples among them.
			searches[w][i] = NewSpaceSearch(m.codec.space, m.column.Row(int(p)), k+k/10)
		}
	}
	runs, _ := m.column.(Runs)
	const chunk = blockRows
	err := share(ctx, m.options, "measuring recall", (m.end+chunk-1)/chunk, func(worker, i int) error {
		end := min((i+1)*chunk, m.end)
		for p := i * chunk; p < end; {
			row, rows := m.column.Row(p), 1
			if runs != nil {
				row, rows = runs.Run(p)
				rows = min(rows, end-p)
			}
			if row != nil {
				batch := viewRows(m.codec.space, row, rows, uint64(p))
				for _, s := range searches[worker] {
					s.Add(batch)
				}
			}
			p += rows
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.truth = make([][]Neighbor, len(m.samples))
	for i := range m.samples {
		top := searches[0][i].Top()
		for _, other := range searches[1:] {
			top.Merge(other[i].Top())
		}
		truth := slices.DeleteFunc(top.Sorted(), func(nb Neighbor) bool {
			_, sample := slices.BinarySearch(m.samples, uint32(nb.Row))
			return sample || math.IsNaN(nb.Distance)
		})
		m.truth[i] = truth[:min(len(truth), k)]
	}
	return nil
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

// found is, for each sample, how far down the pool each of the true nearest
// lies; -1 if it is not there.
type found [][]int32

// walk searches for all samples with one ef.
func (m *effortMeasure) walk(ctx context.Context, ef int) (found, error) {
	out := make(found, len(m.samples))
	err := share(ctx, m.options, "measuring recall", len(m.samples), func(worker, i int) error {
		w := &m.workers[worker]
		if !w.scorer.setVector(m.column.Row(int(m.samples[i]))) {
			return nil
		}
		entry, top, ok := m.graph.entryPoint()
		if !ok {
			return nil
		}
		node, score := w.descend(m.graph, entry, top, 0)
		w.start(m.room, ef)
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
		for o := e.node(); o != noNode; o = m.twin(o) {
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
		m.table.rerank[i] = last.rerankFor(k)
		most := int(m.table.rerank[i])
		for j, target := range effortRecall {
			// A little more than asked: the samples are few.
			wanted := target + (1-target)*recallMargin
			before, recallBefore := 1.0, 0.0
			m.table.ef[i][j] = float32(steps[len(steps)-1].ef)
			for _, s := range steps {
				if s.ef < k {
					continue
				}
				recall := s.found.recall(k, most)
				if recall >= wanted {
					share := (wanted - recallBefore) / max(recall-recallBefore, 1e-9)
					ef := math.Exp(math.Log(before) + (math.Log(float64(s.ef))-math.Log(before))*share)
					m.table.ef[i][j] = float32(max(ef, float64(k)))
					break
				}
				before, recallBefore = float64(s.ef), recall
			}
		}
		for j := 1; j < len(effortRecall); j++ {
			m.table.ef[i][j] = max(m.table.ef[i][j], m.table.ef[i][j-1])
		}
	}
	for j := range effortRecall {
		m.table.ef[1][j] = max(m.table.ef[1][j], m.table.ef[0][j])
	}
	return nil
}

// recallMargin is the share of the misses that is left out, for safety.
const recallMargin = 0.1
