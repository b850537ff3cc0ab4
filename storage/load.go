package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/segment"
)

// loadSegments opens what the catalog lists: segments, with the deletes of
// their rows, and checkpoints. What belongs to no partition any more is
// collected.
func (e *Engine) loadSegments(ctx context.Context, version *catalog.Version) error {
	checkpoints, err := e.catalog.Checkpoints(ctx)
	if err != nil {
		return err
	}
	var stale []catalog.Checkpoint
	for _, c := range checkpoints {
		if version.PartitionByStorage(c.Partition) == nil {
			stale = append(stale, c)
			continue
		}
		s := e.shard(shardKey{c.Partition, c.Shard}, c.Table)
		if s.checkpoint, err = decodePosition(c.Position); err != nil {
			return err
		}
	}
	horizons, err := e.catalog.Horizons(ctx)
	if err != nil {
		return err
	}
	for _, h := range horizons {
		if version.PartitionByStorage(h.Partition) != nil { // otherwise it goes with the checkpoint
			e.shard(shardKey{h.Partition, h.Shard}, h.Table).changeSince(nil, nil, hlc.Timestamp(h.Since))
		}
	}
	segments, err := e.catalog.Segments(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(segments, func(a, b *catalog.Segment) int { return cmp.Compare(a.ID, b.ID) })
	lists := map[*shard][]*flushedSegment{}
	defer func() {
		for _, list := range lists {
			for _, f := range list {
				f.release()
			}
		}
	}()
	opened, damaged, err := e.openSegments(ctx, segments)
	if err != nil {
		return err
	}
	for i, d := range segments {
		f := opened[i]
		switch {
		case version.PartitionByStorage(d.Partition) != nil:
			s := e.shard(shardKey{d.Partition, d.Shard}, d.Table)
			if f != nil {
				lists[s] = append(lists[s], f)
			} else {
				e.noteDamage(s, damaged[i])
			}
		case f != nil:
			e.collect(f)
			f.release()
		default:
			e.forget(d.ID)
		}
	}
	for s, list := range lists {
		if s.damage == nil {
			s.change(nil, list)
			err := s.loadDeletes(ctx, list)
			if err != nil && !IsDamage(err) {
				return err
			}
			if err != nil {
				s.change(nil, nil)
				e.noteDamage(s, err)
			}
		}
	}
	for _, d := range segments {
		if s := e.findShard(shardKey{d.Partition, d.Shard}); s != nil && s.damage != nil {
			s.unread = append(s.unread, d)
		}
	}
	e.collectCheckpoints(stale)
	return nil
}

// opensAtOnce is how many manifests are read at a time: an object store takes a
// millisecond or more for each.
const opensAtOnce = 32

// openSegments opens segments side by side. In place of one that cannot be read, for
// its manifest is damaged, there is the error.
func (e *Engine) openSegments(ctx context.Context, segments []*catalog.Segment) (opened []*flushedSegment, damaged []error, err error) {
	opened, damaged = make([]*flushedSegment, len(segments)), make([]error, len(segments))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(opensAtOnce)
	for i, d := range segments {
		group.Go(func() (err error) {
			if opened[i], err = e.openSegment(ctx, d); IsDamage(err) {
				damaged[i], err = err, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		for _, f := range opened {
			if f != nil {
				f.release()
			}
		}
		return nil, nil, err
	}
	return opened, damaged, nil
}

func (e *Engine) openSegment(ctx context.Context, d *catalog.Segment) (*flushedSegment, error) {
	info, err := e.opts.Objects.Head(ctx, d.Manifest)
	if err != nil {
		return nil, fmt.Errorf("storage: manifest of segment %d: %w", d.ID, err)
	}
	object, err := e.opts.Objects.ReadAt(ctx, d.Manifest, 0, info.Size, nil)
	if err != nil {
		return nil, fmt.Errorf("storage: manifest of segment %d: %w", d.ID, err)
	}
	m, err := manifest.Decode(d.Manifest, object)
	if err != nil {
		return nil, err
	}
	f, err := segment.OpenFlushed(m, e.shelf)
	if err != nil {
		return nil, err
	}
	return newFlushed(f, d), nil
}

// loadDeletes applies every delta log of a shard to all its segments.
func (s *shard) loadDeletes(ctx context.Context, list []*flushedSegment) error {
	for _, f := range list {
		err := f.Deletes(ctx, func(d deltalog.Entry) error {
			for _, g := range list {
				pos, err := g.FindRow(ctx, d.RowID)
				if err != nil {
					return err
				}
				if pos >= 0 {
					g.Tombstones.Set(pos, d.Timestamp, d.Successor)
					break
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
