package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/wal"
)

// recovery rebuilds what objects do not hold from the log: the writes of
// committed transactions that lie at or after their shard's checkpoint.
type recovery struct {
	e       *Engine
	version *catalog.Version
	txns    map[uint64]*recoveredTxn
	// truncated are the timestamps of transactions that the catalog wants to know.
	truncated map[catalog.TxnID]uint64
	newest    uint64 // timestamp seen
	ids       uint64 // row or transaction id seen
}

// recoveredTxn is a transaction whose end was not read yet.
type recoveredTxn struct {
	writes   *privateWrites
	stream   []byte // not yet a whole change
	chunks   uint32
	first    wal.Position
	prepared bool
	// headless chunks follow some that were cut: all the transaction's shards
	// have checkpoints beyond its commit.
	headless bool
}

func (e *Engine) recover(ctx context.Context) error {
	r := &recovery{e: e, version: e.catalog.Current(), txns: map[uint64]*recoveredTxn{}, truncated: e.catalog.Truncating()}
	defer r.release()
	if err := e.loadSegments(ctx, r.version); err != nil {
		return err
	}
	err := e.log.Read(ctx, wal.Position{}, func(p wal.Position, record []byte) error {
		if err := r.record(ctx, p, record); err != nil {
			return fmt.Errorf("storage: replay at %v: %w", p, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.raise(); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	now, err := e.clock.Next() // later than every commit
	if err != nil {
		return fmt.Errorf("storage: clock: %w", err)
	}
	if err := e.catalog.StampTruncated(r.truncated, uint64(now)); err != nil {
		return err
	}
	r.forgetDropped()
	return r.listRest(ctx)
}

// listRest ends what flushes that listed many segments of bulk loads had begun.
func (r *recovery) listRest(ctx context.Context) error {
	for _, s := range r.e.allShards() {
		if s.half && s.damage == nil {
			if err := r.e.flushShard(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetDropped removes the shards that the log spoke of and no partition has
// any more. They are empty.
func (r *recovery) forgetDropped() {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	for key := range r.e.shards {
		if r.version.PartitionByStorage(key.partition) == nil {
			delete(r.e.shards, key)
		}
	}
}

func (r *recovery) release() {
	for _, t := range r.txns {
		t.writes.release()
	}
}

func (r *recovery) txn(id uint64, p wal.Position) *recoveredTxn {
	t := r.txns[id]
	if t == nil {
		t = &recoveredTxn{writes: newPrivateWrites(r.e), first: p}
		r.txns[id] = t
	}
	return t
}

func (r *recovery) record(ctx context.Context, p wal.Position, b []byte) error {
	rec, err := wal.DecodeRecord(b)
	if err != nil {
		return err
	}
	r.ids = max(r.ids, rec.Txn)
	switch rec.Kind {
	case wal.KindChunk:
		t := r.txn(rec.Txn, p)
		if t.chunks != rec.Sequence {
			t.headless = true
		}
		t.chunks = rec.Sequence + 1
		return r.feed(t, rec.Payload)
	case wal.KindPrepare:
		r.txn(rec.Txn, p).prepared = true
		r.e.active.prepare(catalog.TxnID(rec.Txn), p)
	case wal.KindAbort:
		r.forget(rec.Txn)
	case wal.KindCommit:
		r.noteTime(rec.Txn, rec.Timestamp)
		return r.commit(ctx, p, rec)
	}
	return nil
}

// noteTime notes the timestamp of a transaction for the catalog.
func (r *recovery) noteTime(id, at uint64) {
	if _, wanted := r.truncated[catalog.TxnID(id)]; wanted {
		r.truncated[catalog.TxnID(id)] = at
	}
}

// feed replays the whole changes of a transaction's stream.
func (r *recovery) feed(t *recoveredTxn, payload []byte) error {
	if t.headless {
		return nil
	}
	t.stream = append(t.stream, payload...)
	rest := t.stream
	for {
		change, after := wal.NextChange(rest)
		if change == nil {
			break
		}
		if err := r.change(t, change); err != nil {
			return err
		}
		rest = after
	}
	t.stream = t.stream[:copy(t.stream, rest)]
	return nil
}

func (r *recovery) change(t *recoveredTxn, b []byte) error {
	change, err := wal.DecodeChange(b, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	switch c := change.(type) {
	case *wal.Insert:
		r.ids = max(r.ids, c.FirstRowID+uint64(c.Rows()))
	case *wal.Load:
		r.ids = max(r.ids, c.LastID)
	}
	return t.writes.replay(change)
}

func (r *recovery) commit(ctx context.Context, p wal.Position, rec wal.Record) error {
	t := r.txn(rec.Txn, p)
	defer r.forget(rec.Txn)
	r.newest = max(r.newest, rec.Timestamp)
	if rec.Sequence != t.chunks {
		t.headless = true
	}
	if t.headless {
		return nil
	}
	if err := r.feed(t, rec.Payload); err != nil {
		return err
	}
	if len(t.stream) > 0 {
		return errors.New("a committed transaction ends within a change")
	}
	return r.apply(ctx, t, hlc.Timestamp(rec.Timestamp), p)
}

// apply makes a transaction's writes visible where objects do not have them.
func (r *recovery) apply(ctx context.Context, t *recoveredTxn, at hlc.Timestamp, p wal.Position) error {
	r.e.pipeline.apply.Lock()
	err := t.writes.apply(ctx, at, t.first, func(s *shard) bool {
		if p.Less(s.checkpoint) || r.version.PartitionByStorage(s.key.partition) == nil {
			return false
		}
		if s.damage != nil {
			s.markDirty(t.first, at) // and it stays so
		}
		return s.damage == nil
	})
	r.e.pipeline.applied, r.e.pipeline.appliedAt = p, at
	r.e.pipeline.apply.Unlock()
	if err != nil {
		return err
	}
	return r.e.relieve(ctx)
}

func (r *recovery) forget(id uint64) {
	if t := r.txns[id]; t != nil {
		t.writes.release()
		delete(r.txns, id)
	}
}

// raise puts clock, ids, watermark and the time of what shards hold beyond
// everything read. The log may hold no commit any more: then the deletes that
// delta logs know of are later than all that was replayed, and a merge must take
// them for applied.
func (r *recovery) raise() error {
	e := r.e
	e.ids.Store(max(e.ids.Load(), r.ids))
	e.clock.Observe(hlc.Timestamp(max(r.newest, e.ids.Load())))
	now, err := e.clock.Next()
	if err != nil {
		return fmt.Errorf("storage: clock: %w", err)
	}
	e.pipeline.watermark.Store(uint64(now))
	e.pipeline.apply.Lock()
	e.pipeline.appliedAt = now
	e.pipeline.apply.Unlock()
	return nil
}

// settle ends the transactions that the log leaves open. One that is prepared
// has its fate in the catalog: where no status stands, aborted is written, so
// that a late request of the dead process cannot commit it.
func (r *recovery) settle(ctx context.Context) error {
	for _, id := range r.e.catalog.Unsettled() {
		if r.txns[uint64(id)] == nil {
			if _, err := r.e.catalog.SettleAbort(ctx, id); err != nil {
				return err
			}
		}
	}
	for id, t := range r.txns {
		committed := false
		if t.prepared {
			var err error
			if committed, err = r.e.catalog.SettleAbort(ctx, catalog.TxnID(id)); err != nil {
				return err
			}
		}
		if err := r.finish(ctx, id, t, committed); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the record that a transaction lacks.
func (r *recovery) finish(ctx context.Context, id uint64, t *recoveredTxn, committed bool) error {
	e := r.e
	rec := wal.Record{Kind: wal.KindAbort, Epoch: e.epoch, Txn: id, Sequence: t.chunks}
	if !committed {
		future, err := e.log.Append(rec.AppendHeader(nil))
		if err != nil {
			return err
		}
		return future.Wait()
	}
	at, err := e.clock.Next()
	if err != nil {
		return err
	}
	rec.Kind, rec.Timestamp = wal.KindCommit, uint64(at)
	r.noteTime(id, uint64(at))
	future, err := e.log.Append(rec.AppendHeader(nil))
	if err != nil {
		return err
	}
	if err := future.Wait(); err != nil {
		return err
	}
	if !t.headless {
		if err := r.apply(ctx, t, at, future.Position()); err != nil {
			return err
		}
	}
	e.pipeline.watermark.Store(uint64(at))
	return nil
}
