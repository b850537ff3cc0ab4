package storage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/growing"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/segment"
	"quiver/storage/wal"
)

// flush moves what a shard holds in memory into objects. The steps, each of
// which a crash may interrupt without loss:
//
//  1. seal: under the apply lock, note the segments, the pending deletes and
//     the position P behind the last applied commit;
//  2. write: objects of one or more segments, rows sorted by primary key;
//  3. commit: one catalog transaction adds the segments and moves the shard's
//     checkpoint to P, so replay begins there;
//  4. switch: under the apply lock, readers' view goes over. Deletes that came
//     after P are carried over; they are in the log behind P and in the pending
//     deletes of the next flush.
//
// Objects of a flush that did not reach step 3 are swept at the next start.
type flush struct {
	e        *Engine
	s        *shard
	table    *catalog.Table
	memory   []*memorySegment
	loaded   []*flushedSegment // of bulk loads, to be listed
	listings []listing         // of loaded, those that commit lists
	// objects are the segments of before, deletesSince is shard's.
	objects      []*flushedSegment
	deletesSince hlc.Timestamp
	at           hlc.Timestamp // of the last commit below position
	position     wal.Position
	dirty        wal.Position
	dirtySince   hlc.Timestamp
	scope        mergeScope // of the horizon
	horizon      horizon
	since        hlc.Timestamp // see merge
	written      []*writtenSegment
	// options are those of the shard when it was written.
	options         *catalog.StorageOptions
	segmentBytesMax int64
}

// writtenSegment is a segment in objects with where its rows came from.
type writtenSegment struct {
	flushed *flushedSegment
	memory  []*growing.Segment
	refs    []growing.Ref
	parts   []*segment.PartWriter // of its vector indexes
}

// flushShard flushes a shard; nothing to do is no error. One flush of a shard
// runs at a time.
func (e *Engine) flushShard(ctx context.Context, s *shard) error {
	return e.flushGroup(ctx, []*shard{s})
}

// flushGroupMax is how many shards are flushed together: their objects are written
// side by side, and one catalog transaction commits them. A table may have
// thousands of partitions of a few rows each, and waiting for disks is most of
// the work then.
const flushGroupMax = 32

// flushWriters is how many shards of a group are written at a time.
const flushWriters = 8

// flushShards flushes shards in groups. One that fails keeps its rows in memory
// and does not keep the others from being flushed, unless the store is away: each of
// them would wait for it as long.
func (e *Engine) flushShards(ctx context.Context, shards []*shard) error {
	var failed error
	for _, s := range shards {
		if failed == nil && s.damage != nil {
			failed = s.damage
		}
	}
	shards = e.unflushed(shards)
	// Groups take the locks of their shards in one order.
	slices.SortFunc(shards, func(a, b *shard) int {
		return cmp.Or(cmp.Compare(a.key.partition, b.key.partition), cmp.Compare(a.key.shard, b.key.shard))
	})
	for group := range slices.Chunk(shards, flushGroupMax) {
		if err := e.flushGroup(ctx, group); failed == nil {
			failed = err // one tells enough
		}
		if ctx.Err() != nil || errors.Is(failed, objstore.ErrUnavailable) {
			break
		}
	}
	return failed
}

// unflushed are those of shards that hold what objects do not, or are being flushed.
func (e *Engine) unflushed(shards []*shard) (list []*shard) {
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	for _, s := range shards {
		if (s.dirty != zeroPosition || s.flushFrom != zeroPosition) && s.damage == nil {
			list = append(list, s)
		}
	}
	return list
}

func (e *Engine) flushGroup(ctx context.Context, shards []*shard) error {
	for _, s := range shards {
		if s.damage != nil {
			return s.damage // what the log has of it is not in view
		}
	}
	for _, s := range shards {
		s.flushing.Lock()
		defer s.flushing.Unlock()
	}
	defer e.writing()()
	e.trimLog()
	var sealed []*flush
	room := e.room()
	for _, s := range shards {
		f := &flush{e: e, s: s, scope: mergeSome}
		if room -= s.size(); room < 0 {
			f.scope = mergeFull // what only reads of the past need would keep the disk full
		}
		if f.seal() {
			sealed = append(sealed, f)
			defer f.release()
		}
	}
	written, failed := e.writeAll(ctx, sealed)
	for len(written) > 0 {
		n := committable(written)
		if err := e.commitFlushes(written[:n]); err != nil {
			failed = errors.Join(failed, err)
		}
		written = written[n:]
	}
	return failed
}

