package segment

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/cache"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
)

// Shelf is what flushed segments read through.
type Shelf struct {
	Files  *cache.Files
	Events *cache.Events
	Mem    memory.Allocator
	// Copies says of a segment whether its columns are read as copies instead of
	// through mappings; nil is never.
	Copies func(*manifest.Manifest) bool
}

// Flushed is a segment in objects. Its files are opened when they are needed;
// the runs and the bloom filter stay open once they were. It is safe for
// concurrent use and ends at the last Release.
type Flushed struct {
	// Manifest is the one that the segment was opened with.
	Manifest   *manifest.Manifest
	Tombstones Tombstones

	current atomic.Pointer[manifest.Manifest]
	shelf   *Shelf
	columns map[catalog.FieldID]*manifest.File
	// rowFile, keyFile and bloomFile are of the runs and the bloom filter; nil
	// without one.
	rowFile, keyFile, bloomFile *manifest.File
	keyField                    catalog.FieldID

	bounds map[catalog.FieldID]*manifest.Column
	refs   atomic.Int32
	// indexPrefix begins the keys of vector indexes in the cache.
	indexPrefix string
	// lastKey is the key of the index asked for last.
	lastKey atomic.Pointer[indexKey]

	onFree func()

	// minRow and maxRow bound the row ids.
	minRow, maxRow uint64

	mu     sync.Mutex // guards the opening and closing of what follows
	rowRun *openRun[*deltalog.RowRun]
	keyRun *openRun[*deltalog.KeyRun]
	stats  *openRun[*deltalog.Stats]
}

type openRun[T any] struct {
	file *cache.File
	run  T
}

// OpenFlushed opens the segment of a manifest. The caller owns one reference.
func OpenFlushed(m *manifest.Manifest, shelf *Shelf) (*Flushed, error) {
	s := &Flushed{Manifest: m, shelf: shelf, columns: map[catalog.FieldID]*manifest.File{}, bounds: map[catalog.FieldID]*manifest.Column{}}
	s.indexPrefix = m.Name().Prefix(manifest.KindIndex) + "#"
	s.refs.Store(1)
	s.current.Store(m)
	s.findRuns()
	for i := range m.Files {
		if f := &m.Files[i]; f.Kind == manifest.KindInsert {
			for _, field := range f.Fields {
				s.columns[field] = f
			}
		}
	}
	for i := range m.Columns {
		s.bounds[m.Columns[i].Field] = &m.Columns[i]
	}
	if b := s.bounds[catalog.RowIDField]; b != nil {
		for _, bound := range []struct {
			from []byte
			to   *uint64
		}{{b.Min, &s.minRow}, {b.Max, &s.maxRow}} {
			a, err := binlog.DecodeBound(bound.from, arrow.PrimitiveTypes.Uint64, memory.DefaultAllocator)
			if err != nil {
				return nil, err
			}
			if a != nil {
				*bound.to = a.(*array.Uint64).Value(0)
				a.Release()
			}
		}
	}
	return s, nil
}

// Retain keeps the segment for another owner.
func (s *Flushed) Retain() { s.refs.Add(1) }

// Release gives up one reference; the last closes the files.
func (s *Flushed) Release() {
	if s.refs.Add(-1) != 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rowRun != nil {
		s.rowRun.run.Close()
		s.rowRun.file.Unpin()
	}
	if s.keyRun != nil {
		s.keyRun.run.Close()
		s.keyRun.file.Unpin()
	}
	if s.stats != nil {
		s.stats.run.Release()
		s.stats.file.Unpin()
	}
	s.rowRun, s.keyRun, s.stats = nil, nil, nil
	for i := range s.Manifest.Files {
		s.shelf.Files.Forget(s.Manifest.Files[i].Key)
	}
	for _, x := range s.Current().Indexes() {
		s.shelf.Files.Forget(s.indexKey(x))
	}
	if s.onFree != nil {
		s.onFree()
	}
}

// OnFree has f called once nobody uses the segment any more. The caller holds
// a reference.
func (s *Flushed) OnFree(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onFree = f
}

// KeyField is the first field of the primary key that the rows are sorted by; 0
// without one.
func (s *Flushed) KeyField() catalog.FieldID { return s.keyField }

// Has says whether the segment has a field.
func (s *Flushed) Has(field catalog.FieldID) bool { return s.columns[field] != nil }

