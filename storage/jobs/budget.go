package jobs

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Budget shares the processors among background jobs, and between them and
// statements.
type Budget struct {
	processors int
	// statements says how many processors statements could use just now.
	statements func() int
	// working counts the workers that Pacers pace.
	working atomic.Int64

	mu   sync.Mutex // guards free
	free int
	turn *sync.Cond
}

// NewBudget returns the budget of so many processors.
func NewBudget(processors int, statements func() int) *Budget {
	b := &Budget{processors: max(processors, 1), statements: statements}
	b.free = b.processors
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

// Idle returns how many processors no job has taken.
func (b *Budget) Idle() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.free
}

// What background work gets of the processors at least, so that it comes to an end
// under any load; and what work gets that statements hardly gain by (Replace).
const (
	leastShare    = 0.25
	leastOfBetter = 0.125
)

// Pacer makes the workers of a job rest while statements need the processors.
type Pacer struct {
	b     *Budget
	ctx   context.Context
	least float64 // of the processors
	// since is when each worker began to work.
	since []time.Time
	// thread is that of Behind, which alone reads and writes used: what processor
	// time it had at since[0].
	thread int
	used   time.Duration
}

// Pace begins to pace so many workers of a job of some priority, until Close. After
// the end of ctx they rest no more.
func (b *Budget) Pace(ctx context.Context, workers, priority int) *Pacer {
	p := &Pacer{b: b, ctx: ctx, least: leastShare, since: make([]time.Time, workers)}
	if priority == Replace {
		p.least = leastOfBetter
	}
	b.working.Add(int64(workers))
	return p
}

// share is how much of its time each worker may work now.
func (p *Pacer) share() float64 {
	n := float64(p.b.processors)
	left := max(n-float64(p.b.statements()), n*p.least)
	return min(left/float64(max(p.b.working.Load(), 1)), 1)
}

// Close is the end of the workers.
func (p *Pacer) Close() { p.b.working.Add(-int64(len(p.since))) }

// behind is how much nicer the thread of Behind is than others: where all want a
// processor it has a third of what one of them has, which in a test of 8 clients that
// read as fast as they can was 18 of the 25 hundredths of leastShare.
const behind = 5

// Behind runs f, by which worker 0 works, on a thread of its own that the system has
// other threads go ahead of. A rest alone leaves a statement that comes during the
// work of some milliseconds before it behind that work, if it needs the same
// processor.
func (p *Pacer) Behind(f func() error) error {
	done := make(chan error)
	go func() {
		// It is never unlocked, so the thread ends with the goroutine: to go ahead
		// again takes a right that a server need not have.
		runtime.LockOSThread()
		goBehind()
		p.thread = currentThread()
		done <- f()
	}()
	return <-done
}

const (
	// workMin is how long a worker works before it thinks of rest; what is much
	// longer was not work.
	workMin = time.Millisecond
	workMax = 20 * time.Millisecond
	// restMax bounds a rest, lest the end of a load is noticed late.
	restMax = 60 * time.Millisecond
)

// Rest is called now and then by worker, from 0 on, for which it sleeps such
// that it works no more than its share.
func (p *Pacer) Rest(worker int) {
	if worker >= len(p.since) {
		return
	}
	now := time.Now()
	since := &p.since[worker]
	worked := now.Sub(*since)
	if since.IsZero() {
		*since = now
		return
	}
	if worked < workMin {
		return
	}
	if rest := p.due(worker, worked); rest > 0 {
		timer := time.NewTimer(min(rest, restMax))
		select {
		case <-p.ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		now = time.Now()
	}
	*since = now
}

// due is how long a worker is to rest that worked for so long.
func (p *Pacer) due(worker int, worked time.Duration) time.Duration {
	var waited time.Duration
	if worker == 0 && p.thread != 0 && p.thread == currentThread() {
		// While it waited for a processor that others had, or for a disk, it rested.
		used := threadUsed()
		waited = max(worked-(used-p.used), 0)
		worked, p.used = used-p.used, used
	}
	share := p.share()
	return time.Duration(float64(min(worked, workMax))*(1-share)/share) - waited
}
