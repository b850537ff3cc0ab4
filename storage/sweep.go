package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"quiver/catalog"
	"quiver/storage/jobs"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/segment"
)

// Sweeping removes objects that nothing names: what a flush, a merge, an index
// build or a collection left that a crash or an error cut short. Those of an earlier
// process go when the engine starts; those of this one once they are older than
// Options.SweepAfter, and no work that began before them is under way.
//
// Ids tell how old an object is: segments, logs and parts are numbered by one
// counter.

// sweeping knows which ids are old.
type sweeping struct {
	mu sync.Mutex // guards what follows
	// marks are readings of the counter, the oldest first.
	marks []sweepMark
	swept time.Time
	// writing counts, by the counter when it began, the work that puts objects
	// which the catalog does not know yet.
	writing map[uint64]int
	// leaving are segments that no view of a shard shows any more and whose objects
	// are yet to be removed, by whoever has the last use of them.
	leaving map[catalog.SegmentID]leavingSegment
}

// leavingSegment is compacted while older snapshots may read it, then dropped.
type leavingSegment struct {
	*flushedSegment
	state catalog.SegmentState
}

type sweepMark struct {
	at time.Time
	id uint64
}

// due notes the counter from time to time and says when to sweep again.
func (s *sweeping) due(now time.Time, id uint64, after time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.marks); n == 0 || now.Sub(s.marks[n-1].at) >= after/4 {
		s.marks = append(s.marks, sweepMark{now, id})
	}
	// The first mark is the newest that is old enough.
	for len(s.marks) > 1 && now.Sub(s.marks[1].at) >= after {
		s.marks = s.marks[1:]
	}
	if s.swept.IsZero() {
		s.swept = now // the sweep of the start
	}
	if now.Sub(s.swept) < after {
		return false
	}
	s.swept = now
	return true
}

// before is the id below which objects are old, if first was the first of this
// process.
func (s *sweeping) before(now time.Time, first uint64, after time.Duration) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := first
	if len(s.marks) > 0 && now.Sub(s.marks[0].at) >= after {
		before = max(before, s.marks[0].id)
	}
	for id := range s.writing {
		before = min(before, id)
	}
	return before
}

// begin notes that objects are going to be put which the catalog does not know
// yet; end is called when it knows them, or they were given up.
func (s *sweeping) begin(id uint64) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing == nil {
		s.writing = map[uint64]int{}
	}
	s.writing[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.writing[id]--; s.writing[id] == 0 {
			delete(s.writing, id)
		}
	}
}

// leave notes the state of a segment that no view shows any more. There is no way
// back from a later one.
func (s *sweeping) leave(f *flushedSegment, state catalog.SegmentState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving == nil {
		s.leaving = map[catalog.SegmentID]leavingSegment{}
	}
	if old, ok := s.leaving[f.id()]; !ok || segment.MayMove(old.state, state) {
		s.leaving[f.id()] = leavingSegment{f, state}
	}
}

// gone forgets a segment whose objects are no more.
func (s *sweeping) gone(id catalog.SegmentID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leaving, id)
}

func (s *sweeping) isLeaving(id catalog.SegmentID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.leaving[id]
	return ok
}

// left lists the segments that no view shows any more.
func (s *sweeping) left() []leavingSegment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.leaving))
}

// writing notes work that puts objects; end is called at its end.
func (e *Engine) writing() (end func()) { return e.sweeping.begin(e.ids.Load()) }

func (e *Engine) submitSweep() {
	e.jobs.Submit(jobs.Job{Kind: "sweep", Key: "sweep", Priority: jobs.Sweep, Run: func(ctx context.Context, _ *jobs.Progress) error { return e.sweep(ctx) }})
}

// sweep removes the orphans.
func (e *Engine) sweep(ctx context.Context) error {
	stale, err := e.orphans(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("storage: sweep: %w", err)
	}
	for _, key := range stale {
		if err := e.opts.Objects.Delete(ctx, key); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		e.logger.Info("objects that nothing names were removed", "objects", len(stale))
	}
	return nil
}

// orphans lists the objects that nothing names and that are old.
func (e *Engine) orphans(ctx context.Context, now time.Time) (stale []string, err error) {
	if e.damaged {
		return nil, nil // objects of bulk loads may be named by the log alone
	}
	// In this order: what is in the making then is not old, and what is listed then
	// has its place in the catalog, or has none.
	before := e.sweeping.before(now, e.firstID, e.opts.SweepAfter)
	type object struct {
		key string
		id  manifest.Key
	}
	var old []object
	err = e.opts.Objects.List(ctx, "files/", func(o objstore.ObjectInfo) error {
		if k, ok := manifest.ParseKey(o.Key); ok && madeBefore(&k, before) {
			old = append(old, object{o.Key, k})
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return nil, err
	}
	known, err := e.knownSegments(ctx)
	if err != nil {
		return nil, err
	}
	for i := range old {
		o := &old[i]
		k := known[o.id.ID]
		switch {
		case k == nil && e.sweeping.isLeaving(o.id.ID):
		case k == nil, !k.names(&o.id, o.key):
			stale = append(stale, o.key)
		}
	}
	return stale, nil
}

// madeBefore says whether an object was put before an id was given out.
func madeBefore(k *manifest.Key, before uint64) bool {
	switch log, isPart := k.PartLog(); {
	case uint64(k.ID) >= before:
		return false
	case k.Kind == manifest.KindManifest:
		return k.Log < before
	case k.Kind == manifest.KindIndex && k.Part != "" && isPart:
		return log < before
	}
	return true
}

// knownSegment is a segment as the catalog and the views of shards know it.
type knownSegment struct {
	manifests []string
	files     []*manifest.Manifest
}

// names says whether an object of the segment belongs to it. Its manifests and the
// parts of its indexes are replaced; its other files never are.
func (s *knownSegment) names(k *manifest.Key, key string) bool {
	switch {
	case k.Kind == manifest.KindManifest:
		return slices.Contains(s.manifests, key)
	case k.Kind == manifest.KindIndex && k.Part != "":
		if s.files == nil {
			return true // not loaded: the catalog alone knows it
		}
		return slices.ContainsFunc(s.files, func(m *manifest.Manifest) bool {
			return slices.ContainsFunc(m.Files, func(f manifest.File) bool { return f.Key == key })
		})
	}
	return true
}

// knownSegments are those that the catalog lists or a shard shows.
func (e *Engine) knownSegments(ctx context.Context) (map[catalog.SegmentID]*knownSegment, error) {
	known := map[catalog.SegmentID]*knownSegment{}
	of := func(id catalog.SegmentID) *knownSegment {
		if known[id] == nil {
			known[id] = &knownSegment{}
		}
		return known[id]
	}
	// Under the apply lock a segment that a merge replaces is either still shown or
	// already going.
	e.pipeline.apply.Lock()
	for _, s := range e.allShards() {
		for _, f := range s.view.objects() {
			k := of(f.id())
			k.manifests = append(k.manifests, f.descriptor().Manifest)
			k.files = append(k.files, f.Current())
		}
	}
	e.pipeline.apply.Unlock()
	listed, err := e.catalog.Segments(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range listed {
		k := of(d.ID)
		k.manifests = append(k.manifests, d.Manifest)
	}
	return known, nil
}
