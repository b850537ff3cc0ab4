package executor

import (
	"context"
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/vector"
)

func (b *builder) buildVectorSearch(n *plan.VectorSearch) (operator, error) {
	o := &vectorSearchOp{x: b.x, node: n}
	var err error
	if o.searcher, err = b.newVectorSearcher(n); err != nil {
		return nil, err
	}
	if o.within, err = b.compileOptional(n.Within); err != nil {
		return nil, err
	}
	if n.Wide {
		b.wide = o
	}
	b.search = o
	o.bounds, err = b.compileBounds(n.Limit, n.Offset)
	return o, err
}

// vectorSearchOp yields the rows nearest to a vector, in order: so many, or all
// within a distance. Their columns are read last.
type vectorSearchOp struct {
	x        *execution
	node     *plan.VectorSearch
	searcher *vectorSearcher
	bounds   bounds
	within   evaluator // nil: no distance
	// kept: the segments stay open when the operator is closed.
	kept bool
	// wanted, when above 0, is the number of rows to find: widenSearchOp's.
	// complete says that there are no more.
	wanted   int
	complete bool
	// primed are the rows of a run that were found ahead: searchBatch's.
	primed *batch
	// found are rows whose columns are still to be read; out are the last that were.
	found []foundRow
	out   *batch
	at    int
	done  bool
}

// fetchRows is how many rows found are read at a time.
const fetchRows = 8 * batchRows

func (o *vectorSearchOp) open(context.Context) error {
	primed := o.primed
	o.primed = nil
	o.close()
	if primed != nil {
		o.out, o.done = primed, true
	}
	return nil
}

func (o *vectorSearchOp) close() {
	if o.out != nil {
		o.out.release()
		o.out = nil
	}
	if o.primed != nil {
		o.primed.release()
		o.primed = nil
	}
	if !o.kept {
		o.searcher.end()
	}
	o.found, o.at, o.done = nil, 0, false
}

func (o *vectorSearchOp) next(ctx context.Context) (*batch, error) {
	if !o.done {
		o.done = true
		if err := o.search(ctx); err != nil {
			return nil, err
		}
	}
	if o.out == nil || o.at == o.out.rows {
		if err := o.fetch(ctx); err != nil || o.out == nil {
			return nil, err
		}
	}
	from := o.at
	o.at = min(from+batchRows, o.out.rows)
	if from == 0 && o.at == o.out.rows {
		all := o.out
		o.out = nil
		return all, nil
	}
	return o.out.slice(from, o.at), nil
}

func (o *vectorSearchOp) search(ctx context.Context) error {
	k, err := o.count()
	if err != nil || k == 0 {
		return err
	}
	q, err := o.searcher.queryVector()
	if err != nil {
		return err
	}
	o.found, err = o.find(ctx, q, k)
	return err
}

// fetch reads the columns of the next rows found; out is nil if there are none.
func (o *vectorSearchOp) fetch(ctx context.Context) (err error) {
	if o.out != nil {
		o.out.release()
		o.out = nil
	}
	o.at = 0
	if len(o.found) == 0 {
		return nil
	}
	next := o.found[:min(fetchRows, len(o.found))]
	if o.out, err = o.searcher.fetch(ctx, next); err != nil {
		return err
	}
	if o.node.Distance {
		o.out.cols = append(o.out.cols, distanceColumn(o.x, next))
	}
	if o.found = o.found[len(next):]; len(o.found) == 0 && !o.kept {
		o.searcher.end()
	}
	return nil
}

// count is how many rows are wanted.
func (o *vectorSearchOp) count() (int, error) {
	if o.wanted > 0 {
		return o.wanted, nil
	}
	count, offset, err := o.bounds.evaluate(o.x)
	o.searcher.page = pageShare(count, offset)
	return int(min(total(count, offset), math.MaxInt32)), err
}

// pageShare is what share of the rows found a page with rows before it is; 0 of one
// without.
func pageShare(count, offset int64) float64 {
	if offset <= 0 {
		return 0
	}
	return float64(count) / (float64(count) + float64(offset))
}

func (o *vectorSearchOp) find(ctx context.Context, q []byte, k int) ([]foundRow, error) {
	if o.within == nil {
		found, err := o.searcher.find(ctx, q, k)
		o.complete = len(found) < k
		return found, err
	}
	a, err := evalOne(o.x, o.within)
	if err != nil {
		return nil, err
	}
	defer a.Release()
	o.complete = true
	if q == nil || a.IsNull(0) {
		return nil, nil
	}
	distance := a.(*array.Float64).Value(0)
	if k < math.MaxInt32 {
		found, err := o.searcher.find(ctx, q, k)
		near := o.cut(found, distance)
		o.complete = len(near) < k
		return near, err
	}
	return o.findWithin(ctx, q, distance)
}

// cut drops the rows, in order, that are not within a distance.
func (o *vectorSearchOp) cut(found []foundRow, distance float64) []foundRow {
	for i, f := range found {
		if c := vector.Compare(f.distance, distance); f.null || c > 0 || c == 0 && !o.node.WithinEqual {
			return found[:i]
		}
	}
	return found
}

// A search for all rows within a distance finds withinFirst rows at first, and
// withinFactor as many each time that the last is still within it; all rows are
// compared once it would find more than one of withinShare rows.
const (
	withinFirst  = 64
	withinFactor = 4
	withinShare  = 16
)

// findWithin finds all rows within a distance.
func (o *vectorSearchOp) findWithin(ctx context.Context, q []byte, distance float64) ([]foundRow, error) {
	if err := o.searcher.open(ctx, 1); err != nil {
		return nil, err
	}
	for k := withinFirst; k <= o.searcher.rows/withinShare; k *= withinFactor {
		found, err := o.searcher.find(ctx, q, k)
		if err != nil {
			return nil, err
		}
		if near := o.cut(found, distance); len(near) < k {
			return near, nil
		}
	}
	found, err := o.searcher.within(ctx, q, distance)
	return o.cut(found, distance), err
}
