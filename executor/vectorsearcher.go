package executor

import (
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/storage"
	"quiver/vector"
)

var distances = map[string]vector.Distance{
	"<->": vector.L2, "<#>": vector.InnerProduct, "<=>": vector.Cosine, "<+>": vector.L1,
	"<~>": vector.Hamming, "<%>": vector.Jaccard,
}

// vectorSearcher finds the rows of a table that are nearest to vectors. Segments
// that have its index are searched through it (indexsearch.go), all other rows
// are compared one by one (nearest.go), by several goroutines. The segments stay
// open from the first search to end, and what is known of them with it.
type vectorSearcher struct {
	x     *execution
	spec  storage.ScanSpec
	index *catalog.Index
	field catalog.FieldID
	// fields are the columns of a table that fetch reads, width of them, and
	// after those the row id if rowID is set.
	fields []catalog.FieldID
	width  int
	rowID  bool
	query  evaluator
	space  vector.Space // of the last query
	serial bool         // the filter is evaluated by one goroutine
	keys   *indexKeys   // of an expression that is searched
	// passing is the share of rows that passed the filter when it was last
	// looked at; 0 before.
	passing float64
	// page is the pageShare of what is wanted.
	page    float64
	members []*memberSet
	prune   *partitionPruner
	figure  searchFigures

	// sets are the segments, opened once for each worker.
	sets [][]*segmentSearch
	// positions are those that take reads last.
	positions []uint32
	// spare are searches of segments that were closed, for their room.
	spare []*segmentSearch
	// rows is the number of positions in all segments.
	rows int
}

