package storage

import (
	"strings"
	"testing"

	"quiver/catalog"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

func TestFlushAndCrash(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{3, 1, 2}, "c", "a", "")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	w.now(table, "1=a 2= 3=c")
	if n := w.log.Bytes(); n != 0 {
		t.Errorf("%d bytes of log are left after CHECKPOINT", n)
	}
	w.crash()
	w.now(table, "1=a 2= 3=c")

	old := w.begin(TxnOptions{Isolation: RepeatableRead})
	w.expect(old, table, "1=a 2= 3=c")
	tx = w.begin(TxnOptions{})
	w.change(tx, table, 2, "b")
	w.change(tx, table, 3, "-")
	w.insert(tx, table, []int64{4}, "d")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=a 2=b 4=d")
	w.check(w.e.Checkpoint(w.ctx))
	w.now(table, "1=a 2=b 4=d")
	w.expect(old, table, "1=a 2= 3=c")
	old.Rollback()

	tx = w.begin(TxnOptions{})
	w.change(tx, table, 4, "-")
	w.insert(tx, table, []int64{4, 3}, "D", "C")
	w.check(tx.Commit(w.ctx))
	w.crash()
	w.now(table, "1=a 2=b 3=C 4=D")
	w.check(w.e.Checkpoint(w.ctx))
	w.crash()
	w.now(table, "1=a 2=b 3=C 4=D")

	tx = w.begin(TxnOptions{})
	if _, conflicts, err := tx.Insert(w.ctx, table, 0, columnsOf([]int64{1, 3, 5}, []string{"x", "x", "e"}), true); err != nil || len(conflicts) != 2 {
		t.Errorf("conflicts %v, %v", conflicts, err)
	}
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=a 2=b 3=C 4=D 5=e")
}

// TestDeleteDuringFlush: what is deleted between sealing and switching is gone
// afterwards, after a crash, and after the next flush.
func TestDeleteDuringFlush(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2, 3}, "a", "b", "c")
	w.check(tx.Commit(w.ctx))
	during := false
	w.objects.fail = func(string) (error, bool) {
		if !during {
			during = true
			tx := w.begin(TxnOptions{})
			w.change(tx, table, 2, "-")
			w.change(tx, table, 3, "C")
			w.check(tx.Commit(w.ctx))
		}
		return nil, false
	}
	w.check(w.e.Checkpoint(w.ctx))
	w.now(table, "1=a 3=C")
	if w.log.Bytes() == 0 {
		t.Error("the log lost what came during the flush")
	}
	w.crash()
	w.now(table, "1=a 3=C")
	w.check(w.e.Checkpoint(w.ctx))
	w.now(table, "1=a 3=C")
	w.crash()
	w.now(table, "1=a 3=C")
	if w.log.Bytes() != 0 {
		t.Error("the log keeps what is in objects")
	}
}

func TestFailedFlushIsRepeated(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2}, "a", "b")
	w.check(tx.Commit(w.ctx))
	for _, c := range []struct {
		err  error
		lost bool
	}{{errTest, false}, {errTest, true}, {objstore.ErrUnavailable, false}, {objstore.ErrUnavailable, true}} {
		for n := range 6 {
			w.objects.fail = func(string) (error, bool) {
				if n--; n < 0 {
					return c.err, c.lost
				}
				return nil, false
			}
			if err := w.e.Checkpoint(w.ctx); err == nil && n < 0 {
				t.Error("CHECKPOINT hides a failed write")
			}
			w.now(table, "1=a 2=b")
			if left := len(w.objects.objects); n < 0 && c.err == errTest && !c.lost && left > 0 {
				t.Errorf("%d objects are left of a flush that failed", left)
			}
			w.crash()
			w.now(table, "1=a 2=b")
		}
	}
	w.objects.fail = nil
	w.check(w.e.Checkpoint(w.ctx))
	w.crash()
	w.now(table, "1=a 2=b")
	before := len(w.objects.objects)
	w.check(w.e.sweep(w.ctx))
	if after := len(w.objects.objects); after >= before || after == 0 { // a store that was away keeps them
		t.Errorf("sweep leaves %d objects of %d", after, before)
	}
	w.crash()
	w.now(table, "1=a 2=b")
}

var errTest = wal.ErrTooLarge

func TestDropRemovesObjects(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2}, "a", "b")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	reader := w.begin(TxnOptions{})
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}})
	w.check(err)

	tx = w.begin(TxnOptions{})
	c := tx.Catalog()
	for _, p := range c.Partitions(table.OID) {
		c.Drop(p.OID)
	}
	c.Drop(table.PrimaryKey)
	c.Drop(table.OID)
	w.check(tx.Commit(w.ctx))
	w.e.jobs.Wait()
	if len(w.objects.objects) == 0 {
		t.Error("objects are gone while a reader needs them")
	}
	b, err := sc.Next(w.ctx)
	w.check(err)
	if b == nil || b.Kept != 2 {
		t.Error("the reader lost its rows")
	}
	w.check(sc.Close())
	s.Close()
	b.Record.Release()
	reader.Rollback()
	w.e.jobs.Wait()
	if n := len(w.objects.objects); n != 0 {
		t.Errorf("%d objects are left", n)
	}
	if segments, err := w.catalog.Segments(w.ctx); err != nil || len(segments) != 0 {
		t.Errorf("%d segments are left, %v", len(segments), err)
	}
	w.crash()
}

func TestFlushLargeTable(t *testing.T) {
	w := newWorld(t)
	w.e.Close()
	w.opts.SegmentBytesMax = 8 << 20
	w.open()
	table := w.newTable("a")
	text := strings.Repeat("x", 1000)
	const rows = 30_000
	for part := range 3 {
		tx := w.begin(TxnOptions{})
		for from := 0; from < rows/3; from += 1000 {
			ids, names := make([]int64, 1000), make([]string, 1000)
			for i := range ids {
				ids[i], names[i] = int64((from+i)*3+part), text
			}
			w.insert(tx, table, ids, names...)
		}
		w.check(tx.Commit(w.ctx))
	}
	w.check(w.e.Checkpoint(w.ctx))
	if n := len(w.e.allShards()[0].view.flushed); n < 2 {
		t.Errorf("%d segments", n)
	}
	for range 2 {
		tx := w.begin(TxnOptions{})
		for _, id := range []int64{0, 1, 777, 29_999} {
			w.find(tx, table, id)
		}
		s, err := tx.Snapshot(w.ctx)
		w.check(err)
		if got := w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}}); len(got) != rows {
			t.Errorf("%d rows", len(got))
		}
		s.Close()
		tx.Rollback()
		w.crash()
	}
}
