package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The pauses between attempts of a job that fails.
const (
	pauseMin = 10 * time.Millisecond
	pauseMax = 10 * time.Second
)

// Runner runs jobs one after the other, in order.
type Runner struct {
	log  *slog.Logger
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex // guards what follows
	queue   []job
	busy    bool
	idle    *sync.Cond
	arrived chan struct{}

	completed, failed int64
}

type job struct {
	name string
	run  func(context.Context) error
}

// NewRunner starts a Runner, which ends with Close.
func NewRunner(log *slog.Logger) *Runner {
	r := &Runner{log: log, done: make(chan struct{}), arrived: make(chan struct{}, 1)}
	r.idle = sync.NewCond(&r.mu)
	r.ctx, r.stop = context.WithCancel(context.Background())
	go r.work()
	return r
}

// Go queues a job. name is for logs.
func (r *Runner) Go(name string, run func(context.Context) error) {
	r.mu.Lock()
	r.queue = append(r.queue, job{name, run})
	r.mu.Unlock()
	select {
	case r.arrived <- struct{}{}:
	default:
	}
}

// Wait blocks until no job is left or the runner closes.
func (r *Runner) Wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for (len(r.queue) > 0 || r.busy) && r.ctx.Err() == nil {
		r.idle.Wait()
	}
}

// Stats returns how many jobs are waiting, and how many attempts succeeded and
// failed.
func (r *Runner) Stats() (waiting int, completed, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue), r.completed, r.failed
}

// Close ends the running job by its context and forgets the others.
func (r *Runner) Close() {
	r.stop()
	<-r.done
}

func (r *Runner) work() {
	defer close(r.done)
	defer r.idle.Broadcast()
	for {
		j, ok := r.take()
		if !ok {
			select {
			case <-r.ctx.Done():
				return
			case <-r.arrived:
			}
			continue
		}
		if !r.attempt(j) {
			return
		}
		r.finished()
	}
}

func (r *Runner) take() (job, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return job{}, false
	}
	j := r.queue[0]
	r.queue[0] = job{}
	r.queue = r.queue[1:]
	r.busy = true
	return j, true
}

func (r *Runner) finished() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
	r.idle.Broadcast()
}

// attempt runs a job until it succeeds; false when the runner closed.
func (r *Runner) attempt(j job) bool {
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		if r.ctx.Err() != nil {
			return false
		}
		err := j.run(r.ctx)
		r.count(err)
		if err == nil {
			return true
		}
		r.log.Warn("background job failed and will be repeated", "job", j.name, "err", err)
		select {
		case <-r.ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

func (r *Runner) count(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.completed++
	} else {
		r.failed++
	}
}
