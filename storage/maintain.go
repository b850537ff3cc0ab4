package storage

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// signals connects writers that wait for memory with the flushes that free it.
type signals struct {
	mu    sync.Mutex
	wake  chan struct{} // a writer asks for a flush
	flush chan struct{} // closed at the end of a flush
	// failing is the error of the last flush, ended when one succeeded last.
	failing error
	ended   time.Time
	// flushing: one is under way.
	flushing bool
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

// flushes tells when a flush succeeded last, and the error of the last.
func (e *Engine) flushes() (last time.Time, failing error) {
	e.signal.mu.Lock()
	defer e.signal.mu.Unlock()
	return e.signal.ended, e.signal.failing
}

// isFlushing says whether a flush of maintain is under way: the log is cut at its end
// alone.
func (e *Engine) isFlushing() bool {
	e.signal.mu.Lock()
	defer e.signal.mu.Unlock()
	return e.signal.flushing
}

func (e *Engine) beginFlush() {
	e.signal.mu.Lock()
	defer e.signal.mu.Unlock()
	e.signal.flushing = true
}

func (e *Engine) announceFlush(err error) {
	e.signal.mu.Lock()
	defer e.signal.mu.Unlock()
	e.signal.flushing = false
	if e.signal.failing = err; err == nil {
		e.signal.ended = time.Now()
	}
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
		for due := e.due(time.Now()); len(due) > 0 && e.background.Err() == nil; due = e.due(time.Now()) {
			e.beginFlush()
			err := e.flushShards(e.background, due)
			// A short disk needs the room of those shards that were flushed.
			if d, unknown := e.disk(); err == nil || unknown == nil && d.short() {
				err = errors.Join(err, e.cutLog(e.background))
			}
			e.announceFlush(err)
			if err != nil {
				if e.background.Err() == nil {
					e.logger.Warn("flush failed and will be repeated", "err", err)
				}
				break
			}
		}
		e.trimLog()
		e.reconcile()
		if e.sweeping.due(time.Now(), e.ids.Load(), e.opts.SweepAfter) {
			e.submitSweep()
		}
	}
}

// sealedRowsMax, times Options.GrowingIndexRows, is how many sealed rows are worth
// a flush.
const sealedRowsMax = 16

// wantsIndex says whether a shard holds so many sealed rows that their search
// would gain by an index, which objects alone have.
func (e *Engine) wantsIndex(s *shard) bool {
	rows := 0
	for _, m := range s.view.memory {
		if !m.open {
			rows += m.Rows()
		}
	}
	return rows >= sealedRowsMax*e.opts.GrowingIndexRows && len(e.vectorIndexes(s.key.partition)) > 0
}

// due returns shards to flush at a time of the wall clock, one group at most.
func (e *Engine) due(wall time.Time) (list []*shard) {
	if e.pressed() {
		if list = e.largest(); list != nil {
			return list
		}
	}
	if list = e.shortOfDisk(); list != nil {
		return list
	}
	now := e.pipeline.visible().Time()
	if wall.After(now) {
		now = wall
	}
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	for _, s := range e.allShards() {
		if s.dirty == zeroPosition || s.flushFrom != zeroPosition || s.damage != nil {
			continue // nothing to do, or what would call for it is being done
		}
		if len(s.view.loaded) > 0 || s.size() >= e.segmentBytesMax(s) || s.age(now) > e.opts.SealAfter || e.wantsIndex(s) {
			if list = append(list, s); len(list) == flushGroupMax {
				break
			}
		}
	}
	return list
}

// scratchName names a new scratch file.
func (e *Engine) scratchName() string { return fmt.Sprintf("spill-%d", e.newIDs(1)) }
