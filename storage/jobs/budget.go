package jobs

import (
	"context"
	"sync"
	"time"
)

// Budget shares the processors among background jobs, and between them and
// statements.
type Budget struct {
	// statements counts those that have begun: while the count moves, jobs
	// leave half of the time to them.
	statements func() uint64

	mu   sync.Mutex // guards what follows
	free int
	turn *sync.Cond
	seen uint64
	last time.Time // of the end of the last Yield
}

// NewBudget returns the budget of so many processors.
func NewBudget(processors int, statements func() uint64) *Budget {
	b := &Budget{statements: statements, free: max(processors, 1), last: time.Now()}
	b.turn = sync.NewCond(&b.mu)
	return b
}

// Acquire takes up to want processors, at least one, which it waits for.
func (b *Budget) Acquire(ctx context.Context, want int) (n int, err error) {
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.turn.Broadcast()
	})
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.free == 0 {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		b.turn.Wait()
	}
	n = min(max(want, 1), b.free)
	b.free -= n
	return n, nil
}

// Release gives processors back.
func (b *Budget) Release(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.turn.Broadcast()
}

// The rest of a Yield: at least what is worth a sleep, at most what a job may be
// held up.
const (
	restMin = time.Millisecond
	restMax = 20 * time.Millisecond
)

// Yield is called by jobs now and then: while statements run it sleeps about as
// long as the job has worked since the last call.
func (b *Budget) Yield(ctx context.Context) {
	b.mu.Lock()
	worked := time.Since(b.last)
	if worked < restMin {
		b.mu.Unlock()
		return
	}
	now := b.statements()
	busy := now != b.seen
	b.seen = now
	b.last = time.Now()
	b.mu.Unlock()
	if !busy {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(min(worked, restMax)):
	}
	b.mu.Lock()
	b.last = time.Now()
	b.mu.Unlock()
}
