package ivf

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"quiver/vector"
)

// An effortTable says how many lists a search must score, for so many nearest
// of all rows and a recall, as measured when the index was built.
type effortTable [len(effortK)][len(effortRecall)]float32

var (
	effortK      = [...]int{10, 100, 1000}
	effortRecall = [...]float64{0.90, 0.95, 0.99}
)

// probes is the number of lists for k, which need not be whole, at a recall:
// between what was measured both grow by powers.
func (t *effortTable) probes(k, recall float64, lists int) int {
	if !(recall > 0) {
		recall = 0.95
	}
	logK := func(i int) float64 { return math.Log(float64(effortK[i])) }
	x := math.Log(max(k, 1))
	i := 0
	for i < len(effortK)-2 && x > logK(i+1) {
		i++
	}
	// Below the least k no less is looked at; beyond the most it goes on growing.
	x = max(0, (x-logK(i))/(logK(i+1)-logK(i)))
	miss := func(r float64) float64 { return -math.Log(max(1-r, 1e-4)) }
	j := 0
	if recall > effortRecall[1] {
		j = 1
	}
	y := (miss(recall) - miss(effortRecall[j])) / (miss(effortRecall[j+1]) - miss(effortRecall[j]))
	at := func(i int) float64 {
		a, b := math.Log(float64(t[i][j])), math.Log(float64(t[i][j+1]))
		return a + (b-a)*y
	}
	probes := math.Exp(at(i) + (at(i+1)-at(i))*x)
	// What a corrupt table would say is not taken.
	if !(probes >= 1) {
		probes = 1
	}
	return int(min(math.Ceil(probes), float64(lists)))
}

// calibrationPairs bounds the comparisons of a calibration, and with it its time.
const calibrationPairs = 1 << 27

// calibrate measures the effort: sampled rows are queries, whose neighbours are
// found among all rows, and looked for in the lists by rank. A recall r asks for
// a little more than r of them, since other queries are not so near to rows.
func (b *builder) calibrate(ctx context.Context) error {
	n := len(b.held)
	for i := range b.meta.effort {
		for j := range b.meta.effort[i] {
			b.meta.effort[i][j] = float32(max(len(b.meta.lists), 1))
		}
	}
	if n < 2 || len(b.meta.lists) < 2 {
		return nil
	}
	queries := max(32, min(256, calibrationPairs/n, n))
	ranks := make([][]uint32, queries) // of the lists of each query's neighbours, nearest first
	r := rand.New(rand.NewPCG(seed, 2))
	picked := make([]uint32, queries)
	for i := range picked {
		picked[i] = b.held[r.IntN(n)]
	}
	groups := min(b.plan.workers, queries)
	err := b.parallel(ctx, groups, func() func(int) error {
		return func(g int) error {
			from, to := g*queries/groups, (g+1)*queries/groups
			return b.neighbourRanks(ctx, picked[from:to], ranks[from:to])
		}
	})
	if err != nil {
		return err
	}
	for i := range effortK {
		var all []uint32
		for _, q := range ranks {
			all = append(all, q[:min(effortK[i], len(q))]...)
		}
		slices.Sort(all)
		for j, recall := range effortRecall {
			wanted := recall + (1-recall)/3
			at := min(int(math.Ceil(wanted*float64(len(all)))), len(all)-1)
			b.meta.effort[i][j] = float32(all[max(at, 0)] + 2)
		}
	}
	return nil
}

// neighbourRanks finds the rows nearest to each row of some positions, but for
// itself, and the ranks of their lists. The rows are copied together a few at a
// time and compared with all the queries.
func (b *builder) neighbourRanks(ctx context.Context, queries []uint32, ranks [][]uint32) error {
	most := min(effortK[len(effortK)-1], len(b.held)-1)
	searches := make([]*vector.Search, len(queries))
	for i, q := range queries {
		searches[i] = vector.NewSpaceSearch(b.space, b.column.Row(int(q)), most+1)
	}
	const together = 128
	rowBytes := b.space.RowBytes()
	copied := make([]byte, together*rowBytes)
	for at := 0; at < len(b.positions); at += together {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(together, len(b.positions)-at)
		for i, p := range b.positions[at : at+n] {
			copy(copied[i*rowBytes:], b.column.Row(int(p)))
		}
		rows := encodedRows(b.space, copied, n)
		rows.FirstID = uint64(at)
		for _, s := range searches {
			s.Add(rows)
		}
		b.progress("calibrating", int64(at+n), int64(len(b.positions)))
	}
	ranker, rankOf, wide := newRanker(&b.meta), make([]uint32, len(b.meta.lists)), make([]float32, b.space.Dim)
	for i, q := range queries {
		b.row(wide, q)
		for rank, l := range ranker.rank(wide, len(b.meta.lists)) {
			rankOf[l.list] = uint32(rank)
		}
		for _, n := range searches[i].Top().Sorted() {
			if b.positions[n.Row] != q {
				// The last list that begins there or before: empty ones begin
				// where the next does.
				list, _ := slices.BinarySearch(b.starts, int(n.Row)+1)
				ranks[i] = append(ranks[i], rankOf[list-1])
			}
		}
	}
	return nil
}

// encodedRows are n vectors in a row, in the encoding of vector.Column.
func encodedRows(s vector.Space, b []byte, n int) vector.Rows {
	rows := vector.Rows{Stride: s.Dim, N: n}
	switch s.Element {
	case vector.Float16:
		rows.Halves = vector.HalvesOf(b)
	case vector.Bit:
		rows.Bits, rows.Stride = b, s.RowBytes()
	default:
		rows.Values = vector.Float32sOf(b)
	}
	return rows
}
