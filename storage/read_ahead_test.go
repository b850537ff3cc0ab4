package storage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
)

// flushedRows is a table of so many rows with ids from 0, inserted in another order, in
// objects, and a snapshot that sees them until the test ends.
func (w *world) flushedRows(rows int) (*catalog.Table, Snapshot) {
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	ids, names := make([]int64, rows), make([]string, rows)
	for i := range ids {
		ids[i], names[i] = int64(rows-1-i), string(rune('a'+i%7))
	}
	w.insert(tx, table, ids, names...)
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	reader := w.begin(TxnOptions{})
	w.t.Cleanup(reader.Rollback)
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	w.t.Cleanup(s.Close)
	return table, s
}

// TestReadAhead scans so many units that others are read ahead, to the end and not,
// with a filter and without; the world's end shows leaks.
func TestReadAhead(t *testing.T) {
	const rows = 12 * 4096
	w := newWorld(t)
	table, s := w.flushedRows(rows)
	for _, filter := range []Filter{nil, idIs{rows - 7}} {
		for _, batches := range []int{readAheadFrom + 2, 1 << 30} {
			scanner, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, Filter: filter, Ahead: 2})
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

// TestBatchesAhead: batches come in the order of rows, and an error where its rows are,
// though others make them ahead; one goroutine evaluates where that is asked for.
func TestBatchesAhead(t *testing.T) {
	const units, bad = 60, 50
	w := newWorld(t)
	table, s := w.flushedRows(units * 4096)
	for _, serial := range []bool{false, true} {
		for _, stop := range []int{bad, units} {
			filter := &failsAt{id: bad*4096 + 7, serial: serial, t: t}
			scanner, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}, Filter: filter, Ahead: map[bool]int{true: 0, false: 3}[serial]})
			w.check(err)
			for unit := range stop {
				b, err := scanner.Next(w.ctx)
				if unit == bad {
					if err != errFilter {
						t.Errorf("%v at the row that fails", err)
					}
					break
				}
				w.check(err)
				if got := b.Record.Column(0).(*array.Int64).Value(0); got != int64(unit)*4096 {
					t.Errorf("unit %d begins with %d", unit, got)
				}
				b.Record.Release()
			}
			w.check(scanner.Close())
			if want := int64(min(stop, bad)); scanner.Stats().RowsRead != want*4096 && stop == bad {
				t.Errorf("%d rows counted, not those of %d batches", scanner.Stats().RowsRead, want)
			}
		}
	}
	panicking, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}, Filter: &failsAt{id: bad*4096 + 7, panics: true, t: t}, Ahead: 2})
	w.check(err)
	for range bad {
		b, err := panicking.Next(w.ctx)
		w.check(err)
		b.Record.Release()
	}
	func() {
		defer func() {
			if p := recover(); p != errFilter {
				t.Errorf("panic %v where the filter panics", p)
			}
		}()
		_, _ = panicking.Next(w.ctx)
	}()
	w.check(panicking.Close())
}

// TestCanceledAhead: a scan that was not waited for gives nothing more.
func TestCanceledAhead(t *testing.T) {
	w := newWorld(t)
	table, s := w.flushedRows(20 * 4096)
	filter := &failsAt{id: -1, t: t}
	scanner, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}, Filter: filter, Ahead: 2})
	w.check(err)
	for range readAheadFrom {
		b, err := scanner.Next(w.ctx)
		w.check(err)
		b.Record.Release()
	}
	filter.waits.Store(true)
	canceled, cancel := context.WithCancel(context.WithValue(w.ctx, asking{}, true))
	time.AfterFunc(10*time.Millisecond, cancel)
	for range 2 {
		for err == nil { // those that it makes itself come
			var b *Batch
			if b, err = scanner.Next(canceled); b == nil {
				break
			}
			b.Record.Release()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v after cancellation", err)
		}
		_, err = scanner.Next(w.ctx)
	}
	w.check(scanner.Close()) // ends those that wait
}

var errFilter = errors.New("a row that fails")

// asking marks the context of who asks for batches.
type asking struct{}

// failsAt passes rows up to an id and fails at it.
type failsAt struct {
	id     int64
	serial bool
	panics bool
	waits  atomic.Bool // where nobody asks for the batch
	busy   atomic.Bool
	t      *testing.T
}

func (f *failsAt) Fields() []catalog.FieldID { return []catalog.FieldID{100} }

func (f *failsAt) MayMatch(func(catalog.FieldID) *ColumnStats) bool { return true }

func (f *failsAt) Eval(ctx context.Context, columns []arrow.Array, rows int, _ Bitmap) error {
	if f.serial {
		if f.busy.Swap(true) {
			f.t.Error("two goroutines evaluate a serial filter")
		}
		defer f.busy.Store(false)
	}
	if f.waits.Load() {
		if ctx.Value(asking{}) == nil {
			<-ctx.Done()
			return ctx.Err()
		}
		time.Sleep(time.Millisecond) // the others begin
	}
	switch at := slices.Contains(columns[0].(*array.Int64).Int64Values()[:rows], f.id); {
	case at && f.panics:
		panic(errFilter)
	case at:
		return errFilter
	}
	return nil
}

// TestReadAheadOfManyScanners: all rows come, whichever scanner is first, with one
// that ends before the others.
func TestReadAheadOfManyScanners(t *testing.T) {
	const rows = 40 * 4096
	w := newWorld(t)
	table, s := w.flushedRows(rows)
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
