package storage

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/growing"
	"quiver/storage/manifest"
	"quiver/storage/segment"
	"quiver/storage/wal"
	"quiver/vector"
)

// merge replaces flushed segments of a shard by one with their rows, less those
// that nobody can see any more. The steps, each of which a crash may interrupt
// without loss:
//
//  1. begin: under the apply lock, note the time, before which the deletes are
//     taken over, and the horizon, before which rows are left out;
//  2. write: objects of the new segment, and of its vector indexes;
//  3. commit: one catalog transaction adds the new segment and forgets the old;
//  4. switch: under the apply lock the view goes over. Deletes that came since
//     are carried over; they are in the log and in the pending deletes of the
//     next flush, or in the delta log of a flush since.
//
// Readers keep the old segments, whose objects go after the last of them.
// Objects of a merge that did not reach step 3 are swept at the next start.
type merge struct {
	e      *Engine
	s      *shard
	table  *catalog.Table
	inputs []*flushedSegment
	scope  mergeScope
	pace   paced

	at      hlc.Timestamp
	horizon horizon
	delta   wal.Position
	// since is from when on readers miss nothing of what was left out.
	since hlc.Timestamp

	refs   []growing.Ref
	result *flushedSegment // nil if no row is left
	// moved says, for each input, where its rows went.
	moved [][]uint32
	// writers wrote the vector indexes.
	writers []*segment.PartWriter

	// scratch is used again by every batch.
	scratch mergeScratch
}

// mergeScratch is memory that a merge uses again.
type mergeScratch struct {
	refs     []rowAt
	keys     [][]byte
	keyBytes []byte
	keyEnds  []int
}

// movedAway marks, in moved, a row that was left out.
const movedAway = ^uint32(0)

// mergeSegments merges inputs. The caller holds the shard's token and a pin of
// the view that they are of. The indexes that an input has are built of the new
// segment before it replaces the old ones; others later, by reconcile.
func (e *Engine) mergeSegments(ctx context.Context, s *shard, inputs []*flushedSegment, scope mergeScope, pace paced) error {
	m := &merge{e: e, s: s, inputs: inputs, scope: scope, pace: pace}
	defer e.writing()()
	if !m.begin() {
		return nil
	}
	err := m.write(ctx)
	if err == nil {
		err = m.index(ctx)
	}
	if err == nil {
		err = m.commit(ctx)
	}
	if err != nil {
		if !errors.Is(err, errUncertain) {
			err = errors.Join(err, m.giveUp(context.WithoutCancel(ctx)))
		}
		return fmt.Errorf("merge in partition %d, shard %d: %w", s.key.partition, s.key.shard, err)
	}
	m.switchOver()
	return nil
}

// begin is step 1; false when the shard is gone.
func (m *merge) begin() bool {
	p := &m.e.pipeline
	p.apply.Lock()
	defer p.apply.Unlock()
	if m.s.dropped {
		return false
	}
	m.at, m.horizon, m.delta = p.appliedAt, m.e.horizonLocked(m.s, m.scope), m.s.checkpoint
	m.table, _ = m.e.catalog.Current().PlaceOfStorage(m.s.key.partition)
	return m.table != nil
}

