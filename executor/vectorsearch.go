package executor

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

func (b *builder) buildVectorSearch(n *plan.VectorSearch) (operator, error) {
	o := &vectorSearchOp{x: b.x, node: n, width: len(n.Columns)}
	if n.RowID {
		o.width--
	}
	if n.Distance {
		o.width--
	}
	var known bool
	if o.distance, known = distancesByOperator[n.Operator]; !known {
		return nil, sqlerr.New(sqlerr.InternalError, "no distance for operator %s", n.Operator)
	}
	o.spec = storage.ScanSpec{
		Table: n.Table, Partitions: partitionOIDs(n.Partitions),
		Fields: []catalog.FieldID{n.Field}, WithRowID: true,
	}
	if n.Filter != nil {
		f, err := b.newScanFilter(n.Fields, n.Filter)
		if err != nil {
			return nil, err
		}
		o.spec.Filter = f
		o.serial = hasSubquery(n.Filter)
	}
	var err error
	if o.query, err = b.compile(n.Query); err != nil {
		return nil, err
	}
	o.bounds, err = b.compileBounds(n.Limit, n.Offset)
	return o, err
}

// hasSubquery: such a condition runs a plan and reads outer rows, for one
// goroutine at a time.
func hasSubquery(e plan.Expr) bool {
	found := false
	walkExpr(e, func(e plan.Expr) {
		switch e.(type) {
		case *plan.Subquery, *plan.Outer:
			found = true
		}
	})
	return found
}

// vectorSearchOp finds the k rows nearest to a vector by comparing it with all:
// first only vectors and row ids are read, by several goroutines, each keeping
// its best candidates; these are read again by row id with all columns, their
// distances computed by the one exact definition, and put in order, ties by row
// id.
type vectorSearchOp struct {
	x        *execution
	node     *plan.VectorSearch
	width    int // columns of the output before row id and distance
	spec     storage.ScanSpec
	query    evaluator
	bounds   bounds
	distance distance
	serial   bool
	stats    storage.ScanStats
	compared int64
	out      *batch
	at       int
	done     bool
}

func (o *vectorSearchOp) open(context.Context) error { o.close(); return nil }

func (o *vectorSearchOp) close() {
	if o.out != nil {
		o.out.release()
		o.out = nil
	}
	o.at, o.done = 0, false
}

func (o *vectorSearchOp) next(ctx context.Context) (*batch, error) {
	if !o.done {
		o.done = true
		if err := o.search(ctx); err != nil {
			return nil, err
		}
	}
	if o.out == nil || o.at == o.out.rows {
		return nil, nil
	}
	from := o.at
	o.at = min(from+batchRows, o.out.rows)
	return o.out.slice(from, o.at), nil
}

func (o *vectorSearchOp) search(ctx context.Context) error {
	count, offset, err := o.bounds.evaluate(o.x)
	if err != nil {
		return err
	}
	k := int(min(total(count, offset), math.MaxInt32))
	if k == 0 {
		return nil
	}
	q, err := o.queryVector()
	if err != nil {
		return err
	}
	found, err := o.candidates(ctx, q, k)
	if err != nil || len(found) == 0 {
		return err
	}
	return o.rank(ctx, q, found, k)
}

// queryVector is the vector compared with; nil when it is null.
func (o *vectorSearchOp) queryVector() ([]float32, error) {
	a, err := evalOne(o.x, o.query)
	if err != nil {
		return nil, err
	}
	defer a.Release()
	if a.IsNull(0) {
		return nil, nil
	}
	v := vectorColumnOf(a)
	q := slices.Clone(v.at(0))
	if q == nil {
		q = []float32{}
	}
	return q, nil
}

