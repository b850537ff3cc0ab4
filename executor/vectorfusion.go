package executor

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/explain"
	"quiver/planner/plan"
	"quiver/storage"
	"quiver/vector"
)

func (b *builder) buildVectorFusion(n *plan.VectorFusion) (operator, error) {
	o := &vectorFusionOp{x: b.x, node: n}
	for _, s := range n.Searches {
		searcher, err := b.newVectorSearcher(s)
		if err != nil {
			return nil, err
		}
		o.searches = append(o.searches, searcher)
	}
	for _, w := range n.Weights {
		e, err := b.compileOptional(w)
		if err != nil {
			return nil, err
		}
		o.weights = append(o.weights, e)
	}
	var err error
	if o.score, err = b.compileOptional(n.Score); err != nil {
		return nil, err
	}
	if o.exprs, err = b.compileAll(n.Exprs); err != nil {
		return nil, err
	}
	if n.Exact != nil {
		if o.exact, err = b.build(n.Exact); err != nil {
			return nil, err
		}
	}
	o.bounds, err = b.compileBounds(n.Limit, n.Offset)
	return o, err
}

// vectorFusionOp finds the rows that are best by several distances together.
//
// A weighted sum is found by the threshold algorithm (Fagin, Lotem and Naor
// 2001): each search finds its n nearest rows, the sum is computed for all of
// them, and a row that none found has at least the sum of the distances that the
// searches ended at. When the k-th best is below that, it is done; else n grows.
type vectorFusionOp struct {
	x        *execution
	node     *plan.VectorFusion
	searches []*vectorSearcher
	weights  []evaluator
	score    evaluator
	exprs    []evaluator
	exact    operator
	bounds   bounds
	rounds   int64

	exactly bool // exact yields the rest
	out     *batch
	at      int
	done    bool
}

// A weighted sum begins with fusionFirst times as many rows of each search as
// are wanted; beyond one of fusionShare rows it is computed for all. Rank fusion
// takes rankWindow times as many, and rankWindowMin at least; rankConstant
// dampens the weight of the first ranks (Cormack, Clarke and Büttcher 2009).
const (
	fusionFirst   = 4
	fusionFactor  = 4
	fusionShare   = 8
	rankWindow    = 4
	rankWindowMin = 100
	rankConstant  = 60
)

func (o *vectorFusionOp) open(context.Context) error { o.close(); return nil }

func (o *vectorFusionOp) close() {
	if o.out != nil {
		o.out.release()
		o.out = nil
	}
	if o.exactly {
		o.exact.close()
	}
	for _, s := range o.searches {
		s.end()
	}
	o.at, o.done, o.exactly = 0, false, false
}

func (o *vectorFusionOp) next(ctx context.Context) (*batch, error) {
	if !o.done {
		o.done = true
		if err := o.run(ctx); err != nil {
			return nil, err
		}
	}
	if o.exactly {
		return o.exact.next(ctx)
	}
	if o.out == nil || o.at == o.out.rows {
		return nil, nil
	}
	from := o.at
	o.at = min(from+batchRows, o.out.rows)
	return o.out.slice(from, o.at), nil
}

func (o *vectorFusionOp) run(ctx context.Context) error {
	count, offset, err := o.bounds.evaluate(o.x)
	if err != nil {
		return err
	}
	k := int(min(total(count, offset), math.MaxInt32/fusionFirst))
	if k == 0 {
		return nil
	}
	queries := make([][]byte, len(o.searches))
	known := true
	for i, s := range o.searches {
		if queries[i], err = s.queryVector(); err != nil {
			return err
		}
		known = known && queries[i] != nil
	}
	if o.score == nil {
		return o.fuseRanks(ctx, queries, k)
	}
	weights, err := o.evaluateWeights()
	if err != nil {
		return err
	}
	if weights != nil && known {
		if done, err := o.fuseDistances(ctx, queries, weights, k); done || err != nil {
			return err
		}
	}
	for _, s := range o.searches {
		s.end()
	}
	o.exactly = true
	return o.exact.open(ctx)
}

// evaluateWeights returns nil if one says that farther is better, or nothing.
func (o *vectorFusionOp) evaluateWeights() ([]float64, error) {
	out := make([]float64, len(o.weights))
	for i, w := range o.weights {
		out[i] = 1
		if w == nil {
			continue
		}
		a, err := evalOne(o.x, w)
		if err != nil {
			return nil, err
		}
		values := a.(*array.Float64)
		out[i] = values.Value(0)
		usable := !values.IsNull(0) && out[i] > 0 && !math.IsInf(out[i], 0)
		a.Release()
		if !usable {
			return nil, nil
		}
	}
	return out, nil
}

// fuseDistances is done when the k best are sure.
func (o *vectorFusionOp) fuseDistances(ctx context.Context, queries [][]byte, weights []float64, k int) (done bool, err error) {
	for n := k * fusionFirst; ; n *= fusionFactor {
		lists, rows, err := o.find(ctx, queries, n)
		if err != nil {
			return false, err
		}
		o.rounds++
		threshold, complete := 0.0, false
		for i, list := range lists {
			if len(list) < n || list[len(list)-1].null {
				complete = true // all rows that have a sum have been found
				break
			}
			threshold += weights[i] * list[len(list)-1].distance
		}
		if !complete && n > rows/fusionShare {
			return false, nil
		}
		union := o.union(lists)
		fields, err := o.fetch(ctx, union)
		if err != nil {
			return false, err
		}
		scores, err := o.evaluateScores(fields)
		if err != nil {
			fields.release()
			return false, err
		}
		best := bestRows(union, scores, k, false)
		if complete && len(best) < k {
			fields.release()
			return false, nil // rows without a sum belong to the answer
		}
		if complete || len(best) == k && scores[best[k-1]] <= threshold {
			return true, o.yield(fields, scores, best)
		}
		fields.release()
	}
}