// write is step 2: the rows.
func (m *merge) write(ctx context.Context) error {
	if err := m.collect(ctx); err != nil {
		return err
	}
	if len(m.refs) == 0 {
		if passes, err := deltalog.Any(m.foreignDeletes(ctx)); !passes || err != nil {
			return err
		}
	}
	fields := m.fields()
	name := manifest.Segment{Table: m.s.table, Partition: m.s.key.partition, ID: catalog.SegmentID(m.e.newIDs(1))}
	var version uint32
	for _, f := range m.inputs {
		version = max(version, f.Manifest.SchemaVersion)
	}
	out, err := segment.NewWriter(segment.WriterOptions{
		Name: name, Shard: m.s.key.shard, SchemaVersion: version, Fields: fields, KeyField: m.keyField(), Rows: len(m.refs),
		Objects: m.e.opts.Objects, Scratch: m.e.opts.Scratch, NewLog: func() uint64 { return m.e.newIDs(1) }, Mem: m.e.mem.Unlimited(),
		Pause: m.pace.pause,
	})
	if err != nil {
		return err
	}
	defer out.Abort()
	for from := 0; from < len(m.refs); from += flushBatchRows {
		m.pace.pause()
		m.pace.tell("merging rows", from, len(m.refs))
		if err := m.writeBatch(ctx, out, fields, m.refs[from:min(from+flushBatchRows, len(m.refs))]); err != nil {
			return err
		}
	}
	m.pace.tell("writing objects", len(m.refs), len(m.refs))
	for i := range m.inputs {
		out.DeleteFrom(m.deletesOf(ctx, i))
	}
	out.DeleteFrom(m.foreignDeletes(ctx))
	written, key, err := out.Finish(ctx, m.delta)
	if err != nil {
		return err
	}
	opened, err := segment.OpenFlushed(written, m.e.shelf)
	if err != nil {
		return err
	}
	m.result = newFlushed(opened, descriptorOf(written, key))
	return nil
}

// collect decides which rows stay, and in which order.
func (m *merge) collect(ctx context.Context) error {
	kept := make([][]uint32, len(m.inputs))
	for i, f := range m.inputs {
		moved := make([]uint32, f.Rows())
		kept[i] = make([]uint32, 0, max(0, f.Rows()-int(f.Tombstones.Count())))
		expired, err := m.expired(ctx, f)
		if err != nil {
			return err
		}
		for pos := range moved {
			if pos%flushBatchRows == 0 {
				m.pace.pause()
			}
			at, _ := f.Tombstones.Get(pos)
			switch {
			case at != 0 && at <= uint64(m.horizon.deleted):
				m.since = max(m.since, hlc.Timestamp(at))
				moved[pos] = movedAway
				continue
			case expired(pos):
				m.since = max(m.since, m.horizon.now)
				moved[pos] = movedAway
				continue
			}
			kept[i] = append(kept[i], uint32(pos))
		}
		m.moved = append(m.moved, moved)
	}
	if err := m.order(ctx, kept); err != nil {
		return err
	}
	for i, r := range m.refs {
		m.moved[r.Segment][r.Position] = uint32(i)
	}
	return nil
}

// expired says of the rows of an input whether they are past their time.
func (m *merge) expired(ctx context.Context, f *flushedSegment) (func(pos int) bool, error) {
	switch by := m.horizon.expired; {
	case f.begin(by) == f.Rows():
		return func(int) bool { return true }, nil
	case f.Manifest.MinTimestamp > uint64(by):
		return func(int) bool { return false }, nil
	}
	young, _, err := f.ages.younger(ctx, f, m.horizon.expired)
	return func(pos int) bool { return !young.Get(pos) }, err
}

// deletesOf yields the deletes of the rows of an input that stay.
func (m *merge) deletesOf(ctx context.Context, input int) deltalog.Source {
	f, moved := m.inputs[input], m.moved[input]
	return func(yield func(deltalog.Entry) error) error {
		return f.Tombstones.Each(1, uint64(m.at), func(pos int, at, successor uint64) error {
			if moved[pos] == movedAway {
				return nil
			}
			id, err := f.rowID(ctx, pos)
			if err != nil {
				return err
			}
			key, err := f.appendKey(ctx, nil, pos)
			if err != nil {
				return err
			}
			return yield(deltalog.Entry{RowID: id, Timestamp: at, Successor: successor, Key: key})
		})
	}
}

