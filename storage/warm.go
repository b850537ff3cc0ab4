package storage

import (
	"context"
	"fmt"
	"sync/atomic"

	"quiver/catalog"
	"quiver/storage/jobs"
)

// Warm brings what is in objects of a table, or of one of its partitions if that is
// not 0, or of one of its vector indexes if that is not 0, into the cache, and
// returns how many bytes that is. A background job does so, which goes on when ctx
// ends. object names it for people. What exceeds the budgets pushes out what came
// first.
func (e *Engine) Warm(ctx context.Context, object string, table, partition, index catalog.StorageID) (bytes int64, err error) {
	var loaded atomic.Int64
	id, _ := e.jobs.SubmitID(jobs.Job{
		Kind: "warm", Object: object, Priority: jobs.Merge, Costly: true,
		Run: func(ctx context.Context, p *jobs.Progress) error {
			n, err := e.warm(ctx, p, table, partition, index)
			loaded.Store(n)
			return err
		},
	})
	err = e.jobs.WaitID(ctx, id)
	return loaded.Load(), err
}

func (e *Engine) warm(ctx context.Context, progress *jobs.Progress, table, partition, index catalog.StorageID) (bytes int64, err error) {
	for _, s := range e.shardsOf(table, partition) {
		if s.damage != nil {
			return bytes, s.damage
		}
		v := s.pin()
		for i, f := range v.flushed {
			progress.Set(fmt.Sprintf("segments of partition %d", s.key.partition), int64(i), int64(len(v.flushed)))
			n, err := e.warmSegment(ctx, s, f, index)
			bytes += n
			if err != nil {
				v.release()
				return bytes, err
			}
		}
		v.release()
	}
	return bytes, nil
}

// warmSegment brings a segment's files, or those of one vector index.
func (e *Engine) warmSegment(ctx context.Context, s *shard, f *flushedSegment, index catalog.StorageID) (bytes int64, err error) {
	if index == 0 {
		err := f.Warm(ctx, func(n int64) error {
			bytes += n
			return ctx.Err()
		})
		if err != nil {
			return bytes, err
		}
	}
	for _, x := range e.vectorIndexes(s.key.partition) {
		if index != 0 && x.storage() != index {
			continue
		}
		opened, err := x.open(ctx, f)
		if err != nil {
			return bytes, err
		}
		if opened == nil {
			continue // not built yet
		}
		err = opened.Preload(ctx)
		opened.Unpin()
		if err != nil {
			return bytes, err
		}
		for _, part := range f.Current().Parts(x.storage()) {
			bytes += part.Bytes
		}
	}
	return bytes, nil
}
