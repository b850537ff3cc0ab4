package executor

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/vector"
)

// The OIDs of Quiver's own functions.
const (
	recallOID  types.OID = 9990
	adviseOID  types.OID = 9991
	flushOID   types.OID = 9996 // after those of quiver.rrf
	compactOID types.OID = 9997
	waitOID    types.OID = 9998
	nowOID     types.OID = 9999
	warmOID    types.OID = 9989
)

// Bounds of quiver.recall.
const (
	recallKMax       = 10000
	recallSamplesMax = 10000
)

func init() {
	funcs.Register(&funcs.Function{
		OID: recallOID, Schema: "quiver", Name: "recall", Kind: funcs.KindFunction,
		Args:     []types.OID{types.RegclassOID, types.Int4OID, types.Int4OID},
		ArgNames: []string{"index", "k", "samples"}, Defaults: []string{"10", "100"},
		Result: types.Float8OID, Volatility: funcs.Volatile, Strict: true,
		Impl: funcs.Impl{Kernel: recallKernel},
	})
}

// recallKernel is quiver.recall(index, k, samples): the share of the true k
// nearest rows that a search by the index finds, for rows of the table as
// queries.
func recallKernel(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
	b := array.NewFloat64Builder(c.Mem)
	defer b.Release()
	for i := range n {
		if args[0].IsNull(i) || args[1].IsNull(i) || args[2].IsNull(i) {
			b.AppendNull()
			continue
		}
		index := types.OID(args[0].Array.(*array.Uint32).Value(args[0].Row(i)))
		k := args[1].Array.(*array.Int32).Value(args[1].Row(i))
		samples := args[2].Array.(*array.Int32).Value(args[2].Row(i))
		share, err := measureRecall(c, index, int(k), int(samples))
		if err != nil {
			return nil, err
		}
		if math.IsNaN(share) {
			b.AppendNull()
		} else {
			b.Append(share)
		}
	}
	return b.NewArray(), nil
}

// measureRecall is NaN for a table without vectors to ask for.
func measureRecall(c *types.EvalContext, oid types.OID, k, samples int) (share float64, err error) {
	x, err := executionOf(c)
	if err != nil {
		return 0, err
	}
	if k < 1 || k > recallKMax {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "k must be between 1 and %d", recallKMax)
	}
	if samples < 1 || samples > recallSamplesMax {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "samples must be between 1 and %d", recallSamplesMax)
	}
	view := x.view()
	rel := view.RelationByOID(oid)
	index, ok := rel.(*catalog.Index)
	if rel == nil {
		return 0, sqlerr.New(sqlerr.UndefinedObject, "index with OID %d does not exist", oid)
	}
	if !ok {
		return 0, notAnIndex(rel.Head().Name)
	}
	table, _ := view.RelationByOID(index.Table).(*catalog.Table)
	if table == nil || index.VectorOpclass() == nil {
		return 0, sqlerr.New(sqlerr.WrongObjectType, "index %s is not a vector index", quoted(index.Name))
	}
	m := &recallMeasure{x: x, k: k}
	if m.space, err = storage.IndexSpace(table, index); err != nil {
		return 0, err
	}
	err = x.withSnapshot(c.Ctx, table.Database, func(s storage.Snapshot) error {
		share, err = m.run(c.Ctx, s, table, index, samples)
		return err
	})
	return share, err
}

// recallMeasure compares searches by an index with exact ones. A row goes by
// the number of its segment and its position.
type recallMeasure struct {
	x        *execution
	k        int
	space    vector.Space
	segments []*segmentSearch
	keeps    []storage.Bitmap
	queries  []vector.Neighbor // where they are from; the distance is not used
}

func rowNumber(segment, position int) uint64 { return uint64(segment)<<32 | uint64(position) }

