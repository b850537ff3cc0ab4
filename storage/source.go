package storage

import (
	"context"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/growing"
	"quiver/storage/segment"
)

// source is a segment as scans and look-ups see it: in memory or flushed.
// Positions are those of rows, from 0.
type source interface {
	retain()
	release()
	tombstones() *segment.Tombstones
	// limit is how many rows a scan at t looks at.
	limit(t hlc.Timestamp) int
	// begin is how many rows at the start a scan passes over of which all were
	// committed at or before expired, which may be 0.
	begin(expired hlc.Timestamp) int
	// hide clears the bits of rows [start, end) that were committed after t, and
	// of those committed at or before expired; rows within limit alone are asked
	// for.
	hide(ctx context.Context, start, end int, t, expired hlc.Timestamp, visible Bitmap) (hidden bool, err error)
	// timestamp is of the commit of the row at pos.
	timestamp(ctx context.Context, pos int) (hlc.Timestamp, error)
	// group returns the bounds of the rows that are read together with pos.
	group(pos int) (start, end int)
	// load appends the columns of rows [start, end) of one group; nil for a
	// field that the segment has not.
	load(ctx context.Context, dst []arrow.Array, fields []catalog.FieldID, start, end int) ([]arrow.Array, error)
	rowIDs(ctx context.Context, start, end int) (arrow.Array, error)
	// stats bounds a field over rows of the group at start (start < 0: over
	// the segment); nil if not known. The caller releases it.
	stats(ctx context.Context, field catalog.FieldID, dt arrow.DataType, start int) (*ColumnStats, error)
	// findRow returns the position of a row id, or -1.
	findRow(ctx context.Context, id uint64) (int, error)
	rowID(ctx context.Context, pos int) (uint64, error)
	appendKey(ctx context.Context, dst []byte, pos int) ([]byte, error)
	// eachKey calls f with the positions of a key, newest first where several
	// may be alive in turn.
	eachKey(ctx context.Context, hash uint64, key []byte, f func(pos int) (bool, error)) error
	// bytesOf estimates the bytes a scan of rows reads, for statistics.
	bytesOf(columns []arrow.Array) int64
}

// memorySegment is a growing or sealed segment of a shard, or one of a
// transaction's own.
type memorySegment struct {
	*growing.Segment
	// open segments still get rows; guarded by the pipeline's apply lock.
	open bool
	// sealed says that a flush has begun to write the segment.
	sealed atomic.Bool
	// adopted: the segment came whole, from a large transaction.
	adopted bool
	// growths are the incremental vector indexes.
	growths atomic.Pointer[[]*growth]
	// pieces are those of the vector column searched last.
	pieces atomic.Pointer[fullPieces]
}

func (m *memorySegment) retain()                         { m.Retain() }
func (m *memorySegment) release()                        { m.Release() }
func (m *memorySegment) tombstones() *segment.Tombstones { return &m.Tombstones }
func (m *memorySegment) limit(t hlc.Timestamp) int       { return m.Committed(t) }

func (m *memorySegment) begin(expired hlc.Timestamp) int {
	if expired == 0 {
		return 0
	}
	return m.Committed(expired)
}

// hide cuts the start alone: rows lie in commit order, and limit cuts the end.
func (m *memorySegment) hide(_ context.Context, start, end int, _, expired hlc.Timestamp, visible Bitmap) (hidden bool, err error) {
	for pos := start; pos < min(end, m.begin(expired)); pos++ {
		bitutil.ClearBit(visible, pos-start)
		hidden = true
	}
	return hidden, nil
}

func (m *memorySegment) timestamp(_ context.Context, pos int) (hlc.Timestamp, error) {
	return m.Timestamp(pos), nil
}

func (m *memorySegment) group(pos int) (start, end int) { return m.ChunkAt(pos) }

func (m *memorySegment) load(_ context.Context, dst []arrow.Array, fields []catalog.FieldID, start, end int) ([]arrow.Array, error) {
	schema := m.Schema()
	var one [1]int
	for _, f := range fields {
		if one[0] = schema.Index(f); one[0] < 0 {
			dst = append(dst, nil)
			continue
		}
		dst = m.View(dst, one[:], start, end)
	}
	return dst, nil
}

func (m *memorySegment) rowIDs(_ context.Context, start, end int) (arrow.Array, error) {
	return m.RowIDView(start, end), nil
}

func (m *memorySegment) stats(context.Context, catalog.FieldID, arrow.DataType, int) (*ColumnStats, error) {
	return nil, nil
}

func (m *memorySegment) findRow(_ context.Context, id uint64) (int, error) { return m.FindRow(id), nil }

func (m *memorySegment) rowID(_ context.Context, pos int) (uint64, error) { return m.RowID(pos), nil }

func (m *memorySegment) appendKey(_ context.Context, dst []byte, pos int) ([]byte, error) {
	if !m.Schema().Keyed {
		return dst, nil
	}
	return m.AppendKey(dst, pos), nil
}

func (m *memorySegment) eachKey(_ context.Context, hash uint64, key []byte, f func(pos int) (bool, error)) (err error) {
	m.EachKey(hash, key, func(pos int) bool {
		var more bool
		more, err = f(pos)
		return more && err == nil
	})
	return err
}

func (m *memorySegment) bytesOf(columns []arrow.Array) int64 { return arrayBytes(columns) }

// arrayBytes is the length of the buffers of columns, those shared with other
// rows counted in part only for fixed widths.
func arrayBytes(columns []arrow.Array) (n int64) {
	for _, a := range columns {
		if a == nil {
			continue
		}
		switch t := a.DataType().(type) {
		case *arrow.FixedSizeListType:
			if w, ok := t.Elem().(arrow.FixedWidthDataType); ok {
				n += int64(a.Len()) * int64(t.Len()) * int64(w.BitWidth()) / 8
			}
		case arrow.FixedWidthDataType:
			n += int64(a.Len()) * int64(t.BitWidth()) / 8
		default:
			for _, b := range a.Data().Buffers() {
				if b != nil {
					n += int64(b.Len())
				}
			}
		}
	}
	return n
}
