package storage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"quiver/catalog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

// signals connects writers that wait for memory with the flushes that free it.
type signals struct {
	mu    sync.Mutex
	wake  chan struct{} // a writer asks for a flush
	flush chan struct{} // closed at the end of a flush
}

func (s *signals) init() {
	s.wake, s.flush = make(chan struct{}, 1), make(chan struct{})
}

func (e *Engine) wake() {
	select {
	case e.signal.wake <- struct{}{}:
	default:
	}
}

// flushed is closed when the next flush ends.
func (e *Engine) flushed() <-chan struct{} {
	e.signal.mu.Lock()
	defer e.signal.mu.Unlock()
	return e.signal.flush
}

func (e *Engine) announceFlush() {
	e.signal.mu.Lock()
	defer e.signal.mu.Unlock()
	close(e.signal.flush)
	e.signal.flush = make(chan struct{})
}

// maintainEvery is how often sizes and ages are looked at.
const maintainEvery = time.Second

// maintain flushes shards by size, age and memory pressure until Close. One
// flush runs at a time.
func (e *Engine) maintain() {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		select {
		case <-e.background.Done():
			return
		case <-e.signal.wake:
		case <-tick.C:
		}
		for s := e.due(); s != nil && e.background.Err() == nil; s = e.due() {
			err := e.flushShard(e.background, s)
			if err == nil {
				err = e.cutLog(e.background)
			}
			e.announceFlush()
			if err != nil {
				if e.background.Err() == nil {
					e.logger.Warn("flush failed and will be repeated", "err", err)
				}
				break
			}
		}
	}
}

// due returns a shard to flush now, or nil.
func (e *Engine) due() *shard {
	if e.pressed() {
		if s := e.largest(); s != nil {
			return s
		}
	}
	now := e.pipeline.visible().Time()
	if wall := time.Now(); wall.After(now) {
		now = wall
	}
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	for _, s := range e.allShards() {
		if s.dirty == zeroPosition {
			continue
		}
		if s.size() > e.opts.SegmentBytesMax || s.age(now) > e.opts.SealAfter {
			return s
		}
	}
	return nil
}

// sweep removes objects that no catalog entry names: a flush or a collection
// that a crash cut short. Ids of this process are left alone.
func (e *Engine) sweep(ctx context.Context) error {
	segments, err := e.catalog.Segments(ctx)
	if err != nil {
		return err
	}
	named := map[catalog.SegmentID]string{}
	for _, s := range segments {
		named[s.ID] = s.Manifest
	}
	var stale []string
	err = e.opts.Objects.List(ctx, "files/", func(o objstore.ObjectInfo) error {
		k, ok := manifest.ParseKey(o.Key)
		if !ok || uint64(k.ID) >= e.firstID {
			return nil
		}
		current, exists := named[k.ID]
		if !exists || k.Kind == manifest.KindManifest && o.Key != current {
			stale = append(stale, o.Key)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storage: sweep: %w", err)
	}
	for _, key := range stale {
		if err := e.opts.Objects.Delete(ctx, key); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		e.logger.Info("objects left behind by a crash were removed", "objects", len(stale))
	}
	return nil
}

// scratchName names a new scratch file.
func (e *Engine) scratchName() string { return fmt.Sprintf("spill-%d", e.newIDs(1)) }
