package storage

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"quiver/catalog"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// TestDiskReserve: new rows are refused when the disk has only its reserve left, rows
// go all the same, and once there is space rows are taken again.
func TestDiskReserve(t *testing.T) {
	const reserve = 1 << 20
	w := newWorld(t)
	w.e.Close()
	disk := vfs.NewMem()
	w.opts.Scratch, w.opts.DiskReserve = disk, reserve
	w.open()
	table := w.newTable("a")
	id := int64(0)
	write := func() (rows []RowID, err error) {
		id++
		tx := w.begin(TxnOptions{})
		rows, _, err = tx.Insert(w.ctx, table, 0, columnsOf([]int64{id}, []string{"x"}), false)
		if err != nil {
			tx.Rollback()
			return nil, err
		}
		return rows, tx.Commit(w.ctx)
	}
	var rows []RowID
	for _, free := range []int64{-1, 3 * reserve, 3 * reserve / 2} { // none is too little; the last is slow
		disk.SetFree(free)
		var err error
		if rows, err = write(); err != nil {
			t.Fatalf("with %d bytes free: %v", free, err)
		}
	}
	disk.SetFree(reserve)
	if _, err := write(); !errors.Is(err, ErrDiskFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("with the reserve free, but not what the rows take: %v", err)
	}
	tx := w.begin(TxnOptions{})
	if err := tx.Delete(w.ctx, table, rows); err != nil {
		t.Errorf("a delete: %v", err)
	}
	if err := tx.Commit(w.ctx); err != nil {
		t.Error(err)
	}
	disk.SetFree(-1)
	if _, err := write(); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

// smallDisk is a world of one disk, for objects, log and scratch.
type smallDisk struct {
	*world
	disk  *vfs.Mem
	log   *wal.FileLog
	table *catalog.Table
	next  int64
}

func newSmallDisk(t *testing.T, size, reserve int64, manual bool) *smallDisk {
	w := &smallDisk{world: newWorld(t), disk: vfs.NewMem()}
	w.table = w.newTable("a")
	w.e.Close()
	w.disk.SetFree(size)
	var err error
	w.log, err = wal.OpenFiles(w.disk, "wal", wal.FileOptions{FileBytes: 1 << 20})
	w.check(err)
	t.Cleanup(func() {
		w.e.Close()
		w.check(w.log.Close())
	})
	w.e, err = Open(w.ctx, Options{
		Catalog: w.catalog, Log: w.log, Clock: w.clock, Objects: objstore.NewDir(w.disk, "disk"), Scratch: w.disk,
		DiskReserve: reserve, SegmentBytesMax: 1 << 20, Manual: manual,
	})
	w.check(err)
	return w
}

// insert commits rows of about 100 KB that do not pack well.
func (w *smallDisk) insert() ([]RowID, error) {
	const rows, size = 100, 1 << 10
	random := rand.New(rand.NewPCG(1, uint64(w.next)))
	ids, names := make([]int64, rows), make([]string, rows)
	text := make([]byte, size)
	for i := range rows {
		for j := range text {
			text[j] = 'a' + byte(random.IntN(26))
		}
		ids[i], names[i] = w.next, string(text)
		w.next++
	}
	tx := w.begin(TxnOptions{})
	written, _, err := tx.Insert(w.ctx, w.table, 0, columnsOf(ids, names), false)
	if err != nil {
		tx.Rollback()
		return nil, err
	}
	return written, tx.Commit(w.ctx)
}

func (w *smallDisk) free() int64 {
	n, err := w.disk.Free()
	w.check(err)
	return n
}

// waitFree waits until so much is free.
func (w *smallDisk) waitFree(bytes int64) {
	w.t.Helper()
	for range 500 {
		if w.free() >= bytes {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("%d bytes are free, not %d", w.free(), bytes)
}

func (w *smallDisk) delete(rows []RowID) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	w.check(tx.Delete(w.ctx, w.table, rows))
	w.check(tx.Commit(w.ctx))
}

// TestFullDiskMakesRoom: rows are taken until most of a disk is theirs, flushes and
// deletes work when they are refused, and what is deleted makes room for as many.
func TestFullDiskMakesRoom(t *testing.T) {
	const size, reserve = 24 << 20, 2 << 20
	w := newSmallDisk(t, size, reserve, false)
	for round := range 2 {
		var rows []RowID
		var err error
		for err == nil {
			var more []RowID
			more, err = w.insert()
			rows = append(rows, more...)
		}
		if !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
		if len(rows) < size/2/(1<<10) {
			t.Errorf("round %d: %d rows are taken", round, len(rows))
		}
		w.check(w.e.Checkpoint(w.ctx))
		if free := w.free(); free < reserve/2 {
			t.Errorf("round %d: %d bytes are free after the checkpoint", round, free)
		}
		w.delete(rows)
		w.check(w.e.Checkpoint(w.ctx))
		w.check(w.e.Vacuum(w.ctx, w.table.Storage, 0, true))
		if free := w.free(); free < size-4<<20 {
			t.Errorf("round %d: %d bytes are free when all rows are gone", round, free)
		}
	}
}

// TestFullDiskOfUnflushedRows: a disk that others filled has no room for what is in
// memory. Its objects go once they cannot all be written, and rows that are deleted
// need none, though the retention keeps them.
func TestFullDiskOfUnflushedRows(t *testing.T) {
	w := newSmallDisk(t, -1, 2<<20, true)
	var rows []RowID
	for range 60 {
		more, err := w.insert()
		w.check(err)
		rows = append(rows, more...)
	}
	const free = 3 << 20
	w.disk.SetFree(free)
	if err := w.e.Checkpoint(w.ctx); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a checkpoint of 6 MB on a disk of 3 MB: %v", err)
	}
	w.waitFree(free - 1<<20)
	w.delete(rows)
	w.check(w.e.Checkpoint(w.ctx))
	if i := w.e.LogInfo(); i.NeededFrom != i.Last || w.free() < free {
		t.Errorf("%d bytes are free and a start reads from %v to %v when all rows are deleted", w.free(), i.NeededFrom, i.Last)
	}
}

// TestShortDiskHasNoSpares: the log gives back the files it would use again.
func TestShortDiskHasNoSpares(t *testing.T) {
	w := newSmallDisk(t, -1, 2<<20, true)
	for range 30 {
		_, err := w.insert()
		w.check(err)
	}
	w.check(w.e.Checkpoint(w.ctx))
	if n := w.log.Bytes(); n < 4<<20 {
		t.Fatalf("the log keeps %d bytes while there is room", n)
	}
	w.disk.SetFree(4<<20 - 1)
	w.check(w.e.Checkpoint(w.ctx))
	if n := w.log.Bytes(); n > 3<<20 {
		t.Errorf("the log has %d bytes on a short disk", n)
	}
}
