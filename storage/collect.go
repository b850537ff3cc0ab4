package storage

import (
	"context"
	"errors"

	"quiver/catalog"
	"quiver/storage/manifest"
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
	s.dirty, s.deltas = zeroPosition, nil
	for _, f := range s.view.flushed {
		e.collect(f)
	}
	e.collectCheckpoints([]catalog.Checkpoint{{Table: s.table, Partition: s.key.partition, Shard: s.key.shard}})
	s.replace(newShardView(nil))
	e.mu.Lock()
	delete(e.shards, s.key)
	e.mu.Unlock()
}

// collect removes a segment that no catalog version shows any more: its
// descriptor now, its objects once nobody reads it.
func (e *Engine) collect(f *flushedSegment) {
	f.OnFree(func() {
		e.jobs.Go("collect", func(ctx context.Context) error { return e.removeObjects(ctx, f.Manifest, f.descriptor.Manifest) })
	})
	id := f.descriptor.ID
	e.jobs.Go("forget segment", func(ctx context.Context) error {
		return e.catalog.CommitSegments(ctx, catalog.SegmentChange{Remove: []catalog.SegmentID{id}})
	})
}

func (e *Engine) collectCheckpoints(list []catalog.Checkpoint) {
	for _, c := range list {
		e.jobs.Go("forget checkpoint", func(ctx context.Context) error {
			return e.catalog.CommitSegments(ctx, catalog.SegmentChange{RemoveCheckpoints: []catalog.Checkpoint{c}})
		})
	}
}

func (e *Engine) removeObjects(ctx context.Context, m *manifest.Manifest, key string) error {
	var failed error
	for i := range m.Files {
		failed = errors.Join(failed, e.opts.Objects.Delete(ctx, m.Files[i].Key))
	}
	if failed != nil {
		return failed
	}
	return e.opts.Objects.Delete(ctx, key)
}
