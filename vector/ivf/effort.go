package ivf

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"quiver/vector"
)

// effort is how far to look, in two measures: the lists to score, and the angle
// (see ranker.angle) up to which lists may hold one of the nearest.
type effort struct{ lists, angle float32 }

// An effortTable has the effort for so many nearest of all rows and a recall, as
// measured when the index was built.
type effortTable [len(effortK)][len(effortRecall)]effort

var (
	effortK      = [...]int{10, 100, 1000}
	effortRecall = [...]float64{0.90, 0.95, 0.99}
)

// orDefault is the recall that is meant.
func orDefault(recall float64) float64 {
	if !(recall > 0) {
		return 0.95
	}
	return min(recall, 1)
}

// at interpolates: between what was measured lists grow by powers of k and of
// the share that is missed, and angles with their logarithms. Below the least k
// no less is looked at; beyond the most it goes on growing.
func (t *effortTable) at(k, recall float64, lists int) (probes int, angle float32) {
	recall = orDefault(recall)
	logK := func(i int) float64 { return math.Log(float64(effortK[i])) }
	x := math.Log(max(k, 1))
	i := 0
	for i < len(effortK)-2 && x > logK(i+1) {
		i++
	}
	x = max(0, (x-logK(i))/(logK(i+1)-logK(i)))
	miss := func(r float64) float64 { return -math.Log(max(1-r, 1e-4)) }
	j := 0
	if recall > effortRecall[1] {
		j = 1
	}
	y := (miss(recall) - miss(effortRecall[j])) / (miss(effortRecall[j+1]) - miss(effortRecall[j]))
	between := func(value func(e effort) float64) float64 {
		at := func(i int) float64 {
			a, b := value(t[i][j]), value(t[i][j+1])
			return a + (b-a)*y
		}
		return at(i) + (at(i+1)-at(i))*x
	}
	n := math.Exp(between(func(e effort) float64 { return math.Log(float64(e.lists)) }))
	// What a corrupt table would say is not taken.
	if !(n >= 1) {
		n = 1
	}
	return int(min(math.Ceil(n), float64(lists))), float32(between(func(e effort) float64 { return float64(e.angle) }))
}

// calibrationPairs bounds the comparisons of a calibration, and with it its time.
const calibrationPairs = 1 << 27

// calibrationQueries is how many of so many rows are asked for.
func calibrationQueries(rows int) int { return max(32, min(256, calibrationPairs/max(rows, 1), rows)) }

// nearestMost is how many neighbours are found: of few rows the nearest thousand
// would be all.
func nearestMost(rows int) int {
	return max(0, min(effortK[len(effortK)-1], max(rows/8, effortK[1]), rows-1))
}

// neighbour is one of the nearest rows to a query: its distance in the measure of
// scores, and its list.
type neighbour struct {
	score  float64
	rank   uint32 // of the list
	ranked rankedList
}

// calibrate measures the effort: sampled rows are queries, whose neighbours are
// found among all rows, and looked for in the lists by rank and angle. A recall r
// asks for a little more than r of them, since other queries are not so near to
// rows.
func (b *builder) calibrate(ctx context.Context) error {
	n := len(b.held)
	for i := range b.meta.effort {
		for j := range b.meta.effort[i] {
			b.meta.effort[i][j] = effort{lists: float32(max(len(b.meta.lists), 1)), angle: 1}
		}
	}
	if n < 2 || len(b.meta.lists) < 2 {
		return nil
	}
	queries := calibrationQueries(n)
	r := rand.New(rand.NewPCG(seed, 2))
	picked := make([]uint32, queries)
	for i := range picked {
		picked[i] = b.held[r.IntN(n)]
	}
	ranks, angles := make([][len(effortK)][]uint32, queries), make([][len(effortK)][]float32, queries)
	groups := min(b.plan.workers, queries)
	err := b.parallel(ctx, groups, func(w int) func(int) error {
		return func(g int) error {
			from, to := g*queries/groups, (g+1)*queries/groups
			return b.neighbours(ctx, w, picked[from:to], func(i int, ranker *ranker, near []neighbour) {
				for j, k := range effortK {
					near := near[:min(k, len(near))]
					for _, m := range near {
						ranks[from+i][j] = append(ranks[from+i][j], m.rank)
						angles[from+i][j] = append(angles[from+i][j], ranker.angle(m.ranked, near[len(near)-1].score))
					}
				}
			})
		}
	})
	if err != nil {
		return err
	}
	for i := range effortK {
		var allRanks []uint32
		var allAngles []float32
		for q := range queries {
			allRanks, allAngles = append(allRanks, ranks[q][i]...), append(allAngles, angles[q][i]...)
		}
		slices.Sort(allRanks)
		slices.Sort(allAngles)
		for j, recall := range effortRecall {
			wanted := recall + (1-recall)/6
			at := max(0, min(int(math.Ceil(wanted*float64(len(allRanks)))), len(allRanks)-1))
			b.meta.effort[i][j] = effort{lists: float32(allRanks[at] + 2), angle: allAngles[at]}
		}
	}
	return nil
}