// candidates scans the table and returns the best rows by the fast kernels, a
// few more than k.
func (o *vectorSearchOp) candidates(ctx context.Context, q []float32, k int) ([]candidate, error) {
	n := max(o.x.env.Parallel, 1)
	if o.serial {
		n = 1
	}
	scanners, err := o.x.snapshot().ScanParallel(ctx, o.spec, n)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range scanners {
			s.Close()
			addStats(&o.stats, s.Stats())
		}
	}()
	searches := make([]nearest, len(scanners))
	for i := range searches {
		searches[i] = nearest{keep: candidateCount(k), distance: o.distance, query: q}
	}
	if len(scanners) == 1 {
		err = searches[0].run(ctx, scanners[0])
	} else {
		group, ctx := errgroup.WithContext(ctx)
		for i, s := range scanners {
			group.Go(func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = panicError(p)
					}
				}()
				return searches[i].run(ctx, s)
			})
		}
		err = group.Wait()
	}
	if err != nil {
		return nil, err
	}
	var all []candidate
	for i := range searches {
		all = append(all, searches[i].heap...)
		o.compared += searches[i].compared
	}
	slices.SortFunc(all, compareCandidates)
	return all[:min(len(all), candidateCount(k))], nil
}

// candidateCount is how many rows the first pass keeps: the fast kernels round
// differently, so rows just beyond k may turn out to be within.
func candidateCount(k int) int { return 2*k + 10 }

// rank reads the candidates' columns, orders them by exact distance and keeps k.
func (o *vectorSearchOp) rank(ctx context.Context, q []float32, found []candidate, k int) error {
	rows, err := o.fetch(ctx, found)
	if err != nil {
		return err
	}
	defer func() {
		for _, b := range rows {
			b.release()
		}
	}()
	type scored struct {
		candidate
		ref rowRef
	}
	var all []scored
	for _, b := range rows {
		vectors := vectorColumnOf(b.cols[o.width])
		ids := rowIDs(b.cols[o.width+1])
		for i := range b.rows {
			c := candidate{id: ids[i], class: classNull}
			if q != nil && !b.cols[o.width].IsNull(i) {
				c.set(o.distance.exact(vectors.at(i), q))
			}
			all = append(all, scored{c, rowRef{b, int32(i)}})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return compareCandidates(a.candidate, b.candidate) })
	all = all[:min(len(all), k)]
	refs := make([]rowRef, len(all))
	for i, s := range all {
		refs[i] = s.ref
	}
	if len(refs) == 0 {
		return nil
	}
	out, err := gatherRows(o.x.mem, refs)
	if err != nil {
		return err
	}
	out.cols[o.width].Release() // the vector read for the distance
	id := out.cols[o.width+1]
	out.cols = out.cols[:o.width]
	if o.node.RowID {
		out.cols = append(out.cols, id)
	} else {
		id.Release()
	}
	if o.node.Distance {
		b := array.NewFloat64Builder(o.x.mem)
		defer b.Release()
		for _, s := range all {
			if s.class == classNull {
				b.AppendNull()
			} else {
				b.Append(s.value())
			}
		}
		out.cols = append(out.cols, b.NewArray())
	}
	o.out = out
	return nil
}

// fetch reads the output columns, the vector and the row id of candidates.
func (o *vectorSearchOp) fetch(ctx context.Context, found []candidate) ([]*batch, error) {
	ids := make([]storage.RowID, len(found))
	for i, c := range found {
		ids[i] = c.id
	}
	spec := o.spec
	spec.Filter = nil
	spec.Fields = append(slices.Clone(o.node.Fields[:o.width]), o.node.Field)
	spec.RowIDs = ids
	scanner, err := o.x.snapshot().Scan(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer scanner.Close()
	var out []*batch
	var scratch []int32
	for {
		in, err := scanner.Next(ctx)
		if err != nil {
			for _, b := range out {
				b.release()
			}
			return nil, err
		}
		if in == nil {
			addStats(&o.stats, storage.ScanStats{BytesRead: scanner.Stats().BytesRead})
			return out, nil
		}
		out = append(out, visibleBatch(o.x, in, true, &scratch))
	}
}

// The classes of distances in ORDER BY: numbers, then NaN (a zero vector has no
// cosine), then null.
const (
	classNumber byte = iota
	classNaN
	classNull
)

// candidate is a row and its distance from the query.
type candidate struct {
	d     float64
	id    storage.RowID
	class byte
}

func (c *candidate) set(d float64) {
	if math.IsNaN(d) {
		c.class, c.d = classNaN, 0
	} else {
		c.class, c.d = classNumber, d
	}
}

func (c *candidate) value() float64 {
	if c.class == classNaN {
		return math.NaN()
	}
	return c.d
}

func compareCandidates(a, b candidate) int {
	return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.d, b.d), cmp.Compare(a.id, b.id))
}

