package storage

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/vector"
)

// VectorSegments returns the segments that a vector search reads: flushed ones,
// those in memory, and the transaction's own. Those that the filter cannot match
// are left out, and counted by the first one's Stats. The caller closes each,
// before the snapshot.
func (s *snapshot) VectorSegments(ctx context.Context, spec VectorSpec) ([]SearchSegment, error) {
	p := &scanPlan{s: s, spec: spec.Scan}
	p.spec.Fields, p.spec.WithRowID, p.spec.Key, p.spec.RowIDs = nil, false, nil, nil
	var err error
	if p.schema = &noFields; p.spec.Filter != nil {
		if p.schema, err = newScanSchema(p.spec); err != nil {
			return nil, err
		}
	}
	var target *targetIndex
	if spec.Index != nil {
		if target, err = s.t.e.target(spec.Scan.Table, spec.Index); err != nil {
			return nil, err
		}
	}
	column := columnOf(spec.Scan.Table, spec.Field)
	if column == nil && (target == nil || target.keys == nil) {
		return nil, fmt.Errorf("storage: table %q has no field %d", spec.Scan.Table.Name, spec.Field)
	}
	var out []SearchSegment
	add := func(src source, limit int, expired hlc.Timestamp, own bool) error {
		if src.begin(expired) >= limit {
			return nil
		}
		p.segments++
		if pruned, err := p.prune(ctx, src, own); pruned || err != nil {
			return err
		}
		out = append(out, &searchSegment{scanner: scanner{p: p}, src: src, own: own, rows: limit, expired: expired, column: column, target: target})
		return nil
	}
	for _, part := range s.partitions(spec.Scan) {
		expired, err := s.reads(spec.Scan.Table, part)
		if err != nil {
			return nil, err
		}
		for shard := range max(spec.Scan.Table.Shards, 1) {
			key := shardKey{part.Storage, shard}
			v, err := s.pin(spec.Scan.Table, key)
			if err != nil {
				return nil, err
			}
			if v != nil {
				err := v.sources(func(src source) (bool, error) { return true, add(src, src.limit(s.time.at), expired, false) })
				if err != nil {
					return nil, err
				}
			}
			err = s.own.sources(key, func(src source, rows int, private bool) error { return add(src, rows, 0, private) })
			if err != nil {
				return nil, err
			}
		}
	}
	if target != nil {
		if err := s.openIndexes(ctx, out, target); err != nil {
			for _, x := range out {
				_ = x.Close() // never fails
			}
			return nil, err
		}
	}
	if len(out) > 0 {
		first := out[0].(*searchSegment)
		first.stats.Segments, first.stats.SegmentsPruned = p.segments, p.pruned
	}
	return out, nil
}

// noFields is the schema of a search without a filter.
var noFields scanSchema

// searchSegment is a SearchSegment. It scans row groups as a scanner does.
type searchSegment struct {
	scanner
	src  source
	own  bool
	rows int
	// expired: rows up to then are past their time.
	expired hlc.Timestamp
	column  *catalog.Column
	holder
	target  *targetIndex // nil without an index
	opened  *openedIndex // nil if the segment has it not
	growing *growth      // nil if the segment in memory has none
	vectors vector.Column
	// Row ids of a flushed segment, once asked for: ids, of which a search needs few,
	// or idSequences where they are sequences.
	ids         *rowTaker
	idSequences *sequences
	// visible is what Visible answered, nil before it did and when nothing is
	// hidden; it may be shared.
	visible Bitmap
	kept    int
	looked  bool
	// pass is what passing answered.
	pass Bitmap
	// lent are bitmaps that Close gives back.
	lent []*[]byte
}

func (s *searchSegment) Rows() int { return s.rows }

func (s *searchSegment) Column(ctx context.Context) (vector.Column, error) {
	if s.vectors != nil {
		return s.vectors, nil
	}
	if s.opened != nil && s.opened.values != nil {
		s.vectors = s.opened.values
		return s.vectors, nil
	}
	var err error
	if s.column == nil {
		if f, ok := s.src.(*flushedSegment); ok && s.target.column != nil {
			s.vectors, err = s.p.s.t.e.maskedColumn(ctx, f, s.target, &s.holder)
		} else {
			s.vectors, err = s.target.values(ctx, s.src, s.rows, &s.holder)
		}
		return s.vectors, err
	}
	switch src := s.src.(type) {
	case *flushedSegment:
		s.vectors, err = src.vectors(ctx, &s.holder, s.column)
	case *memorySegment:
		s.vectors, err = src.vectors(&s.holder, s.column, s.rows, s.own)
	}
	return s.vectors, err
}

