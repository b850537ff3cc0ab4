package storage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"quiver/catalog"
	"quiver/storage/jobs"
	"quiver/storage/objstore"
)

// Vacuum flushes a table, or one of its partitions if that is not 0, and merges
// its small segments and those of which a good part was deleted. full also gives
// back the room of every other row that no open snapshot sees, within the
// retention as well, and builds the vector indexes that segments lack, before it
// returns.
func (e *Engine) Vacuum(ctx context.Context, table, partition catalog.StorageID, full bool) error {
	return e.vacuum(ctx, table, partition, full, nil)
}

// vacuum is Vacuum that tells how far it is: of one shard what its merges tell, of
// several how many are done.
func (e *Engine) vacuum(ctx context.Context, table, partition catalog.StorageID, full bool, p *jobs.Progress) error {
	scope := mergeAll
	if full {
		scope = mergeFull
	}
	shards := e.shardsOf(table, partition)
	pace, done := atOnce(), atomic.Int64{}
	if len(shards) == 1 {
		pace.progress = p.Set
	}
	err := eachShard(ctx, shards, func(ctx context.Context, s *shard) error {
		if len(shards) > 1 {
			defer func() { p.Set("shards", done.Add(1), int64(len(shards))) }()
		}
		return e.vacuumShard(ctx, s, scope, pace)
	})
	if err != nil || !full {
		return err
	}
	owners := map[uint64]bool{uint64(table): true}
	for _, s := range shards {
		owners[uint64(s.table)] = true
	}
	return e.awaitRemoval(ctx, owners)
}

// awaitRemoval waits until the objects of tables' segments are removed that nobody
// reads any more. A store that does not do so in StoreDeadline is as good as away;
// they are removed once it is back.
func (e *Engine) awaitRemoval(ctx context.Context, owners map[uint64]bool) error {
	err := e.jobs.WaitFor(ctx, e.opts.StoreDeadline, func(j *jobs.Job) bool { return j.Kind == collectKind && owners[j.Owner] })
	if err == nil || ctx.Err() != nil || e.background.Err() != nil || errors.Is(err, objstore.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", objstore.ErrUnavailable, err)
}

// Flush moves what a table, or one of its partitions, holds in memory into
// objects.
func (e *Engine) Flush(ctx context.Context, table, partition catalog.StorageID) error {
	if err := e.flushShards(ctx, e.shardsOf(table, partition)); err != nil {
		return err
	}
	return e.cutLog(ctx)
}

// Compact has Vacuum, not in full, done in the background and returns the number
// of the job. object names the table for people.
func (e *Engine) Compact(object string, table, partition catalog.StorageID) (job int64) {
	job, _ = e.jobs.SubmitID(jobs.Job{
		Kind: "compact", Object: object, Key: fmt.Sprintf("compact %d/%d", table, partition), Priority: jobs.Merge, Costly: true,
		Run: func(ctx context.Context, p *jobs.Progress) error { return e.vacuum(ctx, table, partition, false, p) },
	})
	e.jobs.Hurry(job) // it may be there from before
	return job
}

// WaitJob waits for the end of a background job; jobs.ErrUnknownJob if there was
// none of that number.
func (e *Engine) WaitJob(ctx context.Context, job int64) error { return e.jobs.WaitID(ctx, job) }

func (e *Engine) vacuumShard(ctx context.Context, s *shard, scope mergeScope, pace paced) error {
	if err := s.shape(ctx); err != nil {
		return err
	}
	defer s.shaped()
	if err := e.flushShard(ctx, s); err != nil {
		return err
	}
	if d, err := e.disk(); err == nil && d.short() {
		if err := e.cutLog(ctx); err != nil { // merges need the room
			return err
		}
	}
	if err := e.mergeSmall(ctx, s, scope, pace); err != nil || scope != mergeFull {
		return err
	}
	v := s.pin()
	defer v.release()
	for _, x := range e.vectorIndexes(s.key.partition) {
		for _, f := range v.flushed {
			err := e.inBackground(x, f, createInBackground, pace, func(x *targetIndex) error { return e.buildSegment(ctx, s, f, x) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}