// Rows is the number of rows.
func (s *Flushed) Rows() int { return int(s.Manifest.Rows) }

// Group returns the bounds of the rows that are read together with pos.
func (s *Flushed) Group(pos int) (start, end int) {
	g := max(s.Manifest.GroupRows, 1)
	start = pos / g * g
	return start, min(start+g, s.Rows())
}

// Column returns rows [start, end) of a field, or nil if the segment has it
// not. Uncompressed events are used in place. The caller releases the array.
func (s *Flushed) Column(ctx context.Context, field catalog.FieldID, start, end int) (arrow.Array, error) {
	if at, same := s.timestamp(); same && field == catalog.TimestampField {
		return s.repeated(at, end-start), nil
	}
	f := s.columns[field]
	if f == nil {
		return nil, nil
	}
	file, err := s.openColumn(ctx, f)
	if err != nil {
		return nil, err
	}
	defer file.Unpin()
	var pieces []arrow.Array
	defer func() {
		for _, p := range pieces {
			p.Release()
		}
	}()
	for pos := start; pos < end; {
		event, row, ok := file.Reader.Locate(int32(field), int64(pos))
		if !ok {
			return nil, &binlog.CorruptionError{Object: f.Key, Reason: "file has fewer rows than its manifest says"}
		}
		a, err := s.event(ctx, file, field, event)
		if err != nil {
			return nil, err
		}
		n := min(end-pos, a.Len()-row)
		if n == a.Len() {
			pieces = append(pieces, a)
		} else {
			pieces = append(pieces, array.NewSlice(a, int64(row), int64(row+n)))
			a.Release()
		}
		pos += n
	}
	if len(pieces) == 1 {
		pieces[0].Retain()
		return pieces[0], nil
	}
	return array.Concatenate(pieces, s.shelf.Mem)
}

// timestamp is that of all rows, if they have the same: then the files need not
// say it (see package manifest).
func (s *Flushed) timestamp() (at uint64, same bool) {
	m := s.Manifest
	return m.MinTimestamp, m.MinTimestamp == m.MaxTimestamp
}

