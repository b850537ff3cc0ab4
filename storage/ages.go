package storage

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/internal/hlc"
)

// segmentAges knows how old the rows of a flushed segment are, once they begin to
// expire. Before that the bounds of its manifest say all.
type segmentAges struct {
	spread atomic.Pointer[[agesSpread + 1]uint64]
	mask   atomic.Pointer[youngRows]
}

// agesSpread is by how many parts of the rows, in the order of their commits,
// their number is estimated.
const agesSpread = 64

// youngRows are the rows of a segment that are younger than a time, and the times
// for which they are the same: from the last commit before it up to the next one.
type youngRows struct {
	from, until uint64
	young       Bitmap
	kept        int
}

// count estimates how many rows were committed at or before by: exactly none and
// exactly all of them.
func (a *segmentAges) count(ctx context.Context, f *flushedSegment, by hlc.Timestamp) (int64, error) {
	rows := f.Rows()
	switch {
	case rows == 0 || f.Manifest.MinTimestamp > uint64(by):
		return 0, nil
	case f.begin(by) == rows:
		return int64(rows), nil
	}
	spread := a.spread.Load()
	if spread == nil {
		times, err := f.timestamps(ctx)
		if err != nil {
			return 0, err
		}
		slices.Sort(times)
		spread = &[agesSpread + 1]uint64{}
		for i := range spread {
			spread[i] = times[(rows-1)*i/agesSpread]
		}
		a.spread.Store(spread)
	}
	parts, _ := slices.BinarySearch(spread[:], uint64(by)+1)
	return max(1, int64(rows)*int64(parts)/(agesSpread+1)), nil
}

// younger returns the rows committed after by, and their number. The bitmap has
// bits for the whole rows of 64 and must not be changed.
func (a *segmentAges) younger(ctx context.Context, f *flushedSegment, by hlc.Timestamp) (Bitmap, int, error) {
	if m := a.mask.Load(); m != nil && m.from <= uint64(by) && uint64(by) < m.until {
		return m.young, m.kept, nil
	}
	times, err := f.timestamps(ctx)
	if err != nil {
		return nil, 0, err
	}
	m := &youngRows{until: uint64(hlc.Max), young: make(Bitmap, (len(times)+63)/64*8)}
	for i, at := range times {
		if at <= uint64(by) {
			m.from = max(m.from, at)
			continue
		}
		bitutil.SetBit(m.young, i)
		m.until = min(m.until, at)
		m.kept++
	}
	a.mask.Store(m)
	return m.young, m.kept, nil
}

// timestamps reads the commit timestamps of all rows.
func (f *flushedSegment) timestamps(ctx context.Context) ([]uint64, error) {
	times := make([]uint64, 0, f.Rows())
	for start := 0; start < f.Rows(); {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		_, end := f.group(start)
		a, err := f.Column(ctx, catalog.TimestampField, start, end)
		if err != nil {
			return nil, err
		}
		times = append(times, a.(*array.Uint64).Uint64Values()...)
		a.Release()
		start = end
	}
	return times, nil
}