// foreignDeletes yields those entries of the inputs' delta logs that are of rows
// of other segments.
func (m *merge) foreignDeletes(ctx context.Context) deltalog.Source {
	return func(yield func(deltalog.Entry) error) error {
		v := m.s.pin()
		defer v.release()
		for _, f := range m.inputs {
			err := f.Deletes(ctx, func(d deltalog.Entry) error {
				src, _, err := v.find(ctx, d.RowID)
				if err != nil || src == nil {
					return err
				}
				if g, ok := src.(*flushedSegment); ok && slices.Contains(m.inputs, g) {
					return nil
				}
				return yield(d)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// order fills refs with the rows of the inputs by primary key; versions of one
// key in the order of the inputs. Without a key the inputs follow each other.
func (m *merge) order(ctx context.Context, kept [][]uint32) error {
	with, rows := 0, 0
	for i := range kept {
		if rows += len(kept[i]); len(kept[i]) > 0 {
			with++
		}
	}
	// Grown as it fills, it would be copied again and again at a size at which the
	// scheduler cannot stop the copy, and whoever a collection of garbage asks for help
	// meanwhile waits for its end.
	m.refs = make([]growing.Ref, 0, rows)
	if with < 2 || m.keyField() == 0 {
		for i, list := range kept {
			for _, pos := range list {
				m.refs = append(m.refs, growing.Ref{Segment: uint32(i), Position: pos})
			}
		}
		return nil
	}
	h := &keyHeap{}
	for i, list := range kept {
		if len(list) > 0 {
			c := &keyCursor{input: i, f: m.inputs[i], rest: list}
			if err := c.read(ctx); err != nil {
				return err
			}
			h.list = append(h.list, c)
		}
	}
	heap.Init(h)
	for len(h.list) > 0 {
		if len(m.refs)%flushBatchRows == 0 {
			m.pace.pause()
		}
		c := h.list[0]
		m.refs = append(m.refs, growing.Ref{Segment: uint32(c.input), Position: c.rest[0]})
		if c.rest = c.rest[1:]; len(c.rest) == 0 {
			heap.Pop(h)
			continue
		}
		if err := c.read(ctx); err != nil {
			return err
		}
		heap.Fix(h, 0)
	}
	return nil
}

// keyCursor goes through the keys of an input's rows.
type keyCursor struct {
	input int
	f     *flushedSegment
	rest  []uint32
	key   []byte
}

func (c *keyCursor) read(ctx context.Context) (err error) {
	c.key, err = c.f.appendKey(ctx, c.key[:0], int(c.rest[0]))
	return err
}

// keyHeap has the least key first.
type keyHeap struct{ list []*keyCursor }

func (h *keyHeap) Len() int { return len(h.list) }
func (h *keyHeap) Less(i, j int) bool {
	a, b := h.list[i], h.list[j]
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	return a.input < b.input
}
func (h *keyHeap) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *keyHeap) Push(x any)    { h.list = append(h.list, x.(*keyCursor)) }
func (h *keyHeap) Pop() any {
	c := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return c
}

func (m *merge) keyField() catalog.FieldID {
	for _, f := range m.inputs {
		if f.Rows() > 0 {
			return f.KeyField()
		}
	}
	return 0
}

// fields are the table's columns that some input has.
func (m *merge) fields() (fields []segment.WriterField) {
	options := m.e.optionsOf(m.s)
	for i := range m.table.Columns {
		c := &m.table.Columns[i]
		if c.Dropped() || !slices.ContainsFunc(m.inputs, func(f *flushedSegment) bool { return hasColumn(f, c) }) {
			continue
		}
		fields = append(fields, writerField(c, storageType(c), &options.StorageOptions))
	}
	slices.SortFunc(fields, func(a, b segment.WriterField) int { return int(a.ID - b.ID) })
	keepKeyPlain(fields, m.keyField(), m.table)
	return fields
}

func (m *merge) writeBatch(ctx context.Context, out *segment.Writer, fields []segment.WriterField, refs []growing.Ref) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	var columns []arrow.Array
	defer func() { releaseAll(columns) }()
	for _, field := range fields {
		m.pace.pause()
		a, err := m.gather(ctx, field.ID, columnOf(m.table, field.ID), refs)
		if err != nil {
			return err
		}
		columns = append(columns, a)
	}
	var hidden [2]*array.Uint64
	for i, field := range []catalog.FieldID{catalog.RowIDField, catalog.TimestampField} {
		a, err := m.gather(ctx, field, nil, refs)
		if err != nil {
			return err
		}
		defer a.Release()
		hidden[i] = a.(*array.Uint64)
	}
	m.pace.pause()
	keys, err := m.keys(ctx, refs)
	if err != nil {
		return err
	}
	return out.Write(columns, hidden[0], hidden[1], keys)
}

// keys returns the primary keys of rows of the inputs, valid until the next call; nil
// without one.
func (m *merge) keys(ctx context.Context, refs []growing.Ref) (_ [][]byte, err error) {
	if m.keyField() == 0 {
		return nil, nil
	}
	s := &m.scratch
	s.keys, s.keyBytes, s.keyEnds = s.keys[:0], s.keyBytes[:0], s.keyEnds[:0]
	for _, r := range refs {
		if s.keyBytes, err = m.inputs[r.Segment].appendKey(ctx, s.keyBytes, int(r.Position)); err != nil {
			return nil, err
		}
		s.keyEnds = append(s.keyEnds, len(s.keyBytes))
	}
	start := 0
	for _, end := range s.keyEnds {
		s.keys = append(s.keys, s.keyBytes[start:end:end])
		start = end
	}
	return s.keys, nil
}

// gather reads a field of rows of the inputs; c, nil for a hidden field, says
// what rows have that were written before it was added.
func (m *merge) gather(ctx context.Context, field catalog.FieldID, c *catalog.Column, refs []growing.Ref) (arrow.Array, error) {
	g := &mergeGather{refs: m.scratch.refs[:0], windows: make([]mergeWindow, len(m.inputs)), mem: m.e.mem.Unlimited()}
	defer func() {
		clear(g.refs)
		m.scratch.refs = g.refs
		g.release()
	}()
	for i := 0; i < len(refs); {
		segment, start, n := refs[i].Segment, int(refs[i].Position), 1
		for i+n < len(refs) && refs[i+n].Segment == segment && int(refs[i+n].Position) == start+n {
			n++
		}
		w := &g.windows[segment]
		if !w.has(start, start+n) {
			a, err := m.window(ctx, field, c, segment, start, min(max(start+n, start+windowRows), m.inputs[segment].Rows()))
			if err != nil {
				return nil, err
			}
			if err := g.replace(w, mergeWindow{a, start}); err != nil {
				a.Release()
				return nil, err
			}
		}
		if err := g.add(w.array, start-w.start, n); err != nil {
			return nil, err
		}
		i += n
	}
	return g.finish()
}

// mergeGather puts rows of windows together.
type mergeGather struct {
	windows []mergeWindow // of each input
	// refs are the rows that come after pieces.
	refs   []rowAt
	pieces []arrow.Array
	mem    memory.Allocator
}

// copiedRun is up to how many neighbours are copied one by one: a slice costs as much
// as about so many copies.
const copiedRun = 32

// add adds n rows of a window.
func (g *mergeGather) add(window arrow.Array, row, n int) error {
	if n <= copiedRun {
		for i := range n {
			g.refs = append(g.refs, rowAt{window, row + i})
		}
		return nil
	}
	err := g.cut()
	g.pieces = append(g.pieces, array.NewSlice(window, int64(row), int64(row+n)))
	return err
}

// cut makes a piece of the single rows.
func (g *mergeGather) cut() error {
	if len(g.refs) == 0 {
		return nil
	}
	piece, err := gatherRows(g.refs, g.mem)
	if err != nil {
		return err
	}
	g.pieces = append(g.pieces, piece)
	g.refs = g.refs[:0]
	return nil
}

// replace has a window give way to another.
func (g *mergeGather) replace(w *mergeWindow, by mergeWindow) error {
	if w.array != nil {
		if err := g.cut(); err != nil { // single rows may be of it
			return err
		}
		w.array.Release()
	}
	*w = by
	return nil
}

func (g *mergeGather) finish() (arrow.Array, error) {
	if err := g.cut(); err != nil {
		return nil, err
	}
	if len(g.pieces) == 1 {
		g.pieces[0].Retain()
		return g.pieces[0], nil
	}
	return array.Concatenate(g.pieces, g.mem)
}

func (g *mergeGather) release() {
	releaseAll(g.pieces)
	for _, w := range g.windows {
		if w.array != nil {
			w.array.Release()
		}
	}
}

// windowRows is how many rows of an input are read at a time: were each run of rows
// between deleted ones read by itself, each would unpack its event anew and hold it.
const windowRows = flushBatchRows

// mergeWindow is rows of an input from start on.
type mergeWindow struct {
	array arrow.Array
	start int
}

func (w *mergeWindow) has(start, end int) bool {
	return w.array != nil && start >= w.start && end <= w.start+w.array.Len()
}

// window reads rows [start, end) of an input in the form that is stored.
func (m *merge) window(ctx context.Context, field catalog.FieldID, c *catalog.Column, segment uint32, start, end int) (arrow.Array, error) {
	f := m.inputs[segment]
	a, err := f.Column(ctx, field, start, end)
	switch {
	case err == nil && a == nil:
		a, err = absentStored(ctx, f, c, start, end)
	case err == nil && c != nil:
		a, err = restored(c, a)
	}
	return a, err
}

// absentStored is absent in the form that is stored, of rows that may lie in
// several groups.
func absentStored(ctx context.Context, f *flushedSegment, c *catalog.Column, start, end int) (arrow.Array, error) {
	if c == nil {
		return nil, errors.New("storage: a segment lacks a hidden field")
	}
	a, err := formerRows(ctx, f, c, start, end)
	if err != nil {
		return nil, err
	}
	defer a.Release()
	return c.Type.ToStorage(a, memory.DefaultAllocator)
}

func formerRows(ctx context.Context, f *flushedSegment, c *catalog.Column, start, end int) (arrow.Array, error) {
	for i := range c.Former {
		stored, err := f.Column(ctx, c.Former[i].Field, start, end)
		if err != nil {
			return nil, err
		}
		if stored != nil {
			return widened(&c.Former[i], stored, c.Type)
		}
	}
	return missing(c, end-start)
}

// hasColumn says whether a segment has a column, be it of a former type.
func hasColumn(f *flushedSegment, c *catalog.Column) bool {
	return f.Has(c.Field) || slices.ContainsFunc(c.Former, func(x catalog.FormerField) bool { return f.Has(x.Field) })
}

// index is step 2 for vector indexes: of a single input whose rows were only
// removed the graph is kept, otherwise it is built anew.
func (m *merge) index(ctx context.Context) error {
	if m.result == nil || m.result.Rows() == 0 {
		return nil
	}
	for _, x := range m.e.vectorIndexes(m.s.key.partition) {
		if !slices.ContainsFunc(m.inputs, func(f *flushedSegment) bool { return len(f.Current().Parts(x.storage())) > 0 }) {
			continue
		}
		w, err := m.reorder(ctx, x)
		if err == nil && w == nil {
			err = m.e.inBackground(x, m.result, reindexInBackground, m.pace, func(x *targetIndex) error {
				w, err = m.e.buildParts(ctx, m.result, x)
				return err
			})
		}
		if err != nil {
			return err
		}
		m.writers = append(m.writers, w)
	}
	return m.e.listParts(ctx, m.result, m.writers)
}

// reorder takes over the index of the only input that has rows; nil if there are
// several, or it has none.
func (m *merge) reorder(ctx context.Context, x *targetIndex) (*segment.PartWriter, error) {
	input := -1
	for i, f := range m.inputs {
		if f.Rows() > 0 {
			if input >= 0 {
				return nil, nil
			}
			input = i
		}
	}
	if input < 0 || len(m.inputs[input].Current().Parts(x.storage())) == 0 || x.column == nil {
		return nil, nil
	}
	parts := m.inputs[input].OpenParts(ctx, x.storage())
	w := m.e.partWriter(ctx, m.result, x)
	err := binlog.Guard("vector index", func() error {
		moved := m.moved[input]
		kind, err := x.kindOf(m.inputs[input], parts)
		if err != nil {
			return err
		}
		err = kind.Reorder(parts, w, func(old uint32) (uint32, bool) {
			if int(old) >= len(moved) {
				return 0, false
			}
			return moved[old], moved[old] != movedAway
		})
		if err != nil {
			return err
		}
		return copyParts(parts, w)
	})
	if err = errors.Join(err, parts.Close()); err != nil {
		return nil, errors.Join(err, w.Abandon(context.WithoutCancel(ctx)))
	}
	return w, nil
}

// copyParts copies the parts that Reorder did not write.
func copyParts(parts *segment.Parts, w *segment.PartWriter) error {
	for _, name := range parts.Names() {
		if name == vector.PartPositions {
			continue
		}
		data, err := parts.Open(name)
		if err != nil {
			return err
		}
		out, err := w.Create(name)
		if err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return errors.Join(err, out.Close())
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
	return nil
}

// commit is step 3.
func (m *merge) commit(context.Context) error {
	var change catalog.SegmentChange
	if m.result != nil {
		change.Put = []*catalog.Segment{m.result.descriptor()}
	}
	for _, f := range m.inputs {
		change.Remove = append(change.Remove, f.id())
	}
	change.Horizons = m.s.horizons(m.since)
	if err := m.e.catalog.CommitSegments(m.e.background, change); err != nil {
		if errors.Is(err, catalog.ErrConflict) {
			return err
		}
		return errors.Join(errUncertain, err)
	}
	return nil
}

// giveUp removes what was put.
func (m *merge) giveUp(ctx context.Context) (err error) {
	for _, w := range m.writers {
		err = errors.Join(err, w.Abandon(ctx))
	}
	if m.result != nil {
		err = errors.Join(err, m.e.removeObjects(ctx, m.result.Manifest.Files, m.result.descriptor().Manifest))
		m.result.release()
	}
	return err
}

// switchOver is step 4.
func (m *merge) switchOver() {
	m.e.pipeline.apply.Lock()
	defer m.e.pipeline.apply.Unlock()
	s := m.s
	if s.dropped {
		// drop forgot the inputs; the result came later.
		if m.result != nil {
			m.e.collect(m.result)
			m.result.release()
		}
		return
	}
	var flushed []*flushedSegment
	for _, f := range s.view.flushed {
		if !slices.Contains(m.inputs, f) {
			flushed = append(flushed, f)
			continue
		}
		if m.result != nil && !slices.Contains(flushed, m.result) {
			flushed = append(flushed, m.result) // in the place of the oldest
		}
	}
	m.carryOver()
	for _, f := range m.inputs {
		m.e.discard(f)
	}
	s.changeSince(s.view.memory, flushed, m.since)
	if m.result != nil {
		m.result.release() // the view's now
	}
}

// carryOver puts the tombstones of the inputs on the result.
func (m *merge) carryOver() {
	if m.result == nil {
		return
	}
	for i, r := range m.refs {
		f := m.inputs[r.Segment]
		if f.Tombstones.Count() == 0 {
			continue
		}
		if at, successor := f.Tombstones.Get(int(r.Position)); at != 0 {
			m.result.Tombstones.Set(i, at, successor)
		}
	}
}
