package storage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"quiver/catalog"
	"quiver/vector"
)

// indexBuilds are the indexes being built by statements. What they built stays
// until their transactions end, although the catalog does not know it yet.
type indexBuilds struct {
	mu      sync.Mutex // guards what follows and the progress of each
	storage map[catalog.StorageID]int
	running []*indexProgress
	// ended counts the transactions with builds that did.
	ended atomic.Uint64
}

// indexProgress is a row of pg_stat_progress_create_index.
type indexProgress struct {
	builds *indexBuilds
	row    catalog.IndexProgress
}

func (b *indexBuilds) remember(id catalog.StorageID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.storage == nil {
		b.storage = map[catalog.StorageID]int{}
	}
	b.storage[id]++
}

func (b *indexBuilds) forget(ids []catalog.StorageID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if b.storage[id]--; b.storage[id] == 0 {
			delete(b.storage, id)
		}
	}
	b.ended.Add(1)
}

// protected says whether an index belongs to a transaction that has not ended.
func (b *indexBuilds) protected(id catalog.StorageID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.storage[id] > 0
}

func (b *indexBuilds) begin(row catalog.IndexProgress) *indexProgress {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &indexProgress{b, row}
	b.running = append(b.running, p)
	return p
}

func (p *indexProgress) end() {
	p.builds.mu.Lock()
	defer p.builds.mu.Unlock()
	p.builds.running = slices.DeleteFunc(p.builds.running, func(o *indexProgress) bool { return o == p })
}

func (p *indexProgress) update(f func(*catalog.IndexProgress)) {
	p.builds.mu.Lock()
	defer p.builds.mu.Unlock()
	f(&p.row)
}

func (b *indexBuilds) list() []catalog.IndexProgress {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]catalog.IndexProgress, len(b.running))
	for i, p := range b.running {
		out[i] = p.row
	}
	return out
}

// BuildIndex builds an index of what is committed.
func (t *txn) BuildIndex(ctx context.Context, b IndexBuild) error {
	if err := t.writable(); err != nil {
		return err
	}
	x, err := t.e.target(b.Table, b.Index)
	if err != nil {
		return err
	}
	t.e.builds.remember(x.storage())
	t.builds = append(t.builds, x.storage())
	p := t.e.builds.begin(catalog.IndexProgress{
		PID: b.PID, Database: b.Table.Database, Table: b.Table.OID, Index: b.Index.OID, Command: b.Command, Phase: "initializing",
	})
	defer p.end()
	var shards []*shard
	for _, part := range t.catalog.Partitions(b.Table.OID) {
		for n := range max(b.Table.Shards, 1) {
			if s := t.e.findShard(shardKey{part.Storage, n}); s != nil {
				shards = append(shards, s)
			}
		}
	}
	p.update(func(r *catalog.IndexProgress) { r.PartitionsTotal = int64(len(shards)) })
	x = x.with(paced{workers: b.Workers}, b.MemoryBytes*int64(max(b.Workers, 1)))
	if scratch := x.options.Scratch; scratch != nil && b.Spills != nil {
		spills := sync.OnceFunc(b.Spills)
		x.options.Scratch = func(bytes int64) ([]byte, func(), error) {
			spills()
			return scratch(bytes)
		}
	}
	err = t.e.buildShards(ctx, shards, x, p)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// buildShards builds an index of each shard.
func (e *Engine) buildShards(ctx context.Context, shards []*shard, x *targetIndex, p *indexProgress) error {
	return eachShard(ctx, shards, func(ctx context.Context, s *shard) error {
		if err := e.buildShard(ctx, s, x, p); err != nil {
			return err
		}
		p.update(func(r *catalog.IndexProgress) { r.PartitionsDone++ })
		return nil
	})
}

// buildShard flushes and merges a shard and builds an index of its segments.
func (e *Engine) buildShard(ctx context.Context, s *shard, x *targetIndex, p *indexProgress) error {
	if err := s.shape(ctx); err != nil {
		return err
	}
	defer s.shaped()
	if err := e.flushShard(ctx, s); err != nil {
		return err
	}
	if err := e.mergeSmall(ctx, s, mergeWhole, atOnce()); err != nil {
		return err
	}
	v := s.pin()
	defer v.release()
	p.update(func(r *catalog.IndexProgress) {
		for _, f := range v.flushed {
			r.BlocksTotal += f.pages()
			r.TuplesTotal += int64(f.Rows())
		}
	})
	for _, f := range v.flushed {
		done := p.follow(f)
		if err := e.buildSegment(ctx, s, f, x.with(paced{workers: x.options.Workers, progress: done.tell}, x.options.MemoryBytes)); err != nil && !errors.Is(err, errSegmentGone) {
			return err
		}
		done.all()
	}
	return nil
}

// segmentProgress is that of one segment's build, which adds to the whole; the
// fields Done are what it has added.
type segmentProgress struct {
	*indexProgress
	rows, pages         int64
	rowsDone, pagesDone int64
}

func (p *indexProgress) follow(f *flushedSegment) *segmentProgress {
	return &segmentProgress{indexProgress: p, rows: int64(f.Rows()), pages: f.pages()}
}

// tell is an Options.Progress. The phases of a kind are shown as PostgreSQL shows
// those of an access method; what is done is of the whole build, by time, and never
// goes back.
func (s *segmentProgress) tell(phase string, done, total int64) {
	s.update(func(r *catalog.IndexProgress) {
		r.Phase = "building index: " + phase
		s.reach(r, vector.BuildShare(phase, done, total))
	})
}

// all says that the segment is done.
func (s *segmentProgress) all() {
	s.update(func(r *catalog.IndexProgress) { s.reach(r, 1) })
}

func (s *segmentProgress) reach(r *catalog.IndexProgress, share float64) {
	rows, pages := max(s.rowsDone, int64(share*float64(s.rows))), max(s.pagesDone, int64(share*float64(s.pages)))
	r.TuplesDone += rows - s.rowsDone
	r.BlocksDone += pages - s.pagesDone
	s.rowsDone, s.pagesDone = rows, pages
}

// pages is the size of the rows in PostgreSQL's pages.
func (f *flushedSegment) pages() int64 {
	const page = 8192
	return (f.liveBytes() + page - 1) / page
}

// buildSegment builds the index of one segment unless it was built. The caller
// holds the shard's token.
func (e *Engine) buildSegment(ctx context.Context, s *shard, f *flushedSegment, x *targetIndex) error {
	state := f.indexState(x.storage())
	if f.Rows() == 0 || state == indexBuilt {
		return nil
	}
	defer e.writing()()
	var replaced []catalog.StorageID
	if state == indexInterim {
		replaced = append(replaced, x.storage())
	}
	w, err := e.buildParts(ctx, f, x)
	if err != nil {
		return err
	}
	err = e.changeParts(ctx, s, f, w.Files(), replaced...)
	if err != nil && !errors.Is(err, errUncertain) {
		err = errors.Join(err, w.Abandon(context.WithoutCancel(ctx)))
	}
	return err
}
