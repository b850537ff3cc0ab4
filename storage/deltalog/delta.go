package deltalog

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

// The fields of a delta log; row id and timestamp are numbered as in segments.
const (
	FieldRowID     int32 = 0
	FieldTimestamp int32 = 1
	FieldSuccessor int32 = 2
	FieldKey       int32 = 3
)

// Entry is one delete.
type Entry struct {
	RowID     uint64
	Timestamp uint64
	// Successor is the row version that an UPDATE made, 0 for none.
	Successor uint64
	// Key is the primary key; empty for tables without one.
	Key []byte
}

// IDs say whose file it is, as in its object key.
type IDs struct {
	Table, Partition, Segment, Log uint64
	SchemaVersion                  uint32
}

func (ids IDs) descriptor(kind binlog.Kind, fields ...binlog.Field) binlog.Descriptor {
	return binlog.Descriptor{
		Kind: kind, Table: ids.Table, Partition: ids.Partition, Segment: ids.Segment, Log: ids.Log,
		SchemaVersion: ids.SchemaVersion, Fields: fields,
	}
}

// batchRows is how many rows are turned into Arrow arrays at a time.
const batchRows = 8 << 10

// Source calls yield for each of some deletes, until it fails. Entry.Key is valid
// during the call.
type Source func(yield func(Entry) error) error

// Entries is a Source of a list.
func Entries(list []Entry) Source {
	return func(yield func(Entry) error) error {
		for _, e := range list {
			if err := yield(e); err != nil {
				return err
			}
		}
		return nil
	}
}

var errAny = errors.New("there is one")

// Any says whether the sources yield anything.
func Any(sources ...Source) (bool, error) {
	for _, source := range sources {
		switch err := source(func(Entry) error { return errAny }); {
		case errors.Is(err, errAny):
			return true, nil
		case err != nil:
			return false, err
		}
	}
	return false, nil
}

// Write writes a delta log of all the sources yield.
func Write(w io.Writer, ids IDs, mem memory.Allocator, sources ...Source) (binlog.Summary, error) {
	d := ids.descriptor(binlog.Delta,
		binlog.Field{ID: FieldRowID, Type: arrow.PrimitiveTypes.Uint64, Codec: binlog.LZ4},
		binlog.Field{ID: FieldTimestamp, Type: arrow.PrimitiveTypes.Uint64, Codec: binlog.LZ4},
		binlog.Field{ID: FieldSuccessor, Type: arrow.PrimitiveTypes.Uint64, Codec: binlog.LZ4},
		binlog.Field{ID: FieldKey, Type: arrow.BinaryTypes.Binary, Codec: binlog.LZ4})
	bw, err := binlog.NewWriter(w, d, mem)
	if err != nil {
		return binlog.Summary{}, err
	}
	defer bw.Abort()
	batch := entryBatch{w: bw, mem: mem}
	for _, source := range sources {
		if err := source(batch.add); err != nil {
			return binlog.Summary{}, err
		}
	}
	if err := batch.write(); err != nil {
		return binlog.Summary{}, err
	}
	return bw.Finish()
}

// entryBatch gathers entries, with copies of their keys.
type entryBatch struct {
	w       *binlog.Writer
	mem     memory.Allocator
	entries []Entry
	keys    []byte
	stamps  []uint64
}

func (b *entryBatch) add(e Entry) error {
	begin := len(b.keys)
	b.keys = append(b.keys, e.Key...)
	e.Key = b.keys[begin:len(b.keys):len(b.keys)]
	b.entries, b.stamps = append(b.entries, e), append(b.stamps, e.Timestamp)
	if len(b.entries) < batchRows {
		return nil
	}
	return b.write()
}

func (b *entryBatch) write() error {
	if len(b.entries) == 0 {
		return nil
	}
	err := writeBatch(b.w, entryColumns(b.entries, b.mem), b.stamps)
	b.entries, b.keys, b.stamps = b.entries[:0], b.keys[:0], b.stamps[:0]
	return err
}

