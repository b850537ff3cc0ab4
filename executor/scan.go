package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/storage"
)

func (b *builder) buildScan(n *plan.Scan) (operator, error) {
	visible := len(n.Columns)
	if n.RowID {
		visible--
	}
	o := &scanOp{x: b.x, node: n, spec: storage.ScanSpec{
		Table: n.Table, Partitions: partitionOIDs(n.Partitions),
		Fields: n.Fields[:visible], WithRowID: n.RowID,
	}}
	if n.Filter != nil {
		f, err := b.newScanFilter(n.Fields, n.Filter)
		if err != nil {
			return nil, err
		}
		o.spec.Filter = f
	}
	o.ahead = n.Filter == nil || isPure(n.Filter)
	var err error
	if o.prune, err = b.newPartitionPruner(n.Table, o.spec.Partitions, n.Pruning); err != nil {
		return nil, err
	}
	if o.prune != nil {
		if b.pruners == nil {
			b.pruners = map[*plan.Scan]*partitionPruner{}
		}
		b.pruners[n] = o.prune
	}
	for _, e := range n.Key {
		ev, err := b.compile(e)
		if err != nil {
			return nil, err
		}
		o.key = append(o.key, keyItem{e: ev, typ: e.Type().Type()})
	}
	return o, nil
}

func partitionOIDs(partitions []*catalog.Partition) []catalog.OID {
	if partitions == nil {
		return nil
	}
	out := make([]catalog.OID, len(partitions))
	for i, p := range partitions {
		out[i] = p.OID
	}
	return out
}

// scanOp reads the visible rows of a table that pass its filter.
type scanOp struct {
	x       *execution
	node    *plan.Scan
	spec    storage.ScanSpec
	key     []keyItem
	keyData []byte
	prune   *partitionPruner
	ahead   bool // the filter may be evaluated ahead
	scanner storage.Scanner
	stats   storage.ScanStats
	// recheck serves the re-check of one updated row instead.
	recheck *batch
	rows    []int32
}

func (o *scanOp) open(ctx context.Context) error {
	o.close()
	if r := o.x.recheck; r != nil && r.matches(o.node) {
		var err error
		o.recheck, err = o.recheckRow(ctx, r)
		return err
	}
	if o.key != nil {
		key, null, err := o.encodeKey()
		if err != nil || null {
			return err // = null is true for no row
		}
		o.spec.Key = key
	}
	if err := o.prune.apply(&o.spec); err != nil {
		return err
	}
	o.spec.Ahead = 0 // the plan may have run under another setting
	if o.ahead && o.x.env.Parallel > 1 {
		o.spec.Ahead = o.x.env.Parallel
	}
	scanner, err := o.x.snapshot().Scan(ctx, o.spec)
	if err != nil {
		return err
	}
	o.scanner = scanner
	return nil
}

// encodeKey computes the primary key of a point read.
func (o *scanOp) encodeKey() (key []byte, null bool, err error) {
	o.keyData = o.keyData[:0]
	for i := range o.key {
		a, err := evalOne(o.x, o.key[i].e)
		if err != nil {
			return nil, false, err
		}
		if a.IsNull(0) {
			a.Release()
			return nil, true, nil
		}
		o.keyData = o.key[i].typ.AppendKey(o.keyData, a, 0)
		a.Release()
	}
	return o.keyData, false, nil
}

