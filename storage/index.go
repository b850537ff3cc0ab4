package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/cache"
	"quiver/storage/manifest"
	"quiver/storage/segment"
	"quiver/vector"
)

// targetIndex is a vector index as building and searching see it.
type targetIndex struct {
	table   *catalog.Table
	index   *catalog.Index
	column  *catalog.Column // nil for an expression
	kind    vector.Kind
	kinds   func(name string) vector.Kind
	space   vector.Space
	options vector.Options
	keys    IndexKeys // nil for a plain column of every row
}

// partColumn is the part that holds the values of an expression, as a binlog
// file with one field.
const (
	partColumn      = "column"
	partColumnField = 1
)

// indexState says what a segment has of an index.
type indexState int

const (
	indexAbsent indexState = iota
	indexInterim
	indexBuilt
)

// String is the state's name in quiver.segments.
func (s indexState) String() string { return [...]string{"absent", "interim", "built"}[s] }

func (f *flushedSegment) indexState(storage catalog.StorageID) indexState {
	parts := f.Current().Parts(storage)
	switch {
	case len(parts) == 0:
		return indexAbsent
	case slices.ContainsFunc(parts, func(p manifest.File) bool { return p.Part == vector.PartInterim }):
		return indexInterim
	}
	return indexBuilt
}

// targets keeps what target made of descriptors.
type targets struct {
	mu   sync.Mutex // guards list
	list map[catalog.StorageID]*targetIndex
}

// targetsMax bounds targets, which are made anew once there are so many.
const targetsMax = 4096

// target returns what is needed to build and to search an index, which must not
// be changed; ErrNoIndexes if its access method does not exist.
func (e *Engine) target(table *catalog.Table, index *catalog.Index) (*targetIndex, error) {
	t := &e.targets
	t.mu.Lock()
	x := t.list[index.Storage]
	t.mu.Unlock()
	if x != nil && x.table == table && x.index == index {
		return x, nil
	}
	x, err := e.newTarget(table, index)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil || len(t.list) >= targetsMax {
		t.list = map[catalog.StorageID]*targetIndex{}
	}
	t.list[index.Storage] = x
	return x, nil
}

// with returns a copy with other options of a build.
func (x *targetIndex) with(pace paced, memory int64) *targetIndex {
	c := *x
	c.options.Workers, c.options.MemoryBytes = pace.workers, memory
	c.options.Progress, c.options.Rest = pace.progress, pace.rest
	return &c
}

func (e *Engine) newTarget(table *catalog.Table, index *catalog.Index) (*targetIndex, error) {
	x := &targetIndex{table: table, index: index, kind: e.opts.Kinds(index.Method), kinds: e.opts.Kinds, options: IndexOptions(index)}
	if e.opts.Scratch != nil {
		x.options.Scratch = e.scratchMemory
	}
	if x.kind == nil {
		return nil, fmt.Errorf("%w: access method %q", ErrNoIndexes, index.Method)
	}
	var err error
	if x.space, err = IndexSpace(table, index); err != nil {
		return nil, err
	}
	if n := index.Columns[0].Number; n != 0 {
		if x.column = columnOf(table, fieldOf(table, n)); x.column == nil {
			return nil, fmt.Errorf("storage: index %q is of a column that is not there", index.Name)
		}
	}
	if e.opts.IndexKeys != nil {
		if x.keys, err = e.opts.IndexKeys(table, index); err != nil {
			return nil, err
		}
	}
	if x.keys == nil && (x.column == nil || index.Predicate != "") {
		return nil, fmt.Errorf("%w: of expressions or with a predicate", ErrNoIndexes)
	}
	return x, nil
}

func (x *targetIndex) storage() catalog.StorageID { return x.index.Storage }

// field is that in the keys of the index's objects.
func (x *targetIndex) field() catalog.FieldID {
	if x.column == nil {
		return 0
	}
	return x.column.Field
}

// vectorIndexes returns the indexes that the segments of a partition should have,
// as the catalog has them now.
func (e *Engine) vectorIndexes(partition catalog.StorageID) (list []*targetIndex) {
	version := e.catalog.Current()
	table, _ := version.PlaceOfStorage(partition)
	if table == nil {
		return nil
	}
	for _, index := range version.In(table.Database).Indexes(table.OID) {
		if index.Storage == 0 || index.VectorOpclass() == nil {
			continue
		}
		x, err := e.target(table, index)
		if err != nil {
			if !errors.Is(err, ErrNoIndexes) {
				e.logger.Warn("an index cannot be built", "index", index.Name, "err", err)
			}
			continue
		}
		list = append(list, x)
	}
	return list
}

