package storage

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"quiver/catalog"
	"quiver/storage/objstore"
)

// TestStalledStore writes while the object store is down: rows are taken until
// memory is short, then refused with memory to spare; all that was committed is
// there, and writing goes on once the store is back.
func TestStalledStore(t *testing.T) {
	w := newWorld(t)
	w.e.Close()
	store := objstore.NewFaulty(objstore.NewMem())
	w.opts.Objects = store
	w.reopen(64 << 20) // a quarter is more than a flush needs for itself
	table := w.newTable("a")
	w.e.opts.Manual, w.e.patience = false, patience{failing: 10 * time.Millisecond, hung: time.Hour}
	w.e.tasks.Go(w.e.maintain)

	const batch = 200
	text := strings.Repeat("0123456789", 100)
	committed := int64(0)
	write := func() error {
		ids, names := make([]int64, batch), make([]string, batch)
		for i := range ids {
			ids[i], names[i] = committed+int64(i), text
		}
		tx := w.begin(TxnOptions{})
		if _, _, err := tx.Insert(w.ctx, table, 0, columnsOf(ids, names), false); err != nil {
			tx.Rollback()
			return err
		}
		err := tx.Commit(w.ctx)
		if err == nil {
			committed += batch
		}
		return err
	}
	down := errors.New("the store is down")
	store.Set(&objstore.Fault{Sticky: true, Err: fmt.Errorf("%w: %w", objstore.ErrUnavailable, down)})
	var refused error
	for committed < 1_000_000 && refused == nil {
		refused = write()
	}
	if !errors.Is(refused, ErrStalled) || !errors.Is(refused, down) {
		t.Fatalf("a store that is down: %v", refused)
	}
	if used, limit := w.e.mem.Used(), w.e.mem.Limit(); committed < 1000 || used >= limit {
		t.Errorf("%d rows were taken, with %d of %d bytes in use", committed, used, limit)
	}
	before := committed
	store.Set(nil)
	for committed < 3*before {
		if err := write(); err != nil && !errors.Is(err, ErrStalled) {
			t.Fatal(err)
		}
	}
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	if rows := w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}}); int64(len(rows)) != committed {
		t.Errorf("%d rows, %d were committed", len(rows), committed)
	}
}
