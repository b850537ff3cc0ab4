package segment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// WriterField is a column of a segment to write.
type WriterField struct {
	ID    catalog.FieldID
	Type  arrow.DataType
	Codec binlog.Codec
	Level int
	// LeastGain is binlog.Field's.
	LeastGain float64
	Compare   binlog.Compare
	NoStats   bool
}

// WriterOptions say what is written and where to.
type WriterOptions struct {
	Name          manifest.Segment
	Shard         int
	SchemaVersion uint32
	// Fields ascend by ID; the hidden ones are added.
	Fields []WriterField
	// KeyField is the first field of the primary key; 0 for none.
	KeyField catalog.FieldID
	// Rows is how many will come, for the size of the bloom filter.
	Rows    int
	Objects objstore.Store
	// Scratch is where files wait until they are whole; nil is in memory.
	Scratch vfs.FS
	// NewLog hands out log numbers, never twice.
	NewLog func() uint64
	Mem    memory.Allocator
	// Pause is called after each piece of work of some milliseconds; nil is never.
	Pause func()
	// Parallel makes Write work on several files at a time.
	Parallel bool
}

// narrowBytes is up to which width columns share one file with the row ids.
const narrowBytes = 16

// Writer writes the objects of one segment: its columns in the order of the
// primary key, the key and row id runs, the bloom filter, its delta log and,
// last, the manifest. It ends in Finish or Abort.
type Writer struct {
	o     WriterOptions
	files []*writerFile
	keys  *writerFile
	run   *deltalog.RunWriter
	stats *deltalog.Stats
	rows  []rowPosition
	count int
	delta []deltalog.Source
	// extras are the files that Finish makes.
	extras []*writerFile
}

type writerFile struct {
	kind, key string
	log       uint64
	columns   []int // indexes into Fields; -1 the row ids, -2 the timestamps
	stage     *stagedFile
	w         *binlog.Writer
	summary   binlog.Summary
}

type rowPosition struct {
	id       uint64
	position uint32
}

const (
	rowIDColumn     = -1
	timestampColumn = -2
)

// NewWriter begins a segment. Nothing reaches the object store before Finish.
func NewWriter(o WriterOptions) (*Writer, error) {
	if o.Pause == nil {
		o.Pause = func() {}
	}
	w := &Writer{o: o, rows: make([]rowPosition, 0, o.Rows)}
	if o.Rows == 0 {
		return w, nil
	}
	narrow := []int{rowIDColumn, timestampColumn}
	var groups [][]int
	for i, f := range o.Fields {
		if fixed, ok := f.Type.(arrow.FixedWidthDataType); ok && fixed.BitWidth() <= narrowBytes*8 && f.Type.ID() != arrow.FIXED_SIZE_LIST {
			narrow = append(narrow, i)
		} else {
			groups = append(groups, []int{i})
		}
	}
	for _, columns := range append([][]int{narrow}, groups...) {
		if err := w.addFile(columns); err != nil {
			w.Abort()
			return nil, err
		}
	}
	if o.KeyField != 0 {
		if err := w.addKeys(); err != nil {
			w.Abort()
			return nil, err
		}
	}
	return w, nil
}

func (w *Writer) addFile(columns []int) error {
	f := &writerFile{kind: manifest.KindInsert, columns: columns, log: w.o.NewLog()}
	d := binlog.Descriptor{
		Kind: binlog.Insert, Table: uint64(w.o.Name.Table), Partition: uint64(w.o.Name.Partition),
		Segment: uint64(w.o.Name.ID), Log: f.log, SchemaVersion: w.o.SchemaVersion,
	}
	for _, c := range columns {
		d.Fields = append(d.Fields, w.field(c))
	}
	f.key = w.o.Name.InsertLog(catalog.FieldID(d.Fields[0].ID), f.log)
	f.stage = newStagedFile(w.o.Objects, w.o.Scratch, f.log)
	var err error
	w.files = append(w.files, f)
	f.w, err = binlog.NewWriter(f.stage, d, w.o.Mem)
	return err
}

func (w *Writer) field(c int) binlog.Field {
	switch c {
	case rowIDColumn:
		return binlog.Field{ID: int32(catalog.RowIDField), Type: arrow.PrimitiveTypes.Uint64, Codec: binlog.ZstdSplit}
	case timestampColumn:
		return binlog.Field{ID: int32(catalog.TimestampField), Type: arrow.PrimitiveTypes.Uint64, Codec: binlog.LZ4}
	}
	f := w.o.Fields[c]
	return binlog.Field{ID: int32(f.ID), Type: f.Type, Codec: f.Codec, Level: f.Level, LeastGain: f.LeastGain, Compare: f.Compare, NoStats: f.NoStats}
}

