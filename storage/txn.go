package storage

import (
	"context"
	"sync"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/lock"
	"quiver/storage/wal"
)

// txn is a Txn. See api.go for the contract.
type txn struct {
	e       *Engine
	id      catalog.TxnID
	opts    TxnOptions
	catalog *catalog.Txn
	locks   *lock.Owner // nil until the first lock
	writes  *privateWrites
	stream  changeStream
	done    bool

	// readAt is when a RepeatableRead transaction reads, registered as a reader;
	// zero before its first snapshot.
	readAt readTime
	// lastRead is when the last snapshot did.
	lastRead readTime
	travel   travel
	exports  []string

	consistency Consistency
	committedAt hlc.Timestamp
	// command is what the last Snapshot saw of the own writes.
	command *ownView

	near nearby

	load *bulkLoad // between BeginLoad and EndLoad

	// builds are the indexes that the transaction built.
	builds []catalog.StorageID

	savepoints []savepoint
	nextMark   Savepoint
}

// savepoint is a point to roll back to.
type savepoint struct {
	id      Savepoint
	row     RowID // own row ids from here on came later
	deletes int
	stream  int64
	locks   int
	catalog int
}

func newTxn(e *Engine, opts TxnOptions) *txn {
	t := &txn{e: e, opts: opts, id: catalog.TxnID(e.newIDs(1)), catalog: e.catalog.Begin(opts.Database)}
	t.stream.t = t
	return t
}

func (t *txn) ID() catalog.TxnID     { return t.id }
func (t *txn) Options() TxnOptions   { return t.opts }
func (t *txn) Catalog() *catalog.Txn { return t.catalog }

// Wrote asks the private writes.
func (t *txn) Wrote(p *catalog.Partition) bool { return t.writes != nil && t.writes.touches(p.Storage) }

// owner returns the transaction's hold on locks.
func (t *txn) owner() *lock.Owner {
	if t.locks == nil {
		t.locks = t.e.locks.NewOwner(uint64(t.id))
	}
	return t.locks
}

// private returns the own writes, made at the first one.
func (t *txn) private() *privateWrites {
	if t.writes == nil {
		t.writes = newPrivateWrites(t.e)
	}
	return t.writes
}

// writable answers whether the transaction may change data.
func (t *txn) writable() error {
	switch {
	case t.done || t.e.closed.Load():
		return ErrClosed
	case t.opts.ReadOnly:
		return ErrReadOnly
	}
	return t.e.pipeline.fenced()
}

func (t *txn) Savepoint() Savepoint {
	if t.load != nil {
		t.load.cut()
	}
	t.nextMark++
	sp := savepoint{id: t.nextMark, row: RowID(t.e.ids.Load() + 1), stream: t.stream.length(), catalog: t.catalog.Savepoint()}
	if t.writes != nil {
		sp.deletes = t.writes.deletes.count
	}
	if t.locks != nil {
		sp.locks = t.locks.Mark()
	}
	t.savepoints = append(t.savepoints, sp)
	return sp.id
}

func (t *txn) RollbackTo(id Savepoint) {
	i := t.savepointIndex(id)
	if i < 0 {
		return
	}
	sp := t.savepoints[i]
	t.savepoints = t.savepoints[:i+1]
	t.command = nil // it may count deletes that are taken back
	if t.load != nil {
		t.load.undo(sp.row)
	}
	if t.writes != nil {
		t.writes.undo(sp.row, sp.deletes)
		if !t.stream.cut(sp.stream) {
			t.stream.buf = wal.AppendUndo(t.stream.buf, wal.Undo{FirstRowID: uint64(sp.row), Deletes: uint64(sp.deletes)})
		}
	}
	t.catalog.RollbackTo(sp.catalog)
	if t.locks != nil {
		t.locks.ReleaseTo(sp.locks)
	}
}

func (t *txn) Release(id Savepoint) {
	if i := t.savepointIndex(id); i >= 0 {
		t.catalog.Release(t.savepoints[i].catalog)
		t.savepoints = t.savepoints[:i]
	}
}

func (t *txn) savepointIndex(id Savepoint) int {
	for i := len(t.savepoints) - 1; i >= 0; i-- {
		if t.savepoints[i].id == id {
			return i
		}
	}
	return -1
}

func (t *txn) Rollback() {
	if t.done {
		return
	}
	t.AbortLoad()
	if t.writes != nil {
		t.writes.undoLoads(0)
	}
	if t.stream.chunks > 0 || t.stream.prepared {
		// A hint only: without it recovery forgets the chunks at the log's end.
		r := wal.Record{Kind: wal.KindAbort, Epoch: t.e.epoch, Txn: uint64(t.id), Sequence: t.stream.chunks}
		if _, err := t.e.pipeline.append(r.AppendHeader(nil), nil); err != nil {
			t.e.logger.Debug("abort record not written", "txn", t.id, "err", err)
		}
	}
	t.end()
}

// end gives back what the transaction holds, after its outcome is known.
func (t *txn) end() {
	t.done = true
	if t.writes != nil {
		t.writes.release()
	}
	if t.stream.chunks > 0 || t.stream.prepared {
		t.e.active.forget(t.id)
	}
	t.endRepeatable()
	t.endTravel()
	t.endExports()
	if t.locks != nil {
		t.locks.ReleaseAll()
	}
	if len(t.builds) > 0 {
		t.e.builds.forget(t.builds)
		t.e.wake()
	}
	t.stream = changeStream{t: t}
}

// LockTable takes a table lock.
func (t *txn) LockTable(ctx context.Context, table catalog.OID, mode TableLockMode, wait WaitPolicy) error {
	if t.done {
		return ErrClosed
	}
	_, err := t.owner().Lock(ctx, lock.Table(uint32(table)), lock.Mode(mode), t.wait(wait))
	return lockError(err)
}

// SetTimeouts changes how long locks are waited for.
func (t *txn) SetTimeouts(lock, deadlock time.Duration) {
	t.opts.LockTimeout, t.opts.DeadlockTimeout = lock, deadlock
}

// wait turns the options into the lock manager's.
func (t *txn) wait(policy WaitPolicy) lock.Wait {
	return lock.Wait{No: policy != WaitBlock, Timeout: t.opts.LockTimeout, Deadlock: t.opts.DeadlockTimeout}
}

// activeTxns are the transactions with chunks in the log, which must not be cut
// before they end.
type activeTxns struct {
	mu    sync.Mutex
	first map[catalog.TxnID]wal.Position
	// prepared has the transactions whose PREPARE the log may hold.
	prepared map[catalog.TxnID]wal.Position
}

func (a *activeTxns) prepare(id catalog.TxnID, p wal.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prepared == nil {
		a.prepared = map[catalog.TxnID]wal.Position{}
	}
	a.prepared[id] = p
}

// forgettable returns those of ids whose PREPARE the log no longer holds after
// a cut.
func (a *activeTxns) forgettable(ids []catalog.TxnID, cut wal.Position) (out []catalog.TxnID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		if p, known := a.prepared[id]; !known || p.Less(cut) {
			delete(a.prepared, id)
			out = append(out, id)
		}
	}
	return out
}

func (a *activeTxns) stream(id catalog.TxnID, first wal.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.first == nil {
		a.first = map[catalog.TxnID]wal.Position{}
	}
	if _, known := a.first[id]; !known {
		a.first[id] = first
	}
}

func (a *activeTxns) forget(id catalog.TxnID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.first, id)
}

// oldest lowers p to the first chunk of the oldest transaction.
func (a *activeTxns) oldest(p wal.Position) wal.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, first := range a.first {
		if first.Less(p) {
			p = first
		}
	}
	return p
}
