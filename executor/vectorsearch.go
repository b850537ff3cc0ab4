package executor

import (
	"context"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/storage"
	"quiver/vector"
)

var distances = map[string]vector.Distance{
	"<->": vector.L2, "<#>": vector.InnerProduct, "<=>": vector.Cosine, "<+>": vector.L1,
}

func (b *builder) buildVectorSearch(n *plan.VectorSearch) (operator, error) {
	o := &vectorSearchOp{x: b.x, node: n, width: len(n.Columns)}
	if n.RowID {
		o.width--
	}
	if n.Distance {
		o.width--
	}
	var known bool
	if o.distance, known = distances[n.Operator]; !known {
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

// hasSubquery: such a condition runs a plan or reads outer rows, for one
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
// first only vectors and row ids are read, by several goroutines, each with a
// vector.Search; then the other columns of the rows found, by row id.
type vectorSearchOp struct {
	x        *execution
	node     *plan.VectorSearch
	width    int // columns of the output before row id and distance
	spec     storage.ScanSpec
	query    evaluator
	bounds   bounds
	distance vector.Distance
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
	found, err := o.scan(ctx, q, k)
	if err != nil || len(found) == 0 {
		return err
	}
	return o.fetch(ctx, found)
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
	values, start, end := vectorAt(a, 0)
	return append([]float32{}, values[start:end]...), nil
}

// vectorAt returns the memory of a vector column and where value i lies in it.
func vectorAt(a arrow.Array, i int) (values []float32, start, end int64) {
	l := a.(array.ListLike)
	start, end = l.ValueOffsets(i)
	return l.ListValues().(*array.Float32).Float32Values(), start, end
}

// foundRow is a row of the result; without a distance its vector, or the query, is
// null.
type foundRow struct {
	id       storage.RowID
	distance float64
	null     bool
}

// scan compares all rows with the query and returns the k nearest, in order;
// rows without a distance come last, by row id.
func (o *vectorSearchOp) scan(ctx context.Context, q []float32, k int) ([]foundRow, error) {
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
	if len(scanners) == 0 {
		return nil, nil
	}
	searches := make([]*nearest, len(scanners))
	for i := range searches {
		searches[i] = newNearest(o.distance, q, k)
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
	first := searches[0]
	for _, s := range searches {
		o.compared += s.compared
		if s != first {
			first.merge(s)
		}
	}
	return first.sorted(), nil
}

// fetch reads the columns of the rows found and puts them in order.
func (o *vectorSearchOp) fetch(ctx context.Context, found []foundRow) error {
	place := make(map[storage.RowID]int, len(found))
	spec := o.spec
	spec.Filter, spec.Fields = nil, o.node.Fields[:o.width]
	spec.RowIDs = make([]storage.RowID, len(found))
	for i, f := range found {
		spec.RowIDs[i] = f.id
		place[f.id] = i
	}
	scanner, err := o.x.snapshot().Scan(ctx, spec)
	if err != nil {
		return err
	}
	defer scanner.Close()
	var rows []*batch
	defer func() {
		for _, b := range rows {
			b.release()
		}
	}()
	refs := make([]rowRef, len(found))
	var scratch []int32
	for {
		in, err := scanner.Next(ctx)
		if err != nil {
			return err
		}
		if in == nil {
			break
		}
		b := visibleBatch(o.x, in, true, &scratch)
		rows = append(rows, b)
		for i, id := range rowIDs(b.cols[o.width]) {
			refs[place[id]] = rowRef{b, int32(i)}
		}
	}
	o.stats.BytesRead += scanner.Stats().BytesRead
	for i, r := range refs {
		if r.batch == nil {
			return sqlerr.New(sqlerr.InternalError, "row %d of table %s is missing", found[i].id, quoted(o.node.Table.Name))
		}
	}
	out, err := gatherRows(o.x.mem, refs)
	if err != nil {
		return err
	}
	if !o.node.RowID {
		out.cols[o.width].Release()
		out.cols = out.cols[:o.width]
	}
	if o.node.Distance {
		out.cols = append(out.cols, o.distanceColumn(found))
	}
	o.out = out
	return nil
}

func (o *vectorSearchOp) distanceColumn(found []foundRow) arrow.Array {
	b := array.NewFloat64Builder(o.x.mem)
	defer b.Release()
	b.Reserve(len(found))
	for _, f := range found {
		if f.null {
			b.AppendNull()
		} else {
			b.Append(f.distance)
		}
	}
	return b.NewArray()
}

// nearest searches the batches of one scanner.
type nearest struct {
	k        int
	query    []float32
	search   *vector.Search // nil for a null query
	nulls    *vector.TopK   // rows without a distance, by row id
	compared int64
	keep     []byte
}

func newNearest(d vector.Distance, q []float32, k int) *nearest {
	s := &nearest{k: k, query: q, nulls: vector.NewTopK(k)}
	if q != nil {
		s.search = vector.NewSearch(d, q, k)
	}
	return s
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
	if s.search == nil || col.NullN() > 0 {
		for i := range n {
			if b.Visible.Get(i) && (s.search == nil || col.IsNull(i)) {
				s.nulls.Push(vector.Neighbor{Row: ids[i]})
			}
		}
	}
	if s.search == nil {
		return nil
	}
	s.compared += int64(b.Kept)
	fixed, ok := col.(*array.FixedSizeList)
	if !ok {
		return s.addEach(b, col, ids, n)
	}
	keep := s.validRows(b, col, n)
	dims := int(fixed.DataType().(*arrow.FixedSizeListType).Len())
	if dims != len(s.query) {
		if keep == nil || bitutil.CountSetBits(keep, 0, n) > 0 {
			return differentDimensions(dims, len(s.query))
		}
		return nil
	}
	values, start, _ := vectorAt(fixed, 0)
	s.search.Add(vector.Rows{Values: values[start:], Stride: dims, N: n, IDs: ids, Keep: keep})
	return nil
}

func differentDimensions(a, b int) error {
	return sqlerr.New(sqlerr.DataException, "different vector dimensions %d and %d", a, b)
}

// addEach is add for a column whose vectors have a dimension each.
func (s *nearest) addEach(b *storage.Batch, col arrow.Array, ids []uint64, n int) error {
	for i := range n {
		if !b.Visible.Get(i) || col.IsNull(i) {
			continue
		}
		values, start, end := vectorAt(col, i)
		if int(end-start) != len(s.query) {
			return differentDimensions(int(end-start), len(s.query))
		}
		s.search.Add(vector.Rows{Values: values[start:end], Stride: len(s.query), N: 1, IDs: ids[i : i+1]})
	}
	return nil
}

// validRows is a bitmap of the visible rows with a vector; nil: all of them.
func (s *nearest) validRows(b *storage.Batch, col arrow.Array, n int) []byte {
	if col.NullN() == 0 {
		return b.Visible
	}
	size := int(bitutil.BytesForBits(int64(n)))
	if cap(s.keep) < size {
		s.keep = make([]byte, size)
	}
	keep := s.keep[:size]
	clear(keep)
	for i := range n {
		if b.Visible.Get(i) && col.IsValid(i) {
			bitutil.SetBit(keep, i)
		}
	}
	return keep
}

func (s *nearest) merge(other *nearest) {
	s.nulls.Merge(other.nulls)
	if s.search != nil {
		s.search.Top().Merge(other.search.Top())
	}
}

// sorted returns the k nearest rows, in order.
func (s *nearest) sorted() []foundRow {
	var out []foundRow
	if s.search != nil {
		for _, n := range s.search.Top().Sorted() {
			out = append(out, foundRow{id: storage.RowID(n.Row), distance: n.Distance})
		}
	}
	for _, n := range s.nulls.Sorted() {
		out = append(out, foundRow{id: storage.RowID(n.Row), null: true})
	}
	return slices.Clip(out[:min(len(out), s.k)])
}
