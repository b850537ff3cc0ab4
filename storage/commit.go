package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/wal"
)

// commitPipeline orders commits. The orders that hold:
//
//  1. The commit timestamp and the log position are given under mu, so log
//     order = timestamp order.
//  2. A commit is applied once its record is durable, under apply, in the order
//     of the log: shards see commits in timestamp order.
//  3. The watermark moves after all of a commit is applied. Statements read at
//     the watermark, so nothing ever reads half a commit.
//  4. COMMIT answers once the watermark reached it, so a session reads its own
//     commits. At weaker levels it answers once it is durable, and keeps its locks
//     until the watermark reached it; see Consistency.
//
// Whoever's record became durable applies every commit up to its own: futures
// complete in order, so all before it are durable, too.
type commitPipeline struct {
	e *Engine

	mu    sync.Mutex // guards the log's order and queue
	queue []*pendingCommit

	apply     sync.Mutex // guards what shards hold; taken before mu
	watermark atomic.Uint64
	// durable: every commit up to it is, so strong reads see it.
	durable atomic.Uint64

	// applied and appliedAt are the last commit that shards hold, at a start the
	// last one replayed and the time at its end; guarded by apply.
	applied   wal.Position
	appliedAt hlc.Timestamp

	failure atomic.Pointer[error]
}

type pendingCommit struct {
	at     hlc.Timestamp
	pos    wal.Position
	future wal.Future
	writes *privateWrites
	first  wal.Position // of its chunks; pos if there are none
	done   chan struct{}
	err    error
}

// visible is the timestamp that statements read at.
func (p *commitPipeline) visible() hlc.Timestamp { return hlc.Timestamp(p.watermark.Load()) }

// fenced returns ErrFenced, with the cause, once the log failed.
func (p *commitPipeline) fenced() error {
	if err := p.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (p *commitPipeline) fence(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFenced, cause)
	if p.failure.CompareAndSwap(nil, &err) {
		p.e.logger.Error("the write-ahead log failed; no commit is possible until restart", "err", cause)
	}
	return p.fenced()
}

// append adds a record that is no commit; at is called with its position
// before anything later can be appended.
func (p *commitPipeline) append(record []byte, at func(wal.Position)) (wal.Future, error) {
	if err := p.fenced(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	future, err := p.e.log.Append(record)
	if err != nil {
		return nil, p.appendFailed(err)
	}
	if at != nil {
		at(future.Position())
	}
	return future, nil
}

func (p *commitPipeline) appendFailed(err error) error {
	if errors.Is(err, wal.ErrTooLarge) {
		return err // a bug, but not the log's failure
	}
	return p.fence(err)
}

// commit appends an encoded commit record and returns once its writes are
// visible. After ErrUnknownOutcome they may or may not be there after a restart.
func (p *commitPipeline) commit(record []byte, writes *privateWrites, first wal.Position) (hlc.Timestamp, error) {
	c, err := p.makeDurable(record, writes, first)
	if err != nil {
		return 0, err
	}
	return c.at, p.finish(c)
}

// makeDurable is the first half of commit: the commit cannot be undone any more.
func (p *commitPipeline) makeDurable(record []byte, writes *privateWrites, first wal.Position) (*pendingCommit, error) {
	c := &pendingCommit{writes: writes, first: first, done: make(chan struct{})}
	if err := p.enqueue(record, c); err != nil {
		return nil, err
	}
	if err := c.future.Wait(); err != nil {
		return nil, errors.Join(ErrUnknownOutcome, p.fence(err))
	}
	p.markDurable(c.at)
	return c, nil
}

// finish is the second half: it makes the writes visible.
func (p *commitPipeline) finish(c *pendingCommit) error {
	p.advance()
	<-c.done
	return c.err
}

func (p *commitPipeline) enqueue(record []byte, c *pendingCommit) error {
	if err := p.fenced(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Where the clock is ahead of the wall clock, and counts only, ids may overtake it.
	p.e.clock.Observe(hlc.Timestamp(p.e.ids.Load()))
	at, err := p.e.clock.Next()
	if err != nil {
		return fmt.Errorf("storage: clock: %w", err)
	}
	wal.SetTimestamp(record, uint64(at))
	if c.future, err = p.e.log.Append(record); err != nil {
		return p.appendFailed(err)
	}
	c.at, c.pos = at, c.future.Position()
	if c.first == (wal.Position{}) {
		c.first = c.pos
	}
	p.queue = append(p.queue, c)
	return nil
}

// advance applies the durable commits at the head of the queue.
func (p *commitPipeline) advance() {
	p.apply.Lock()
	defer p.apply.Unlock()
	for {
		c := p.head()
		if c == nil {
			return
		}
		select {
		case <-c.future.Done():
		default:
			return
		}
		if err := c.future.Wait(); err != nil {
			return // fenced: its own goroutine answers
		}
		if hold := p.e.opts.BeforeApply; hold != nil {
			hold(c.at)
		}
		if c.writes != nil {
			if err := c.writes.apply(p.e.background, c.at, c.first, (*shard).alive); err != nil {
				// Durable but not applied: a restart replays it, this process
				// must not go on without it.
				c.err = errors.Join(ErrUnknownOutcome, p.fence(err))
				p.pop()
				close(c.done)
				return
			}
		}
		p.applied, p.appliedAt = c.pos, c.at
		p.watermark.Store(uint64(c.at))
		p.pop()
		close(c.done)
	}
}

func (p *commitPipeline) head() *pendingCommit {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return nil
	}
	return p.queue[0]
}

func (p *commitPipeline) pop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue[0] = nil
	p.queue = p.queue[1:]
}