// writeAll is step 2 of several flushes. Those that fail are given up.
func (e *Engine) writeAll(ctx context.Context, flushes []*flush) (written []*flush, failed error) {
	errs := make([]error, len(flushes))
	var next atomic.Int64
	var away atomic.Pointer[error]
	write := func() {
		for i := int(next.Add(1)) - 1; i < len(flushes); i = int(next.Add(1)) - 1 {
			if err := away.Load(); err != nil {
				errs[i] = *err
				continue
			}
			if errs[i] = flushes[i].write(ctx); errs[i] == nil {
				errs[i] = flushes[i].list(ctx)
			}
			if errors.Is(errs[i], objstore.ErrUnavailable) {
				away.Store(&errs[i])
			}
		}
	}
	var others sync.WaitGroup
	for range min(flushWriters, len(flushes)) - 1 {
		others.Go(write)
	}
	write()
	others.Wait()
	for i, f := range flushes {
		if errs[i] == nil {
			written = append(written, f)
			continue
		}
		for _, w := range f.written {
			e.discard(w.flushed) // a full disk has no room for what each try leaves
		}
		if err := f.failure(errs[i]); failed == nil {
			failed = err
		}
	}
	return written, failed
}

// committable is how many of the first flushes one catalog transaction takes; at
// least one.
func committable(flushes []*flush) int {
	steps := 0
	for i, f := range flushes {
		steps += len(f.written) + len(f.listings) + 2 // the checkpoint and the horizon
		if steps > catalog.SegmentChangeMax && i > 0 {
			return i
		}
	}
	return len(flushes)
}

// commitFlushes is steps 3 and 4 of flushes.
func (e *Engine) commitFlushes(flushes []*flush) (failed error) {
	var change catalog.SegmentChange
	for _, f := range flushes {
		f.describe(&change)
	}
	err := e.catalog.CommitSegments(e.background, change) // not under the caller's ctx: whether it took effect must become known
	for _, f := range flushes {
		if err != nil {
			failed = errors.Join(failed, f.failure(err))
		} else {
			f.switchOver()
		}
	}
	return failed
}

// failure gives the flush up and says why.
func (f *flush) failure(err error) error {
	f.giveUp()
	return fmt.Errorf("flush of partition %d, shard %d: %w", f.s.key.partition, f.s.key.shard, err)
}

// seal is step 1; false when there is nothing to flush.
func (f *flush) seal() bool {
	p := &f.e.pipeline
	p.apply.Lock()
	defer p.apply.Unlock()
	s := f.s
	if s.dropped || s.dirty == (wal.Position{}) {
		return false
	}
	s.seal()
	f.at, f.position, f.dirty, f.dirtySince = p.appliedAt, p.behindApplied(), s.dirty, s.dirtySince
	f.deletesSince, s.deletesSince = s.deletesSince, 0
	s.flushFrom, s.dirty = s.dirty, wal.Position{}
	f.memory, f.loaded, f.objects = slices.Clone(s.view.memory), slices.Clone(s.view.loaded), slices.Clone(s.view.objects())
	for _, m := range f.memory {
		m.retain()
		m.sealed.Store(true)
	}
	for _, l := range slices.Concat(f.loaded, f.objects) {
		l.retain()
	}
	f.horizon = f.e.horizonLocked(s, f.scope)
	f.table, _ = f.e.catalog.Current().PlaceOfStorage(s.key.partition)
	return true
}

func (f *flush) release() {
	for _, m := range f.memory {
		m.release()
	}
	for _, l := range slices.Concat(f.loaded, f.objects) {
		l.release()
	}
}

// giveUp puts back what seal took.
func (f *flush) giveUp() {
	f.e.pipeline.apply.Lock()
	defer f.e.pipeline.apply.Unlock()
	if f.deletesSince != 0 {
		f.s.deletesSince = f.deletesSince
	}
	f.s.dirty, f.s.dirtySince, f.s.flushFrom = f.dirty, f.dirtySince, wal.Position{}
	for _, w := range f.written {
		w.flushed.release()
	}
}

