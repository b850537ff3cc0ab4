package storage

import (
	"testing"
	"time"

	"quiver/internal/hlc"
)

// TestMergeKeepsSizesWithinRetention: rows that an update has replaced are kept for reads
// of the past, and count for the size of what a merge would write.
func TestMergeKeepsSizesWithinRetention(t *testing.T) {
	w := newWorld(t)
	w.opts.Retention = time.Hour
	w.e.Close()
	w.open()
	table := w.newTable("a")
	const rows = 500
	add := func(from int64) []RowID {
		t.Helper()
		tx := w.begin(TxnOptions{})
		ids, names := make([]int64, rows), make([]string, rows)
		for i := range ids {
			ids[i] = from + int64(i)
		}
		added, _, err := tx.Insert(w.ctx, table, 0, columnsOf(ids, names), false)
		w.check(err)
		w.check(tx.Commit(w.ctx))
		w.check(w.e.Checkpoint(w.ctx))
		return added
	}
	var where []RowID
	for n := range int64(3) {
		where = append(where, add(n*rows)...)
	}
	s := w.e.allShards()[0]
	v := s.pin()
	w.e.opts.SegmentBytesMax = v.flushed[0].liveBytes() // none is small
	v.release()
	segments := func(n int) {
		t.Helper()
		v := s.pin()
		defer v.release()
		if len(v.flushed) != n {
			t.Errorf("%d segments, not %d", len(v.flushed), n)
		}
	}
	tx := w.begin(TxnOptions{})
	w.check(tx.Delete(w.ctx, table, where))
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Vacuum(w.ctx, table.Storage, 0, false))
	segments(4) // the last has the deletes alone
	w.clock.now.Add(uint64(2*time.Hour/time.Millisecond) << hlc.CounterBits)
	w.check(w.e.Vacuum(w.ctx, table.Storage, 0, false))
	segments(0)
}
