package storage

import (
	"context"
	"time"

	"quiver/internal/hlc"
)

// ConsistencyLevel says what a snapshot waits for and when a commit is answered.
//
// A commit is durable once the log has it and is visible once it is applied. Every
// level becomes one timestamp: the snapshot waits until all commits up to it are
// applied, and reads what is visible then.
type ConsistencyLevel byte

// The levels, strongest first.
const (
	// ConsistencyStrong waits for every commit that was durable before.
	ConsistencyStrong ConsistencyLevel = iota
	// ConsistencyBounded waits for every commit older than the staleness.
	ConsistencyBounded
	// ConsistencySession waits for the session's own commits.
	ConsistencySession
	// ConsistencyEventually waits for nothing.
	ConsistencyEventually
)

// Consistency is how a transaction's statements read and how it commits: at a
// level other than strong COMMIT answers when it is durable, and is applied
// afterwards.
type Consistency struct {
	Level ConsistencyLevel
	// Staleness is that of ConsistencyBounded.
	Staleness time.Duration
	// After is the session's last commit, for ConsistencySession.
	After hlc.Timestamp
	// AnswerEarly says that COMMIT need not wait for its application.
	AnswerEarly bool
}

// SetConsistency says how the snapshots to come read.
func (t *txn) SetConsistency(c Consistency) { t.consistency = c }

// CommitTimestamp is the timestamp of the commit, 0 if it changed nothing.
func (t *txn) CommitTimestamp() hlc.Timestamp { return t.committedAt }

// await waits for what a level promises.
func (p *commitPipeline) await(ctx context.Context, c Consistency) error {
	switch c.Level {
	case ConsistencyStrong:
		return p.reach(ctx, hlc.Timestamp(p.durable.Load()))
	case ConsistencyBounded:
		return p.reach(ctx, p.e.now().Before(c.Staleness))
	case ConsistencySession:
		return p.reach(ctx, c.After)
	}
	return nil
}

// reach waits until every commit up to a timestamp is applied, except those that
// the log could not take.
func (p *commitPipeline) reach(ctx context.Context, until hlc.Timestamp) error {
	if p.visible() >= until {
		return nil
	}
	var last *pendingCommit
	p.mu.Lock()
	for _, c := range p.queue {
		if c.at <= until {
			last = c
		}
	}
	p.mu.Unlock()
	if last == nil {
		return nil // nothing was committed up to then that is not applied
	}
	select {
	case <-last.future.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if last.future.Wait() != nil {
		return nil
	}
	select {
	case <-last.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// markDurable notes that every commit up to a timestamp is durable.
func (p *commitPipeline) markDurable(at hlc.Timestamp) {
	for {
		last := p.durable.Load()
		if uint64(at) <= last || p.durable.CompareAndSwap(last, uint64(at)) {
			return
		}
	}
}
