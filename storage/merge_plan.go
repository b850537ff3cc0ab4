package storage

import (
	"context"
	"slices"

	"quiver/catalog"
	"quiver/internal/hlc"
)

const (
	// smallSegment: of the largest size, what is merged: 128 MB of 512.
	smallSegment = 4
	// deletedShare: a segment with more than a fifth of its rows deleted or
	// expired is written anew.
	deletedShare = 5
	// mergeInputsMin: so many small segments are merged in the background, if
	// none of them has more than half of the bytes: each byte is then written
	// a logarithmic number of times. A statement merges all.
	mergeInputsMin = 4
	// mergeInputsMax keeps the catalog's change within its limit.
	mergeInputsMax = 64
	// wholeSegments, times the largest size, is up to what a statement merges
	// segments that it is to build an index of anyway: 8 GB. A search passes
	// through the graph of each segment, and one of ten times the rows takes hardly
	// longer; but a segment with deletes is written anew as a whole.
	wholeSegments = 16
)

// mergeScope says which small segments a merge takes.
type mergeScope int

const (
	// mergeSome: those whose merge is worth writing them again.
	mergeSome mergeScope = iota
	// mergeBare: also any two for which no index was built, which is built once
	// for both.
	mergeBare
	// mergeAll: all.
	mergeAll
	// mergeWhole: also those that are not small if no index was built of them.
	mergeWhole
	// mergeFull: also those with indexes, any with a row that no snapshot sees,
	// whatever the retention, and any that is packed in another way than asked for.
	mergeFull
)

// mergeWork is segments to merge into one; none if there is nothing to gain.
type mergeWork struct {
	kind   string // of the job
	inputs []*flushedSegment
}

// The kinds of merges, as quiver.jobs shows them.
const (
	mergeKind  = "merge"
	expireKind = "expire"
)

// mergePlan chooses the segments of a view of a shard to merge into one.
func (e *Engine) mergePlan(s *shard, v *shardView, h horizon, scope mergeScope) mergeWork {
	var gone []*flushedSegment // of which no row is left: nothing is written anew
	kind := mergeKind
	for _, f := range v.flushed {
		if f.Rows() == 0 || len(gone) == mergeInputsMax {
			continue
		}
		past := f.begin(h.expired) == f.Rows()
		if past || f.Tombstones.CountBefore(uint64(h.deleted)) == int64(f.Rows()) {
			gone = append(gone, f)
		}
		if past {
			kind = expireKind
		}
	}
	if len(gone) > 0 {
		return mergeWork{kind, append(gone, deletesAlone(v, mergeInputsMax-len(gone))...)}
	}
	for _, f := range v.flushed {
		removable := f.Tombstones.CountBefore(uint64(h.deleted))
		expired := e.expiredRows(f, h.expired)
		kind := mergeKind
		if expired > removable {
			kind = expireKind
		}
		switch {
		case scope == mergeFull && (removable+expired > 0 || !e.packedAsAsked(s, f)):
			return mergeWork{kind, append(deletesAlone(v, len(v.flushed)), f)}
		case (removable+expired)*deletedShare > int64(f.Rows()):
			return mergeWork{kind, []*flushedSegment{f}}
		}
	}
	return mergeWork{mergeKind, e.mergeSmallPlan(s, v, h, scope)}
}

// deletesAlone are segments without rows, so many at most: a merge takes them along,
// for their deletes may be of its rows alone.
func deletesAlone(v *shardView, most int) (list []*flushedSegment) {
	for _, f := range v.flushed {
		if f.Rows() == 0 && len(list) < most {
			list = append(list, f)
		}
	}
	return list
}

// expiredRows estimates the rows of a segment that are past their time: not 0
// where there are any.
func (e *Engine) expiredRows(f *flushedSegment, by hlc.Timestamp) int64 {
	n, err := f.ages.count(e.background, f, by)
	if err != nil && e.background.Err() == nil {
		e.logger.Warn("the ages of rows cannot be read", "segment", f.id(), "err", err)
	}
	return n
}