func (s *searchSegment) Index() (vector.Index, int) {
	switch {
	case s.opened != nil:
		return s.opened, s.rows
	case s.growing != nil:
		indexed := min(int(s.growing.indexed.Load()), s.rows)
		return growthView{s.growing.index, s.growing, indexed}, indexed
	}
	return nil, 0
}

// openIndex pins the segment's index, if it has it.
func (s *searchSegment) openIndex(ctx context.Context, x *targetIndex) error {
	f, ok := s.src.(*flushedSegment)
	if !ok {
		if g := s.src.(*memorySegment).growthOf(x.storage()); g != nil && g.indexed.Load() > 0 {
			s.growing = g
		}
		return nil
	}
	file, err := x.open(ctx, f)
	if file != nil {
		s.files = append(s.files, file)
		s.opened = file.Value.(*openedIndex)
	}
	return err
}

// Visible says which rows the snapshot sees.
func (s *searchSegment) Visible(ctx context.Context) (Bitmap, int, error) {
	if s.looked {
		return s.visible, s.kept, nil
	}
	var err error
	switch {
	case s.own:
		s.kept = s.rows
		if t := s.src.tombstones(); t.Count() > 0 {
			s.visible = s.bitmap(true)
			s.kept -= t.Mask(0, s.rows, s.visible, s.p.s.own.gone)
		}
	default:
		err = s.committed(ctx)
	}
	if err != nil {
		return nil, 0, err
	}
	if s.kept == s.rows {
		s.visible = nil
	}
	s.stats.RowsDeleted += int64(s.rows - s.kept)
	s.looked = true
	return s.visible, s.kept, nil
}

// committed fills visible and kept for a segment of committed rows.
func (s *searchSegment) committed(ctx context.Context) error {
	at := uint64(s.p.s.time.at)
	s.kept = s.rows
	if f, ok := s.src.(*flushedSegment); ok {
		if s.visible, s.kept = f.live.get(f, at); s.visible == nil && s.kept < s.rows {
			s.visible = s.bitmap(false)
			s.kept = f.live.compute(f, at, s.visible)
		}
		if f.Manifest.MaxTimestamp > at {
			if err := s.hideLater(ctx, f); err != nil {
				return err
			}
		}
	} else if t := s.src.tombstones(); t.Count() > 0 {
		s.visible = s.bitmap(false)
		s.kept = t.Live(s.rows, at, s.visible[:(s.rows+63)/64*8])
	}
	if err := s.hideExpired(ctx); err != nil {
		return err
	}
	return s.hideOwn(ctx)
}

// private makes visible a bitmap that may be changed.
func (s *searchSegment) private() {
	shared := s.visible
	s.visible = s.bitmap(shared == nil)
	if shared != nil {
		copy(s.visible, shared)
	}
}

// hideExpired hides the rows that are past their time.
func (s *searchSegment) hideExpired(ctx context.Context) error {
	if s.expired == 0 {
		return nil
	}
	f, flushed := s.src.(*flushedSegment)
	if !flushed {
		n := min(s.src.begin(s.expired), s.rows)
		if n == 0 {
			return nil
		}
		s.private()
		clear(s.visible[:n/8])
		for pos := n / 8 * 8; pos < n; pos++ {
			bitutil.ClearBit(s.visible, pos)
		}
	} else {
		if f.Manifest.MinTimestamp > uint64(s.expired) {
			return nil
		}
		young, _, err := f.ages.younger(ctx, f, s.expired)
		if err != nil {
			return err
		}
		s.private()
		for i := range s.visible {
			s.visible[i] &= young[i]
		}
	}
	s.kept = bitutil.CountSetBits(s.visible, 0, s.rows)
	return nil
}

// hideLater hides the rows that were committed after the snapshot.
func (s *searchSegment) hideLater(ctx context.Context, f *flushedSegment) error {
	s.private()
	group := make(Bitmap, 0, 512)
	for start := 0; start < s.rows; {
		_, end := f.group(start)
		group = append(group[:0], make([]byte, (end-start+7)/8)...)
		bitutil.CopyBitmap(s.visible, start, end-start, group, 0)
		if _, err := f.hide(ctx, start, end, s.p.s.time.at, 0, group); err != nil {
			return err
		}
		bitutil.CopyBitmap(group, 0, end-start, s.visible, start)
		start = end
	}
	s.kept = bitutil.CountSetBits(s.visible, 0, s.rows)
	return nil
}

