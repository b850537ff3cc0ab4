package vector

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// effortSamples are nodes held back from a graph at first, ascending.
type effortSamples []uint32

// samplesMax is how many; fewer than one in samplesShare are.
const (
	samplesMax   = 256
	samplesShare = 16
)

func newEffortSamples(nodes, most int) effortSamples {
	n := min(most, nodes/samplesShare)
	out := make(effortSamples, n)
	// One of each part, but not at even steps: rows may be alike at even steps.
	r := rand.New(rand.NewPCG(uint64(nodes), uint64(n)))
	for i := range out {
		from, to := i*nodes/n, (i+1)*nodes/n
		out[i] = uint32(from + r.IntN(to-from))
	}
	return out
}

func (s effortSamples) has(node uint32) bool {
	_, ok := slices.BinarySearch(s, node)
	return ok
}

// samplesMin is the number of samples below which nothing is measured.
const samplesMin = 32

// samplesFor is how many samples a build may ask about: each worker compares them
// all at once, with a quarter of its memory, unless they are too few then.
func samplesFor(c *graphCodec, o Options) int {
	if o.MemoryBytes == 0 {
		return samplesMax
	}
	memory := o.MemoryBytes / int64(4*max(o.Workers, 1))
	return int(min(max(memory/sampleBytes(c), samplesMin), samplesMax))
}

// sampleBytes is what a sample takes of a worker.
func sampleBytes(c *graphCodec) int64 { return searchBytes + int64(4*c.padded) }

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
	// at is the node of each row of truth, by position.
	at      map[uint32]uint32
	workers []walker
	table   effortTable
}

