package executor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/vector"
)

func init() {
	funcs.Register(&funcs.Function{
		OID: adviseOID, Schema: "quiver", Name: "advise", Kind: funcs.KindFunction,
		Args: []types.OID{types.RegclassOID}, ArgNames: []string{"table"},
		Result: types.RecordOID, ReturnsSet: true, Volatility: funcs.Volatile, Strict: true,
		Columns: []funcs.Column{
			{Name: "column_name", Type: types.TextOID}, {Name: "method", Type: types.TextOID},
			{Name: "quantization", Type: types.TextOID}, {Name: "rows", Type: types.Int8OID},
			{Name: "dimensions", Type: types.Int4OID}, {Name: "index_bytes", Type: types.Int8OID},
			{Name: "memory_bytes", Type: types.Int8OID}, {Name: "build_bytes", Type: types.Int8OID},
			{Name: "build_seconds", Type: types.Float8OID}, {Name: "recall", Type: types.Float8OID},
			{Name: "statement", Type: types.TextOID},
		},
		Impl: funcs.Impl{Rows: adviseRows},
	})
}

// adviceRow is what one kind of index would be for one column.
type adviceRow struct {
	column, method, quantization string
	rows                         int64
	dims                         int32
	estimate                     vector.Estimate
	// seconds and recall are NaN where there are too few vectors to tell.
	seconds, recall float64
	statement       string
}

