package jobs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The pauses between attempts of a job that fails.
const (
	pauseMin     = 10 * time.Millisecond
	pauseMax     = 10 * time.Second
	pauseLongMin = time.Second
	pauseLongMax = 5 * time.Minute
)

// The priorities that storage gives, the most urgent first.
const (
	Collect = iota
	Merge
	Index
	Replace // of an index that will do by one that is better
	Sweep
)

// Job is something to do.
type Job struct {
	// Kind names what is done ("merge"), Object what with, both for people.
	Kind, Object string
	// Key, if set, is unlike that of any other job that waits or runs: a second
	// one is not taken.
	Key string
	// Owner is whom the job belongs to, for WaitFor to tell; its meaning is the caller's.
	Owner uint64
	// Group, if set, is of jobs that must not run together.
	Group    string
	Priority int
	// Costly jobs are repeated after longer pauses.
	Costly bool
	Run    func(context.Context, *Progress) error
}

// Progress is how far a job is. Its methods may be called by any goroutine.
type Progress struct {
	phase       atomic.Pointer[string]
	done, total atomic.Int64
}

// Set notes the phase and how much of total is done. A nil Progress takes it.
func (p *Progress) Set(phase string, done, total int64) {
	if p == nil {
		return
	}
	if old := p.phase.Load(); old == nil || *old != phase {
		p.phase.Store(&phase)
	}
	p.done.Store(done)
	p.total.Store(total)
}

// State is a job as quiver.jobs shows it.
type State struct {
	ID                            int64
	Kind, Object, State           string // waiting, running, failed (and waiting for its next attempt)
	Priority                      int
	Phase                         string
	Done, Total                   int64
	Attempts                      int
	Err                           string
	Submitted, Started, NotBefore time.Time
}

// Runner runs jobs by several workers. It ends with Close.
type Runner struct {
	log     *slog.Logger
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
	// retriesMax is how many attempts after a failed one run at a time: while what
	// most jobs need is away, one worker is left for the others.
	retriesMax int

	mu      sync.Mutex // guards what follows and the fields of entry
	jobs    []*entry   // waiting and running, in the order of priority, then of arrival
	retries int        // of those running, that failed before
	byID    map[int64]*entry
	byKey   map[string]*entry
	groups  map[string]bool // of the running
	nextID  int64
	changed *sync.Cond

	completed, failed int64
}

type entry struct {
	Job
	id        int64
	running   bool
	attempts  int
	err       error
	progress  Progress
	submitted time.Time
	started   time.Time
	failed    time.Time // the last time
	notBefore time.Time
}

// NewRunner starts a Runner, which ends with Close.
func NewRunner(log *slog.Logger, workers int) *Runner {
	r := &Runner{
		log: log, retriesMax: max(1, workers-1),
		byID: map[int64]*entry{}, byKey: map[string]*entry{}, groups: map[string]bool{},
	}
	r.changed = sync.NewCond(&r.mu)
	r.ctx, r.stop = context.WithCancel(context.Background())
	context.AfterFunc(r.ctx, r.wake)
	for range workers {
		r.workers.Go(r.work)
	}
	return r
}

func (r *Runner) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed.Broadcast()
}

// Submit queues a job; false if one of its key is there.
func (r *Runner) Submit(j Job) bool {
	_, fresh := r.SubmitID(j)
	return fresh
}

// SubmitID is Submit that tells the number of the job, or of the one that is
// there.
func (r *Runner) SubmitID(j Job) (id int64, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j.Key != "" {
		if e := r.byKey[j.Key]; e != nil {
			return e.id, false
		}
	}
	r.nextID++
	e := &entry{Job: j, id: r.nextID, submitted: time.Now()}
	at, _ := slices.BinarySearchFunc(r.jobs, e, compareEntries)
	r.jobs = slices.Insert(r.jobs, at, e)
	if r.byID[e.id] = e; j.Key != "" {
		r.byKey[j.Key] = e
	}
	r.changed.Broadcast()
	return e.id, true
}

// Hurry has a job that failed and waits tried at once; waits for it begun from now on
// know nothing of the failure.
func (r *Runner) Hurry(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.byID[id]; e != nil && !e.running {
		e.err, e.notBefore = nil, time.Time{}
		r.changed.Broadcast()
	}
}

func compareEntries(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.id, b.id))
}

// Has says whether a job waits or runs, by its number.
func (r *Runner) Has(id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id] != nil
}

// ErrUnknownJob: no job ever had the number.
var ErrUnknownJob = errors.New("jobs: no such job")

// WaitID blocks until a job is done, or ctx ends; an attempt that failed ends it
// with its error, though the job goes on.
func (r *Runner) WaitID(ctx context.Context, id int64) error {
	defer context.AfterFunc(ctx, r.wake)()
	r.mu.Lock()
	defer r.mu.Unlock()
	if id <= 0 || id > r.nextID {
		return ErrUnknownJob
	}
	for {
		e := r.byID[id]
		switch {
		case e == nil:
			return nil
		case e.err != nil && !e.running:
			return e.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.ctx.Err() != nil:
			return context.Cause(r.ctx)
		}
		r.changed.Wait()
	}
}

