package executor

import (
	"context"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/storage"
	"quiver/vector"
)

var distances = map[string]vector.Distance{
	"<->": vector.L2, "<#>": vector.InnerProduct, "<=>": vector.Cosine, "<+>": vector.L1,
	"<~>": vector.Hamming, "<%>": vector.Jaccard,
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
	if o.space.Distance, known = distances[n.Operator]; !known {
		return nil, sqlerr.New(sqlerr.InternalError, "no distance for operator %s", n.Operator)
	}
	o.space.Element = elementOf(n.Query.Type())
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
	if n.Key != nil {
		o.spec.Fields = n.Key.Fields
		if o.keys, err = newIndexKeys(n.Key); err != nil {
			return nil, err
		}
	}
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

// vectorSearchOp finds the k rows nearest to a vector. Segments that have the
// index of the plan are searched through it (indexsearch.go), all other rows are
// compared one by one (nearest.go), by several goroutines; the columns of the
// rows found are read last.
type vectorSearchOp struct {
	x      *execution
	node   *plan.VectorSearch
	width  int // columns of the output before row id and distance
	spec   storage.ScanSpec
	query  evaluator
	bounds bounds
	space  vector.Space // of the last query
	serial bool
	keys   *indexKeys // of an expression that is searched
	// passing is the share of rows that passed the filter when it was last
	// looked at; 0 before.
	passing float64
	figure  searchFigures
	out     *batch
	at      int
	done    bool
}

// searchFigures are what EXPLAIN ANALYZE shows.
type searchFigures struct {
	scan     storage.ScanStats
	compared int64 // rows compared one by one
	index    vector.SearchStats
	indexed  int64            // segments searched by their index
	ways     map[string]int64 // how, with a filter
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
	if o.node.Index == nil || q == nil {
		scanners, err := o.x.snapshot().ScanParallel(ctx, o.spec, o.workers())
		if err != nil {
			return err
		}
		exact, err := o.compare(ctx, scanners, q, k)
		if err != nil {
			return err
		}
		return o.fetch(ctx, nil, exact.sorted())
	}
	return o.searchIndex(ctx, q, k)
}

func (o *vectorSearchOp) workers() int {
	if o.serial {
		return 1
	}
	return max(o.x.env.Parallel, 1)
}

// queryVector evaluates the vector compared with, nil when it is null, and sets
// the dimension of the space.
func (o *vectorSearchOp) queryVector() (q []byte, err error) {
	a, err := evalOne(o.x, o.query)
	if err != nil {
		return nil, err
	}
	defer a.Release()
	if a.IsNull(0) {
		return nil, nil
	}
	q, o.space.Dim = appendVector([]byte{}, o.space.Element, a, 0)
	return q, nil
}

// foundRow is a row of the result; without a distance its vector, or the query, is
// null.
type foundRow struct {
	id       storage.RowID
	distance float64
	null     bool
	// segment and position say where it lies, when it was found by an index;
	// else segment is -1.
	segment  int32
	position uint32
}

// compare compares the rows of scanners, which it closes, with the query.
func (o *vectorSearchOp) compare(ctx context.Context, scanners []storage.Scanner, q []byte, k int) (*nearest, error) {
	defer func() {
		for _, s := range scanners {
			s.Close()
			addStats(&o.figure.scan, s.Stats())
		}
	}()
	if o.keys != nil {
		for i, s := range scanners {
			scanners[i] = &keyScanner{Scanner: s, keys: o.keys}
		}
	}
	searches := make([]*nearest, max(len(scanners), 1))
	for i := range searches {
		searches[i] = newNearest(o.space, q, k)
	}
	err := inParallel(ctx, len(scanners), len(scanners), func(ctx context.Context, i int) error {
		return searches[i].run(ctx, scanners[i])
	})
	if err != nil {
		return nil, err
	}
	first := searches[0]
	for _, s := range searches {
		o.figure.compared += s.compared
		if s != first {
			first.merge(s)
		}
	}
	return first, nil
}

// inParallel calls f for 0 to n-1, at most limit of them at once; a single call
// is made by the caller's goroutine.
func inParallel(ctx context.Context, n, limit int, f func(ctx context.Context, i int) error) error {
	if n == 1 || limit <= 1 {
		for i := range n {
			if err := f(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for i := range n {
		group.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = panicError(p)
				}
			}()
			return f(ctx, i)
		})
	}
	return group.Wait()
}

// fetch reads the columns of the rows found and puts them in order.
func (o *vectorSearchOp) fetch(ctx context.Context, segments []storage.SearchSegment, found []foundRow) error {
	if len(found) == 0 {
		return nil
	}
	var rows []*batch
	defer func() {
		for _, b := range rows {
			b.release()
		}
	}()
	refs := make([]rowRef, len(found))
	bySegment := make([][]int, len(segments))
	var scanned []int
	for i, f := range found {
		if f.segment >= 0 {
			bySegment[f.segment] = append(bySegment[f.segment], i)
		} else {
			scanned = append(scanned, i)
		}
	}
	for s, at := range bySegment {
		if len(at) == 0 {
			continue
		}
		b, err := o.take(ctx, segments[s], found, at)
		if err != nil {
			return err
		}
		rows = append(rows, b)
		for i, f := range at {
			refs[f] = rowRef{b, int32(i)}
		}
	}
	if len(scanned) > 0 {
		read, err := o.readRows(ctx, found, scanned, refs)
		rows = append(rows, read...)
		if err != nil {
			return err
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

// take reads rows of one segment by position, in the order of at, and their
// row ids.
func (o *vectorSearchOp) take(ctx context.Context, segment storage.SearchSegment, found []foundRow, at []int) (*batch, error) {
	positions := make([]uint32, len(at))
	ids := array.NewInt64Builder(o.x.mem) // as visibleBatch has them
	defer ids.Release()
	ids.Reserve(len(at))
	for i, f := range at {
		positions[i] = found[f].position
		ids.Append(int64(found[f].id))
	}
	columns, err := segment.Take(ctx, o.node.Fields[:o.width], positions)
	if err != nil {
		return nil, err
	}
	return &batch{cols: append(columns, ids.NewArray()), rows: len(at)}, nil
}

// readRows reads rows by row id and notes in refs where each is.
func (o *vectorSearchOp) readRows(ctx context.Context, found []foundRow, which []int, refs []rowRef) (rows []*batch, err error) {
	place := make(map[storage.RowID]int, len(which))
	spec := o.spec
	spec.Filter, spec.Fields = nil, o.node.Fields[:o.width]
	spec.RowIDs = make([]storage.RowID, len(which))
	for i, f := range which {
		spec.RowIDs[i] = found[f].id
		place[found[f].id] = f
	}
	scanner, err := o.x.snapshot().Scan(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer scanner.Close()
	var scratch []int32
	for {
		in, err := scanner.Next(ctx)
		if err != nil {
			return rows, err
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
	o.figure.scan.BytesRead += scanner.Stats().BytesRead
	for _, f := range which {
		if refs[f].batch == nil {
			return rows, sqlerr.New(sqlerr.InternalError, "row %d of table %s is missing", found[f].id, quoted(o.node.Table.Name))
		}
	}
	return rows, nil
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