// adviseRows is quiver.advise(table).
func adviseRows(c *types.EvalContext, args []types.Vec) (funcs.RowsIterator, error) {
	if args[0].IsNull(0) {
		return &adviceIterator{}, nil
	}
	x, err := executionOf(c)
	if err != nil {
		return nil, err
	}
	oid := types.OID(args[0].Array.(*array.Uint32).Value(args[0].Row(0)))
	rel := x.view().RelationByOID(oid)
	table, ok := rel.(*catalog.Table)
	if rel == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation with OID %d does not exist", oid)
	}
	if !ok {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%s is not a table", quoted(rel.Head().Name))
	}
	a := &advice{x: x, table: table, name: funcs.QuoteIdentifier(table.Name)}
	if names := c.Format.Names; names != nil {
		a.name = names.Name(types.RegclassOID, oid)
	}
	err = x.withSnapshot(c.Ctx, table.Database, func(s storage.Snapshot) error {
		for i := range table.Columns {
			if err := a.column(c.Ctx, s, &table.Columns[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return &adviceIterator{c: c, rows: a.out}, err
}

// adviceIterator hands the rows out.
type adviceIterator struct {
	c    *types.EvalContext
	rows []adviceRow
}

// Next returns all rows at once.
func (it *adviceIterator) Next(context.Context) ([]arrow.Array, error) {
	if len(it.rows) == 0 {
		return nil, nil
	}
	texts := func(f func(*adviceRow) string) arrow.Array {
		b := array.NewStringBuilder(it.c.Mem)
		defer b.Release()
		for i := range it.rows {
			b.Append(f(&it.rows[i]))
		}
		return b.NewArray()
	}
	longs := func(f func(*adviceRow) int64) arrow.Array {
		b := array.NewInt64Builder(it.c.Mem)
		defer b.Release()
		for i := range it.rows {
			b.Append(f(&it.rows[i]))
		}
		return b.NewArray()
	}
	floats := func(f func(*adviceRow) float64) arrow.Array {
		b := array.NewFloat64Builder(it.c.Mem)
		defer b.Release()
		for i := range it.rows {
			if v := f(&it.rows[i]); math.IsNaN(v) {
				b.AppendNull()
			} else {
				b.Append(v)
			}
		}
		return b.NewArray()
	}
	dims := array.NewInt32Builder(it.c.Mem)
	defer dims.Release()
	for i := range it.rows {
		dims.Append(it.rows[i].dims)
	}
	out := []arrow.Array{
		texts(func(r *adviceRow) string { return r.column }),
		texts(func(r *adviceRow) string { return r.method }),
		texts(func(r *adviceRow) string { return r.quantization }),
		longs(func(r *adviceRow) int64 { return r.rows }),
		dims.NewArray(),
		longs(func(r *adviceRow) int64 { return r.estimate.StoredBytes }),
		longs(func(r *adviceRow) int64 { return r.estimate.ResidentBytes }),
		longs(func(r *adviceRow) int64 { return r.estimate.BuildBytes }),
		floats(func(r *adviceRow) float64 { return r.seconds }),
		floats(func(r *adviceRow) float64 { return r.recall }),
		texts(func(r *adviceRow) string { return r.statement }),
	}
	it.rows = nil
	return out, nil
}

// advice gathers what indexes a table could have.
type advice struct {
	x     *execution
	table *catalog.Table
	name  string // in statements
	out   []adviceRow
}

// A trial builds an index of at most trialRows vectors with trialElements
// elements together, and searches for trialQueries of them.
const (
	trialRows     = 4000
	trialElements = 1 << 19
	trialQueries  = 64
	trialRowsMin  = 200
	trialK        = 10
)

// column adds the kinds of indexes that a column can have.
func (a *advice) column(ctx context.Context, snapshot storage.Snapshot, col *catalog.Column) error {
	name := col.Type.Type().Name
	if col.Dropped() || col.Type.Mod < 1 || elementOf(col.Type) == vector.Float32 && name != "vector" || name == "varbit" {
		return nil
	}
	var trial *adviceTrial
	for _, kind := range vector.Kinds() {
		class := firstClass(kind.Name(), name)
		if class == nil {
			continue
		}
		space := vector.Space{Element: elementOf(col.Type), Distance: distances[class.Operator], Dim: int(col.Type.Mod)}
		if trial == nil {
			var err error
			if trial, err = a.sample(ctx, snapshot, col, space); err != nil {
				return err
			}
		}
		var standard vector.Estimate
		for _, quantization := range append([]string{""}, optionQuantization.words...) {
			o := vector.Options{Quantization: quantization, Workers: max(a.x.env.Parallel, 1)}
			if kind.Check(space, o) != nil {
				continue
			}
			sized := o
			if space.Element == vector.Sparse {
				sized.RowBytes = trial.rowBytes()
			}
			row := adviceRow{
				column: col.Name, method: kind.Name(), quantization: quantization, rows: int64(trial.all), dims: col.Type.Mod,
				estimate: kind.Estimate(space, trial.all, sized), statement: a.statement(kind.Name(), col, class, quantization),
			}
			switch {
			case quantization == "":
				row.quantization, standard = "default", row.estimate
			case row.estimate == standard:
				continue // the default by its name
			}
			var err error
			if row.seconds, row.recall, err = trial.run(ctx, kind, space, o, a.x.env.Search.TargetRecall); err != nil {
				return err
			}
			a.out = append(a.out, row)
		}
	}
	return nil
}

// firstClass is the operator class to show a method by: of the distance that
// comes first in pgvector's documentation.
func firstClass(method, typeName string) *catalog.Opclass {
	for _, distance := range []string{"_l2_ops", "_hamming_ops"} {
		if c := catalog.OpclassByName(method, typeName+distance); c != nil {
			return c
		}
	}
	return nil
}

func (a *advice) statement(method string, col *catalog.Column, class *catalog.Opclass, quantization string) string {
	with := ""
	if quantization != "" {
		with = fmt.Sprintf(" WITH (quantization = '%s')", quantization)
	}
	return fmt.Sprintf("CREATE INDEX ON %s USING %s (%s %s)%s", a.name, method, funcs.QuoteIdentifier(col.Name), class.Name, with)
}

// sample copies some vectors of a column, evenly.
func (a *advice) sample(ctx context.Context, snapshot storage.Snapshot, col *catalog.Column, space vector.Space) (*adviceTrial, error) {
	segments, err := snapshot.VectorSegments(ctx, storage.VectorSpec{Scan: storage.ScanSpec{Table: a.table}, Field: col.Field})
	if err != nil {
		return nil, err
	}
	t := &adviceTrial{}
	positions := 0
	defer func() {
		for _, s := range segments {
			s.Close()
		}
	}()
	for _, s := range segments {
		_, kept, err := s.Visible(ctx)
		if err != nil {
			return nil, err
		}
		t.all += kept
		positions += s.Rows()
	}
	wanted := min(trialRows, max(trialElements/max(space.Dim, 1), trialRowsMin))
	step := max(positions/max(wanted, 1), 1)
	at := 0
	for _, s := range segments {
		column, err := s.Column(ctx)
		if err != nil {
			return nil, err
		}
		keep, _, err := s.Visible(ctx)
		if err != nil {
			return nil, err
		}
		for ; at < s.Rows(); at += step {
			if row := column.Row(at); row != nil && keep.Get(at) {
				t.rows = append(t.rows, alignedCopy(row))
			}
		}
		at -= s.Rows()
	}
	return t, nil
}

// alignedCopy copies an encoded vector to where float32 may be read.
func alignedCopy(row []byte) []byte {
	words := make([]float32, (len(row)+3)/4)
	out := vector.EncodeFloat32s(words)[:len(row)]
	copy(out, row)
	return out
}

// adviceTrial is some vectors of a column, in memory: a vector.Column.
type adviceTrial struct {
	rows [][]byte
	all  int // rows of the table
}

// rowBytes is how long they are on average; 0 of none.
func (t *adviceTrial) rowBytes() int {
	sum := 0
	for _, row := range t.rows {
		sum += len(row)
	}
	return sum / max(len(t.rows), 1)
}

// Len is the number of vectors.
func (t *adviceTrial) Len() int { return len(t.rows) }

// Row returns a vector.
func (t *adviceTrial) Row(position int) []byte { return t.rows[position] }

// run builds an index of the sample and searches it. The time is that of all
// rows, which grows with their number and its logarithm.
func (t *adviceTrial) run(ctx context.Context, kind vector.Kind, space vector.Space, o vector.Options, target float64) (seconds, recall float64, err error) {
	if len(t.rows) < trialRowsMin {
		return math.NaN(), math.NaN(), nil
	}
	parts := memoryParts{}
	began := time.Now()
	if err := kind.Build(ctx, space, t, o, parts); err != nil {
		return 0, 0, err
	}
	n, all := float64(len(t.rows)), float64(max(t.all, len(t.rows)))
	seconds = time.Since(began).Seconds() * all / n * math.Log(all) / math.Log(n)
	x, err := kind.Open(parts)
	if err != nil {
		return 0, 0, err
	}
	defer x.Close()
	right, wanted := 0, 0
	var stats vector.SearchStats
	for i := range trialQueries {
		own := (2*i + 1) * len(t.rows) / (2 * trialQueries)
		exact := vector.NewSpaceSearch(space, t.rows[own], trialK+1)
		if err := showRows(ctx, space, t, nil, 0, len(t.rows), 0, []*vector.Search{exact}); err != nil {
			return 0, 0, err
		}
		r := &vector.SearchRequest{Query: t.rows[own], K: trialK + 1, Recall: target, Column: t}
		candidates, err := x.Search(ctx, nil, r, &stats)
		if err != nil {
			return 0, 0, err
		}
		var found []float64
		for _, c := range candidates {
			if int(c.Position) != own {
				found = append(found, space.Exact(t.rows[own], t.rows[c.Position]))
			}
		}
		nearest := withoutOwn(exact.Top().Sorted(), uint64(own), trialK)
		right, wanted = right+hits(found, nearest), wanted+len(nearest)
	}
	return seconds, float64(right) / float64(max(wanted, 1)), nil
}

// memoryParts are the parts of an index that is not kept.
type memoryParts map[string]*bytes.Buffer

// Create begins a part.
func (p memoryParts) Create(part string) (io.WriteCloser, error) {
	p[part] = &bytes.Buffer{}
	return memoryPart{p[part]}, nil
}

// Open returns a part, aligned as a mapped file is.
func (p memoryParts) Open(part string) ([]byte, error) {
	b := p[part]
	if b == nil {
		return nil, fmt.Errorf("executor: no part %q", part)
	}
	out := make([]byte, b.Len()+partAlignment)
	shift := -int(uintptr(unsafe.Pointer(unsafe.SliceData(out)))) & (partAlignment - 1)
	return out[shift : shift+copy(out[shift:], b.Bytes())], nil
}

const partAlignment = 64

type memoryPart struct{ *bytes.Buffer }

// Close ends the part.
func (memoryPart) Close() error { return nil }

// noticeRows is the size of a table from which on CREATE INDEX says what the
// index will take.
const noticeRows = 10000

// noticeEstimate says what an index will take, unless the table is small.
func (d *ddl) noticeEstimate(table *catalog.Table, index *catalog.Index, workers int) {
	kind := vector.KindByName(index.Method)
	if d.x.env.Engine == nil || kind == nil {
		return
	}
	rows := d.x.env.Engine.Rows(table)
	space, err := storage.IndexSpace(table, index)
	if err != nil || rows < noticeRows {
		return
	}
	o := storage.IndexOptions(index)
	o.Workers = workers
	e := kind.Estimate(space, int(rows), o)
	d.notice(sqlerr.SuccessfulCompletion, "index %s of about %d rows takes about %s of disk and %s of memory, and %s to build",
		quoted(index.Name), rows, sizeText(e.StoredBytes), sizeText(e.ResidentBytes), sizeText(e.BuildBytes))
}

// sizeText is a number of bytes, rounded.
func sizeText(n int64) string {
	v := float64(n)
	for _, unit := range strings.Fields("bytes kB MB GB") {
		if v < 1024 {
			return fmt.Sprintf("%.0f %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.1f TB", v)
}
