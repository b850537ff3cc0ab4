package storage

import (
	"strings"
	"testing"

	"quiver/catalog"
	"quiver/internal/offheap"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// TestLargeTransactionIsBounded writes several times the memory budget in one
// transaction, loses it to a crash in the middle, and finishes it on a second
// try; then replays it from the log, within the same budget.
func TestLargeTransactionIsBounded(t *testing.T) {
	w := newWorld(t)
	w.e.Close()
	root := t.TempDir()
	scratch, err := vfs.NewOS(root)
	w.check(err)
	disk, err := vfs.NewOS(t.TempDir())
	w.check(err)
	w.opts.Objects, w.opts.Scratch = objstore.NewDir(disk, "objects"), scratch
	w.reopen(48 << 20)
	table := w.newTable("a")
	text := strings.Repeat("0123456789", 100)
	const rows, batch = 100_000, 2000 // 100 MB
	load := func(n int) *txn {
		tx := w.begin(TxnOptions{})
		for from := 0; from < n; from += batch {
			ids, names := make([]int64, batch), make([]string, batch)
			for i := range ids {
				ids[i], names[i] = int64(from+i), text
			}
			w.insert(tx, table, ids, names...)
		}
		return tx
	}
	load(rows / 2) // never ends: the crash takes it
	w.log = w.log.Crash(0)
	w.reopen(48 << 20)
	w.now(table, "")

	tx := load(rows)
	w.check(tx.Commit(w.ctx))
	count := func() {
		t.Helper()
		tx := w.begin(TxnOptions{})
		defer tx.Rollback()
		s, err := tx.Snapshot(w.ctx)
		w.check(err)
		defer s.Close()
		sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}})
		w.check(err)
		got := 0
		for {
			b, err := sc.Next(w.ctx)
			w.check(err)
			if b == nil {
				break
			}
			got += b.Kept
			b.Record.Release()
		}
		if got != rows {
			t.Errorf("%d rows", got)
		}
	}
	count()
	w.log = w.log.Crash(0)
	w.reopen(48 << 20)
	count()
	w.check(w.e.Checkpoint(w.ctx))
	count()
	if used, limit := w.e.mem.Used(), w.e.mem.Limit(); used > limit/2 {
		t.Errorf("%d of %d bytes in use after CHECKPOINT", used, limit)
	}
}

// reopen opens the engine with a memory budget.
func (w *world) reopen(budget int64) {
	w.t.Helper()
	w.e.Close()
	w.opts.Memory = offheap.New(budget)
	w.open()
}
