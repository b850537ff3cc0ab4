package storage

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/storage/segment"
)

// scanSchema is what a scan returns, and what its filter reads.
type scanSchema struct {
	record *arrow.Schema
	// columns has the descriptor of each asked field, then of each field that
	// the filter alone reads.
	fields  []catalog.FieldID
	columns []*catalog.Column
	asked   int
	filter  []int // indexes into fields
	rest    []int // asked fields that the filter does not read
}

func newScanSchema(spec ScanSpec) (*scanSchema, error) {
	s := &scanSchema{}
	add := func(f catalog.FieldID) (int, error) {
		for i := range spec.Table.Columns {
			if c := &spec.Table.Columns[i]; c.Field == f {
				s.fields = append(s.fields, f)
				s.columns = append(s.columns, c)
				return len(s.fields) - 1, nil
			}
		}
		return 0, fmt.Errorf("storage: table %q has no field %d", spec.Table.Name, f)
	}
	out := make([]arrow.Field, 0, len(spec.Fields)+1)
	for _, f := range spec.Fields {
		i, err := add(f)
		if err != nil {
			return nil, err
		}
		out = append(out, arrow.Field{Name: s.columns[i].Name, Type: arrowType(s.columns[i]), Nullable: true})
	}
	s.asked = len(s.fields)
	if spec.WithRowID {
		out = append(out, arrow.Field{Name: "row id", Type: arrow.PrimitiveTypes.Uint64})
	}
	s.record = arrow.NewSchema(out, nil)
	used := make([]bool, s.asked)
	if spec.Filter != nil {
		for _, f := range spec.Filter.Fields() {
			at := -1
			for i := range s.asked {
				if s.fields[i] == f {
					at, used[i] = i, true
					break
				}
			}
			if at < 0 {
				var err error
				if at, err = add(f); err != nil {
					return nil, err
				}
			}
			s.filter = append(s.filter, at)
		}
	}
	for i := range s.asked {
		if !used[i] {
			s.rest = append(s.rest, i)
		}
	}
	return s, nil
}

// scanner is a Scanner over the units of a plan.
type scanner struct {
	p     *scanPlan
	stats ScanStats
	// loaded and one are reused between batches.
	loaded []arrow.Array
	one    []arrow.Array
	inputs []arrow.Array
	closed bool
}

func newScanner(p *scanPlan, first bool) *scanner {
	c := &scanner{p: p}
	if first {
		c.stats.Segments, c.stats.SegmentsPruned = p.segments, p.pruned
	}
	return c
}

func (c *scanner) Stats() ScanStats { return c.stats }

func (c *scanner) Close() error {
	if !c.closed {
		c.closed = true
		c.p.closeScanner()
	}
	return nil
}

func (c *scanner) Next(ctx context.Context) (*Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		i := int(c.p.next.Add(1)) - 1
		if i >= len(c.p.units) {
			return nil, nil
		}
		c.p.prefetch(i)
		var b *Batch
		var err error
		if ahead := c.p.readAhead(i); ahead != nil {
			b, err = ahead.batch(ctx, c, i)
		} else {
			b, err = c.read(ctx, &c.p.units[i])
		}
		if b != nil || err != nil {
			return b, err
		}
	}
}

// read returns the batch of a unit, or nil if nothing of it is left.
func (c *scanner) read(ctx context.Context, u *unit) (*Batch, error) {
	c.stats.RowGroups++
	p, rows := c.p, u.end-u.start
	if pruned, err := p.prunes(ctx, u); pruned || err != nil {
		if pruned {
			c.stats.RowGroupsPruned++
		}
		return nil, err
	}
	visible, kept, err := c.visible(ctx, u)
	if err != nil || kept == 0 {
		return nil, err
	}
	c.loaded = append(c.loaded[:0], make([]arrow.Array, len(p.schema.fields))...)
	defer func() { releaseAll(c.loaded) }()
	c.stats.RowsRead += int64(rows)
	if p.spec.Filter != nil {
		if visible == nil {
			visible = allSet(rows)
		}
		if err := c.load(ctx, u, p.schema.filter); err != nil {
			return nil, err
		}
		c.inputs = c.inputs[:0]
		for _, i := range p.schema.filter {
			c.inputs = append(c.inputs, c.loaded[i])
		}
		if err := p.spec.Filter.Eval(ctx, c.inputs, rows, visible); err != nil {
			return nil, err
		}
		left := bitutil.CountSetBits(visible, 0, rows)
		c.stats.RowsFiltered += int64(kept - left)
		if kept = left; kept == 0 {
			return nil, nil
		}
	}
	if err := c.load(ctx, u, p.schema.rest); err != nil {
		return nil, err
	}
	return c.batch(ctx, u, visible, kept)
}

