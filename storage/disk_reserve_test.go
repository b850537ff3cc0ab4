package storage

import (
	"errors"
	"syscall"
	"testing"

	"quiver/storage/vfs"
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
	for _, free := range []int64{-1, 2 * reserve, reserve} { // none is too little; the last is slow
		disk.SetFree(free)
		var err error
		if rows, err = write(); err != nil {
			t.Fatalf("with %d bytes free: %v", free, err)
		}
	}
	disk.SetFree(reserve - 1)
	if _, err := write(); !errors.Is(err, ErrDiskFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("with less than the reserve free: %v", err)
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
