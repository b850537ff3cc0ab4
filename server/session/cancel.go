package session

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The causes that end a statement's context.
var (
	errCanceled         = errors.New("canceling statement due to user request")
	errStatementTimeout = errors.New("canceling statement due to statement timeout")
	errTerminated       = errors.New("terminating connection due to administrator command")
)

// running is the context of the statement that runs. It is made anew only
// after a cancellation, so that a statement costs neither a context nor a
// goroutine.
type running struct {
	parent context.Context //nolint:containedctx // the connection's, which outlives each statement

	mu     sync.Mutex // guards the rest
	ctx    context.Context
	cancel context.CancelCauseFunc
	active bool
	timer  *time.Timer
	// timed counts statements with a timeout: a timer that fires late must not
	// end the next statement.
	timed int
}

func (r *running) init(parent context.Context) {
	r.parent = parent
	r.ctx, r.cancel = context.WithCancelCause(parent)
}

// begin starts a statement and its timeout, 0 for none.
func (r *running) begin(timeout time.Duration) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil && r.parent.Err() == nil {
		r.ctx, r.cancel = context.WithCancelCause(r.parent)
	}
	r.active = true
	r.timed++
	if timeout > 0 {
		this := r.timed
		r.timer = time.AfterFunc(timeout, func() { r.stop(errStatementTimeout, this) })
	}
	return r.ctx
}

// end ends a statement: cancellations that come later find nothing to cancel.
func (r *running) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = false
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// stop cancels the statement that runs, if it is number which (0: any).
func (r *running) stop(cause error, which int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active && (which == 0 || which == r.timed) {
		r.cancel(cause)
	}
}

// cause tells why the statement's context ended; nil while it has not.
func (r *running) cause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return context.Cause(r.ctx)
}

func (r *running) close() {
	r.end()
	r.cancel(errTerminated)
}

// Cancel ends the statement that runs, if any. It may be called from any
// goroutine.
func (s *Session) Cancel() { s.running.stop(errCanceled, 0) }