// hideOwn hides the rows that the transaction itself deleted before.
func (s *searchSegment) hideOwn(ctx context.Context) error {
	if s.p.s.own == nil {
		return nil
	}
	w := s.p.s.t.writes
	w.mu.RLock()
	defer w.mu.RUnlock()
	own := w.own[s.p.spec.Table.Storage]
	if own.len() == 0 {
		return nil
	}
	changed := false
	hide := func(pos int) {
		if !changed {
			s.private()
			changed = true
		}
		if bitutil.BitIsSet(s.visible, pos) {
			bitutil.ClearBit(s.visible, pos)
			s.kept--
		}
	}
	if own.len() > s.rows/16 {
		for start := 0; start < s.rows; {
			_, end := s.src.group(start)
			end = min(end, s.rows)
			a, err := s.src.rowIDs(ctx, start, end)
			if err != nil {
				return err
			}
			for i, id := range a.(*array.Uint64).Uint64Values() {
				if own.has(RowID(id), s.p.s.own.deletes) {
					hide(start + i)
				}
			}
			a.Release()
			start = end
		}
		return nil
	}
	return own.each(s.p.s.own.deletes, func(id RowID) error {
		pos, err := s.src.findRow(ctx, uint64(id))
		if err == nil && pos >= 0 && pos < s.rows {
			hide(pos)
		}
		return err
	})
}

