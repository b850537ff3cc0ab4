package storage

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/storage/segment"
	"quiver/vector"
)

// A growing segment is searched exactly while it is small. From Options.
// GrowingIndexRows on each vector index of its table has a growth: an incremental
// index that follows the rows in the background, as fast as statements let it.
// The rows beyond its end are compared one by one, so every row is found as soon
// as it is visible. The flush of the segment saves the growth as the new segment's
// index for the interim. What a large transaction brought is flushed at once and
// gets no growth: its index is built of the flushed segment, by all processors.

// growth is the incremental index of a segment in memory.
type growth struct {
	x     *targetIndex
	kind  vector.Kind // of index
	index vector.Growing
	mu    sync.Mutex // one Append or Save at a time
	// settling is set while a goroutine settles the index.
	settling atomic.Bool
	// indexed is how many rows the index has.
	indexed atomic.Int64
}

// growthOf returns the growth of an index, nil if there is none.
func (m *memorySegment) growthOf(storage catalog.StorageID) *growth {
	if list := m.growths.Load(); list != nil {
		for _, g := range *list {
			if g.x.storage() == storage {
				return g
			}
		}
	}
	return nil
}

// followEvery is how often growths are brought up to date: rows wait so long at
// most, and as long as the rows before them take.
const followEvery = 20 * time.Millisecond

// followAnewEvery is how often it is looked which segments have grown so far that they
// want one.
const followAnewEvery = 200 * time.Millisecond

// follow brings growths up to date until Close.
func (e *Engine) follow() {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var shards []*shard
	for n := 0; ; n++ {
		select {
		case <-e.background.Done():
			return
		case <-tick.C:
		}
		if n%int(followAnewEvery/followEvery) == 0 {
			shards = slices.DeleteFunc(e.allShards(), func(s *shard) bool {
				v := s.pin()
				defer v.release()
				return e.followed(v) == nil || len(e.vectorIndexes(s.key.partition)) == 0
			})
		}
		for _, s := range shards {
			if err := e.followShard(e.background, s); err != nil && e.background.Err() == nil {
				e.logger.Warn("a growing segment is searched without index", "shard", s.group(), "err", err)
			}
		}
	}
}

// followed returns the growing segment of a view if it is worth an index.
func (e *Engine) followed(v *shardView) *memorySegment {
	n := len(v.memory)
	if n == 0 {
		return nil
	}
	if m := v.memory[n-1]; !m.adopted && !m.sealed.Load() && m.Rows() >= e.opts.GrowingIndexRows {
		return m
	}
	return nil
}