// write is step 2.
func (f *flush) write(ctx context.Context) error {
	f.options, f.segmentBytesMax = &f.e.optionsOf(f.s).StorageOptions, f.e.segmentBytesMax(f.s)
	var groups [][]*memorySegment
	for memory := f.memory; len(memory) > 0; {
		n, size := 1, memory[0].Size()
		// One that has an incremental index stays by itself, to keep it.
		for !memory[0].grown() && n < len(memory) && !memory[n].grown() && size+memory[n].Size() <= f.segmentBytesMax && memory[n].Schema().Equal(memory[0].Schema()) {
			size += memory[n].Size()
			n++
		}
		groups = append(groups, memory[:n])
		memory = memory[n:]
	}
	for i, deleted := range f.deletes(len(groups)) {
		var memory []*memorySegment // none where there are deletes alone
		if i < len(groups) {
			memory = groups[i]
		}
		if err := f.writeSegment(ctx, memory, deleted); err != nil {
			return err
		}
	}
	return nil
}

// deletesPerSegment is about how many deletes one segment's delta log has at the most:
// a merge keeps in memory those of them that it passes on.
const deletesPerSegment = 1 << 20

// deletes deals the segments of before, as far as rows of them were deleted that no
// delta log may have, out to n segments that are written, or more if they have many.
func (f *flush) deletes(n int) [][]*flushedSegment {
	if f.deletesSince == 0 {
		return make([][]*flushedSegment, n)
	}
	counts, all := make([]int, len(f.objects)), 0
	for i, g := range f.objects {
		// The function does not fail.
		_ = g.Tombstones.Each(uint64(f.deletesSince), uint64(f.at), func(int, uint64, uint64) error {
			counts[i]++
			return nil
		})
		all += counts[i]
	}
	shares := make([][]*flushedSegment, max(n, (all+deletesPerSegment-1)/deletesPerSegment))
	dealt := 0
	for i, g := range f.objects {
		if counts[i] > 0 {
			to := dealt * len(shares) / all
			shares[to] = append(shares[to], g)
			dealt += counts[i]
		}
	}
	return shares
}

// deletesOf yields those deletes of rows of a segment of before.
func (f *flush) deletesOf(ctx context.Context, g *flushedSegment) deltalog.Source {
	return func(yield func(deltalog.Entry) error) error {
		var key []byte
		var ids arrow.Array // of the group that was read last
		start, end := 0, 0
		defer func() {
			if ids != nil {
				ids.Release()
			}
		}()
		return g.Tombstones.Each(uint64(f.deletesSince), uint64(f.at), func(pos int, at, successor uint64) (err error) {
			if pos >= end {
				if ids != nil {
					ids.Release()
				}
				start, end = g.group(pos)
				if ids, err = g.rowIDs(ctx, start, end); err != nil {
					return err
				}
			}
			id := ids.(*array.Uint64).Value(pos - start)
			if key, err = g.appendKey(ctx, key[:0], pos); err != nil {
				return err
			}
			return yield(deltalog.Entry{RowID: id, Timestamp: at, Successor: successor, Key: key})
		})
	}
}

// writeSegment writes a segment of what is in memory, and of the deletes of rows of
// segments of before.
func (f *flush) writeSegment(ctx context.Context, memory []*memorySegment, deleted []*flushedSegment) error {
	w := &writtenSegment{}
	for _, m := range memory {
		w.memory = append(w.memory, m.Segment)
	}
	own := f.collect(w)
	if len(w.refs) == 0 && len(own) == 0 && len(deleted) == 0 {
		return nil
	}
	sortByKey(w.memory, w.refs)
	fields, keyField := f.fields(memory)
	id := catalog.SegmentID(f.e.newIDs(1))
	version := uint32(0)
	if len(memory) > 0 {
		version = memory[len(memory)-1].Schema().Version
	}
	out, err := segment.NewWriter(segment.WriterOptions{
		Name:  manifest.Segment{Table: f.s.table, Partition: f.s.key.partition, ID: id},
		Shard: f.s.key.shard, SchemaVersion: version, Fields: fields, KeyField: keyField, Rows: len(w.refs),
		Objects: f.e.opts.Objects, Scratch: f.e.opts.Scratch, NewLog: func() uint64 { return f.e.newIDs(1) }, Mem: f.e.mem.Unlimited(),
	})
	if err != nil {
		return err
	}
	defer out.Abort()
	for from := 0; from < len(w.refs); from += flushBatchRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.writeBatch(out, w, fields, w.refs[from:min(from+flushBatchRows, len(w.refs))]); err != nil {
			return err
		}
	}
	for _, g := range deleted {
		out.DeleteFrom(f.deletesOf(ctx, g))
	}
	out.Delete(own)
	m, key, err := out.Finish(ctx, f.position)
	if err != nil {
		return err
	}
	opened, err := segment.OpenFlushed(m, f.e.shelf)
	if err != nil {
		return err
	}
	w.flushed = newFlushed(opened, descriptorOf(m, key))
	f.written = append(f.written, w)
	if len(memory) == 1 && m.Rows > 0 {
		return f.keepGrowths(ctx, memory[0], w)
	}
	return nil
}

