package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/storage/jobs"
	"quiver/vector"
)

// Reconciling compares what the catalog says there should be of each shard with
// what there is, and submits jobs for the difference: segments to merge, vector
// indexes to build and to remove. So whatever a crash or an error left undone is
// found again, and nothing but the manifests needs to be remembered.

// settledShard is what a shard looked like when there was nothing to do.
type settledShard struct {
	view    *shardView
	version *catalog.Version
	builds  uint64 // that ended
}

// reconcile looks at every shard that changed and returns how many jobs it
// submitted.
func (e *Engine) reconcile() (submitted int) {
	e.reconciling.Lock()
	defer e.reconciling.Unlock()
	for _, s := range e.allShards() {
		submitted += e.reconcileShard(s)
	}
	return submitted
}

func (e *Engine) reconcileShard(s *shard) (submitted int) {
	v := s.pin()
	defer v.release()
	now := settledShard{v, e.catalog.Current(), e.builds.ended.Load()}
	known := s.settled == now || s.awaited == now && e.jobs.Has(s.job)
	if len(v.flushed) == 0 || known && !v.hasDeletes() && e.lifetimeOf(s).ttl == 0 || now.version.PartitionByStorage(s.key.partition) == nil {
		return 0
	}
	left := 0
	s.awaited = settledShard{}
	count := func(job int64, fresh bool) {
		s.awaited, s.job = now, job
		left++
		if fresh {
			submitted++
		}
	}
	scope := mergeBare
	if e.awaitsMore(s, v) {
		scope = mergeSome
	}
	h := e.horizonOf(s, scope)
	work := e.mergePlan(s, v, h, scope)
	merging := work.inputs
	if merging != nil {
		count(e.mergeJob(s, work.kind, scope))
	}
	indexes, built := e.vectorIndexes(s.key.partition), e.have(v, indexBuilt)
	for _, f := range v.flushed {
		if scope == mergeSome && e.isSmall(s, f, h) && !built(f) {
			left++ // soon
			continue
		}
		if len(e.staleIndexes(s, f)) > 0 {
			count(e.dropJob(s, f))
		}
		for _, x := range indexes {
			// Segments about to be merged get none.
			if f.Rows() > 0 && f.indexState(x.storage()) != indexBuilt && !slices.Contains(merging, f) {
				count(e.buildJob(s, f, x))
			}
		}
	}
	if left == 0 {
		s.settled = now
	}
	return submitted
}

// bareRowsMax, times Options.GrowingIndexRows, is how many rows without an index
// are borne while more are awaited.
const bareRowsMax = 64

// awaitsMore says that small segments of a shard get no index yet: rows are coming,
// and those that come now are merged and indexed together. But a search is not to
// compare too many rows one by one.
func (e *Engine) awaitsMore(s *shard, v *shardView) bool {
	if at := s.flushedAt.Load(); at == nil || time.Since(*at) > e.opts.SettleAfter {
		return false
	}
	indexed, bare := e.have(v, indexInterim), 0
	for _, f := range v.flushed {
		if !indexed(f) {
			bare += f.Rows()
		}
	}
	return bare < bareRowsMax*e.opts.GrowingIndexRows
}

func (v *shardView) hasDeletes() bool {
	return slices.ContainsFunc(v.flushed, func(f *flushedSegment) bool { return f.Tombstones.Count() > 0 })
}

func (s *shard) group() string { return fmt.Sprintf("shard %d/%d", s.key.partition, s.key.shard) }

// mergeJob submits the merges of a shard, one after the other: were there one at each
// look at the shard, updates would leave more behind than the merges take away.
func (e *Engine) mergeJob(s *shard, kind string, scope mergeScope) (id int64, fresh bool) {
	return e.jobs.SubmitID(jobs.Job{
		Kind: kind, Object: s.group(), Key: "merge " + s.group(), Group: s.group(), Priority: jobs.Merge, Costly: true,
		Run: func(ctx context.Context, p *jobs.Progress) (err error) {
			for done := false; !done && err == nil; {
				err = e.shapeInBackground(ctx, s, jobs.Merge, func(pace paced) (err error) {
					pace.progress = p.Set
					done, err = e.mergeOnce(ctx, s, scope, pace)
					return err
				})
			}
			return err
		},
	})
}

// shapeInBackground runs one job of some priority on a shard, with its token and a
// share of the processors.
func (e *Engine) shapeInBackground(ctx context.Context, s *shard, priority int, run func(paced) error) error {
	if err := s.shape(ctx); err != nil {
		return err
	}
	defer s.shaped()
	workers, err := e.budget.Acquire(ctx, cores.Count())
	if err != nil {
		return err
	}
	defer e.budget.Release(workers)
	pacer := e.budget.Pace(ctx, workers, priority)
	defer pacer.Close()
	return pacer.Behind(func() error { return run(paced{workers: workers, rest: pacer.Rest}) })
}

// paced is how fast work on segments goes: by so many workers, which rest for
// statements if rest is set.
type paced struct {
	workers  int
	rest     func(worker int)
	progress func(phase string, done, total int64)
}

// atOnce is the pace of a statement that waits for the end.
func atOnce() paced { return paced{workers: cores.Count()} }

// pause rests the first worker.
func (p paced) pause() {
	if p.rest != nil {
		p.rest(0)
	}
}