// nearest keeps the best candidates of the batches it sees, in a heap with the
// worst on top.
type nearest struct {
	keep     int
	distance distance
	query    []float32
	heap     []candidate
	compared int64
	scratch  []float64
	rows     []int32
}

func (s *nearest) run(ctx context.Context, scanner storage.Scanner) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := scanner.Next(ctx)
		if err != nil || b == nil {
			return err
		}
		err = s.add(b)
		b.Record.Release()
		if err != nil {
			return err
		}
	}
}

// add compares the visible rows of a batch with the query.
func (s *nearest) add(b *storage.Batch) error {
	col := b.Record.Column(0)
	ids := b.Record.Column(1).(*array.Uint64).Uint64Values()
	n := int(b.Record.NumRows())
	s.compared += int64(b.Kept)
	whole := b.Kept == n && col.NullN() == 0
	if s.query == nil {
		s.addNulls(b, col, ids, n, true)
		return nil
	}
	vectors := vectorColumnOf(col)
	if whole && vectors.dims == len(s.query) {
		s.addWhole(vectors, ids, n)
		return nil
	}
	for i := range n {
		if !b.Visible.Get(i) || col.IsNull(i) {
			continue
		}
		x := vectors.at(i)
		if len(x) != len(s.query) {
			return sqlerr.New(sqlerr.DataException, "different vector dimensions %d and %d", len(x), len(s.query))
		}
		c := candidate{id: storage.RowID(ids[i])}
		c.set(s.distance.one(x, s.query))
		s.offer(c)
	}
	if col.NullN() > 0 {
		s.addNulls(b, col, ids, n, false)
	}
	return nil
}

// addWhole compares a whole run of vectors of one dimension, in one pass over
// their memory.
func (s *nearest) addWhole(vectors vectorColumn, ids []uint64, n int) {
	if cap(s.scratch) < n {
		s.scratch = make([]float64, n)
	}
	distances := s.scratch[:n]
	s.distance.many(distances, s.query, vectors.run(n))
	for i, d := range distances {
		if len(s.heap) == s.keep && s.heap[0].class == classNumber && d > s.heap[0].d {
			continue
		}
		c := candidate{id: storage.RowID(ids[i])}
		c.set(d)
		s.offer(c)
	}
}

// addNulls offers the rows without a distance: those with a null vector, or all.
func (s *nearest) addNulls(b *storage.Batch, col arrow.Array, ids []uint64, n int, all bool) {
	for i := range n {
		if b.Visible.Get(i) && (all || col.IsNull(i)) {
			s.offer(candidate{id: storage.RowID(ids[i]), class: classNull})
		}
	}
}

// offer keeps c if it is among the best.
func (s *nearest) offer(c candidate) {
	if len(s.heap) < s.keep {
		s.heap = append(s.heap, c)
		for i := len(s.heap) - 1; i > 0; {
			parent := (i - 1) / 2
			if compareCandidates(s.heap[parent], s.heap[i]) >= 0 {
				break
			}
			s.heap[parent], s.heap[i] = s.heap[i], s.heap[parent]
			i = parent
		}
		return
	}
	if compareCandidates(c, s.heap[0]) >= 0 {
		return
	}
	s.heap[0] = c
	for i := 0; ; {
		worst := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(s.heap) && compareCandidates(s.heap[child], s.heap[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		s.heap[i], s.heap[worst] = s.heap[worst], s.heap[i]
		i = worst
	}
}