// keepGrowths saves the incremental indexes of a segment with it.
func (f *flush) keepGrowths(ctx context.Context, m *memorySegment, w *writtenSegment) error {
	if err := f.saveGrowths(ctx, m, w); err != nil {
		f.e.logger.Warn("an incremental index cannot be saved and is built anew", "err", err)
		for _, p := range w.parts {
			if err := p.Abandon(context.WithoutCancel(ctx)); err != nil {
				return err
			}
		}
		w.parts = nil
		return ctx.Err()
	}
	return f.e.listParts(ctx, w.flushed, w.parts)
}

// listParts names parts in the manifest of a segment that the catalog does not
// know yet.
func (e *Engine) listParts(ctx context.Context, f *flushedSegment, writers []*segment.PartWriter) error {
	var parts []manifest.File
	for _, w := range writers {
		parts = append(parts, w.Files()...)
	}
	if len(parts) == 0 {
		return nil
	}
	old := f.descriptor().Manifest
	changed := f.Current().With(parts)
	key, err := e.putManifest(ctx, changed)
	if err != nil {
		return err
	}
	f.state.Store(descriptorOf(changed, key))
	f.Install(changed)
	return e.opts.Objects.Delete(ctx, old)
}

// descriptorOf is the descriptor of a flushed segment with the given manifest.
func descriptorOf(m *manifest.Manifest, key string) *catalog.Segment {
	d := &catalog.Segment{
		ID: m.Segment, Table: m.Table, Partition: m.Partition, Shard: m.Shard, State: catalog.SegmentFlushed,
		Manifest: key, Rows: m.Rows, Bytes: m.Bytes(), MinTimestamp: m.MinTimestamp, MaxTimestamp: m.MaxTimestamp,
	}
	if len(m.Indexes()) > 0 {
		d.State = catalog.SegmentIndexed
	}
	return d
}

// flushBatchRows is how many rows are gathered at a time.
const flushBatchRows = 4096

// collect fills w.refs with the rows to keep and returns those of their
// deletes that lie below the flush's position.
func (f *flush) collect(w *writtenSegment) (deletes []deltalog.Entry) {
	for i, g := range w.memory {
		untouched := g.Tombstones.Count() == 0
		expired := 0
		if f.horizon.expired != 0 {
			expired = g.Committed(f.horizon.expired)
		}
		if expired > 0 {
			f.since = max(f.since, f.horizon.now)
		}
		for pos := expired; pos < g.Rows(); pos++ {
			if !untouched {
				if at, successor := g.Tombstones.Get(pos); at != 0 && at <= uint64(f.at) {
					if at == uint64(g.Timestamp(pos)) {
						continue
					}
					if at <= uint64(f.horizon.deleted) {
						f.since = max(f.since, hlc.Timestamp(at))
						continue
					}
					deletes = append(deletes, deltalog.Entry{RowID: g.RowID(pos), Timestamp: at, Successor: successor, Key: keyOf(g, pos)})
				}
			}
			w.refs = append(w.refs, growing.Ref{Segment: uint32(i), Position: uint32(pos)})
		}
	}
	return deletes
}

func keyOf(g *growing.Segment, pos int) []byte {
	if !g.Schema().Keyed {
		return nil
	}
	return g.AppendKey(nil, pos)
}

// sortByKey orders rows by primary key; versions of one key stay in the order
// they came. Segments without a key stay as they are.
func sortByKey(memory []*growing.Segment, refs []growing.Ref) {
	if len(memory) == 0 || !memory[0].Schema().Keyed {
		return
	}
	type keyed struct {
		prefix uint64
		ref    growing.Ref
	}
	rows := make([]keyed, len(refs))
	var buf []byte
	for i, r := range refs {
		buf = memory[r.Segment].AppendKey(buf[:0], int(r.Position))
		rows[i] = keyed{keyPrefix(buf), r}
	}
	var a, b []byte
	slices.SortStableFunc(rows, func(x, y keyed) int {
		if x.prefix != y.prefix {
			if x.prefix < y.prefix {
				return -1
			}
			return 1
		}
		a = memory[x.ref.Segment].AppendKey(a[:0], int(x.ref.Position))
		b = memory[y.ref.Segment].AppendKey(b[:0], int(y.ref.Position))
		return bytes.Compare(a, b)
	})
	for i := range rows {
		refs[i] = rows[i].ref
	}
}