// neighbours finds the rows nearest to each row of some positions, but for
// itself.
func (b *builder) neighbours(ctx context.Context, worker int, queries []uint32, each func(i int, ranker *ranker, near []neighbour)) error {
	most := nearestMost(len(b.held))
	compare := b.compareExactly
	if b.space.Element != vector.Bit && b.space.Distance != vector.L1 {
		compare = b.compareByPanels
	}
	tops, err := compare(ctx, worker, queries, most+1)
	if err != nil {
		return err
	}
	ranker, rankOf, wide := newRanker(&b.meta), make([]uint32, len(b.meta.lists)), make([]float32, b.space.Dim)
	var near []neighbour
	for i, q := range queries {
		b.row(wide, q)
		ranked := ranker.rank(wide, len(b.meta.lists))
		for rank, l := range ranked {
			rankOf[l.list] = uint32(rank)
		}
		near = near[:0]
		for _, n := range tops[i] {
			if b.held[n.row] != q {
				rank := rankOf[b.lists[n.row]]
				near = append(near, neighbour{score: float64(n.score), rank: rank, ranked: ranked[rank]})
			}
		}
		each(i, ranker, near)
	}
	return nil
}

// nearestRows keeps the k rows of the least scores, and up to as many more until
// there are 2k: cheaper than a heap, where k is large.
type nearestRows struct {
	k     int
	rows  []scoredRow
	limit float32 // scores above it are not among the least
}

// scoredRow is a row, by its number among those held, and its score.
type scoredRow struct {
	row   uint32
	score float32
}

func compareScored(a, b scoredRow) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return cmp.Compare(a.row, b.row)
}

func newNearestRows(k int) nearestRows {
	return nearestRows{k: k, rows: make([]scoredRow, 0, 2*k), limit: float32(math.Inf(1))}
}

func (n *nearestRows) add(row uint32, score float32) {
	if n.rows = append(n.rows, scoredRow{row, score}); len(n.rows) == cap(n.rows) {
		selectFirst(n.rows, n.k, compareScored)
		n.rows = n.rows[:n.k]
		n.limit = slices.MaxFunc(n.rows, compareScored).score
	}
}

// sorted are the nearest k in order.
func (n *nearestRows) sorted() []scoredRow {
	slices.SortFunc(n.rows, compareScored)
	return n.rows[:min(n.k, len(n.rows))]
}

// compared is how many rows are compared with all the queries at a time.
const compared = 96

// compareByPanels finds the k rows nearest to each query in the measure of
// scores (the square, of the distance of vectors of length one under cosine):
// float32 will do to measure by.
func (b *builder) compareByPanels(ctx context.Context, worker int, queries []uint32, k int) ([][]scoredRow, error) {
	dim, n := b.space.Dim, len(queries)
	values := make([]float32, n*dim)
	for i, q := range queries {
		b.row(values[i*dim:(i+1)*dim], q)
	}
	inner := b.space.Distance == vector.InnerProduct
	panels := vector.NewPanels(values, dim)
	if inner {
		panels = vector.NewDotPanels(values, dim)
	}
	tops := make([]nearestRows, n)
	for i := range tops {
		tops[i] = newNearestRows(k)
	}
	var ids [compared]uint32
	for i := range ids {
		ids[i] = uint32(i)
	}
	rows, fromMean := make([]float32, compared*dim), make([]float32, compared)
	room := panels.Room()
	scores := make([]float32, compared*room)
	for at := 0; at < len(b.held); at += compared {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := min(compared, len(b.held)-at)
		for i, p := range b.held[at : at+m] {
			b.row(rows[i*dim:(i+1)*dim], p)
		}
		panels.Scores(rows, dim, ids[:m], scores)
		if !inner {
			vector.Fastest().ScoreSquaredL2(panels.Mean(), rows, dim, m, fromMean)
		}
		for i := range m {
			for q, s := range scores[i*room:][:n] {
				distance := fromMean[i] - 2*s
				if inner {
					distance = -s
				}
				if top := &tops[q]; distance <= top.limit {
					top.add(uint32(at+i), distance)
				}
			}
		}
		b.progress("calibrating", int64(at+m), int64(len(b.held)))
		b.rest(worker)
	}
	out := make([][]scoredRow, n)
	for i := range tops {
		out[i] = tops[i].sorted()
	}
	return out, nil
}

// compareExactly is compareByPanels for what is no inner product: the rows are
// copied together a few at a time.
func (b *builder) compareExactly(ctx context.Context, worker int, queries []uint32, k int) ([][]scoredRow, error) {
	searches := make([]*vector.Search, len(queries))
	for i, q := range queries {
		searches[i] = vector.NewSpaceSearch(b.space, b.column.Row(int(q)), k)
	}
	rowBytes := b.space.RowBytes()
	copied := make([]byte, compared*rowBytes)
	for at := 0; at < len(b.held); at += compared {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(compared, len(b.held)-at)
		for i, p := range b.held[at : at+n] {
			copy(copied[i*rowBytes:], b.column.Row(int(p)))
		}
		rows := encodedRows(b.space, copied, n)
		rows.FirstID = uint64(at)
		for _, s := range searches {
			s.Add(rows)
		}
		b.progress("calibrating", int64(at+n), int64(len(b.held)))
		b.rest(worker)
	}
	out := make([][]scoredRow, len(queries))
	for i, s := range searches {
		for _, n := range s.Top().Sorted() {
			out[i] = append(out[i], scoredRow{uint32(n.Row), float32(n.Distance)})
		}
	}
	return out, nil
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