func (o *scanOp) next(ctx context.Context) (*batch, error) {
	if o.recheck != nil {
		out := o.recheck
		o.recheck = nil
		return out, nil
	}
	if o.scanner == nil {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := o.scanner.Next(ctx)
	if err != nil || in == nil {
		return nil, err
	}
	return visibleBatch(o.x, in, o.spec.WithRowID, &o.rows), nil
}

// visibleBatch copies the visible rows of a storage batch, or takes all without
// a copy, and releases it. Row ids become int8.
func visibleBatch(x *execution, in *storage.Batch, rowID bool, scratch *[]int32) *batch {
	defer in.Record.Release()
	n := int(in.Record.NumRows())
	cols := in.Record.Columns()
	out := &batch{cols: make([]arrow.Array, len(cols)), rows: in.Kept}
	if in.Kept == n {
		for i, c := range cols {
			c.Retain()
			out.cols[i] = c
		}
	} else {
		rows := setBits((*scratch)[:0], in.Visible, n)
		*scratch = rows
		out.rows = len(rows)
		for i, c := range cols {
			out.cols[i] = take(x.mem, c, rows)
		}
	}
	if rowID {
		last := len(cols) - 1
		ids := out.cols[last]
		out.cols[last] = relabel(ids, arrow.PrimitiveTypes.Int64)
		ids.Release()
	}
	return out
}

// setBits appends the positions of the set bits among the first n.
func setBits(rows []int32, bits storage.Bitmap, n int) []int32 {
	for i := range n {
		if bits.Get(i) {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// relabel is the same buffers under another type of the same width.
func relabel(a arrow.Array, dt arrow.DataType) arrow.Array {
	d := a.Data()
	data := array.NewData(dt, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer data.Release()
	return array.MakeFromData(data)
}

func (o *scanOp) close() {
	if o.recheck != nil {
		o.recheck.release()
		o.recheck = nil
	}
	if o.scanner != nil {
		o.scanner.Close()
		o.stats.Add(o.scanner.Stats())
		o.scanner = nil
	}
}

// recheckRow is the row version that a re-check reads instead of its table.
type recheckRow struct {
	table *catalog.Table
	row   storage.RowID
}

// matches says whether a scan is the one of the row's table that yields row ids.
func (r *recheckRow) matches(n *plan.Scan) bool { return n.RowID && n.Table.OID == r.table.OID }

// recheckRow reads one row version, whatever its visibility, and applies the
// scan's key and filter to it. nil: it does not pass.
func (o *scanOp) recheckRow(ctx context.Context, r *recheckRow) (*batch, error) {
	snapshot, err := o.x.latestSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	spec := o.spec
	spec.Key, spec.Filter = nil, nil
	spec.RowIDs, spec.AnyVersion = []storage.RowID{r.row}, true
	fields := len(spec.Fields)
	keyColumns := primaryKeyColumns(o.x.catalog(), o.spec.Table)
	if o.key == nil {
		keyColumns = nil
	}
	spec.Fields = append(append([]catalog.FieldID{}, o.node.Fields...), fieldsOf(keyColumns)...)
	in, err := readRow(ctx, o.x, snapshot, spec)
	if err != nil || in == nil {
		return nil, err
	}
	defer in.release()
	if o.key != nil {
		want, null, err := o.encodeKey()
		if err != nil || null {
			return nil, err
		}
		var have []byte
		for i, c := range keyColumns {
			have = c.Type.Type().AppendKey(have, in.cols[len(o.node.Fields)+i], 0)
		}
		if string(have) != string(want) {
			return nil, nil
		}
	}
	if f, ok := o.spec.Filter.(*scanFilter); ok {
		pass, err := f.passes(in)
		if err != nil || !pass {
			return nil, err
		}
	}
	out := &batch{cols: retainAll(in.cols[:fields]), rows: 1}
	id := in.cols[len(in.cols)-1]
	id.Retain()
	out.cols = append(out.cols, id)
	return out, nil
}

// readRow reads the single row of a spec with RowIDs; nil when there is none.
func readRow(ctx context.Context, x *execution, s storage.Snapshot, spec storage.ScanSpec) (*batch, error) {
	scanner, err := s.Scan(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer scanner.Close()
	in, err := scanner.Next(ctx)
	if err != nil || in == nil {
		return nil, err
	}
	var scratch []int32
	return visibleBatch(x, in, spec.WithRowID, &scratch), nil
}

// primaryKeyColumns are the columns of a table's primary key, in key order; nil
// without one.
func primaryKeyColumns(view catalog.View, table *catalog.Table) []*catalog.Column {
	if table.PrimaryKey == 0 {
		return nil
	}
	for _, index := range view.Indexes(table.OID) {
		if index.OID != table.PrimaryKey {
			continue
		}
		out := make([]*catalog.Column, len(index.Columns))
		for i, c := range index.Columns {
			out[i] = columnByNumber(table, c.Number)
		}
		return out
	}
	return nil
}

func columnByNumber(table *catalog.Table, number int16) *catalog.Column {
	for i := range table.Columns {
		if table.Columns[i].Number == number {
			return &table.Columns[i]
		}
	}
	return nil
}

func fieldsOf(columns []*catalog.Column) []catalog.FieldID {
	out := make([]catalog.FieldID, len(columns))
	for i, c := range columns {
		out[i] = c.Field
	}
	return out
}

// liveColumns are the columns that users see, in order: those that storage's
// Insert and Update take.
func liveColumns(table *catalog.Table) []*catalog.Column {
	out := make([]*catalog.Column, 0, len(table.Columns))
	for i := range table.Columns {
		if !table.Columns[i].Dropped() {
			out = append(out, &table.Columns[i])
		}
	}
	return out
}