func (s *Flushed) repeated(v uint64, n int) arrow.Array {
	b := array.NewUint64Builder(s.shelf.Mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}

// Stamp gives all rows of a segment that was written before its commit the
// timestamp of it, before anybody else has the segment.
func (s *Flushed) Stamp(m *manifest.Manifest) {
	s.Manifest = m
	s.current.Store(m)
}

// Open returns the file of a field, pinned, or nil if the segment has it not.
func (s *Flushed) Open(ctx context.Context, field catalog.FieldID) (*cache.File, error) {
	f := s.columns[field]
	if f == nil {
		return nil, nil
	}
	return s.openColumn(ctx, f)
}

// openColumn opens a file of columns in the way that holds for it now.
func (s *Flushed) openColumn(ctx context.Context, f *manifest.File) (*cache.File, error) {
	if s.copies() {
		return s.shelf.Files.OpenRead(ctx, f.Key, f.Bytes)
	}
	return s.shelf.Files.Open(ctx, f.Key, f.Bytes)
}

func (s *Flushed) copies() bool { return s.shelf.Copies != nil && s.shelf.Copies(s.Manifest) }

// Prefetch begins to copy the files of fields that will soon be read.
func (s *Flushed) Prefetch(fields ...catalog.FieldID) {
	if s.copies() {
		return
	}
	for _, field := range fields {
		if f := s.columns[field]; f != nil {
			s.shelf.Files.Prefetch(f.Key, f.Bytes)
		}
	}
}

// Warm brings the files of the segment's columns, runs and bloom filter within
// reach. It calls next with the bytes of each file that came; an error of next ends it.
func (s *Flushed) Warm(ctx context.Context, next func(bytes int64) error) error {
	for i := range s.Manifest.Files {
		m := &s.Manifest.Files[i]
		if m.Index != 0 {
			continue
		}
		if err := s.warmFile(ctx, m); err != nil {
			return err
		}
		if err := next(m.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// warmFile opens a file in the way that its readers will, and reads it.
func (s *Flushed) warmFile(ctx context.Context, m *manifest.File) error {
	if m.Kind != manifest.KindInsert {
		return s.shelf.Files.Warm(ctx, m.Key, m.Bytes)
	}
	if s.copies() {
		f, err := s.shelf.Files.OpenRead(ctx, m.Key, m.Bytes)
		if err == nil {
			f.Unpin()
		}
		return err
	}
	return s.shelf.Files.Warm(ctx, m.Key, m.Bytes)
}

// Event returns the i-th event of a field of a file that Open returned: valid
// while the file is pinned. The caller releases the array.
func (s *Flushed) Event(ctx context.Context, file *cache.File, field catalog.FieldID, i int) (arrow.Array, error) {
	if file.Reader.InPlace(int32(field), i) {
		s.shelf.Files.Touch(file.Reader.Event(int32(field), i).StoredBytes)
		return file.Reader.Read(ctx, int32(field), i)
	}
	return s.event(ctx, file, field, i)
}

// event returns one event: in place if it is stored as it is, else unpacked.
func (s *Flushed) event(ctx context.Context, file *cache.File, field catalog.FieldID, event int) (arrow.Array, error) {
	entry := file.Reader.Event(int32(field), event)
	if file.Reader.InPlace(int32(field), event) {
		s.shelf.Files.Touch(entry.StoredBytes)
		a, err := file.Reader.Read(ctx, int32(field), event)
		if err != nil {
			return nil, err
		}
		return file.Wrap(a), nil
	}
	key := cache.EventKey{Segment: uint64(s.Manifest.Segment), Field: int32(field), Event: event}
	return s.shelf.Events.Load(key, entry.RawBytes, func() (arrow.Array, error) {
		s.shelf.Files.Touch(entry.StoredBytes)
		return file.Reader.Read(ctx, int32(field), event)
	})
}

// Bounds are the least and greatest value of a field; nil if not known.
type Bounds struct {
	Min, Max    arrow.Array
	Nulls, Rows int64
}

// Bounds returns those of the group at start, or of the segment if start < 0;
// nil if they are not known without reading the rows.
func (s *Flushed) Bounds(ctx context.Context, field catalog.FieldID, dt arrow.DataType, start int) (*Bounds, error) {
	c := s.bounds[field]
	if c == nil {
		return nil, nil
	}
	if start < 0 {
		if dt = manifestType(dt, c.Min, c.Max); dt == nil {
			return nil, nil
		}
		return decodeBounds(c.Min, c.Max, c.Nulls, s.Manifest.Rows, dt)
	}
	f := s.columns[field]
	file, err := s.openColumn(ctx, f)
	if err != nil {
		return nil, err
	}
	defer file.Unpin()
	_, end := s.Group(start)
	event, row, ok := file.Reader.Locate(int32(field), int64(start))
	if !ok {
		return nil, nil
	}
	entry := file.Reader.Event(int32(field), event)
	if row+end-start > entry.Rows {
		return nil, nil // the group spans events
	}
	return decodeBounds(entry.Min, entry.Max, int64(entry.Nulls), int64(entry.Rows), file.Reader.Type(int32(field)))
}

// manifestType is the type of bounds in a manifest, which does not name it: dt,
// today's, but for decimals, which version 1 of binlogs had as binary. It is nil
// where bounds could be of both.
func manifestType(dt arrow.DataType, bounds ...[]byte) arrow.DataType {
	if dt.ID() != arrow.DECIMAL128 {
		return dt
	}
	// One row without nulls, then 16 bytes, or how many there are and they.
	const decimal, binary = 18, 15
	for _, b := range bounds {
		switch {
		case len(b) == 0:
		case len(b) != decimal:
			return arrow.BinaryTypes.Binary
		case b[2] == binary:
			return nil
		}
	}
	return dt
}

func decodeBounds(lo, hi []byte, nulls, rows int64, dt arrow.DataType) (*Bounds, error) {
	b := &Bounds{Nulls: nulls, Rows: rows}
	var err error
	if b.Min, err = binlog.DecodeBound(lo, dt, memory.DefaultAllocator); err != nil {
		return nil, err
	}
	b.Max, err = binlog.DecodeBound(hi, dt, memory.DefaultAllocator)
	return b, err
}

// FindRow returns the position of a row id, or -1.
func (s *Flushed) FindRow(ctx context.Context, id uint64) (int, error) {
	if id < s.minRow || id > s.maxRow || s.Rows() == 0 {
		return -1, nil
	}
	run, err := s.rows(ctx)
	if err != nil {
		return -1, err
	}
	pos, ok, err := run.Find(ctx, id)
	if err != nil || !ok {
		return -1, err
	}
	return int(pos), nil
}

// FindKey appends the positions of the rows with a key.
func (s *Flushed) FindKey(ctx context.Context, key []byte, dst []uint32) ([]uint32, error) {
	if s.Rows() == 0 {
		return dst, nil
	}
	stats, err := s.bloom(ctx)
	if err != nil || stats == nil || !stats.MayContain(key) {
		return dst, err
	}
	run, err := s.keys(ctx)
	if err != nil {
		return dst, err
	}
	return run.Find(ctx, key, dst)
}

// AppendKey appends the primary key of the row at pos; nothing without one.
func (s *Flushed) AppendKey(ctx context.Context, dst []byte, pos int) ([]byte, error) {
	run, err := s.keys(ctx)
	if err != nil || run == nil {
		return dst, err
	}
	key, err := run.KeyAt(ctx, int64(pos))
	return append(dst, key...), err
}

// Uint64At returns the row id or the timestamp of the row at pos.
func (s *Flushed) Uint64At(ctx context.Context, field catalog.FieldID, pos int) (uint64, error) {
	if at, same := s.timestamp(); same && field == catalog.TimestampField {
		return at, nil
	}
	a, err := s.Column(ctx, field, pos, pos+1)
	if err != nil {
		return 0, err
	}
	defer a.Release()
	return a.(*array.Uint64).Value(0), nil
}

// Deletes calls f for each entry of the segment's delta logs.
func (s *Flushed) Deletes(ctx context.Context, f func(deltalog.Entry) error) error {
	for i := range s.Manifest.Files {
		m := &s.Manifest.Files[i]
		if m.Kind != manifest.KindDelta {
			continue
		}
		file, err := s.shelf.Files.Open(ctx, m.Key, m.Bytes)
		if err != nil {
			return err
		}
		err = deltalog.Read(ctx, file.Reader, f)
		file.Unpin()
		if err != nil {
			return err
		}
	}
	return nil
}

// findRuns notes the files of the runs and of the bloom filter.
func (s *Flushed) findRuns() {
	for i := range s.Manifest.Files {
		f := &s.Manifest.Files[i]
		k, ok := manifest.ParseKey(f.Key)
		switch {
		case !ok || f.Index != 0:
		case f.Kind == manifest.KindStats:
			s.bloomFile = f
		case f.Kind != manifest.KindIndex:
		case k.Field == catalog.RowIDField:
			s.rowFile = f
		case s.keyFile == nil:
			s.keyFile, s.keyField = f, k.Field
		}
	}
}

func (s *Flushed) rows(ctx context.Context) (*deltalog.RowRun, error) {
	return lazily(ctx, s, &s.rowRun, s.rowFile, func(r *binlog.Reader) (*deltalog.RowRun, error) {
		return deltalog.OpenRowRun(r, s.shelf.Mem)
	})
}

func (s *Flushed) keys(ctx context.Context) (*deltalog.KeyRun, error) {
	return lazily(ctx, s, &s.keyRun, s.keyFile, func(r *binlog.Reader) (*deltalog.KeyRun, error) {
		return deltalog.OpenKeyRun(r, s.shelf.Mem)
	})
}

func (s *Flushed) bloom(ctx context.Context) (*deltalog.Stats, error) {
	return lazily(ctx, s, &s.stats, s.bloomFile, func(r *binlog.Reader) (*deltalog.Stats, error) {
		return deltalog.ReadStats(ctx, r)
	})
}

// lazily opens what place holds; the zero T without a file. The file stays
// pinned.
func lazily[T any](ctx context.Context, s *Flushed, place **openRun[T], f *manifest.File, open func(*binlog.Reader) (T, error)) (run T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *place != nil {
		return (*place).run, nil
	}
	if f == nil {
		return run, nil
	}
	file, err := s.shelf.Files.Open(ctx, f.Key, f.Bytes)
	if err != nil {
		return run, err
	}
	if run, err = open(file.Reader); err != nil {
		file.Unpin()
		return run, err
	}
	*place = &openRun[T]{file, run}
	return run, nil
}