func (w *Writer) addKeys() error {
	f := &writerFile{kind: manifest.KindIndex, log: w.o.NewLog()}
	f.key = w.o.Name.Index(w.o.KeyField, f.log, "")
	f.stage = newStagedFile(w.o.Objects, w.o.Scratch, f.log)
	var err error
	w.keys = f
	w.stats = deltalog.NewStats(w.o.Rows)
	w.run, err = deltalog.NewKeyRun(f.stage, w.ids(f.log), w.o.Mem)
	return err
}

func (w *Writer) ids(log uint64) deltalog.IDs {
	return deltalog.IDs{
		Table: uint64(w.o.Name.Table), Partition: uint64(w.o.Name.Partition), Segment: uint64(w.o.Name.ID),
		Log: log, SchemaVersion: w.o.SchemaVersion,
	}
}

// Write adds rows: one array a field, row ids and timestamps, and the encoded
// keys of a table with a primary key, ascending over all calls.
func (w *Writer) Write(columns []arrow.Array, rowIDs, timestamps *array.Uint64, keys [][]byte) error {
	write := w.writeInTurn
	if w.o.Parallel {
		write = w.writeAtOnce
	}
	if err := write(columns, rowIDs, timestamps, keys); err != nil {
		return err
	}
	for i, id := range rowIDs.Uint64Values() {
		w.rows = append(w.rows, rowPosition{id, uint32(w.count + i)})
	}
	w.count += rowIDs.Len()
	return nil
}

func (w *Writer) writeInTurn(columns []arrow.Array, rowIDs, timestamps *array.Uint64, keys [][]byte) error {
	for _, f := range w.files {
		if err := f.write(columns, rowIDs, timestamps); err != nil {
			return err
		}
		w.o.Pause()
	}
	return w.writeKeys(keys)
}

func (w *Writer) writeAtOnce(columns []arrow.Array, rowIDs, timestamps *array.Uint64, keys [][]byte) error {
	var g errgroup.Group
	for _, f := range w.files {
		g.Go(func() error { return f.write(columns, rowIDs, timestamps) })
	}
	g.Go(func() error { return w.writeKeys(keys) })
	return g.Wait()
}

// write adds rows to one file: of all columns, those that it has.
func (f *writerFile) write(columns []arrow.Array, rowIDs, timestamps *array.Uint64) error {
	in := make([]arrow.Array, 0, len(f.columns))
	for _, c := range f.columns {
		switch c {
		case rowIDColumn:
			in = append(in, rowIDs)
		case timestampColumn:
			in = append(in, timestamps)
		default:
			in = append(in, columns[c])
		}
	}
	return f.w.Write(in, timestamps.Uint64Values())
}

func (w *Writer) writeKeys(keys [][]byte) error {
	for i, key := range keys {
		w.stats.Add(key)
		if err := w.run.AddKey(key, uint32(w.count+i)); err != nil {
			return err
		}
	}
	return nil
}

// Delete adds deletes to the segment's delta log: of its own rows or of others
// of its shard.
func (w *Writer) Delete(entries []deltalog.Entry) {
	w.DeleteFrom(deltalog.Entries(entries))
}

// DeleteFrom adds deletes that Finish asks for.
func (w *Writer) DeleteFrom(source deltalog.Source) { w.delta = append(w.delta, source) }

// Finish puts the objects, the manifest last, and returns it with its key.
func (w *Writer) Finish(ctx context.Context, position wal.Position) (m *manifest.Manifest, key string, err error) {
	defer w.Abort()
	m = &manifest.Manifest{
		Table: w.o.Name.Table, Partition: w.o.Name.Partition, Segment: w.o.Name.ID, Shard: w.o.Shard,
		SchemaVersion: w.o.SchemaVersion, Rows: int64(w.count), GroupRows: w.groupRows(), DeltaPosition: position,
	}
	files := w.files
	for _, f := range w.files {
		if f.summary, err = f.w.Finish(); err != nil {
			return nil, "", err
		}
		m.MinTimestamp, m.MaxTimestamp = f.summary.MinTimestamp, f.summary.MaxTimestamp
		w.o.Pause()
	}
	if w.keys != nil {
		if w.keys.summary, err = w.run.Finish(); err != nil {
			return nil, "", err
		}
		files = append(files, w.keys)
	}
	if err := w.finishExtras(); err != nil {
		return nil, "", err
	}
	files = append(files, w.extras...)
	if err = w.putAll(ctx, m, files); err == nil {
		key, err = w.putManifest(ctx, m)
	}
	if err != nil {
		w.takeBack(ctx, files, err)
		return nil, "", err
	}
	return m, key, nil
}