// newVectorSearcher compiles what a plan node searches.
func (b *builder) newVectorSearcher(n *plan.VectorSearch) (*vectorSearcher, error) {
	s := &vectorSearcher{x: b.x, index: n.Index, field: n.Field, fields: n.Fields, width: len(n.Columns), rowID: n.RowID}
	if n.RowID {
		s.width--
	}
	if n.Distance {
		s.width--
	}
	var known bool
	if s.space.Distance, known = distances[n.Operator]; !known {
		return nil, sqlerr.New(sqlerr.InternalError, "no distance for operator %s", n.Operator)
	}
	s.space.Element = elementOf(n.Query.Type())
	s.spec = storage.ScanSpec{
		Table: n.Table, Partitions: partitionOIDs(n.Partitions),
		Fields: []catalog.FieldID{n.Field}, WithRowID: true,
	}
	var err error
	if s.prune, err = b.newPartitionPruner(n.Table, s.spec.Partitions, n.Pruning); err != nil {
		return nil, err
	}
	if n.Filter != nil {
		f, err := b.newScanFilter(n.Fields, n.Filter)
		if err != nil {
			return nil, err
		}
		s.spec.Filter = f
		s.serial = hasSubquery(n.Filter) || hasVolatile(n.Filter)
	}
	if err := b.addMembers(s, n); err != nil {
		return nil, err
	}
	if n.Key != nil {
		s.spec.Fields = n.Key.Fields
		if s.keys, err = newIndexKeys(n.Key); err != nil {
			return nil, err
		}
	}
	s.query, err = b.compile(n.Query)
	return s, err
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

// hasVolatile says whether an expression calls a function that may answer otherwise
// the next time, or does something.
func hasVolatile(e plan.Expr) bool {
	found := false
	walkExpr(e, func(e plan.Expr) {
		if c, ok := e.(*plan.Call); ok && c.Function.Volatility == funcs.Volatile {
			found = true
		}
	})
	return found
}

// searchFigures are what EXPLAIN ANALYZE shows.
type searchFigures struct {
	scan     storage.ScanStats
	compared int64 // rows compared one by one
	index    vector.SearchStats
	searches int64
	indexed  int64            // segments searched by their index
	ways     map[string]int64 // how, with a filter
}

// workers is how many goroutines search at a time: fewer beside other statements,
// which use the processors as well.
func (o *vectorSearcher) workers() int {
	if o.serial {
		return 1
	}
	n := o.x.env.Parallel
	if o.x.env.Engine != nil {
		n -= o.x.env.Engine.Reading() - 1
	}
	return max(n, 1)
}

// pageRecallMost is the most that is asked for because of a page.
const pageRecallMost = 0.999

// recall is the share of the nearest rows to be found. Each that is missed before a
// page moves all rows of the page by one, so that no more of them may be missed than
// of the page alone.
func (o *vectorSearcher) recall() float64 {
	target := o.x.env.Search.TargetRecall
	if o.page == 0 || target <= 0 {
		return target
	}
	return max(target, min(1-(1-target)*o.page, pageRecallMost))
}

// tuplesMost is how many rows an iterative scan by the index may test; 0 is no
// bound.
func (o *vectorSearcher) tuplesMost() int {
	if o.index == nil {
		return 0
	}
	return o.x.env.Search.Bounds[o.index.Method].Tuples
}

// queryVector evaluates the vector compared with, nil when it is null, and sets
// the dimension of the space.
func (o *vectorSearcher) queryVector() (q []byte, err error) {
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

// opened is the number of segments, those that foundRow.segment counts.
func (o *vectorSearcher) opened() int {
	if len(o.sets) == 0 {
		return 0
	}
	return len(o.sets[0])
}

// wantsAll says that no true neighbor may be missed, which no index promises:
// quiver.target_recall is 1, and no effort was SET.
func (o *vectorSearcher) wantsAll() bool {
	s := &o.x.env.Search
	return o.index != nil && s.TargetRecall >= 1 && s.Effort[o.index.Method] == 0
}

// open opens the segments for n workers.
func (o *vectorSearcher) open(ctx context.Context, n int) error {
	for len(o.sets) < n {
		if len(o.sets) == 0 {
			for _, m := range o.members {
				if err := m.load(ctx); err != nil {
					return err
				}
			}
		}
		if err := o.prune.apply(&o.spec); err != nil {
			return err
		}
		list, err := o.x.snapshot().VectorSegments(ctx, storage.VectorSpec{Scan: o.spec, Field: o.field, Index: o.index})
		if err != nil {
			return err
		}
		set := make([]*segmentSearch, len(list))
		for i, segment := range list {
			s := o.newSearch()
			s.o, s.segment, s.number, s.passing = o, segment, int32(i), o.passing
			if len(o.sets) > 0 {
				// All workers agree on what the index covers, while it grows.
				s.index, s.indexed = o.sets[0][i].index, o.sets[0][i].indexed
			} else {
				if s.index, s.indexed = segment.Index(); s.index == nil || o.wantsAll() {
					s.index, s.indexed = nil, 0
				}
				o.rows += segment.Rows()
			}
			set[i] = s
		}
		o.sets = append(o.sets, set)
	}
	return nil
}

// end closes the segments.
func (o *vectorSearcher) end() {
	for w, set := range o.sets {
		for _, s := range set {
			stats := s.segment.Stats()
			if w > 0 { // counted by the first
				stats.Segments, stats.SegmentsPruned = 0, 0
			}
			o.figure.scan.Add(stats)
			s.segment.Close()
			o.keepRoom(s)
		}
	}
	for _, m := range o.members {
		m.drop()
	}
	clear(o.sets)
	o.sets, o.rows = o.sets[:0], 0
}

// spareMax is how many searches are kept for their room, and spareRows of how many
// rows each at most.
const (
	spareMax  = 4
	spareRows = 1024
)

// newSearch returns a search without contents.
func (o *vectorSearcher) newSearch() *segmentSearch {
	n := len(o.spare)
	if n == 0 {
		return &segmentSearch{}
	}
	s := o.spare[n-1]
	o.spare = o.spare[:n-1]
	return s
}

// keepRoom keeps the room of a search that ended.
func (o *vectorSearcher) keepRoom(s *segmentSearch) {
	if len(o.spare) < spareMax && cap(s.candidates) <= spareRows {
		*s = segmentSearch{found: s.found[:0], candidates: s.candidates[:0], positions: s.positions[:0], ids: s.ids[:0]}
		o.spare = append(o.spare, s)
	}
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

// find returns the k rows nearest to q, nil for a null query; fewer when no more
// pass the filter.
func (o *vectorSearcher) find(ctx context.Context, q []byte, k int) ([]foundRow, error) {
	if err := o.open(ctx, 1); err != nil {
		return nil, err
	}
	if set := o.sets[0]; len(set) == 1 && set[0].index != nil && set[0].indexed == set[0].segment.Rows() && q != nil {
		return o.findOne(ctx, set[0], q, k)
	}
	found, err := o.findAll(ctx, [][]byte{q}, k)
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// findOne is find in a single segment whose index covers it.
func (o *vectorSearcher) findOne(ctx context.Context, s *segmentSearch, q []byte, k int) ([]foundRow, error) {
	if dim := s.index.Space().Dim; dim != o.space.Dim {
		return nil, errDimensions(o.space.Element, dim, o.space.Dim)
	}
	s.q, s.k = q, k
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	o.figure.searches++
	o.note(s)
	found := s.found[:min(k, len(s.found))]
	if len(found) == k || !s.left {
		return slices.Clone(found), nil
	}
	out, rest := [][]foundRow{nil}, [][]exactRange{{{0, 0, s.indexed}}}
	err := o.findRest(ctx, [][]byte{q}, k, out, rest)
	return out[0], err
}

// findAll is find for several queries of one dimension, by several workers. Rows
// that no index covers are passed once.
func (o *vectorSearcher) findAll(ctx context.Context, queries [][]byte, k int) ([][]foundRow, error) {
	workers := 1
	if len(queries) > 1 {
		workers = min(o.workers(), len(queries))
	}
	if err := o.open(ctx, workers); err != nil {
		return nil, err
	}
	o.figure.searches += int64(len(queries))
	for _, s := range o.sets[0] {
		if s.index != nil && s.index.Space().Dim != o.space.Dim && o.anyVector(queries) {
			return nil, errDimensions(o.space.Element, s.index.Space().Dim, o.space.Dim)
		}
	}
	out := make([][]foundRow, len(queries))
	rest := make([][]exactRange, len(queries))
	var err error
	if len(queries) == 1 {
		out[0], rest[0], err = o.findIndexed(ctx, o.sets[0], queries[0], k, o.workers())
	} else {
		err = shareWork(ctx, workers, len(queries), func(ctx context.Context, w, i int) (err error) {
			out[i], rest[i], err = o.findIndexed(ctx, o.sets[w], queries[i], k, 1)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	for _, set := range o.sets {
		for _, s := range set {
			o.note(s)
		}
	}
	return out, o.findRest(ctx, queries, k, out, rest)
}

func (o *vectorSearcher) anyVector(queries [][]byte) bool {
	return slices.ContainsFunc(queries, func(q []byte) bool { return q != nil })
}

// exactRange is positions of a segment, by number, that are to be compared one
// by one.
type exactRange struct{ segment, from, to int }

// findIndexed searches the segments that have the index, and tells which
// positions are left to compare.
func (o *vectorSearcher) findIndexed(ctx context.Context, set []*segmentSearch, q []byte, k, workers int) (found []foundRow, rest []exactRange, err error) {
	var searches []*segmentSearch
	for _, s := range set {
		if s.index != nil && q != nil {
			s.q, s.k = q, k
			searches = append(searches, s)
		}
	}
	if err := searchShared(ctx, searches, k, workers); err != nil {
		return nil, nil, err
	}
	for i, s := range set {
		from := 0
		if s.index != nil && q != nil {
			from = s.covered
		}
		if from < s.segment.Rows() {
			rest = append(rest, exactRange{i, from, s.segment.Rows()})
		}
	}
	for _, s := range searches {
		found = append(found, s.found...)
	}
	if len(found) < k {
		// Rows that no index holds, nulls above all, belong to the answer.
		for _, s := range searches {
			if s.left {
				rest = append(rest, exactRange{int(s.number), 0, s.covered})
				found = slices.DeleteFunc(found, func(f foundRow) bool { return f.segment == s.number })
			}
		}
	}
	if len(rest) == 0 {
		slices.SortFunc(found, compareFound)
		found = found[:min(k, len(found))]
	}
	return found, rest, nil
}

// findRest compares the rows that are left with the queries they are left for,
// and adds those found.
func (o *vectorSearcher) findRest(ctx context.Context, queries [][]byte, k int, out [][]foundRow, rest [][]exactRange) error {
	done := make([]bool, len(queries))
	for i := range queries {
		if done[i] || len(rest[i]) == 0 {
			continue
		}
		// Mostly the same is left for all.
		var which []int
		for j := i; j < len(queries); j++ {
			if !done[j] && slices.Equal(rest[i], rest[j]) {
				which, done[j] = append(which, j), true
			}
		}
		ranges := make([]storage.SegmentRange, len(rest[i]))
		for r, e := range rest[i] {
			ranges[r] = storage.SegmentRange{Segment: o.sets[0][e.segment].segment, From: e.from, To: e.to}
		}
		scanners, err := o.x.snapshot().ScanRanges(ctx, o.spec, ranges, o.workers())
		if err != nil {
			return err
		}
		some := make([][]byte, len(which))
		for n, j := range which {
			some[n] = queries[j]
		}
		exact, err := o.compare(ctx, scanners, some, func(q []byte) *nearest { return newNearest(o.space, q, k) })
		if err != nil {
			return err
		}
		for n, j := range which {
			out[j] = append(out[j], exact[n].sorted()...)
			slices.SortFunc(out[j], compareFound)
			out[j] = out[j][:min(k, len(out[j]))]
		}
	}
	return nil
}

// compare compares the rows of scanners, which it closes, with queries.
func (o *vectorSearcher) compare(ctx context.Context, scanners []storage.Scanner, queries [][]byte, begin func(q []byte) *nearest) ([]*nearest, error) {
	defer func() {
		for _, s := range scanners {
			s.Close()
			o.figure.scan.Add(s.Stats())
		}
	}()
	if o.keys != nil {
		for i, s := range scanners {
			scanners[i] = &keyScanner{Scanner: s, keys: o.keys}
		}
	}
	searches := make([][]*nearest, max(len(scanners), 1))
	for i := range searches {
		for _, q := range queries {
			searches[i] = append(searches[i], begin(q))
		}
	}
	err := inParallel(ctx, len(scanners), len(scanners), func(ctx context.Context, i int) error {
		return runNearest(ctx, scanners[i], searches[i])
	})
	if err != nil {
		return nil, err
	}
	first := searches[0]
	for i, list := range searches {
		for j, s := range list {
			o.figure.compared += s.compared
			if i > 0 {
				first[j].merge(s)
			}
		}
	}
	return first, nil
}

// within compares all rows and returns, in order, those that a query has at most
// at a distance.
func (o *vectorSearcher) within(ctx context.Context, q []byte, distance float64) ([]foundRow, error) {
	scanners, err := o.x.snapshot().ScanParallel(ctx, o.spec, o.workers())
	if err != nil {
		return nil, err
	}
	exact, err := o.compare(ctx, scanners, [][]byte{q}, func(q []byte) *nearest {
		n := newNearest(o.space, q, math.MaxInt32)
		n.search.Within(distance)
		n.nulls = vector.NewTopK(0)
		return n
	})
	if err != nil {
		return nil, err
	}
	return exact[0].sorted(), nil
}

// note adds the figures of a search to those of the operator.
func (o *vectorSearcher) note(s *segmentSearch) {
	o.figure.index.Add(s.stats)
	o.figure.compared += s.compared
	if s.way != rowByRow {
		o.figure.indexed += s.runs
	}
	if s.way != "" && s.runs > 0 {
		if o.figure.ways == nil {
			o.figure.ways = map[string]int64{}
		}
		o.figure.ways[s.way] += s.runs
		o.passing = s.passing
	}
	s.stats, s.compared, s.runs = vector.SearchStats{}, 0, 0
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

// shareWork calls f for 0 to n-1, by workers that take one after the other.
func shareWork(ctx context.Context, workers, n int, f func(ctx context.Context, worker, i int) error) error {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	return inParallel(ctx, workers, workers, func(ctx context.Context, w int) error {
		for i := range next {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f(ctx, w, i); err != nil {
				return err
			}
		}
		return nil
	})
}