// Matching is Visible and the filter.
func (s *searchSegment) Matching(ctx context.Context, from, to int) (Bitmap, int, error) {
	visible, shown, err := s.Visible(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := s.bitmap(false)
	clear(out)
	to = min(to, s.rows)
	if from%8 == 0 {
		pass, err := s.passing(ctx)
		if err != nil {
			return nil, 0, err
		}
		if pass != nil {
			kept := both(out, pass, visible, from, to)
			s.stats.RowsFiltered += int64(max(0, min(shown, to-from)-kept))
			return out, kept, nil
		}
	}
	kept, err := s.match(ctx, from, to, visible, out)
	return out, kept, err
}

// match sets the bits of out for the rows of [from, to) that are visible, of
// which nil is all, and pass.
func (s *searchSegment) match(ctx context.Context, from, to int, visible, out Bitmap) (kept int, err error) {
	for start := from; start < to; {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		_, end := s.src.group(start)
		end = min(end, to)
		n, err := s.matchGroup(ctx, start, end, visible, out)
		if err != nil {
			return 0, err
		}
		kept += n
		start = end
	}
	return kept, nil
}

// matchGroup sets the bits of out for the rows of [start, end) that pass.
func (s *searchSegment) matchGroup(ctx context.Context, start, end int, visible, out Bitmap) (int, error) {
	s.stats.RowGroups++
	rows := end - start
	bits := out[start/8 : (end+7)/8]
	apart := start%8 != 0 || end%8 != 0
	if apart {
		bits = make(Bitmap, (rows+7)/8)
	}
	if visible == nil {
		for i := range bits {
			bits[i] = 0xff
		}
		if rows%8 != 0 {
			bits[len(bits)-1] = 1<<(rows%8) - 1
		}
	} else {
		bitutil.CopyBitmap(visible, start, rows, bits, 0)
	}
	before := bitutil.CountSetBits(bits, 0, rows)
	if s.p.spec.Filter != nil && before > 0 {
		if err := s.evalGroup(ctx, start, end, bits); err != nil {
			return 0, err
		}
	}
	kept := bitutil.CountSetBits(bits, 0, rows)
	s.stats.RowsFiltered += int64(before - kept)
	if apart && kept > 0 {
		bitutil.CopyBitmap(bits, 0, rows, out, start)
	}
	return kept, nil
}

func (s *searchSegment) evalGroup(ctx context.Context, start, end int, bits Bitmap) error {
	if !s.own {
		may, err := s.p.mayMatch(ctx, s.src, start)
		if err != nil {
			return err
		}
		if !may {
			s.stats.RowGroupsPruned++
			clear(bits)
			return nil
		}
	}
	s.loaded = append(s.loaded[:0], make([]arrow.Array, len(s.p.schema.fields))...)
	defer func() { releaseAll(s.loaded) }()
	u := unit{src: s.src, own: s.own, start: start, end: end}
	if err := s.load(ctx, &u, s.p.schema.filter); err != nil {
		return err
	}
	s.stats.RowsRead += int64(end - start)
	s.inputs = s.inputs[:0]
	for _, i := range s.p.schema.filter {
		s.inputs = append(s.inputs, s.loaded[i])
	}
	return s.p.spec.Filter.Eval(ctx, s.inputs, end-start, bits)
}

// Test sets keep[i] to whether positions[i] is visible and passes the filter.
func (s *searchSegment) Test(ctx context.Context, positions []uint32, keep []bool) error {
	visible, _, err := s.Visible(ctx)
	if err != nil {
		return err
	}
	n := len(positions)
	bits := make(Bitmap, (n+7)/8)
	left := 0
	for i, pos := range positions {
		if int(pos) < s.rows && visible.Get(int(pos)) {
			bitutil.SetBit(bits, i)
			left++
		}
	}
	if s.p.spec.Filter != nil && left > 0 && s.pass != nil {
		for i, pos := range positions {
			if int(pos) < s.rows && !s.pass.Get(int(pos)) {
				bitutil.ClearBit(bits, i)
			}
		}
	} else if s.p.spec.Filter != nil && left > 0 {
		columns, err := s.take(ctx, s.p.schema.columnsAt(s.p.schema.filter), positions)
		if err != nil {
			return err
		}
		err = s.p.spec.Filter.Eval(ctx, columns, n, bits)
		releaseAll(columns)
		if err != nil {
			return err
		}
		s.stats.RowsRead += int64(n)
	}
	kept := 0
	for i := range positions {
		if keep[i] = bitutil.BitIsSet(bits, i); keep[i] {
			kept++
		}
	}
	s.stats.RowsFiltered += int64(left - kept)
	return nil
}

func (s *scanSchema) columnsAt(which []int) []*catalog.Column {
	out := make([]*catalog.Column, len(which))
	for i, w := range which {
		out[i] = s.columns[w]
	}
	return out
}

// RowIDs appends the row ids of positions.
func (s *searchSegment) RowIDs(ctx context.Context, dst []RowID, positions []uint32) ([]RowID, error) {
	f, flushed := s.src.(*flushedSegment)
	if !flushed {
		for _, pos := range positions {
			id, err := s.src.rowID(ctx, int(pos))
			if err != nil {
				return dst, err
			}
			dst = append(dst, RowID(id))
		}
		return dst, nil
	}
	if err := s.openRowIDs(ctx, f); err != nil {
		return dst, err
	}
	for _, pos := range positions {
		if s.idSequences == nil {
			at, err := s.ids.find(ctx, int(pos))
			if err != nil {
				return dst, err
			}
			dst = append(dst, RowID(at.array.(*array.Uint64).Value(at.row)))
			continue
		}
		id, ok := s.idSequences.at(int(pos))
		if !ok {
			return dst, tooFewRows(s.idSequences.file)
		}
		dst = append(dst, RowID(id))
	}
	return dst, nil
}

// openRowIDs has the row ids of a flushed segment at hand, in one of their forms.
func (s *searchSegment) openRowIDs(ctx context.Context, f *flushedSegment) error {
	if s.ids != nil || s.idSequences != nil {
		return nil
	}
	file, err := f.Open(ctx, catalog.RowIDField)
	if err != nil {
		return err
	}
	if file == nil {
		return fmt.Errorf("storage: segment %d has no row ids", f.id())
	}
	if s.idSequences, err = sequencesOf(ctx, file, catalog.RowIDField); s.idSequences != nil || err != nil {
		s.holder.files = append(s.holder.files, file)
		return err
	}
	s.ids = &rowTaker{src: f, field: catalog.RowIDField, file: file}
	return nil
}

// Take reads columns of rows by position.
func (s *searchSegment) Take(ctx context.Context, fields []catalog.FieldID, positions []uint32) ([]arrow.Array, error) {
	columns := make([]*catalog.Column, len(fields))
	for i, f := range fields {
		if columns[i] = columnOf(s.p.spec.Table, f); columns[i] == nil {
			return nil, fmt.Errorf("storage: table %q has no field %d", s.p.spec.Table.Name, f)
		}
	}
	return s.take(ctx, columns, positions)
}

func (s *searchSegment) take(ctx context.Context, columns []*catalog.Column, positions []uint32) ([]arrow.Array, error) {
	out := make([]arrow.Array, 0, len(columns))
	for _, c := range columns {
		a, err := s.takeOne(ctx, c, positions)
		if err != nil {
			releaseAll(out)
			return nil, err
		}
		out = append(out, a)
		s.stats.BytesRead += s.src.bytesOf(out[len(out)-1:])
	}
	return out, nil
}

func (s *searchSegment) takeOne(ctx context.Context, c *catalog.Column, positions []uint32) (arrow.Array, error) {
	if len(positions) == 0 {
		return array.MakeArrayOfNull(memory.DefaultAllocator, arrowType(c), 0), nil
	}
	stored, err := s.takeStored(ctx, c.Field, positions)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		defer stored.Release()
		return c.Type.FromStorage(stored, memory.DefaultAllocator), nil
	}
	for i := range c.Former {
		f := &c.Former[i]
		if stored, err := s.takeStored(ctx, f.Field, positions); err != nil {
			return nil, err
		} else if stored != nil {
			return widened(f, stored, c.Type)
		}
	}
	return missing(c, len(positions))
}

