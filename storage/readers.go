package storage

import (
	"sync"

	"quiver/internal/hlc"
)

// readTime is when someone reads: what was committed up to at, less the rows that
// are expired at now, which goes on while nothing is committed.
type readTime struct{ at, now hlc.Timestamp }

// readers counts who reads when: what the oldest one sees is kept.
type readers struct {
	mu     sync.Mutex
	counts map[readTime]int
}

func (r *readers) register(t readTime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(t)
}

func (r *readers) add(t readTime) {
	if r.counts == nil {
		r.counts = map[readTime]int{}
	}
	r.counts[t]++
}

// registerVisible registers a reader of what is visible now: under the mutex, so
// that oldest never passes it by.
func (r *readers) registerVisible(e *Engine) readTime {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := readTime{e.pipeline.visible(), e.now()}
	r.add(t)
	return t
}

func (r *readers) unregister(t readTime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts[t]--; r.counts[t] == 0 {
		delete(r.counts, t)
	}
}

// oldest has the least of both times that anyone reads at, or those of a reader
// who would come now.
func (r *readers) oldest(e *Engine) readTime {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := readTime{e.pipeline.visible(), e.now()}
	for t := range r.counts {
		oldest.at, oldest.now = min(oldest.at, t.at), min(oldest.now, t.now)
	}
	return oldest
}