func (w *Writer) putManifest(ctx context.Context, m *manifest.Manifest) (key string, err error) {
	object, err := m.Encode()
	if err != nil {
		return "", err
	}
	key = w.o.Name.Manifest(w.o.NewLog())
	return key, w.o.Objects.PutIfAbsent(ctx, key, object)
}

// takeBack removes the files that were put when others could not be: a full disk has
// no room for what each try leaves. Of a store that is away they are swept once it is
// back.
func (w *Writer) takeBack(ctx context.Context, files []*writerFile, cause error) {
	for _, f := range files {
		if errors.Is(cause, objstore.ErrUnavailable) {
			return
		}
		cause = w.o.Objects.Delete(context.WithoutCancel(ctx), f.key)
	}
}

// groupRowsMax is the size of a batch that scans yield.
const groupRowsMax = 4096

func (w *Writer) groupRows() int {
	rows := groupRowsMax
	for _, f := range w.o.Fields {
		field := binlog.Field{Type: f.Type}
		if shift, fixed := field.Shift(); fixed {
			rows = min(rows, 1<<shift)
		}
	}
	return rows
}

// finishExtras writes the bloom filter, the row id run and the delta log.
func (w *Writer) finishExtras() error {
	if w.stats != nil {
		err := w.small(manifest.KindStats, func(log uint64) string { return w.o.Name.StatsLog(w.o.KeyField, log) },
			func(out io.Writer, ids deltalog.IDs) (binlog.Summary, error) {
				return deltalog.WriteStats(out, ids, w.stats, w.o.Mem)
			})
		if err != nil {
			return err
		}
	}
	if len(w.rows) > 0 {
		err := w.small(manifest.KindIndex, func(log uint64) string { return w.o.Name.Index(catalog.RowIDField, log, "") }, w.writeRowRun)
		if err != nil {
			return err
		}
	}
	if any, err := deltalog.Any(w.delta...); !any || err != nil {
		return err
	}
	return w.small(manifest.KindDelta, w.o.Name.DeltaLog, func(out io.Writer, ids deltalog.IDs) (binlog.Summary, error) {
		return deltalog.Write(out, ids, w.o.Mem, w.delta...)
	})
}

func (w *Writer) writeRowRun(out io.Writer, ids deltalog.IDs) (binlog.Summary, error) {
	run, err := deltalog.NewRowRun(out, ids, w.o.Mem)
	if err != nil {
		return binlog.Summary{}, err
	}
	defer run.Abort()
	written := 0
	for r := range sortedRows(w.rows, sortedAtOnce, w.o.Pause) {
		if err := run.AddRow(r.id, r.position); err != nil {
			return binlog.Summary{}, err
		}
		if written++; written%sortedAtOnce == 0 {
			w.o.Pause()
		}
	}
	return run.Finish()
}

// small writes one file that is made at once.
func (w *Writer) small(kind string, key func(log uint64) string, write func(io.Writer, deltalog.IDs) (binlog.Summary, error)) error {
	f := &writerFile{kind: kind, log: w.o.NewLog()}
	f.key = key(f.log)
	f.stage = newStagedFile(w.o.Objects, w.o.Scratch, f.log)
	w.extras = append(w.extras, f)
	var err error
	f.summary, err = write(f.stage, w.ids(f.log))
	return err
}

// putters is how many objects of a segment are put at a time: most of it is
// waiting for the store.
const putters = 4

// putAll puts the files and lists them in their order.
func (w *Writer) putAll(ctx context.Context, m *manifest.Manifest, files []*writerFile) error {
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(putters)
	for _, f := range files {
		g.Go(func() error {
			if err := f.stage.put(within, f.key); err != nil {
				return fmt.Errorf("put %s: %w", f.key, err)
			}
			f.stage.drop()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, f := range files {
		m.Add(f.kind, f.key, &f.summary)
	}
	return nil
}

// Abort drops what was not finished; after Finish it does nothing.
func (w *Writer) Abort() {
	for _, f := range w.files {
		if f.w != nil {
			f.w.Abort()
		}
		f.stage.drop()
	}
	if w.run != nil {
		w.run.Abort()
	}
	if w.keys != nil {
		w.keys.stage.drop()
	}
	for _, f := range w.extras {
		f.stage.drop()
	}
}