// tell says how far the work is.
func (p paced) tell(phase string, done, total int) {
	if p.progress != nil {
		p.progress(phase, int64(done), int64(total))
	}
}

// buildJob submits the build of an index of a segment.
func (e *Engine) buildJob(s *shard, f *flushedSegment, x *targetIndex) (job int64, fresh bool) {
	id, storage, priority := f.id(), x.storage(), jobs.Index
	if f.indexState(storage) == indexInterim {
		priority = jobs.Replace
	}
	return e.jobs.SubmitID(jobs.Job{
		Kind: "index", Object: fmt.Sprintf("%s, segment %d", x.index.Name, id), Key: fmt.Sprintf("index %d/%d", id, storage),
		Group: s.group(), Priority: priority, Costly: true,
		Run: func(ctx context.Context, p *jobs.Progress) error {
			return e.shapeInBackground(ctx, s, priority, func(pace paced) error {
				pace.progress = p.Set
				return e.buildByID(ctx, s, id, storage, pace)
			})
		},
	})
}

// buildByID builds an index unless it, or the segment, is gone meanwhile.
func (e *Engine) buildByID(ctx context.Context, s *shard, id catalog.SegmentID, storage catalog.StorageID, pace paced) error {
	v := s.pin()
	defer v.release()
	for _, f := range v.flushed {
		if f.id() != id {
			continue
		}
		for _, x := range e.vectorIndexes(s.key.partition) {
			if x.storage() != storage {
				continue
			}
			command := createInBackground
			if f.indexState(storage) == indexInterim {
				command = reindexInBackground
			}
			err := e.inBackground(x, f, command, pace, func(x *targetIndex) error { return e.buildSegment(ctx, s, f, x) })
			if errors.Is(err, errSegmentGone) {
				return nil
			}
			return err
		}
	}
	return nil
}

// inBackground runs a build of the index of a segment, with the memory of
// background work. Nobody could give more to a kind that cannot do with it: it
// gets what it needs. command is what pg_stat_progress_create_index shows.
func (e *Engine) inBackground(x *targetIndex, f *flushedSegment, command string, pace paced, build func(*targetIndex) error) error {
	p := e.builds.begin(backgroundProgress(x, f, command))
	defer p.end()
	pace.progress = alsoTell(pace.progress, p.follow(f).tell)
	err := build(x.with(pace, int64(pace.workers)*e.opts.MaintenanceBytes))
	var memory *vector.MemoryError
	if errors.As(err, &memory) {
		e.logger.Warn("the build of a vector index takes more memory than it should", "index", x.index.Name, "bytes", memory.Needed, "limit", memory.Limit)
		err = build(x.with(pace, memory.Needed))
	}
	return err
}

// What background builds are shown as: statements go on beside them.
const (
	createInBackground  = "CREATE INDEX CONCURRENTLY"
	reindexInBackground = "REINDEX CONCURRENTLY"
)

// backgroundProgress is of a build that no backend waits for: of one segment.
func backgroundProgress(x *targetIndex, f *flushedSegment, command string) catalog.IndexProgress {
	return catalog.IndexProgress{
		Database: x.table.Database, Table: x.table.OID, Index: x.index.OID, Command: command,
		Phase: "initializing", BlocksTotal: f.pages(), TuplesTotal: int64(f.Rows()), PartitionsTotal: 1,
	}
}

// alsoTell calls two functions, of which the first may be nil.
func alsoTell(a, b func(phase string, done, total int64)) func(string, int64, int64) {
	if a == nil {
		return b
	}
	return func(phase string, done, total int64) {
		a(phase, done, total)
		b(phase, done, total)
	}
}

// dropJob submits the removal of indexes of a segment that nothing knows any
// more: dropped, replaced by REINDEX, or of a transaction that rolled back.
func (e *Engine) dropJob(s *shard, f *flushedSegment) (job int64, fresh bool) {
	return e.jobs.SubmitID(jobs.Job{
		Kind: "drop index", Object: fmt.Sprintf("segment %d", f.id()), Key: fmt.Sprintf("drop index %d", f.id()),
		Group: s.group(), Priority: jobs.Collect,
		Run: func(ctx context.Context, _ *jobs.Progress) error {
			if err := s.shape(ctx); err != nil {
				return err
			}
			defer s.shaped()
			stale := e.staleIndexes(s, f)
			if len(stale) == 0 {
				return nil
			}
			err := e.changeParts(ctx, s, f, nil, stale...)
			if errors.Is(err, errSegmentGone) {
				return nil
			}
			return err
		},
	})
}

// staleIndexes are those built of a segment that the catalog does not know.
func (e *Engine) staleIndexes(s *shard, f *flushedSegment) []catalog.StorageID {
	// In this order: an index is protected until the catalog shows it.
	built := slices.DeleteFunc(f.Current().Indexes(), e.builds.protected)
	if len(built) == 0 {
		return nil
	}
	version := e.catalog.Current()
	table, _ := version.PlaceOfStorage(s.key.partition)
	if table == nil {
		return nil // the shard goes with its table
	}
	known := version.In(table.Database).Indexes(table.OID)
	return slices.DeleteFunc(built, func(id catalog.StorageID) bool {
		return slices.ContainsFunc(known, func(x *catalog.Index) bool { return x.Storage == id })
	})
}
