package session

import (
	"context"
	"errors"
	"net"
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
	parent    context.Context //nolint:containedctx // the session's, which outlives each statement
	terminate context.CancelCauseFunc
	// unwatch ends the watch over parent.
	unwatch func() bool
	conn    net.Conn

	mu     sync.Mutex // guards the rest
	ctx    context.Context
	cancel context.CancelCauseFunc
	active bool
	timer  *time.Timer
	// timed counts statements with a timeout: a timer that fires late must not
	// end the next statement.
	timed int
}

// farewellTime is how long a client that is told to go may take to read it.
const farewellTime = time.Second

// longAgo as a deadline fails reads at once.
var longAgo = time.Unix(1, 0)

// init ties statements to the life of the server, and reads from the client to
// that of the session: they fail once it is terminated.
func (r *running) init(server context.Context, conn net.Conn) {
	r.conn = conn
	r.parent, r.terminate = context.WithCancelCause(server)
	r.ctx, r.cancel = context.WithCancelCause(r.parent)
	r.unwatch = context.AfterFunc(r.parent, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		// Deadlines fail on a closed connection alone.
		_ = conn.SetReadDeadline(longAgo)
		_ = conn.SetWriteDeadline(time.Now().Add(farewellTime))
	})
}

// readUntil sets the deadline of reads, zero for none, unless the session is
// terminated.
func (r *running) readUntil(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parent.Err() == nil {
		_ = r.conn.SetReadDeadline(t)
	}
}

// interruptReads makes reads from the client fail once ctx ends, until done is
// called.
func (r *running) interruptReads(ctx context.Context) (done func()) {
	armed := true // guarded by r.mu
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if armed {
			_ = r.conn.SetReadDeadline(longAgo)
		}
	})
	return func() {
		if stop() {
			return
		}
		r.mu.Lock()
		armed = false
		r.mu.Unlock()
		r.readUntil(time.Time{})
	}
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
	r.unwatch()
	r.terminate(errTerminated)
}

// Cancel ends the statement that runs, if any. It may be called from any
// goroutine.
func (s *Session) Cancel() { s.running.stop(errCanceled, 0) }

// Terminate ends the session: it tells its client 57P01. It may be called from
// any goroutine.
func (s *Session) Terminate() { s.running.terminate(errTerminated) }