// fuseRanks sums 1/(60 + rank) over the searches.
func (o *vectorFusionOp) fuseRanks(ctx context.Context, queries [][]byte, k int) error {
	o.rounds++
	lists, _, err := o.find(ctx, queries, max(k*rankWindow, rankWindowMin))
	if err != nil {
		return err
	}
	sums := map[storage.RowID]float64{}
	for _, list := range lists {
		for rank, f := range list {
			if !f.null {
				sums[f.id] += 1 / float64(rankConstant+rank+1)
			}
		}
	}
	union := o.union(lists)
	all := make([]float64, len(union))
	for i, f := range union {
		all[i] = sums[f.id]
	}
	best := bestRows(union, all, k, true)
	if len(best) == 0 {
		return nil
	}
	some, scores := make([]fusedRow, len(best)), make([]float64, len(best))
	at := make([]int32, len(best))
	for i, b := range best {
		some[i], scores[i], at[i] = union[b], all[b], int32(i)
	}
	fields, err := o.fetch(ctx, some)
	if err != nil {
		return err
	}
	return o.yield(fields, scores, at)
}

// find makes all searches; rows is the number of rows searched.
func (o *vectorFusionOp) find(ctx context.Context, queries [][]byte, n int) (lists [][]foundRow, rows int, err error) {
	lists = make([][]foundRow, len(o.searches))
	for i, s := range o.searches {
		if lists[i], err = s.find(ctx, queries[i], n); err != nil {
			return nil, 0, err
		}
	}
	return lists, o.searches[0].rows, nil
}

// fusedRow is a row and the search that found it.
type fusedRow struct {
	foundRow
	search int
}

// union is the rows of all lists, each once, by search.
func (o *vectorFusionOp) union(lists [][]foundRow) []fusedRow {
	var out []fusedRow
	seen := map[storage.RowID]bool{}
	for i, list := range lists {
		for _, f := range list {
			if !seen[f.id] {
				seen[f.id] = true
				out = append(out, fusedRow{f, i})
			}
		}
	}
	return out
}

// fetch reads the columns of rows, in their order.
func (o *vectorFusionOp) fetch(ctx context.Context, rows []fusedRow) (*batch, error) {
	refs := make([]rowRef, len(rows))
	var parts []*batch
	defer func() {
		for _, b := range parts {
			b.release()
		}
	}()
	for i, s := range o.searches {
		var own []foundRow
		var at []int
		for j, r := range rows {
			if r.search == i {
				own, at = append(own, r.foundRow), append(at, j)
			}
		}
		if len(own) == 0 {
			continue
		}
		b, err := s.fetch(ctx, own)
		if err != nil {
			return nil, err
		}
		parts = append(parts, b)
		for n, j := range at {
			refs[j] = rowRef{b, int32(n)}
		}
	}
	if len(refs) == 0 {
		return &batch{}, nil
	}
	return gatherRows(o.x.mem, refs)
}

// evaluateScores computes the score of each row; NaN where it is null.
func (o *vectorFusionOp) evaluateScores(in *batch) ([]float64, error) {
	if in.rows == 0 {
		return nil, nil
	}
	v, err := o.score.eval(o.x, in)
	if err != nil {
		return nil, err
	}
	defer v.Array.Release()
	values := v.Array.(*array.Float64)
	out := make([]float64, in.rows)
	for i := range out {
		if out[i] = math.NaN(); !v.IsNull(i) {
			out[i] = values.Value(v.Row(i))
		}
	}
	return out, nil
}

// bestRows are the k rows with the least scores, or the greatest, ties by row;
// those without a score are left out.
func bestRows(rows []fusedRow, scores []float64, k int, greatest bool) []int32 {
	var out []int32
	for i, s := range scores {
		if !math.IsNaN(s) {
			out = append(out, int32(i))
		}
	}
	slices.SortFunc(out, func(a, b int32) int {
		order := vector.Compare(scores[a], scores[b])
		if greatest {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(rows[a].id, rows[b].id))
	})
	return out[:min(k, len(out))]
}

// yield computes the output of rows of fields, which it releases.
func (o *vectorFusionOp) yield(fields *batch, scores []float64, rows []int32) error {
	in := takeBatch(o.x.mem, fields, rows)
	fields.release()
	defer in.release()
	b := array.NewFloat64Builder(o.x.mem)
	defer b.Release()
	for _, r := range rows {
		b.Append(scores[r])
	}
	in.cols, in.rows = append(in.cols, b.NewArray()), len(rows)
	cols, err := evalFullAll(o.x, o.exprs, in)
	if err != nil {
		return err
	}
	o.out = &batch{cols: cols, rows: in.rows}
	return nil
}

func (o *vectorFusionOp) figures() []explain.Detail {
	var sum vectorSearcher
	sum.index = o.searches[0].index
	for _, s := range o.searches {
		f := s.figure
		sum.figure.scan.Add(f.scan)
		sum.figure.compared += f.compared
		sum.figure.indexed += f.indexed
		sum.figure.index.Add(f.index)
		for way, n := range f.ways {
			if sum.figure.ways == nil {
				sum.figure.ways = map[string]int64{}
			}
			sum.figure.ways[way] += n
		}
	}
	return sum.figures()
}

func (o *vectorFusionOp) resetFigures() {
	for _, s := range o.searches {
		s.figure = searchFigures{}
	}
}
