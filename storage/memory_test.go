package storage

import (
	"errors"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

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
	root := t.TempDir()
	disk, err := vfs.NewOS(t.TempDir())
	w.check(err)
	w.opts.Objects = objstore.NewDir(disk, "objects")
	w.spillTo(root)
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

// spillTo opens the engine anew with a directory for scratch files.
func (w *world) spillTo(dir string) {
	w.t.Helper()
	w.e.Close()
	scratch, err := vfs.NewOS(dir)
	w.check(err)
	w.opts.Scratch = scratch
	w.open()
}

// reopen opens the engine with a memory budget.
func (w *world) reopen(budget int64) {
	w.t.Helper()
	w.e.Close()
	w.opts.Memory = offheap.New(budget)
	w.open()
}

// TestLargeUpdateIsBounded updates every row of a table in one transaction, most of
// them twice as the first time is taken back to a savepoint, with little of the heap for
// each; and finds the outcome again after a crash, from the log and from delta logs.
func TestLargeUpdateIsBounded(t *testing.T) {
	w := newWorld(t)
	w.spillTo(t.TempDir())
	w.reopen(16 << 20)
	table := w.newTable("a")
	const rows, kept, batch = 200_000, 24_000, 2000
	values := func(from int, name string) ([]int64, []string) {
		ids, names := make([]int64, batch), make([]string, batch)
		for i := range ids {
			ids[i], names[i] = int64(from+i), name
		}
		return ids, names
	}
	tx := w.begin(TxnOptions{})
	var where []RowID
	for from := 0; from < rows; from += batch {
		added, _, err := tx.Insert(w.ctx, table, 0, columnsOf(values(from, "old")), false)
		w.check(err)
		where = append(where, added...)
	}
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))

	heap := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	update := func(tx *txn, from, to int, name string) {
		t.Helper()
		for ; from < to; from += batch {
			for _, row := range where[from : from+batch] {
				got, err := tx.LockRow(w.ctx, table, row, LockForNoKeyUpdate, WaitBlock)
				w.check(err)
				if got.Status != RowCurrent {
					t.Fatalf("row %d has status %d", row, got.Status)
				}
			}
			_, err := tx.Update(w.ctx, table, where[from:from+batch], columnsOf(values(from, name)))
			w.check(err)
		}
	}
	names := func(tx *txn) map[string]int {
		t.Helper()
		s, err := tx.Snapshot(w.ctx)
		w.check(err)
		defer s.Close()
		sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{101}})
		w.check(err)
		count := map[string]int{}
		for {
			b, err := sc.Next(w.ctx)
			w.check(err)
			if b == nil {
				return count
			}
			column := b.Record.Column(0).(*array.String)
			for i := range column.Len() {
				if b.Visible.Get(i) {
					count[column.Value(i)]++
				}
			}
			b.Record.Release()
		}
	}
	expect := func(tx *txn, want map[string]int) {
		t.Helper()
		if got := names(tx); !maps.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	}

	before := heap()
	tx = w.begin(TxnOptions{})
	update(tx, 0, kept, "new")
	sp := tx.Savepoint()
	expect(tx, map[string]int{"new": kept, "old": rows - kept})
	update(tx, kept, rows, "undone")
	expect(tx, map[string]int{"new": kept, "undone": rows - kept})
	tx.RollbackTo(sp)
	expect(tx, map[string]int{"new": kept, "old": rows - kept})
	update(tx, kept, rows, "new")
	expect(tx, map[string]int{"new": rows})
	if taken := heap() - before - int64(cap(tx.stream.buf)) - w.log.Bytes(); taken > 250*rows {
		t.Errorf("%d bytes of the heap for each row", taken/rows) // its values in memory among them
	}
	other := w.begin(TxnOptions{LockTimeout: time.Microsecond})
	expect(other, map[string]int{"old": rows})
	for _, n := range []int{0, rows / 2, rows - 1} {
		if _, err := other.LockRow(w.ctx, table, where[n], LockForShare, WaitBlock); !errors.Is(err, ErrLockTimeout) {
			t.Errorf("row %d: %v", n, err)
		}
		if _, _, err := other.Insert(w.ctx, table, 0, columnsOf([]int64{int64(n)}, []string{"x"}), false); !errors.Is(err, ErrLockTimeout) {
			t.Errorf("key %d: %v", n, err)
		}
	}
	other.Rollback()
	w.check(tx.Commit(w.ctx))
	after := func() {
		t.Helper()
		tx := w.begin(TxnOptions{})
		defer tx.Rollback()
		expect(tx, map[string]int{"new": rows})
	}
	after()
	w.log = w.log.Crash(0)
	w.reopen(16 << 20)
	after()
	w.check(w.e.Checkpoint(w.ctx))
	after()
	w.log = w.log.Crash(0)
	w.reopen(16 << 20)
	after()
}