func (c *scanner) batch(ctx context.Context, u *unit, visible Bitmap, kept int) (*Batch, error) {
	columns := c.loaded[:c.p.schema.asked]
	if c.p.spec.WithRowID {
		ids, err := u.src.rowIDs(ctx, u.start, u.end)
		if err != nil {
			return nil, err
		}
		defer ids.Release()
		if u.partition != nil {
			c.p.s.t.near.reads(c.p.spec.Table.OID, u.partition)
		}
		columns = append(append(c.one[:0], columns...), ids)
		c.one = columns
	}
	if kept == u.end-u.start {
		visible = nil
	}
	return &Batch{Record: array.NewRecord(c.p.schema.record, columns, int64(u.end-u.start)), Visible: visible, Kept: kept}, nil
}

// visible computes which rows of a unit the snapshot sees: nil is all of them.
func (c *scanner) visible(ctx context.Context, u *unit) (Bitmap, int, error) {
	rows := u.end - u.start
	var bits Bitmap
	need := func() {
		if bits == nil {
			bits = allSet(rows)
		}
	}
	if len(u.positions) > 0 && len(u.positions) < rows {
		bits = make(Bitmap, bitutil.BytesForBits(int64(rows)))
		for _, pos := range u.positions {
			bitutil.SetBit(bits, pos-u.start)
		}
	}
	if c.p.spec.RowIDs != nil && c.p.spec.AnyVersion {
		return bits, countSet(bits, rows), nil
	}
	at := c.p.s.time.at
	gone := func(deleted uint64) bool { return deleted <= uint64(at) }
	if u.own {
		gone = c.p.s.own.gone
	} else {
		hidden := bits
		if hidden == nil {
			hidden = allSet(rows)
		}
		some, err := u.src.hide(ctx, u.start, u.end, at, u.expired, hidden)
		if err != nil {
			return nil, 0, err
		}
		if some {
			bits = hidden
		}
	}
	if u.src.tombstones().Any(u.start, rows) {
		need()
		c.stats.RowsDeleted += int64(u.src.tombstones().Mask(u.start, rows, bits, gone))
	}
	if !u.own && c.p.s.own != nil {
		if err := c.hideOwnDeletes(ctx, u, &bits); err != nil {
			return nil, 0, err
		}
	}
	return bits, countSet(bits, rows), nil
}

// hideOwnDeletes clears committed rows that the transaction deleted before
// this command.
func (c *scanner) hideOwnDeletes(ctx context.Context, u *unit, bits *Bitmap) error {
	w := c.p.s.t.writes
	w.mu.RLock()
	none := w.own[u.table].len() == 0
	w.mu.RUnlock()
	if none {
		return nil
	}
	a, err := u.src.rowIDs(ctx, u.start, u.end)
	if err != nil {
		return err
	}
	defer a.Release()
	w.mu.RLock()
	defer w.mu.RUnlock()
	own := w.own[u.table]
	for i, id := range a.(*array.Uint64).Uint64Values() {
		if own.has(RowID(id), c.p.s.own.deletes) {
			if *bits == nil {
				*bits = allSet(u.end - u.start)
			}
			bitutil.ClearBit(*bits, i)
			c.stats.RowsDeleted++
		}
	}
	return nil
}

// load fills c.loaded at the given indexes.
func (c *scanner) load(ctx context.Context, u *unit, which []int) error {
	for _, i := range which {
		if c.loaded[i] != nil {
			continue
		}
		var err error
		if c.one, err = u.src.load(ctx, c.one[:0], c.p.schema.fields[i:i+1], u.start, u.end); err != nil {
			return err
		}
		column := c.p.schema.columns[i]
		stored := c.one[0]
		if stored == nil {
			if c.loaded[i], err = absent(ctx, u.src, column, u.start, u.end); err != nil {
				return err
			}
			continue
		}
		c.stats.BytesRead += u.src.bytesOf(c.one)
		c.loaded[i] = column.Type.FromStorage(stored, memory.DefaultAllocator)
		stored.Release()
	}
	return nil
}

// missing is a column that a segment older than it does not have.
func missing(c *catalog.Column, rows int) (arrow.Array, error) {
	t := c.Type.Type()
	if c.Missing == nil {
		return array.MakeArrayOfNull(memory.DefaultAllocator, arrowType(c), rows), nil
	}
	b := array.NewBuilder(memory.DefaultAllocator, arrowType(c))
	defer b.Release()
	format := types.DefaultFormat()
	for range rows {
		if err := t.ParseText(b, *c.Missing, c.Type.Mod, format); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}

func keyHash(key []byte) uint64 { return segment.KeyHash(key) }

func allSet(rows int) Bitmap {
	b := make(Bitmap, bitutil.BytesForBits(int64(rows)))
	for i := range b {
		b[i] = 0xff
	}
	return b
}

func countSet(b Bitmap, rows int) int {
	if b == nil {
		return rows
	}
	return bitutil.CountSetBits(b, 0, rows)
}