// Go queues a quick job. kind is for people.
func (r *Runner) Go(kind string, run func(context.Context) error) {
	r.Submit(Job{Kind: kind, Run: func(ctx context.Context, _ *Progress) error { return run(ctx) }})
}

// Wait blocks until no job is left or the runner closes.
func (r *Runner) Wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.jobs) > 0 && r.ctx.Err() == nil {
		r.changed.Wait()
	}
}

// WaitFor blocks until no job is left that match is true of, or ctx ends. Those that
// failed are tried again at once. If one still fails after patience, its error is
// returned, though the job goes on; 0 is to wait however long it takes.
func (r *Runner) WaitFor(ctx context.Context, patience time.Duration, match func(*Job) bool) error {
	defer context.AfterFunc(ctx, r.wake)()
	began := time.Now()
	if patience > 0 {
		defer time.AfterFunc(patience, r.wake).Stop()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.jobs {
		if match(&e.Job) {
			e.notBefore = time.Time{}
		}
	}
	r.changed.Broadcast()
	for slices.ContainsFunc(r.jobs, func(e *entry) bool { return match(&e.Job) }) {
		if patience > 0 && time.Since(began) >= patience {
			if i := slices.IndexFunc(r.jobs, func(e *entry) bool { return e.failed.After(began) && match(&e.Job) }); i >= 0 {
				return r.jobs[i].err
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.ctx.Err() != nil:
			return context.Cause(r.ctx)
		}
		r.changed.Wait()
	}
	return nil
}

// Stats returns how many jobs are waiting, and how many attempts succeeded and
// failed.
func (r *Runner) Stats() (waiting int, completed, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.jobs {
		if !e.running {
			waiting++
		}
	}
	return waiting, r.completed, r.failed
}

// List returns the jobs that wait or run.
func (r *Runner) List() []State {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]State, len(r.jobs))
	for i, e := range r.jobs {
		s := State{
			ID: e.id, Kind: e.Kind, Object: e.Object, State: "waiting", Priority: e.Priority,
			Done: e.progress.done.Load(), Total: e.progress.total.Load(),
			Attempts: e.attempts, Submitted: e.submitted, Started: e.started, NotBefore: e.notBefore,
		}
		if p := e.progress.phase.Load(); p != nil {
			s.Phase = *p
		}
		switch {
		case e.running:
			s.State = "running"
		case e.err != nil:
			s.State = "failed"
		}
		if e.err != nil {
			s.Err = e.err.Error()
		}
		list[i] = s
	}
	return list
}

// Close ends the running jobs by their context and forgets the others.
func (r *Runner) Close() {
	r.stop()
	r.workers.Wait()
	r.wake()
}

func (r *Runner) work() {
	for {
		e := r.take()
		if e == nil {
			return
		}
		err := e.Run(r.ctx, &e.progress)
		if err != nil && r.ctx.Err() == nil {
			r.log.Warn("background job failed and will be repeated", "job", e.Kind, "object", e.Object, "err", err)
		}
		r.finish(e, err)
	}
}

// take waits for a job that may run; nil after Close.
func (r *Runner) take() *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.ctx.Err() == nil {
		now := time.Now()
		var next time.Time
		for _, e := range r.jobs {
			switch {
			case e.running || r.groups[e.Group] || e.attempts > 0 && r.retries >= r.retriesMax:
			case e.notBefore.After(now):
				if next.IsZero() || e.notBefore.Before(next) {
					next = e.notBefore
				}
			default:
				e.running, e.started = true, now
				e.attempts++
				if e.attempts > 1 {
					r.retries++
				}
				if e.Group != "" {
					r.groups[e.Group] = true
				}
				return e
			}
		}
		if !next.IsZero() {
			timer := time.AfterFunc(next.Sub(now), r.wake)
			r.changed.Wait()
			timer.Stop()
			continue
		}
		r.changed.Wait()
	}
	return nil
}

func (r *Runner) finish(e *entry, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.running = false
	if e.attempts > 1 {
		r.retries--
	}
	delete(r.groups, e.Group)
	if e.err = err; err == nil {
		r.completed++
		r.forget(e)
	} else {
		r.failed++
		e.failed = time.Now()
		e.notBefore = e.failed.Add(e.pause())
	}
	r.changed.Broadcast()
}

// forget removes a job that is done.
func (r *Runner) forget(e *entry) {
	if at, found := slices.BinarySearchFunc(r.jobs, e, compareEntries); found {
		r.jobs = slices.Delete(r.jobs, at, at+1)
	}
	delete(r.byID, e.id)
	delete(r.byKey, e.Key)
}

// pause is how long a job waits after its last attempt failed.
func (e *entry) pause() time.Duration {
	from, to := pauseMin, pauseMax
	if e.Costly {
		from, to = pauseLongMin, pauseLongMax
	}
	return min(from<<min(e.attempts-1, 20), to)
}
