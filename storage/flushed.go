package storage

import (
	"context"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/segment"
)

// flushedSegment is a segment in objects as a source.
type flushedSegment struct {
	*segment.Flushed
	state atomic.Pointer[catalog.Segment]
	live  liveMask
	ages  segmentAges
}

func newFlushed(f *segment.Flushed, d *catalog.Segment) *flushedSegment {
	s := &flushedSegment{Flushed: f}
	s.state.Store(d)
	return s
}

// descriptor is the catalog's word on the segment, which must not be changed.
func (f *flushedSegment) descriptor() *catalog.Segment { return f.state.Load() }

func (f *flushedSegment) id() catalog.SegmentID { return f.Manifest.Segment }

func (f *flushedSegment) retain()                         { f.Retain() }
func (f *flushedSegment) release()                        { f.Release() }
func (f *flushedSegment) tombstones() *segment.Tombstones { return &f.Tombstones }

func (f *flushedSegment) limit(t hlc.Timestamp) int {
	if uint64(t) < f.Manifest.MinTimestamp {
		return 0
	}
	return f.Rows()
}

func (f *flushedSegment) begin(expired hlc.Timestamp) int {
	if expired != 0 && f.Manifest.MaxTimestamp <= uint64(expired) {
		return f.Rows()
	}
	return 0
}

func (f *flushedSegment) timestamp(ctx context.Context, pos int) (hlc.Timestamp, error) {
	at, err := f.Uint64At(ctx, catalog.TimestampField, pos)
	return hlc.Timestamp(at), err
}

func (f *flushedSegment) hide(ctx context.Context, start, end int, t, expired hlc.Timestamp, visible Bitmap) (hidden bool, err error) {
	if f.Manifest.MaxTimestamp <= uint64(t) && (expired == 0 || f.Manifest.MinTimestamp > uint64(expired)) {
		return false, nil
	}
	a, err := f.Column(ctx, catalog.TimestampField, start, end)
	if err != nil {
		return false, err
	}
	defer a.Release()
	for i, at := range a.(*array.Uint64).Uint64Values() {
		if at > uint64(t) || at <= uint64(expired) {
			bitutil.ClearBit(visible, i)
			hidden = true
		}
	}
	return hidden, nil
}

func (f *flushedSegment) group(pos int) (start, end int) { return f.Group(pos) }

func (f *flushedSegment) load(ctx context.Context, dst []arrow.Array, fields []catalog.FieldID, start, end int) ([]arrow.Array, error) {
	for _, field := range fields {
		a, err := f.Column(ctx, field, start, end)
		if err != nil {
			return dst, err
		}
		dst = append(dst, a)
	}
	return dst, nil
}

func (f *flushedSegment) rowIDs(ctx context.Context, start, end int) (arrow.Array, error) {
	return f.Column(ctx, catalog.RowIDField, start, end)
}

func (f *flushedSegment) stats(ctx context.Context, field catalog.FieldID, dt arrow.DataType, start int) (*ColumnStats, error) {
	b, err := f.Bounds(ctx, field, dt, start)
	if b == nil || err != nil {
		return nil, err
	}
	return &ColumnStats{Min: b.Min, Max: b.Max, NullCount: b.Nulls, Rows: b.Rows}, nil
}

func (f *flushedSegment) findRow(ctx context.Context, id uint64) (int, error) {
	return f.FindRow(ctx, id)
}

func (f *flushedSegment) rowID(ctx context.Context, pos int) (uint64, error) {
	return f.Uint64At(ctx, catalog.RowIDField, pos)
}

func (f *flushedSegment) appendKey(ctx context.Context, dst []byte, pos int) ([]byte, error) {
	return f.AppendKey(ctx, dst, pos)
}

func (f *flushedSegment) eachKey(ctx context.Context, _ uint64, key []byte, visit func(pos int) (bool, error)) error {
	positions, err := f.FindKey(ctx, key, nil)
	if err != nil {
		return err
	}
	for i := len(positions) - 1; i >= 0; i-- {
		if more, err := visit(int(positions[i])); !more || err != nil {
			return err
		}
	}
	return nil
}

func (f *flushedSegment) bytesOf(columns []arrow.Array) int64 { return arrayBytes(columns) }