// exact finds the true nearest of each sample, the nearest first, as many as
// effortK's last. Every row is compared with all samples while it is at hand.
func (m *effortMeasure) exact(ctx context.Context) error {
	k := effortK[len(effortK)-1]
	space := m.codec.space
	widened := space.Element == Float16 // once a row, not once a row and sample
	if widened {
		space.Element = Float32
	}
	widen := func(row []byte, out []float32) []byte {
		HalvesToFloat32(out, HalvesOf(row)[:len(out)])
		return EncodeFloat32s(out)
	}
	searches := make([][]*Search, m.options.Workers)
	buffers := make([][]float32, m.options.Workers)
	for w := range searches {
		searches[w] = make([]*Search, len(m.samples))
		for i, p := range m.samples {
			query := m.column.Row(int(p))
			if widened {
				query = widen(query, make([]float32, space.Dim))
			}
			// A few more, for samples among them.
			searches[w][i] = NewSpaceSearch(space, query, k+k/10)
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
				if widened {
					if buffers[worker] == nil {
						buffers[worker] = make([]float32, chunk*space.Dim)
					}
					row = widen(row, buffers[worker][:rows*space.Dim])
				}
				batch := viewRows(space, row, rows, uint64(p))
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
	m.findNodes()
	return nil
}

// findNodes looks the nodes of the rows of truth up, once for all walks: of vectors
// that have the same code there may be thousands.
func (m *effortMeasure) findNodes() {
	m.at = map[uint32]uint32{}
	for _, truth := range m.truth {
		for _, nb := range truth {
			m.at[uint32(nb.Row)] = noNode
		}
	}
	follows := followers(m.twins, m.ordinals)
	for node := range uint32(m.ordinals) {
		if follows[node] {
			continue
		}
		for o := node; o != noNode; o = m.twin(o) {
			if _, ok := m.at[m.positions[o]]; ok {
				m.at[m.positions[o]] = node
			}
		}
	}
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
	case Sparse:
		v := SparseOf(rows)
		r.Sparse = SparseRows{Offsets: []int32{0, int32(len(v.Indexes))}, Indexes: v.Indexes, Values: v.Values}
	default:
		r.Values = Float32sOf(rows)
	}
	return r
}

// walked is what walks for all samples did with one gain.
type walked struct {
	gain float32
	// recall of each sample, NaN for one that has no neighbours, and the number
	// of nodes visited.
	recall []float64
	visits []int64
}

// walk searches for the nearest k of all samples.
func (m *effortMeasure) walk(ctx context.Context, k int, gain float32) (walked, error) {
	out := walked{gain: gain, recall: make([]float64, len(m.samples)), visits: make([]int64, len(m.samples))}
	quiet := m.options
	quiet.Progress = nil // how many walks there will be is not known
	err := share(ctx, quiet, "measuring recall", len(m.samples), func(worker, i int) error {
		w := &m.workers[worker]
		out.recall[i] = math.NaN()
		if !w.scorer.setVector(m.column.Row(int(m.samples[i]))) {
			return nil
		}
		w.begin(m.graph, m.room, look{limit: k, rank: k, margin: w.scorer.margin(gain)})
		w.visited = 0
		if err := w.run(ctx, m.graph, 0); err != nil {
			return err
		}
		out.recall[i], out.visits[i] = m.recallOf(w, m.truth[i], k), w.visited
		return nil
	})
	return out, err
}

// recallOf looks the true nearest k up in a pool.
func (m *effortMeasure) recallOf(w *walker, truth []Neighbor, k int) float64 {
	held := make(map[uint32]bool, len(w.pool.entries))
	for _, e := range w.pool.entries {
		held[e.node()] = true
	}
	truth = truth[:min(k, len(truth))]
	hits := 0
	for _, nb := range truth {
		if held[m.at[uint32(nb.Row)]] {
			hits++
		}
	}
	return float64(hits) / float64(len(truth))
}

// sure is a recall that the mean over all queries is hardly below: two standard
// errors less than the mean of the samples. On uniform data, of which each walk
// misses some, one and a half were not enough.
func (w *walked) sure() float64 {
	var n, sum, squares float64
	for _, r := range w.recall {
		if r == r {
			n++
			sum += r
			squares += r * r
		}
	}
	if n == 0 {
		return 1
	}
	mean := sum / n
	return mean - 2*math.Sqrt(max(squares/n-mean*mean, 0)/n)
}

func (w *walked) meanVisits() float64 {
	var sum int64
	for _, v := range w.visits {
		sum += v
	}
	return float64(sum) / float64(max(len(w.visits), 1))
}

// run raises the gain step by step until all recalls are reached, and takes the
// gains in between the steps.
func (m *effortMeasure) run(ctx context.Context) error {
	for i, k := range effortK {
		if err := m.runFor(ctx, i, min(k, m.nodes)); err != nil {
			return err
		}
	}
	return nil
}

// visitsMin is how many nodes more than k are visited on average at least, which
// takes some ten microseconds: where the samples are found with less, there may
// yet be queries unlike them.
const visitsMin = 32

// outOfReach is how far below a recall walks stay that are not worth it.
const outOfReach = 0.02

// within is where between two values a third lies, from 0 to 1.
func within(v, from, to float64) float64 {
	if v <= from || to <= from {
		return 0
	}
	return min((v-from)/(to-from), 1)
}

func (m *effortMeasure) runFor(ctx context.Context, i, k int) error {
	j := 0
	before := walked{gain: 1}
	recallBefore, visitsBefore := 0.0, 1.0
	for step := 0; j < len(effortRecall); step++ {
		// From 1 on by steps that grow.
		gain := float32(1 + 0.01*(math.Pow(1.25, float64(step))-1)/0.25)
		w, err := m.walk(ctx, k, min(gain, gainMax))
		if err != nil {
			return err
		}
		recall, visits := w.sure(), w.meanVisits()
		// Where walks go no further, a greater gain is of no use; nor where a scan of
		// all codes takes no longer, which then is what searches do.
		scanned := visits*costOfHop > (1+costOfOrdinal)*float64(m.ordinals)
		last := gain >= gainMax || scanned || step > 0 && visits < visitsBefore*1.01 && recall <= recallBefore && visits > float64(poolMax(k)/2)
		least := float64(k + visitsMin)
		for j < len(effortRecall) && (recall >= effortRecall[j] && visits >= least || last) {
			// The first step at which both are enough, or where between it and the
			// one before.
			share := 1.0
			if step > 0 && !last {
				share = max(within(effortRecall[j], recallBefore, recall), within(least, visitsBefore, visits))
			}
			m.table.gain[i][j] = min(before.gain+(w.gain-before.gain)*float32(share), gainMax)
			m.table.visits[i][j] = float32(visitsBefore + (visits-visitsBefore)*share)
			if last && recall < effortRecall[j]-outOfReach {
				m.table.visits[i][j] = graphNodesMax // a scan finds them
			}
			j++
		}
		before, recallBefore, visitsBefore = w, recall, visits
	}
	return nil
}