// openedIndex is a segment's index and, of an expression, its values.
type openedIndex struct {
	vector.Index
	values  vector.Column
	name    string          // of its objects, for errors
	parts   []manifest.File // the same
	method  string          // the access method
	standIn bool            // it is of another kind, or for the interim
}

// Kind is the access method that was asked for.
func (o *openedIndex) Kind() string { return o.method }

// open opens the index of a segment, pinned; nil if it was not built.
func (x *targetIndex) open(ctx context.Context, f *flushedSegment) (*cache.File, error) {
	if file := f.OpenedIndex(x.storage()); file != nil {
		return file, nil
	}
	return x.openFirst(ctx, f)
}

// openFirst is open of what is not open yet.
func (x *targetIndex) openFirst(ctx context.Context, f *flushedSegment) (*cache.File, error) {
	return f.Index(ctx, x.storage(), func(parts vector.Parts) (vector.Index, error) {
		o := &openedIndex{name: f.Manifest.Name().Prefix(manifest.KindIndex), method: x.kind.Name(), parts: f.Current().Parts(x.storage())}
		if x.column == nil {
			var err error
			if o.values, err = x.openValues(ctx, f, parts); err != nil {
				return nil, err
			}
		}
		err := o.guard(func() error {
			kind, err := x.kindOf(f, parts)
			if err != nil {
				return err
			}
			o.standIn = kind.Name() != x.kind.Name() || kind.Name() == growingKind && f.indexState(x.storage()) == indexInterim
			o.Index, err = kind.Open(parts)
			return err
		})
		return o, err
	})
}

// kindOf is the kind that the parts of a segment's index are of: that of the index,
// or the one that is named by vector.PartInterim or vector.PartKind.
func (x *targetIndex) kindOf(f *flushedSegment, parts vector.Parts) (vector.Kind, error) {
	for _, p := range f.Current().Parts(x.storage()) {
		if p.Part != vector.PartInterim && p.Part != vector.PartKind {
			continue
		}
		name, err := vector.ReadKind(parts, p.Part)
		if err != nil {
			return nil, err
		}
		if kind := x.kinds(name); kind != nil {
			return kind, nil
		}
		return nil, fmt.Errorf("storage: an index of segment %d is of the unknown kind %q", f.id(), name)
	}
	return x.kind, nil
}

// guard turns a fault of a mapped page, and what the index finds not to be as it
// was written, into a *binlog.CorruptionError.
func (o *openedIndex) guard(f func() error) error {
	err := binlog.Guard(o.name, f)
	if !errors.Is(err, vector.ErrCorrupt) {
		return err
	}
	corrupt := &binlog.CorruptionError{Object: o.name, Reason: err.Error()}
	var part *vector.PartError
	if errors.As(err, &part) {
		if i := slices.IndexFunc(o.parts, func(f manifest.File) bool { return f.Part == part.Part }); i >= 0 {
			corrupt.Object, corrupt.Reason = o.parts[i].Key, part.What
		}
	}
	return corrupt
}

// Search searches under guard.
func (o *openedIndex) Search(ctx context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) (out []vector.Candidate, err error) {
	if o.standIn {
		r = asStandIn(r)
	}
	err = o.guard(func() (err error) {
		out, err = o.Index.Search(ctx, dst, r, stats)
		return err
	})
	return out, err
}

// Iterate proposes under guard.
func (o *openedIndex) Iterate(r *vector.SearchRequest, stats *vector.SearchStats) vector.Iterator {
	if o.standIn {
		r = asStandIn(r)
	}
	return guardedIterator{o.Index.Iterate(r, stats), o}
}

// guardedIterator is an iterator whose batches are made under guard.
type guardedIterator struct {
	vector.Iterator
	o *openedIndex
}

// Next proposes a batch.
func (g guardedIterator) Next(ctx context.Context, dst []vector.Candidate) (out []vector.Candidate, err error) {
	err = g.o.guard(func() (err error) {
		out, err = g.Iterator.Next(ctx, dst)
		return err
	})
	return out, err
}