func entryColumns(batch []Entry, mem memory.Allocator) []arrow.Array {
	ids, stamps, next := array.NewUint64Builder(mem), array.NewUint64Builder(mem), array.NewUint64Builder(mem)
	keys := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	for i := range batch {
		ids.Append(batch[i].RowID)
		stamps.Append(batch[i].Timestamp)
		next.Append(batch[i].Successor)
		keys.Append(batch[i].Key)
	}
	return arraysOf(ids, stamps, next, keys)
}

func arraysOf(builders ...array.Builder) []arrow.Array {
	out := make([]arrow.Array, len(builders))
	for i, b := range builders {
		out[i] = b.NewArray()
		b.Release()
	}
	return out
}

// writeBatch writes and releases columns.
func writeBatch(w *binlog.Writer, columns []arrow.Array, stamps []uint64) error {
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	return w.Write(columns, stamps)
}

// Read calls f for each delete of a delta log, in order. Entry.Key is valid
// during the call.
func Read(ctx context.Context, r *binlog.Reader, f func(Entry) error) error {
	if err := expect(r, binlog.Delta, FieldRowID, FieldTimestamp, FieldSuccessor, FieldKey); err != nil {
		return err
	}
	var ids, stamps, next cursor[*array.Uint64]
	var keys cursor[*array.Binary]
	defer func() { ids.close(); stamps.close(); next.close(); keys.close() }()
	for row := range r.Rows() {
		i, err := ids.at(ctx, r, FieldRowID, row)
		if err != nil {
			return err
		}
		j, err := stamps.at(ctx, r, FieldTimestamp, row)
		if err != nil {
			return err
		}
		k, err := next.at(ctx, r, FieldSuccessor, row)
		if err != nil {
			return err
		}
		l, err := keys.at(ctx, r, FieldKey, row)
		if err != nil {
			return err
		}
		e := Entry{RowID: ids.array.Value(i), Timestamp: stamps.array.Value(j), Successor: next.array.Value(k), Key: keys.array.Value(l)}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// cursor walks one field of a file, an event at a time.
type cursor[A arrow.Array] struct {
	array A
	first int64
	event int
	open  bool
}

// at returns the place of a row in c.array, reading its event if need be.
func (c *cursor[A]) at(ctx context.Context, r *binlog.Reader, field int32, row int64) (int, error) {
	if c.open && row >= c.first && row < c.first+int64(c.array.Len()) {
		return int(row - c.first), nil
	}
	event, i, _ := r.Locate(field, row)
	a, err := r.Read(ctx, field, event)
	if err != nil {
		return 0, err
	}
	c.close()
	c.array, c.event, c.first, c.open = a.(A), event, row-int64(i), true
	return i, nil
}

func (c *cursor[A]) close() {
	if c.open {
		c.array.Release()
		c.open = false
	}
}

// expect checks that a file is of a kind and has its fields with their types.
func expect(r *binlog.Reader, kind binlog.Kind, fields ...int32) error {
	d := r.Descriptor()
	bad := func(reason string, args ...any) error {
		return &binlog.CorruptionError{Object: r.Name(), Reason: fmt.Sprintf(reason, args...)}
	}
	if d.Kind != kind {
		return bad("file of kind %v where %v is wanted", d.Kind, kind)
	}
	if len(d.Fields) != len(fields) {
		return bad("%v file of %d fields", kind, len(d.Fields))
	}
	for i, want := range fieldTypes(kind, fields) {
		if d.Fields[i].ID != fields[i] || !arrow.TypeEqual(d.Fields[i].Type, want) {
			return bad("%v file whose field %d is %v", kind, d.Fields[i].ID, d.Fields[i].Type)
		}
	}
	return nil
}

func fieldTypes(kind binlog.Kind, fields []int32) []arrow.DataType {
	out := make([]arrow.DataType, len(fields))
	for i, f := range fields {
		switch {
		case kind == binlog.Stats || f == FieldKey:
			out[i] = arrow.BinaryTypes.Binary
		case f == FieldPosition:
			out[i] = arrow.PrimitiveTypes.Uint32
		default:
			out[i] = arrow.PrimitiveTypes.Uint64
		}
	}
	return out
}
