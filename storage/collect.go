package storage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"quiver/catalog"
	"quiver/storage/jobs"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

// Collecting goes the other way round than writing: the catalog forgets a
// segment first, then its objects are removed. A crash in between leaves
// objects that nothing names, which sweep finds at the next start.

// drop forgets the rows of a shard whose partition is gone. The caller holds
// the apply lock.
func (e *Engine) drop(s *shard) {
	if s.dropped {
		return
	}
	s.dropped = true
	s.dirty, s.deletesSince = zeroPosition, 0
	for _, f := range s.view.objects() {
		e.collect(f)
	}
	for _, d := range s.unread {
		e.forget(d.ID)
	}
	e.collectCheckpoints([]catalog.Checkpoint{{Table: s.table, Partition: s.key.partition, Shard: s.key.shard}})
	s.replace(newShardView(nil))
	e.mu.Lock()
	delete(e.shards, s.key)
	e.mu.Unlock()
}

// collect removes a segment that no catalog version shows any more: its
// descriptor first, then its objects once nobody reads it.
func (e *Engine) collect(f *flushedSegment) {
	id := f.id()
	e.sweeping.leave(f, catalog.SegmentDropped)
	var forgotten, free atomic.Bool
	remove := func() {
		if forgotten.Load() && free.Load() {
			e.removeSegment(f)
		}
	}
	f.OnFree(func() {
		free.Store(true)
		remove()
	})
	e.jobs.Go("forget segment", func(ctx context.Context) error {
		if err := e.catalog.CommitSegments(ctx, catalog.SegmentChange{Remove: []catalog.SegmentID{id}}); err != nil {
			return err
		}
		if !forgotten.Swap(true) {
			remove()
		}
		return nil
	})
}

// forget removes a segment that cannot be read from the catalog; its objects are
// orphans then.
func (e *Engine) forget(id catalog.SegmentID) {
	e.jobs.Go("forget segment", func(ctx context.Context) error {
		return e.catalog.CommitSegments(ctx, catalog.SegmentChange{Remove: []catalog.SegmentID{id}})
	})
}

// discard removes the objects of a segment that was compacted, and that the catalog
// has forgotten, once nobody reads it.
func (e *Engine) discard(f *flushedSegment) {
	e.sweeping.leave(f, catalog.SegmentCompacted)
	f.OnFree(func() {
		e.sweeping.leave(f, catalog.SegmentDropped)
		e.removeSegment(f)
	})
}

// collectKind is of the jobs that remove the objects of a segment.
const collectKind = "collect"

// removeSegment removes objects that nothing names. A second time is harmless.
func (e *Engine) removeSegment(f *flushedSegment) {
	e.removeLater(f.descriptor(), f.Current().Files, func() { e.sweeping.gone(f.id()) })
}

// removeLater removes files of a segment and the manifest that d names, which listed
// them, and then calls gone, unless that is nil.
func (e *Engine) removeLater(d *catalog.Segment, files []manifest.File, gone func()) {
	e.jobs.Submit(jobs.Job{
		Kind: collectKind, Object: fmt.Sprintf("segment %d", d.ID), Owner: uint64(d.Table), Priority: jobs.Collect,
		Run: func(ctx context.Context, _ *jobs.Progress) error {
			err := e.removeObjects(ctx, files, d.Manifest)
			if err == nil && gone != nil {
				gone()
			}
			return err
		},
	})
}

func (e *Engine) collectCheckpoints(list []catalog.Checkpoint) {
	for _, c := range list {
		e.jobs.Go("forget checkpoint", func(ctx context.Context) error {
			return e.catalog.CommitSegments(ctx, catalog.SegmentChange{RemoveCheckpoints: []catalog.Checkpoint{c}})
		})
	}
}

// removeObjects removes files and then the manifest that listed them, "" for
// none.
func (e *Engine) removeObjects(ctx context.Context, files []manifest.File, key string) error {
	var failed error
	for i := range files {
		err := e.removeObject(ctx, files[i].Key)
		if errors.Is(err, objstore.ErrUnavailable) {
			return err // each would wait for the store as long
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil || key == "" {
		return failed
	}
	return e.removeObject(ctx, key)
}

func (e *Engine) removeObject(ctx context.Context, key string) error {
	if err := e.opts.Objects.Delete(ctx, key); err != nil {
		return fmt.Errorf("remove object %s: %w", key, err)
	}
	return nil
}