// openValues opens the values of an expression.
func (x *targetIndex) openValues(ctx context.Context, f *flushedSegment, parts vector.Parts) (vector.Column, error) {
	data, err := parts.Open(partColumn)
	if err != nil {
		return nil, err
	}
	r, err := binlog.OpenBytes(partColumn, data, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	return f.eventVectors(ctx, r, partColumnField, func(i int) (arrow.Array, error) { return r.Read(ctx, partColumnField, i) })
}

// buildParts builds the index of a segment and puts its files, which nothing
// names yet.
func (e *Engine) buildParts(ctx context.Context, f *flushedSegment, x *targetIndex) (*segment.PartWriter, error) {
	w := e.partWriter(ctx, f, x)
	if err := e.buildInto(ctx, w, f, x); err != nil {
		return nil, errors.Join(err, w.Abandon(context.WithoutCancel(ctx)))
	}
	return w, nil
}

func (e *Engine) partWriter(ctx context.Context, f *flushedSegment, x *targetIndex) *segment.PartWriter {
	return &segment.PartWriter{
		Segment: f.Manifest.Name(), Field: x.field(), Index: x.storage(), Rows: int64(f.Rows()),
		Objects: e.opts.Objects, Scratch: e.opts.Scratch, NewLog: func() uint64 { return e.newIDs(1) }, Context: ctx,
	}
}

func (e *Engine) buildInto(ctx context.Context, w *segment.PartWriter, f *flushedSegment, x *targetIndex) error {
	var h holder
	defer h.close()
	var column vector.Column
	var err error
	switch {
	case x.keys == nil:
		column, err = f.vectors(ctx, &h, x.column)
	case x.column != nil:
		column, err = e.maskedColumn(ctx, f, x, &h)
	default:
		column, err = e.valueColumn(ctx, w, f, x, &h)
	}
	if err != nil {
		return err
	}
	kind, options, err := x.choose(ctx, column, w)
	if err != nil {
		return err
	}
	if err := kind.Build(ctx, x.space, column, options, w); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// choose returns the kind that is to index a column, with its options; if it is not the
// index's own, a part names it.
func (x *targetIndex) choose(ctx context.Context, column vector.Column, w *segment.PartWriter) (vector.Kind, vector.Options, error) {
	chooser, ok := x.kind.(vector.Chooser)
	if !ok {
		return x.kind, x.options, nil
	}
	kind, options, err := chooser.Choose(ctx, x.space, column, x.options)
	if err == nil && kind.Name() != x.kind.Name() {
		err = vector.WriteKind(w, vector.PartKind, kind)
	}
	return kind, options, err
}

// maskedColumn is a column less the rows that a partial index leaves out.
type maskedColumn struct {
	vector.Column
	keep Bitmap
}

func (m *maskedColumn) Row(position int) []byte {
	if !m.keep.Get(position) {
		return nil
	}
	return m.Column.Row(position)
}

func (e *Engine) maskedColumn(ctx context.Context, f *flushedSegment, x *targetIndex, h *holder) (vector.Column, error) {
	column, err := f.vectors(ctx, h, x.column)
	if err != nil {
		return nil, err
	}
	keep := make(Bitmap, (f.Rows()+7)/8)
	err = x.eval(ctx, f, f.Rows(), func(start int, values arrow.Array, kept Bitmap) error {
		bitutil.CopyBitmap(kept, 0, values.Len(), keep, start)
		return nil
	})
	return &maskedColumn{column, keep}, err
}

// eval computes the index's keys group by group, in the form of storage.
func (x *targetIndex) eval(ctx context.Context, src source, rows int, each func(start int, values arrow.Array, keep Bitmap) error) error {
	for start := 0; start < rows; {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		_, end := src.group(start)
		end = min(end, rows)
		if err := x.evalGroup(ctx, src, start, end, each); err != nil {
			return err
		}
		start = end
	}
	return nil
}

func (x *targetIndex) evalGroup(ctx context.Context, src source, start, end int, each func(start int, values arrow.Array, keep Bitmap) error) error {
	columns := make([]arrow.Array, 0, len(x.keys.Fields()))
	defer func() { releaseAll(columns) }()
	for _, field := range x.keys.Fields() {
		a, err := readColumn(ctx, src, columnOf(x.table, field), start, end)
		if err != nil {
			return err
		}
		columns = append(columns, a)
	}
	keep := make(Bitmap, (end-start+63)/64*8)
	setAll(keep, end-start)
	values, err := x.keys.Eval(ctx, columns, end-start, keep)
	if err != nil {
		return err
	}
	defer values.Release()
	stored, err := IndexType(x.table, x.index).ToStorage(values, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	defer stored.Release()
	return each(start, stored, keep)
}

// readColumn reads rows of a column as statements see it.
func readColumn(ctx context.Context, src source, c *catalog.Column, start, end int) (arrow.Array, error) {
	if c == nil {
		return nil, errors.New("storage: an index reads a column that is not there")
	}
	one, err := src.load(ctx, nil, []catalog.FieldID{c.Field}, start, end)
	if err != nil {
		return nil, err
	}
	if one[0] == nil {
		return absent(ctx, src, c, start, end)
	}
	defer one[0].Release()
	return c.Type.FromStorage(one[0], memory.DefaultAllocator), nil
}

// valueColumn computes an expression for every row, puts the values as a part
// and opens them from there.
func (e *Engine) valueColumn(ctx context.Context, w *segment.PartWriter, f *flushedSegment, x *targetIndex, h *holder) (vector.Column, error) {
	part, err := w.Create(partColumn)
	if err != nil {
		return nil, err
	}
	d := binlog.Descriptor{
		Kind: binlog.Insert, Table: uint64(f.Manifest.Table), Partition: uint64(f.Manifest.Partition), Segment: uint64(f.id()),
		SchemaVersion: f.Manifest.SchemaVersion,
		Fields:        []binlog.Field{{ID: partColumnField, Type: x.index.Columns[0].Type.StorageArrow(), NoStats: true}},
	}
	out, err := binlog.NewWriter(part, d, e.mem.Unlimited())
	if err != nil {
		return nil, errors.Join(err, part.Close())
	}
	defer out.Abort()
	stamps := make([]uint64, f.Rows())
	err = x.eval(ctx, f, f.Rows(), func(start int, values arrow.Array, _ Bitmap) error {
		return out.Write([]arrow.Array{values}, stamps[start:start+values.Len()])
	})
	if err == nil {
		_, err = out.Finish()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return nil, err
	}
	file := w.Files()[len(w.Files())-1]
	data, unmap, _, err := e.shelf.Files.Fetch(ctx, file.Key, file.Bytes)
	if err != nil {
		return nil, err
	}
	h.free = append(h.free, func() { _ = unmap() })
	r, err := binlog.OpenBytes(file.Key, data, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	return f.eventVectors(ctx, r, partColumnField, func(i int) (arrow.Array, error) { return r.Read(ctx, partColumnField, i) })
}

// values computes an expression for the first rows of a segment that has no
// index of it.
func (x *targetIndex) values(ctx context.Context, src source, rows int, h *holder) (vector.Column, error) {
	out := &looseColumn{rows: rows}
	err := x.eval(ctx, src, rows, func(start int, values arrow.Array, _ Bitmap) error {
		values.Retain()
		h.arrays = append(h.arrays, values)
		p, width, err := newPiece(values)
		out.pieces, out.first, out.width = append(out.pieces, p), append(out.first, start), width
		return err
	})
	return out, err
}

// errSegmentGone: a segment was merged or dropped while something was done to
// it.
var errSegmentGone = errors.New("storage: the segment is gone")

// errUncertain: the catalog may or may not name what was put. Only the end of the
// process leaves it so; the next start finds out.
var errUncertain = errors.New("storage: the outcome of a change of segments is not known")

// changeParts gives a segment a new manifest: with parts, and without the
// indexes of without, whose objects are then removed; an index that is in both is
// replaced. The caller holds the shard's token.
func (e *Engine) changeParts(ctx context.Context, s *shard, f *flushedSegment, parts []manifest.File, without ...catalog.StorageID) error {
	if !s.has(f) {
		return errSegmentGone
	}
	old := f.Current()
	m := old.With(parts, without...)
	key, err := e.putManifest(ctx, m)
	if err != nil {
		return err
	}
	before := f.descriptor()
	d := *before
	d.Manifest, d.Bytes = key, m.Bytes()
	if len(parts) > 0 && segment.MayMove(d.State, catalog.SegmentIndexed) {
		d.State = catalog.SegmentIndexed
	}
	// Not under ctx: whether it took effect must become known.
	if err := e.catalog.CommitSegments(e.background, catalog.SegmentChange{Put: []*catalog.Segment{&d}}); err != nil {
		if errors.Is(err, catalog.ErrConflict) {
			return errors.Join(errSegmentGone, e.opts.Objects.Delete(ctx, key))
		}
		return errors.Join(errUncertain, err)
	}
	f.state.Store(&d)
	f.Install(m)
	var gone []manifest.File
	for _, x := range without {
		gone = append(gone, old.Parts(x)...)
	}
	e.removeLater(before, gone, nil)
	return nil
}

func (e *Engine) putManifest(ctx context.Context, m *manifest.Manifest) (key string, err error) {
	object, err := m.Encode()
	if err != nil {
		return "", err
	}
	key = m.Name().Manifest(e.newIDs(1))
	return key, e.opts.Objects.PutIfAbsent(ctx, key, object)
}

// has says whether a flushed segment is still the shard's.
func (s *shard) has(f *flushedSegment) bool {
	v := s.pin()
	defer v.release()
	for _, g := range v.flushed {
		if g == f {
			return true
		}
	}
	return false
}

// shape takes the shard's token; the caller gives it back.
func (s *shard) shape(ctx context.Context) error {
	select {
	case <-s.shaping:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *shard) shaped() { s.shaping <- struct{}{} }
