package storage

import (
	"sync"

	"quiver/internal/hlc"
)

// readers counts who reads at which timestamp: versions that the oldest one
// sees are kept.
type readers struct {
	mu     sync.Mutex
	counts map[hlc.Timestamp]int
}

func (r *readers) register(t hlc.Timestamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[hlc.Timestamp]int{}
	}
	r.counts[t]++
}

// registerVisible registers a reader at what is visible now: under the mutex,
// so that oldest never passes it by.
func (r *readers) registerVisible(p *commitPipeline) hlc.Timestamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[hlc.Timestamp]int{}
	}
	t := p.visible()
	r.counts[t]++
	return t
}

func (r *readers) unregister(t hlc.Timestamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts[t]--; r.counts[t] == 0 {
		delete(r.counts, t)
	}
}

// oldest is the least timestamp that anyone reads at, or visible if none.
func (r *readers) oldest(p *commitPipeline) hlc.Timestamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := p.visible()
	for t := range r.counts {
		oldest = min(oldest, t)
	}
	return oldest
}
