package storage

import (
	"sync"
	"sync/atomic"
	"testing"

	"quiver/catalog"
)

// TestReadAhead scans so many units that others are read ahead, to the end and not,
// with a filter and without; the world's end shows leaks.
func TestReadAhead(t *testing.T) {
	const rows = 12 * 4096
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	ids, names := make([]int64, rows), make([]string, rows)
	for i := range ids {
		ids[i], names[i] = int64(i)*3%rows+int64(i)/(rows/3), string(rune('a'+i%7))
	}
	w.insert(tx, table, ids, names...)
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	reader := w.begin(TxnOptions{})
	defer reader.Rollback()
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	for _, filter := range []Filter{nil, idIs{rows - 7}} {
		for _, batches := range []int{readAheadFrom + 2, 1 << 30} {
			scanner, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, Filter: filter})
			w.check(err)
			kept := 0
			for range batches {
				b, err := scanner.Next(w.ctx)
				w.check(err)
				if b == nil {
					break
				}
				kept += b.Kept
				b.Record.Release()
			}
			w.check(scanner.Close())
			switch want := map[bool]int{true: rows, false: 1}[filter == nil]; {
			case batches > rows && kept != want:
				t.Errorf("%d rows, not %d", kept, want)
			case batches < rows && filter == nil && kept != batches*4096:
				t.Errorf("%d rows of %d batches", kept, batches)
			}
		}
	}
}

// TestReadAheadOfManyScanners: all rows come, whichever scanner is first, with one
// that ends before the others.
func TestReadAheadOfManyScanners(t *testing.T) {
	const rows = 40 * 4096
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	ids, names := make([]int64, rows), make([]string, rows)
	for i := range ids {
		ids[i], names[i] = int64(i), "x"
	}
	w.insert(tx, table, ids, names...)
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	reader := w.begin(TxnOptions{})
	defer reader.Rollback()
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	for _, filter := range []Filter{nil, idIs{rows / 2}} {
		scanners, err := s.ScanParallel(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}, Filter: filter}, 4)
		w.check(err)
		var kept atomic.Int64
		var all sync.WaitGroup
		for i, scanner := range scanners {
			all.Go(func() {
				defer scanner.Close()
				for {
					b, err := scanner.Next(w.ctx)
					if err != nil {
						t.Error(err)
					}
					if b == nil {
						return
					}
					kept.Add(int64(b.Kept))
					b.Record.Release()
					if i == 0 {
						return
					}
				}
			})
		}
		all.Wait()
		if want := map[bool]int64{true: rows, false: 1}[filter == nil]; kept.Load() != want {
			t.Errorf("%d rows, not %d", kept.Load(), want)
		}
	}
}