// followShard brings the growths of a shard's growing segment up to date.
func (e *Engine) followShard(ctx context.Context, s *shard) error {
	v := s.pin()
	defer v.release()
	m := e.followed(v)
	if m == nil {
		return nil
	}
	for _, x := range e.vectorIndexes(s.key.partition) {
		g, err := m.grow(e, x)
		if err == nil && g != nil {
			if err = g.follow(ctx, e, m); err == nil {
				g.settle(e, s, m)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grow returns the growth of an index, made if need be; nil if the kind has
// none, and for indexes of expressions and partial ones. One goroutine calls it.
func (m *memorySegment) grow(e *Engine, x *targetIndex) (*growth, error) {
	if g := m.growthOf(x.storage()); g != nil || x.keys != nil {
		return g, nil
	}
	g := &growth{x: x}
	var err error
	if g.kind, g.index, err = e.newGrowing(x); err != nil || g.index == nil {
		return nil, err
	}
	list := []*growth{g}
	if old := m.growths.Load(); old != nil {
		list = append(list, *old...)
	}
	m.growths.Store(&list)
	m.OnFree(g.index.Close)
	return g, nil
}

// growingKind takes rows in in some microseconds each, where a node of a graph takes
// some hundreds: growing segments, and flushed ones for the interim, have an index
// of this kind whatever their own is to be, if it can be had for their vectors.
const growingKind = "ivfflat"

// newGrowing makes the growing index of a segment; nil if there is none for it.
func (e *Engine) newGrowing(x *targetIndex) (vector.Kind, vector.Growing, error) {
	if k := e.opts.Kinds(growingKind); k != nil {
		if index, err := k.NewGrowing(x.space, vector.Options{}); index != nil || err != nil {
			return k, index, err
		}
	}
	o := x.options
	o.M, o.EfConstruction = growthM(o), growthEfConstruction
	index, err := x.kind.NewGrowing(x.space, o)
	return x.kind, index, err
}

// growthEfConstruction and growthM are the most that a growth takes: rows are
// to be added as fast as they come, and the flushed segment gets its own index in
// time.
const growthEfConstruction = 40

func growthM(o vector.Options) int {
	const most = 16
	if o.M == 0 {
		return most
	}
	return min(o.M, most)
}

// followRows is how many rows a growth takes at a time: searches gain by each.
const followRows = 1024

// follow adds the rows that were published since the last call, until the segment
// is sealed: its flush adds the rest. It does not rest for searches, to each of
// which a row that is not added costs more than adding it once.
func (g *growth) follow(ctx context.Context, e *Engine, m *memorySegment) error {
	return g.catchUp(ctx, m, e.followers(), m.sealed.Load)
}

// followers is how many workers grow an index.
func (e *Engine) followers() int {
	workers := max(1, cores.Count()/2)
	if e.load.processors() == 0 {
		workers = max(workers, e.budget.Idle())
	}
	return workers
}

// settle has the index do what it has put off, beside which rows go on to be added.
func (g *growth) settle(e *Engine, s *shard, m *memorySegment) {
	if !g.index.Unsettled() || !g.settling.CompareAndSwap(false, true) {
		return
	}
	v := s.pin()
	e.tasks.Go(func() {
		defer v.release()
		defer g.settling.Store(false)
		if !slices.Contains(v.memory, m) {
			return
		}
		var h holder
		defer h.close()
		column, err := m.vectors(&h, g.x.column, int(g.indexed.Load()), false)
		if err == nil {
			err = g.index.Settle(e.background, column, 1)
		}
		if err != nil && e.background.Err() == nil {
			e.logger.Warn("the index of a growing segment is not brought in order", "index", g.x.index.Name, "err", err)
		}
	})
}

// catchUp adds the rows that were published since the last call, unless it is to
// stop.
func (g *growth) catchUp(ctx context.Context, m *memorySegment, workers int, stop func() bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !stop() {
		rows := m.Rows()
		from := int(g.indexed.Load())
		if from == rows {
			return nil
		}
		end := min(from+followRows, rows)
		if from == 0 {
			end = rows // at once, for the index to learn from
		}
		if err := g.add(ctx, m, end, workers); err != nil {
			return err
		}
	}
	return nil
}

func (g *growth) add(ctx context.Context, m *memorySegment, end, workers int) error {
	var h holder
	defer h.close()
	column, err := m.vectors(&h, g.x.column, end, false)
	if err != nil {
		return err
	}
	if err := g.index.Append(ctx, column, end, workers); err != nil {
		return err
	}
	g.indexed.Store(int64(end))
	return nil
}

// grown says whether the segment has growths that are worth keeping.
func (m *memorySegment) grown() bool { return m.growths.Load() != nil }

// saveGrowths saves the growths of the one segment in memory that a flush wrote
// as f: refs says where its rows went. What cannot be saved is built later.
func (f *flush) saveGrowths(ctx context.Context, m *memorySegment, w *writtenSegment) error {
	if !m.grown() {
		return nil
	}
	moved := make([]uint32, m.Rows())
	for i := range moved {
		moved[i] = movedAway
	}
	for i, r := range w.refs {
		moved[r.Position] = uint32(i)
	}
	known := f.e.vectorIndexes(f.s.key.partition)
	for _, g := range *m.growths.Load() {
		if !slices.ContainsFunc(known, func(x *targetIndex) bool { return x.storage() == g.x.storage() }) {
			continue
		}
		out, err := f.saveGrowth(ctx, g, m, w.flushed, moved)
		if err != nil {
			return err
		}
		w.parts = append(w.parts, out)
	}
	return nil
}

func (f *flush) saveGrowth(ctx context.Context, g *growth, m *memorySegment, to *flushedSegment, moved []uint32) (*segment.PartWriter, error) {
	p := f.e.builds.begin(backgroundProgress(g.x, to, createInBackground))
	defer p.end()
	p.update(func(r *catalog.IndexProgress) { r.Phase = "building index: loading tuples" })
	workers := f.e.followers()
	if err := g.catchUp(ctx, m, workers, func() bool { return false }); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	out := f.e.partWriter(ctx, to, g.x)
	err := g.index.Save(ctx, out, func(old uint32) (uint32, bool) {
		if int(old) >= len(moved) {
			return 0, false
		}
		return moved[old], moved[old] != movedAway
	})
	if err != nil {
		return out, err
	}
	return out, vector.WriteKind(out, vector.PartInterim, g.kind)
}

// growthView is a growth as one search sees it: the rows below indexed. The index
// may have later ones, and gets more meanwhile.
type growthView struct {
	vector.Growing
	growth  *growth
	indexed int
}

// Kind is that of the index that the growth is for.
func (v growthView) Kind() string { return v.growth.x.kind.Name() }

// standInRecall is what an index of another kind, or with another number of lists,
// is asked for where it is said how far to look: enough for whatever was meant.
const standInRecall = 0.99

// asStandIn is a request as such an index understands it.
func asStandIn(r *vector.SearchRequest) *vector.SearchRequest {
	if r.Effort == 0 && r.MaxLists == 0 {
		return r
	}
	c := *r
	c.Effort, c.MaxLists, c.Recall = 0, 0, max(r.Recall, standInRecall)
	return &c
}

// isLists says that the index leaves out rows beyond the column itself.
func (v growthView) isLists() bool { return v.growth.kind.Name() == growingKind }

// ofLists is a request of the rows below indexed as lists understand it.
func (v growthView) ofLists(r *vector.SearchRequest) *vector.SearchRequest {
	c := *asStandIn(r)
	c.Column = vector.Prefix{Column: r.Column, Rows: v.indexed}
	return &c
}

// Search proposes rows below indexed alone. In graphs rows that came during the search
// may be in the way: only then is it made once more.
func (v growthView) Search(ctx context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) ([]vector.Candidate, error) {
	if v.isLists() {
		return v.Growing.Search(ctx, dst, v.ofLists(r), stats)
	}
	if r.Keep != nil {
		return v.Growing.Search(ctx, dst, v.bounded(r), stats)
	}
	start := len(dst)
	dst, err := v.Growing.Search(ctx, dst, r, stats)
	if err != nil {
		return dst, err
	}
	found := slices.DeleteFunc(dst[start:], func(c vector.Candidate) bool { return int(c.Position) >= v.indexed })
	if len(found) < r.K && len(dst)-start > len(found) {
		return v.Growing.Search(ctx, dst[:start], v.bounded(r), stats)
	}
	return dst[:start+len(found)], nil
}

// Iterate proposes rows below indexed alone.
func (v growthView) Iterate(r *vector.SearchRequest, stats *vector.SearchStats) vector.Iterator {
	if v.isLists() {
		return v.Growing.Iterate(v.ofLists(r), stats)
	}
	return v.Growing.Iterate(v.bounded(r), stats)
}

// growthSlack is, in bytes of a bitmap, how many rows may come during a search.
const growthSlack = 32 << 10

// bounded is a request whose Keep has a bit for every row that the index may
// have.
func (v growthView) bounded(r *vector.SearchRequest) *vector.SearchRequest {
	c := *r
	c.Keep = make([]byte, max(len(r.Keep), (v.indexed+63)/64*8)+growthSlack)
	setAll(c.Keep, v.indexed)
	if r.Keep == nil {
		c.Kept = v.indexed
		return &c
	}
	for i := range min(len(r.Keep), len(c.Keep)) {
		c.Keep[i] &= r.Keep[i]
	}
	return &c
}