// position is the end of what is applied: every commit before it is, none at or
// after it. The caller holds apply.
func (p *commitPipeline) position() wal.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 {
		return p.queue[0].pos
	}
	return p.e.log.Last()
}

// behindApplied is the first position after the last applied commit: a
// checkpoint, which lies between records. The caller holds apply.
func (p *commitPipeline) behindApplied() wal.Position {
	return wal.Position{Stream: p.applied.Stream, Offset: p.applied.Offset + 1}
}

// Commit makes the writes durable and visible.
func (t *txn) Commit(ctx context.Context) error {
	if t.done {
		return ErrClosed
	}
	if err := t.writes.damage(); err != nil {
		t.Rollback()
		return err
	}
	if t.catalog.Changed() {
		return t.commitDDL(ctx)
	}
	if t.writes == nil || t.writes.empty() {
		t.end()
		return nil
	}
	if err := t.stream.emit(wal.PayloadBytesMax); err != nil {
		t.Rollback()
		return err
	}
	c, err := t.e.pipeline.makeDurable(t.commitRecord(), t.writes, t.stream.first)
	if err != nil {
		t.end()
		return err
	}
	t.committedAt = c.at
	if !t.consistency.AnswerEarly {
		err = t.e.pipeline.finish(c)
		t.end()
		return err
	}
	t.done = true
	t.e.tasks.Go(func() {
		// An error fences the log, which tells of it; the commit stands.
		_ = t.e.pipeline.finish(c)
		t.end()
	})
	return nil
}

// commitRecord encodes COMMIT with what is left of the stream.
func (t *txn) commitRecord() []byte {
	r := wal.Record{Kind: wal.KindCommit, Epoch: t.e.epoch, Txn: uint64(t.id), Sequence: t.stream.chunks}
	record := make([]byte, 0, wal.HeaderBytes+len(t.stream.buf))
	return append(r.AppendHeader(record), t.stream.buf...)
}

// commitDDL commits a transaction that changed the catalog: staged, prepared,
// decided, committed, applied, installed.
func (t *txn) commitDDL(ctx context.Context) error {
	fail := func(err error) error {
		return errors.Join(err, t.catalog.Abort(context.WithoutCancel(ctx), t.id), t.rolledBack())
	}
	if err := t.e.pipeline.fenced(); err != nil {
		return fail(err)
	}
	if err := t.catalog.Stage(ctx, t.id); err != nil {
		return fail(err)
	}
	if err := t.prepare(); err != nil {
		return fail(err)
	}
	// From here on only the catalog's word counts: it is asked until it answers
	// or the process ends.
	committed, err := t.catalog.Decide(t.e.background, t.id)
	if err != nil {
		t.end()
		return errors.Join(ErrUnknownOutcome, err)
	}
	if !committed {
		return fail(fmt.Errorf("%w: settled as aborted", ErrSerialization))
	}
	dropped := t.catalog.DroppedStorage()
	t.e.ddl.RLock()
	defer t.e.ddl.RUnlock()
	t.committedAt, err = t.e.pipeline.commit(t.commitRecord(), t.writes, t.stream.first)
	if err != nil {
		// Committed by the catalog; recovery appends the COMMIT.
		t.end()
		return errors.Join(ErrUnknownOutcome, err)
	}
	t.catalog.Install(t.id, uint64(t.committedAt))
	t.e.dropStorage(dropped)
	t.end()
	return nil
}

// prepare makes every change durable, then PREPARE.
func (t *txn) prepare() error {
	if err := t.stream.emit(0); err != nil {
		return err
	}
	r := wal.Record{Kind: wal.KindPrepare, Epoch: t.e.epoch, Txn: uint64(t.id), Sequence: t.stream.chunks}
	future, err := t.e.pipeline.append(r.AppendHeader(nil), func(p wal.Position) {
		if t.stream.chunks == 0 {
			t.stream.first = p
			t.e.active.stream(t.id, p)
		}
	})
	if err != nil {
		return err
	}
	t.stream.prepared = true
	t.e.active.prepare(t.id, future.Position())
	if err := future.Wait(); err != nil {
		return t.e.pipeline.fence(err)
	}
	return nil
}

func (t *txn) rolledBack() error {
	t.Rollback()
	return nil
}

// dropStorage forgets the rows of dropped tables and partitions.
func (e *Engine) dropStorage(ids []catalog.StorageID) {
	if len(ids) == 0 {
		return
	}
	gone := map[catalog.StorageID]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	for _, s := range e.allShards() {
		if gone[s.key.partition] {
			e.drop(s)
		}
	}
}

// alive says whether commits may still go to a shard.
func (s *shard) alive() bool { return !s.dropped }