// mergeSmallPlan chooses among the small segments; nil if there are too few.
func (e *Engine) mergeSmallPlan(s *shard, v *shardView, h horizon, scope mergeScope) []*flushedSegment {
	most := e.segmentBytesMax(s)
	group, worthIt := mergeGroup(v.flushed, h, most)
	if len(group) >= 2 && (worthIt || scope >= mergeAll) {
		return group
	}
	switch scope {
	case mergeBare:
		group, _ = mergeGroup(slices.DeleteFunc(slices.Clone(v.flushed), e.have(v, indexBuilt)), h, most)
	case mergeWhole:
		group, _ = mergeGroup(slices.DeleteFunc(slices.Clone(v.flushed), (*flushedSegment).isIndexed), h, wholeSegments*most)
	case mergeFull:
		group, _ = mergeGroup(v.flushed, h, wholeSegments*most)
	default:
		return nil
	}
	if len(group) < 2 {
		return nil
	}
	return group
}

// isIndexed says whether the segment has any vector index.
func (f *flushedSegment) isIndexed() bool { return len(f.Current().Indexes()) > 0 }

// have says of a segment of the view whether all vector indexes of its table have
// a state, or a better one.
func (e *Engine) have(v *shardView, state indexState) func(*flushedSegment) bool {
	if len(v.flushed) == 0 {
		return func(*flushedSegment) bool { return true }
	}
	indexes := e.vectorIndexes(v.flushed[0].Manifest.Partition)
	return func(f *flushedSegment) bool {
		return !slices.ContainsFunc(indexes, func(x *targetIndex) bool { return f.indexState(x.storage()) < state })
	}
}

// mergeGroup chooses of segments the small ones that fit into one of so many bytes
// at most, and says whether their merge is worth writing them again.
func mergeGroup(segments []*flushedSegment, h horizon, most int64) (_ []*flushedSegment, worthIt bool) {
	var group []*flushedSegment
	var groupBytes, largest int64
	var key catalog.FieldID
	keyed := false
	for _, f := range segments {
		size := f.bytesAfter(h)
		if size >= most/smallSegment || len(group) == mergeInputsMax || groupBytes+size > most {
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
	return group, len(group) >= mergeInputsMin && largest*2 <= groupBytes
}

// isSmall says whether a segment of a shard is to be merged with others.
func (e *Engine) isSmall(s *shard, f *flushedSegment, h horizon) bool {
	return f.bytesAfter(h) < e.segmentBytesMax(s)/smallSegment
}

// liveBytes estimates the size of a segment without its deleted rows and its
// vector indexes.
func (f *flushedSegment) liveBytes() int64 { return f.bytesWithout(f.Tombstones.Count()) }

// bytesAfter estimates what a merge would write of a segment: deleted rows that may
// still be read stay. After an update of all rows those are as many as the others.
func (f *flushedSegment) bytesAfter(h horizon) int64 {
	return f.bytesWithout(f.Tombstones.CountBefore(uint64(h.deleted)))
}

func (f *flushedSegment) bytesWithout(deleted int64) (n int64) {
	for i := range f.Manifest.Files {
		if x := &f.Manifest.Files[i]; x.Index == 0 {
			n += x.Bytes
		}
	}
	if rows := int64(f.Rows()); rows > 0 {
		n = n * (rows - deleted) / rows
	}
	return n
}

// mergeSmall does every merge of the scope in a shard. The caller holds the shard's
// token.
func (e *Engine) mergeSmall(ctx context.Context, s *shard, scope mergeScope, pace paced) error {
	for {
		done, err := e.mergeOnce(ctx, s, scope, pace)
		if done || err != nil {
			return err
		}
	}
}

// mergeOnce does one merge; done when there was none to do.
func (e *Engine) mergeOnce(ctx context.Context, s *shard, scope mergeScope, pace paced) (done bool, err error) {
	v := s.pin()
	defer v.release()
	work := e.mergePlan(s, v, e.horizonOf(s, scope), scope)
	if work.inputs == nil {
		return true, nil
	}
	return false, e.mergeSegments(ctx, s, work.inputs, scope, pace)
}