func (m *recallMeasure) run(ctx context.Context, snapshot storage.Snapshot, table *catalog.Table, index *catalog.Index, samples int) (float64, error) {
	o := &vectorSearcher{x: m.x, index: index, space: m.space, spec: storage.ScanSpec{Table: table, WithRowID: true}}
	for i := range table.Columns {
		// Of a partial index the keys are asked for, which are null in other rows.
		if c := &table.Columns[i]; c.Number == index.Columns[0].Number && index.Predicate == "" {
			o.field = c.Field
		}
	}
	if err := o.open(ctx, 1); err != nil {
		return 0, err
	}
	defer o.end()
	m.segments = o.sets[0]
	for _, s := range m.segments {
		var err error
		if s.column, err = s.segment.Column(ctx); err != nil {
			return 0, err
		}
		keep, _, err := s.segment.Visible(ctx)
		if err != nil {
			return 0, err
		}
		m.keeps = append(m.keeps, keep)
	}
	m.sample(o.rows, samples)
	if len(m.queries) == 0 {
		return math.NaN(), nil
	}
	exact, err := m.exact(ctx)
	if err != nil {
		return 0, err
	}
	right, wanted := 0, 0
	for i, q := range m.queries {
		found, err := m.search(ctx, q.Row, exact[i])
		if err != nil {
			return 0, err
		}
		nearest := withoutOwn(exact[i], q.Row, m.k)
		right, wanted = right+hits(found, nearest), wanted+len(nearest)
	}
	if wanted == 0 {
		return 1, nil
	}
	return float64(right) / float64(wanted), nil
}

// sample picks rows with a vector: one of each part, the same each time, but not
// at even steps, since rows may be alike at even steps.
func (m *recallMeasure) sample(rows, samples int) {
	samples = min(samples, rows)
	r := rand.New(rand.NewPCG(uint64(rows), uint64(samples)))
	for i := range samples {
		from, to := i*rows/samples, (i+1)*rows/samples
		at := from + r.IntN(to-from)
		for n, s := range m.segments {
			if size := s.segment.Rows(); at >= size {
				at -= size
				continue
			}
			// The next one, if this has no vector or is not to be seen.
			for p := at; p < s.segment.Rows() && p < at+rows/samples+1; p++ {
				if s.column.Row(p) != nil && m.keeps[n].Get(p) {
					m.queries = append(m.queries, vector.Neighbor{Row: rowNumber(n, p)})
					break
				}
			}
			break
		}
	}
}

func (m *recallMeasure) vectorAt(row uint64) []byte {
	return m.segments[row>>32].column.Row(int(uint32(row)))
}

// exact finds the nearest rows of each query, itself among them.
func (m *recallMeasure) exact(ctx context.Context) ([][]vector.Neighbor, error) {
	const chunk = 4096
	type part struct{ segment, from int }
	var parts []part
	for n, s := range m.segments {
		for from := 0; from < s.segment.Rows(); from += chunk {
			parts = append(parts, part{n, from})
		}
	}
	workers := max(m.x.env.Parallel, 1)
	searches := make([][]*vector.Search, workers)
	for w := range searches {
		for _, q := range m.queries {
			searches[w] = append(searches[w], vector.NewSpaceSearch(m.space, m.vectorAt(q.Row), m.k+1))
		}
	}
	err := shareWork(ctx, workers, len(parts), func(ctx context.Context, w, i int) error {
		p := parts[i]
		s := m.segments[p.segment]
		return showRows(ctx, m.space, s.column, m.keeps[p.segment], p.from, min(p.from+chunk, s.segment.Rows()), rowNumber(p.segment, 0), searches[w])
	})
	if err != nil {
		return nil, err
	}
	out := make([][]vector.Neighbor, len(m.queries))
	for i := range m.queries {
		top := searches[0][i].Top()
		for _, other := range searches[1:] {
			top.Merge(other[i].Top())
		}
		out[i] = top.Sorted()
	}
	return out, nil
}

// search finds the distances of the nearest rows as a query of the table does:
// by the index where segments have it, exactly elsewhere.
func (m *recallMeasure) search(ctx context.Context, own uint64, exact []vector.Neighbor) ([]float64, error) {
	var all []vector.Neighbor
	for n, s := range m.segments {
		if s.index == nil {
			continue
		}
		s.q, s.k = m.vectorAt(own), m.k+1
		if err := s.run(ctx); err != nil {
			return nil, err
		}
		for _, f := range s.found {
			all = append(all, vector.Neighbor{Row: rowNumber(n, int(f.position)), Distance: f.distance})
		}
	}
	// With fewer, the rows that no index holds, such as zeros under cosine, belong to
	// the answer: all of those segments are compared.
	few := len(all) < m.k+1
	all = slices.DeleteFunc(all, func(n vector.Neighbor) bool { return few && m.segments[n.Row>>32].left })
	for _, e := range exact {
		if s := m.segments[e.Row>>32]; s.index == nil || int(uint32(e.Row)) >= s.indexed || few && s.left {
			all = append(all, e)
		}
	}
	top := vector.NewTopK(m.k + 1)
	for _, n := range all {
		top.Push(n)
	}
	var found []float64
	for _, n := range withoutOwn(top.Sorted(), own, m.k) {
		found = append(found, n.Distance)
	}
	return found, nil
}