// takeStored gathers a field; nil if the segment has it not.
func (s *searchSegment) takeStored(ctx context.Context, field catalog.FieldID, positions []uint32) (arrow.Array, error) {
	t := &rowTaker{src: s.src, field: field, refs: make([]rowAt, 0, len(positions))}
	defer t.close()
	for _, pos := range positions {
		if ok, err := t.add(ctx, int(pos)); err != nil || !ok {
			return nil, err
		}
	}
	return gatherRows(t.refs, memory.DefaultAllocator)
}

func (s *searchSegment) Close() error {
	s.holder.close()
	for _, b := range s.lent {
		bitmaps.Put(b)
	}
	if s.ids != nil {
		s.ids.close()
	}
	s.lent, s.visible, s.pass, s.vectors, s.ids, s.idSequences, s.opened = nil, nil, nil, nil, nil, nil, nil
	return nil
}

// bitmaps are kept between searches: one of a large segment has many kilobytes.
var bitmaps = sync.Pool{New: func() any { return new([]byte) }}

// bitmap lends a bitmap for all rows, a multiple of 8 bytes long, until Close.
func (s *searchSegment) bitmap(set bool) Bitmap {
	p := bitmaps.Get().(*[]byte)
	n := (s.rows + 63) / 64 * 8
	if cap(*p) < n {
		*p = make([]byte, n)
	}
	*p = (*p)[:n]
	s.lent = append(s.lent, p)
	if set {
		setAll(*p, s.rows)
	}
	return *p
}

// setAll sets the first n bits and clears the others.
func setAll(b []byte, n int) {
	for i := range b {
		b[i] = 0xff
	}
	if n%8 != 0 {
		b[n/8] = 1<<(n%8) - 1
	}
	clear(b[(n+7)/8:])
}

// liveMask keeps, for a flushed segment, which rows were not deleted when it
// was last asked: it serves every search until the next delete.
type liveMask struct {
	current atomic.Pointer[liveRows]
}

type liveRows struct {
	count  int64  // of tombstones
	newest uint64 // none of them is newer
	alive  Bitmap
	kept   int
}

// get returns the mask for a reader at t, if it is at hand; with none at hand
// kept is below the number of rows, and with nothing deleted the mask is nil.
func (m *liveMask) get(f *flushedSegment, at uint64) (alive Bitmap, kept int) {
	count := f.Tombstones.Count()
	if count == 0 {
		return nil, f.Rows()
	}
	// Every delete at or before t is counted, so an equal count says that
	// nothing visible at t is missing, and newest that nothing is in excess.
	if c := m.current.Load(); c != nil && c.count == count && c.newest <= at {
		return c.alive, c.kept
	}
	return nil, -1
}

// compute fills alive and, if it can serve others, keeps a copy.
func (m *liveMask) compute(f *flushedSegment, at uint64, alive Bitmap) (kept int) {
	count := f.Tombstones.Count()
	kept = f.Tombstones.Live(f.Rows(), at, alive)
	if newest := f.Tombstones.Newest(); newest <= at && f.Tombstones.Count() == count {
		m.current.Store(&liveRows{count: count, newest: newest, alive: append(Bitmap(nil), alive...), kept: kept})
	}
	return kept
}