func keyPrefix(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// fields are those of the newest segment, ascending, with what the descriptor
// says about their order.
func (f *flush) fields(memory []*memorySegment) (fields []segment.WriterField, key catalog.FieldID) {
	if len(memory) == 0 {
		return nil, 0
	}
	schema := memory[len(memory)-1].Schema()
	for _, field := range schema.Fields {
		if c := columnOf(f.table, field.ID); c != nil {
			fields = append(fields, writerField(c, field.Type, f.options))
		} else {
			codec, gain := columnCodec(nil, field.Type, f.options)
			fields = append(fields, segment.WriterField{ID: field.ID, Type: field.Type, Codec: codec, LeastGain: gain, Level: f.options.CompressionLevel, NoStats: true})
		}
	}
	slices.SortFunc(fields, func(a, b segment.WriterField) int { return int(a.ID - b.ID) })
	if schema.Keyed {
		key = fields[0].ID
		if f.table != nil {
			if x := primaryKey(f.table, f.e.catalog.View(f.table.Database)); x != nil {
				key = fieldOf(f.table, x.Columns[0].Number)
			}
		}
		keepKeyPlain(fields, key, f.table)
	}
	return fields, key
}

// keepKeyPlain leaves the first column of the primary key, by which rows are
// sorted, as it is, unless it says how it wants to be packed: it is read most.
func keepKeyPlain(fields []segment.WriterField, key catalog.FieldID, table *catalog.Table) {
	for i := range fields {
		if c := columnOf(table, key); fields[i].ID == key && (c == nil || c.Compression == "" || c.Compression == "pglz") {
			fields[i].Codec = binlog.Sequence
		}
	}
}

// writerField says how a column is written that is stored as t.
func writerField(c *catalog.Column, t arrow.DataType, o *catalog.StorageOptions) segment.WriterField {
	w := segment.WriterField{ID: c.Field, Type: t, Level: o.CompressionLevel, NoStats: true}
	w.Codec, w.LeastGain = columnCodec(c, t, o)
	if c.Type.Type().Compare != nil {
		w.NoStats = false
		// What is stored in a form of its own has the order of that form.
		if arrow.TypeEqual(t, arrowType(c)) {
			w.Compare = c.Type.Type().Compare
		}
	}
	return w
}

func columnOf(table *catalog.Table, field catalog.FieldID) *catalog.Column {
	if table == nil {
		return nil
	}
	for i := range table.Columns {
		if table.Columns[i].Field == field {
			return &table.Columns[i]
		}
	}
	return nil
}

func fieldOf(table *catalog.Table, number int16) catalog.FieldID {
	for i := range table.Columns {
		if table.Columns[i].Number == number {
			return table.Columns[i].Field
		}
	}
	return 0
}

func (f *flush) writeBatch(out *segment.Writer, w *writtenSegment, fields []segment.WriterField, refs []growing.Ref) error {
	var columns []arrow.Array
	defer func() { releaseAll(columns) }()
	mem := f.e.mem.Unlimited()
	for _, field := range fields {
		a, err := growing.Gather(w.memory, refs, growing.Field{ID: field.ID, Type: field.Type}, mem)
		if err != nil {
			return err
		}
		columns = append(columns, a)
	}
	ids, stamps := array.NewUint64Builder(mem), array.NewUint64Builder(mem)
	defer ids.Release()
	defer stamps.Release()
	var keys [][]byte
	for _, r := range refs {
		g := w.memory[r.Segment]
		ids.Append(g.RowID(int(r.Position)))
		stamps.Append(uint64(g.Timestamp(int(r.Position))))
		if g.Schema().Keyed {
			keys = append(keys, keyOf(g, int(r.Position)))
		}
	}
	rowIDs, timestamps := ids.NewUint64Array(), stamps.NewUint64Array()
	defer rowIDs.Release()
	defer timestamps.Release()
	return out.Write(columns, rowIDs, timestamps, keys)
}

// describe adds what step 3 tells the catalog.
func (f *flush) describe(change *catalog.SegmentChange) {
	change.Checkpoints = append(change.Checkpoints, catalog.Checkpoint{
		Table: f.s.table, Partition: f.s.key.partition, Shard: f.s.key.shard, Position: encodePosition(f.position),
	})
	for _, w := range f.written {
		change.Put = append(change.Put, w.flushed.descriptor())
	}
	change.Put = append(change.Put, f.listed()...)
	change.Horizons = append(change.Horizons, f.s.horizons(f.since)...)
}

// switchOver is step 4.
func (f *flush) switchOver() {
	f.e.pipeline.apply.Lock()
	defer f.e.pipeline.apply.Unlock()
	s := f.s
	f.endListings()
	s.half = false
	s.flushFrom = wal.Position{}
	s.checkpoint = f.position
	now := time.Now()
	s.flushedAt.Store(&now)
	if s.dropped {
		for _, w := range f.written {
			f.e.collect(w.flushed)
			w.flushed.release()
		}
		for _, l := range f.loaded {
			f.e.collect(l)
		}
		return
	}
	var flushed []*flushedSegment
	for _, w := range f.written {
		f.carryOver(w)
		flushed = append(flushed, w.flushed)
	}
	memory := slices.DeleteFunc(slices.Clone(s.view.memory), func(m *memorySegment) bool { return slices.Contains(f.memory, m) })
	loaded := slices.DeleteFunc(slices.Clone(s.view.loaded), func(l *flushedSegment) bool { return slices.Contains(f.loaded, l) })
	s.changeAll(memory, loaded, slices.Concat(s.view.flushed, f.loaded, flushed), f.since)
	for _, w := range flushed {
		w.release() // the view's now
	}
}

// carryOver puts the tombstones of the rows in memory on the flushed ones.
func (f *flush) carryOver(w *writtenSegment) {
	for i, r := range w.refs {
		g := w.memory[r.Segment]
		if g.Tombstones.Count() == 0 {
			continue
		}
		at, successor := g.Tombstones.Get(int(r.Position))
		if at == 0 {
			continue
		}
		w.flushed.Tombstones.Set(i, at, successor)
		if at > uint64(f.at) {
			f.s.noteDelete(hlc.Timestamp(at))
		}
	}
}

// noteDelete leaves the delete of a flushed row to the next flush.
func (s *shard) noteDelete(at hlc.Timestamp) {
	if s.deletesSince == 0 || at < s.deletesSince {
		s.deletesSince = at
	}
}

func encodePosition(p wal.Position) []byte {
	b := binary.BigEndian.AppendUint32(nil, p.Stream)
	return binary.BigEndian.AppendUint64(b, p.Offset)
}

func decodePosition(b []byte) (wal.Position, error) {
	if len(b) != 12 {
		return wal.Position{}, fmt.Errorf("storage: checkpoint of %d bytes", len(b))
	}
	return wal.Position{Stream: binary.BigEndian.Uint32(b), Offset: binary.BigEndian.Uint64(b[4:])}, nil
}

// Checkpoint seals and flushes every shard and cuts the log.
func (e *Engine) Checkpoint(ctx context.Context) error {
	if e.closed.Load() {
		return ErrClosed
	}
	failed := e.flushShards(ctx, e.allShards())
	return errors.Join(failed, e.cutLog(ctx))
}

// cutLog lets the log forget what objects hold and no open transaction needs.
func (e *Engine) cutLog(ctx context.Context) error {
	settled := e.catalog.Statuses()
	before := e.neededFrom()
	if err := e.log.Cut(ctx, before); err != nil {
		return fmt.Errorf("storage: cut the log: %w", err)
	}
	e.trimLog()
	if ids := e.active.forgettable(settled, before); len(ids) > 0 {
		return e.catalog.ForgetStatuses(ctx, ids...)
	}
	return nil
}

// neededFrom is the oldest position that recovery would read.
func (e *Engine) neededFrom() wal.Position {
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	p := e.active.oldest(e.pipeline.position())
	for _, s := range e.allShards() {
		for _, q := range []wal.Position{s.dirty, s.flushFrom} {
			if q != (wal.Position{}) && q.Less(p) {
				p = q
			}
		}
	}
	return p
}

// age is how long a shard has held rows that are not in objects.
func (s *shard) age(now time.Time) time.Duration { return now.Sub(s.dirtySince.Time()) }
