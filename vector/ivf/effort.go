package ivf

import (
	"cmp"
	"context"
	"math"
	"slices"

	"quiver/vector"
)

// effort is how far to look: the lists that hold the nearest, a third of which are
// scored first, and the angle (see meta.angle) up to which further lists may hold
// one of the nearest, seen from the k-th row that was found so far, or from the true
// one, where it is known.
type effort struct{ lists, angle, trueAngle float32 }

// firstOf is how many of so many lists are scored first.
func firstOf(lists int) int { return (lists + 2) / 3 }

// batchOf is how many lists are scored next each time, after so many.
func batchOf(first int) int { return max(first/2, 1) }

// An effortTable has the effort for so many nearest of all rows and a recall, as
// measured when the index was built.
type effortTable [len(effortK)][len(effortRecall)]effort

var (
	effortK      = [...]int{10, 30, 100, 300, 1000}
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
// the share that is missed, and angles with their logarithms. Beyond the most k
// lists go on growing. Below the least k they stay, and angles, which are seen from a
// nearer row, go on growing.
func (t *effortTable) at(k, recall float64, lists int) effort {
	recall = orDefault(recall)
	logK := func(i int) float64 { return math.Log(float64(effortK[i])) }
	x := math.Log(max(k, kMin))
	i := 0
	for i < len(effortK)-2 && x > logK(i+1) {
		i++
	}
	x = (x - logK(i)) / (logK(i+1) - logK(i))
	miss := func(r float64) float64 { return -math.Log(max(1-r, 1e-4)) }
	j := 0
	if recall > effortRecall[1] {
		j = 1
	}
	y := (miss(recall) - miss(effortRecall[j])) / (miss(effortRecall[j+1]) - miss(effortRecall[j]))
	ends := func(value func(e effort) float64) (at, next float64) {
		of := func(i int) float64 {
			a, b := value(t[i][j]), value(t[i][j+1])
			return a + (b-a)*y
		}
		return of(i), of(i + 1)
	}
	angle := func(value func(e effort) float64) float32 {
		at, next := ends(value)
		if next > at { // where clusters end, of a size in between: most of it comes at once
			return float32(at + (next-at)*min(max(2*x, 0), 1))
		}
		return float32(at + (next-at)*min(x, 1))
	}
	at, next := ends(func(e effort) float64 { return math.Log(float64(e.lists)) })
	n := math.Exp(at + (next-at)*max(x, 0))
	// What a corrupt table would say is not taken.
	if !(n >= 1) {
		n = 1
	}
	return effort{
		lists:     float32(min(math.Ceil(n), float64(lists))),
		angle:     angle(func(e effort) float64 { return float64(e.angle) }),
		trueAngle: angle(func(e effort) float64 { return float64(e.trueAngle) }),
	}
}

// kMin is the least k that an effort is told apart for: see grown.
const kMin = 0.01

// grown is the table of times as many rows around the same centroids: the k nearest
// of them lie as near as the k/times nearest of those that were measured.
func (t *effortTable) grown(times float64, lists int) (out effortTable) {
	for i, k := range effortK {
		for j, recall := range effortRecall {
			out[i][j] = t.at(float64(k)/times, recall, lists)
		}
	}
	return out
}

// calibrationPairs bounds the comparisons of a calibration, and with it its time.
const calibrationPairs = 1 << 27

// calibrationQueries is how many of so many rows are asked for at most.
func calibrationQueries(rows int) int { return max(32, min(256, calibrationPairs/max(rows, 1))) }

// nearestMost is how many neighbours are found: of few rows the nearest thousand
// would be all.
func nearestMost(rows int) int {
	return max(0, min(effortK[len(effortK)-1], max(rows/8, manyNearest), rows-1))
}

// manyNearest is from where neighbours count as many. So many are found if there are
// as many rows, and efforts for so many or more are those of rows far away.
const manyNearest = 100

// sample is one of the queries of a calibration: its nearest rows, in order, the
// scale of angles (see ranker), and how many rows the first lists have, each with
// those before it, as far as a search may need them to have seen enough.
type sample struct {
	near  []neighbour
	scale float64
	rows  []int
}

// looked is how many lists a search of so many first looks at before it goes by
// angles: as many as hold k rows, however far away.
func (s *sample) looked(k, first int) int {
	enough := first
	for enough <= len(s.rows) && s.rows[enough-1] < k {
		enough += batchOf(first)
	}
	return enough
}

// neighbour is a row near to a sample: its distance in the measure of scores, and
// its list with the rank and the score that this has.
type neighbour struct {
	score     float32
	list      uint32
	rank      uint32
	listScore float32
}

// calibrate measures the effort: rows that had no part in the centroids, which lie
// nearer to the rows that they were found from than to others, are queries. Their
// neighbours are found among all rows, and looked for in the lists as a search would.
func (b *builder) calibrate(ctx context.Context) error {
	for i := range b.meta.effort {
		for j := range b.meta.effort[i] {
			b.meta.effort[i][j] = effort{lists: float32(max(len(b.meta.lists), 1)), angle: 1, trueAngle: 1}
		}
	}
	queries := len(b.queries)
	if queries == 0 || len(b.meta.lists) < 2 {
		return nil
	}
	b.meta.spread = b.meta.spreads()
	samples := make([]sample, queries)
	groups := min(b.plan.workers, queries)
	err := b.parallel(ctx, groups, func(w int) func(int) error {
		return func(g int) error {
			from, to := g*queries/groups, (g+1)*queries/groups
			return b.neighbours(ctx, w, b.queries[from:to], samples[from:to])
		}
	})
	if err != nil {
		return err
	}
	for i, k := range effortK {
		for j, recall := range effortRecall {
			b.meta.effort[i][j] = b.effortFor(samples, k, recall)
		}
	}
	return nil
}

// effortFor is the effort that a recall takes: so many lists as hold that share of
// the neighbours, of which a search looks at the first in any case, and the least
// angle up to which, besides those, enough neighbours are found; with some of the
// misses to spare (builder.spare).
func (b *builder) effortFor(samples []sample, k int, recall float64) effort {
	wanted := recall + b.spare*(1-recall)
	out := effort{lists: float32(len(b.meta.lists))}
	var ranks []uint32
	for _, s := range samples {
		for _, m := range s.near[:min(k, len(s.near))] {
			ranks = append(ranks, m.rank)
		}
	}
	if len(ranks) == 0 {
		out.angle, out.trueAngle = angleMax, angleMax
		return out
	}
	slices.Sort(ranks)
	out.lists = float32(ranks[min(int(math.Ceil(wanted*float64(len(ranks)))), len(ranks)-1)] + 2)
	first := firstOf(int(out.lists))
	out.angle = angleFor(samples, wanted, func(dst []float32, s sample) []float32 {
		return b.meta.angles(dst, s, k, first, b.kind.blocks)
	})
	out.trueAngle = angleFor(samples, wanted, func(dst []float32, s sample) []float32 {
		return b.meta.trueAngles(dst, s, k, first)
	})
	return out
}

// angleFor is the least angle up to which a recall is reached, of the angles that
// the neighbours of each sample are found at.
func angleFor(samples []sample, recall float64, angles func(dst []float32, s sample) []float32) float32 {
	var all []float32
	var ends []int
	for _, s := range samples {
		if len(s.near) > 0 {
			all = angles(all, s)
			ends = append(ends, len(all))
		}
	}
	each := make([][]float32, 0, len(ends))
	for i, from := 0, 0; i < len(ends); i, from = i+1, ends[i] {
		each = append(each, all[from:ends[i]])
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	at, _ := slices.BinarySearchFunc(sorted, recall, func(angle float32, recall float64) int {
		return cmp.Compare(sureRecall(each, angle), recall)
	})
	// A list of which half the rows are likely nearer is looked at in any case.
	return max(sorted[min(at, len(sorted)-1)], 0)
}

// sureRecall is a recall that the mean over all queries is hardly below where
// neighbours up to an angle are found: two standard errors less than
// the mean of the samples.
func sureRecall(angles [][]float32, most float32) float64 {
	var sum, squares float64
	for _, list := range angles {
		found := 0
		for _, a := range list {
			if a <= most {
				found++
			}
		}
		recall := float64(found) / float64(len(list))
		sum += recall
		squares += recall * recall
	}
	n := float64(len(angles))
	mean := sum / n
	return mean - 2*math.Sqrt(max(squares/n-mean*mean, 0)/n)
}

// angles appends, for each of the nearest k rows to a sample, the least angle at
// which a search that looks at so many lists first finds it: what counts is the
// k-th row found before the batch of its list.
func (m *meta) angles(dst []float32, s sample, k, first int, batches bool) []float32 {
	step := batchOf(first)
	first = s.looked(k, first)
	var known []float64 // the k-th score before each batch
	for _, n := range s.near[:min(k, len(s.near))] {
		if int(n.rank) < first {
			dst = append(dst, -angleMax)
			continue
		}
		batch := 0
		if batches {
			batch = (int(n.rank) - first) / step
		}
		for len(known) <= batch {
			known = append(known, s.kth(k, first+len(known)*step))
		}
		dst = append(dst, m.angle(int(n.list), n.listScore, s.scale, known[batch]))
	}
	return dst
}

// trueAngles is angles for a search that knows the k-th score beforehand.
func (m *meta) trueAngles(dst []float32, s sample, k, first int) []float32 {
	near := s.near[:min(k, len(s.near))]
	first = s.looked(k, first)
	for _, n := range near {
		angle := float32(-angleMax)
		if int(n.rank) >= first {
			angle = m.angle(int(n.list), n.listScore, s.scale, float64(near[len(near)-1].score))
		}
		dst = append(dst, angle)
	}
	return dst
}

// kth is the score of the k-th of the nearest rows that lie in the first lists;
// that of the last known where these are fewer.
func (s *sample) kth(k, lists int) float64 {
	for _, n := range s.near {
		if int(n.rank) < lists {
			if k--; k == 0 {
				return float64(n.score)
			}
		}
	}
	return float64(s.near[len(s.near)-1].score)
}

// neighbours finds the rows nearest to each row of some positions, but for
// itself.
func (b *builder) neighbours(ctx context.Context, worker int, queries []uint32, out []sample) error {
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
	for i, q := range queries {
		b.row(wide, q)
		ranked := ranker.rank(wide, len(b.meta.lists))
		for rank, l := range ranked {
			rankOf[l.id()] = uint32(rank)
		}
		out[i] = sample{near: make([]neighbour, 0, most), scale: ranker.scale}
		for rows, rank := 0, 0; rank < len(ranked) && rows < effortK[len(effortK)-1]; rank++ {
			rows += b.meta.lists[ranked[rank].id()].rows
			out[i].rows = append(out[i].rows, rows)
		}
		for _, n := range tops[i] {
			if b.held[n.id()] != q {
				list := b.lists[n.id()]
				rank := rankOf[list]
				out[i].near = append(out[i].near, neighbour{score: n.score(), list: list, rank: rank, listScore: ranker.scores[list]})
			}
		}
		tops[i] = nil
	}
	return nil
}

// nearestRows keeps the k rows of the least scores, and up to as many more until
// there are 2k: cheaper than a heap, where k is large.
type nearestRows struct {
	k     int
	rows  []scoredID // by number among those held
	limit float32    // scores above it are not among the least
}

func newNearestRows(k int) nearestRows {
	return nearestRows{k: k, rows: make([]scoredID, 0, 2*k), limit: float32(math.Inf(1))}
}

func (n *nearestRows) add(row uint32, score float32) {
	if n.rows = append(n.rows, newScoredID(score, int(row))); len(n.rows) == cap(n.rows) {
		selectFirst(n.rows, n.k)
		n.rows = n.rows[:n.k]
		n.limit = slices.Max(n.rows).score()
	}
}

// sorted are the nearest k in order.
func (n *nearestRows) sorted() []scoredID {
	slices.Sort(n.rows)
	return n.rows[:min(n.k, len(n.rows))]
}

// compared is how many rows are compared with all the queries at a time.
const compared = 96

// compareByPanels finds the k rows nearest to each query in the measure of
// scores (the square, of the distance of vectors of length one under cosine):
// float32 will do to measure by.
func (b *builder) compareByPanels(ctx context.Context, worker int, queries []uint32, k int) ([][]scoredID, error) {
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
	out := make([][]scoredID, n)
	for i := range tops {
		out[i] = tops[i].sorted()
	}
	return out, nil
}

// compareExactly is compareByPanels for what is no inner product: the rows are
// copied together a few at a time.
func (b *builder) compareExactly(ctx context.Context, worker int, queries []uint32, k int) ([][]scoredID, error) {
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
	out := make([][]scoredID, len(queries))
	for i, s := range searches {
		for _, n := range s.Top().Sorted() {
			out[i] = append(out[i], newScoredID(float32(n.Distance), int(n.Row)))
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
