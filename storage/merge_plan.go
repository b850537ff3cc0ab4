package storage

import (
	"context"
	"runtime"

	"quiver/catalog"
	"quiver/internal/hlc"
)

const (
	// smallSegment: of the largest size, what is merged: 128 MB of 512.
	smallSegment = 4
	// deletedShare: a segment with more than a fifth of its rows deleted is
	// written anew.
	deletedShare = 5
	// mergeInputsMin: so many small segments are merged in the background, if
	// none of them has more than half of the bytes: each byte is then written
	// a logarithmic number of times. A statement merges all.
	mergeInputsMin = 4
	// mergeInputsMax keeps the catalog's change within its limit.
	mergeInputsMax = 64
)

// mergePlan chooses the segments of a view to merge into one; nil if there is
// nothing to gain. all has all small ones merged.
func (e *Engine) mergePlan(v *shardView, horizon hlc.Timestamp, all bool) []*flushedSegment {
	var group []*flushedSegment
	var groupBytes, largest int64
	var key catalog.FieldID
	keyed := false
	for _, f := range v.flushed {
		size := f.liveBytes()
		if f.shrinks(horizon) {
			return []*flushedSegment{f}
		}
		if size >= e.opts.SegmentBytesMax/smallSegment || len(group) == mergeInputsMax || groupBytes+size > e.opts.SegmentBytesMax {
			continue
		}
		if f.Rows() > 0 {
			if keyed && f.KeyField() != key {
				continue
			}
			key, keyed = f.KeyField(), true
		}
		group = append(group, f)
		groupBytes += size
		largest = max(largest, size)
	}
	if len(group) < 2 || !all && (len(group) < mergeInputsMin || largest*2 > groupBytes) {
		return nil
	}
	return group
}

// liveBytes estimates the size of a segment without its deleted rows and its
// vector indexes.
func (f *flushedSegment) liveBytes() (n int64) {
	for i := range f.Manifest.Files {
		if x := &f.Manifest.Files[i]; x.Index == 0 {
			n += x.Bytes
		}
	}
	if rows := int64(f.Rows()); rows > 0 {
		n = n * (rows - f.Tombstones.Count()) / rows
	}
	return n
}

// shrinks says whether more than a fifth of the rows can be left out.
func (f *flushedSegment) shrinks(horizon hlc.Timestamp) bool {
	rows := int64(f.Rows())
	return f.Tombstones.Count()*deletedShare > rows && rows > 0 && f.Tombstones.CountBefore(uint64(horizon))*deletedShare > rows
}

// mergeAll merges what can be of a shard, at once. The caller holds the shard's
// token.
func (e *Engine) mergeAll(ctx context.Context, s *shard) error {
	for {
		done, err := e.mergeOnce(ctx, s, true, runtime.GOMAXPROCS(0), nil)
		if done || err != nil {
			return err
		}
	}
}

// mergeOnce does one merge; done when there was none to do. The indexes that the
// catalog has are built of the result by so many workers.
func (e *Engine) mergeOnce(ctx context.Context, s *shard, all bool, workers int, progress func(string, int64, int64)) (done bool, err error) {
	v := s.pin()
	defer v.release()
	inputs := e.mergePlan(v, e.horizon(), all)
	if inputs == nil {
		return true, nil
	}
	indexes := e.vectorIndexes(s.table)
	for i, x := range indexes {
		indexes[i] = x.with(workers, 0, progress)
	}
	return false, e.mergeSegments(ctx, s, inputs, indexes)
}
