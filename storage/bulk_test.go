package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

// loadRows adds rows by a bulk load, as COPY does: in batches, each under a
// savepoint, and some first taken back and added again.
func loadRows(ctx context.Context, random *rand.Rand, tx *txn, table *catalog.Table, columns []arrow.Array) error {
	began := tx.BeginLoad(table)
	for from, rows := 0, columns[0].Len(); from < rows; {
		to := from + 1 + random.IntN(rows-from)
		batch := make([]arrow.Array, len(columns))
		for i, c := range columns {
			batch[i] = array.NewSlice(c, int64(from), int64(to))
		}
		sp := tx.Savepoint()
		_, _, err := tx.Insert(ctx, table, 0, batch, false)
		if err == nil && random.IntN(4) == 0 {
			tx.RollbackTo(sp)
			_, _, err = tx.Insert(ctx, table, 0, batch, false)
		}
		releaseAll(batch)
		if err != nil {
			tx.AbortLoad()
			return err
		}
		tx.Release(sp)
		if tx.load != nil && random.IntN(3) == 0 {
			for _, s := range tx.load.shards {
				if s.rows.count > 0 {
					tx.load.write(s)
				}
			}
		}
		from = to
	}
	if !began {
		return nil
	}
	if err := tx.EndLoad(ctx); err != nil {
		return err
	}
	if tx.load != nil {
		return errors.New("the load has not ended")
	}
	return nil
}

// newLoadWorld is an engine in which the smallest load makes a segment, with a
// table that has the row 1 in objects.
func newLoadWorld(t *testing.T, shards int) (*world, *catalog.Table) {
	w := newWorld(t)
	w.e.Close()
	w.opts.LoadBytesMin = 1
	w.open()
	tx := w.begin(TxnOptions{})
	table := w.createTable("t", tx, shards)
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	return w, table
}

// load adds rows by a bulk load of one batch a row, each a segment.
func (w *world) load(tx *txn, table *catalog.Table, ids []int64, names ...string) {
	w.t.Helper()
	if !tx.BeginLoad(table) {
		w.t.Fatal("no bulk load")
	}
	for i := range ids {
		sp := tx.Savepoint()
		w.insert(tx, table, ids[i:i+1], names[i])
		tx.Release(sp)
		for _, s := range tx.load.shards {
			if s.rows.count > 0 {
				tx.load.write(s)
			}
		}
	}
	w.check(tx.EndLoad(w.ctx))
}

// named fails the test if, after a sweep, there are other objects than segments name.
func (w *world) named() {
	w.t.Helper()
	w.e.jobs.Wait()
	w.check(w.e.sweep(w.ctx)) // what the end of a process left
	named := map[string]bool{}
	for _, s := range w.e.allShards() {
		for _, f := range s.view.objects() {
			named[f.descriptor().Manifest] = true
			for _, file := range f.Current().Files {
				named[file.Key] = true
			}
		}
	}
	there := map[string]bool{}
	for key := range w.objects.objects {
		there[key] = true
	}
	if !maps.Equal(named, there) {
		w.t.Errorf("objects %v, named %v", there, named)
	}
}

// TestBulkLoad: a transaction sees what it loaded and may change it, others see it
// from its commit on, and so does the next process, whenever the old one ends.
func TestBulkLoad(t *testing.T) {
	for name, after := range map[string]func(*world){
		"running": func(*world) {},
		"flushed": func(w *world) { w.check(w.e.Checkpoint(w.ctx)) },
		"crashed": func(w *world) { w.crash() },
		"flushed, crashed": func(w *world) {
			w.check(w.e.Checkpoint(w.ctx))
			w.crash()
		},
		// The objects of the load are those of the log alone, and other segments of the
		// shards, or the load's own, cannot be read for a while.
		"damaged, mended": func(w *world) {
			kept := map[string][]byte{}
			for key, data := range w.objects.objects {
				if k, ok := manifest.ParseKey(key); ok && k.Kind == manifest.KindManifest {
					kept[key] = data
					delete(w.objects.objects, key)
				}
			}
			for range 2 {
				w.crash()
				if !w.e.damaged {
					w.t.Fatal("no shard is damaged")
				}
				w.check(w.e.sweep(w.ctx))
				if err := w.e.Checkpoint(w.ctx); !IsDamage(err) {
					w.t.Errorf("CHECKPOINT: %v", err)
				}
			}
			maps.Copy(w.objects.objects, kept)
			w.crash()
		},
		"crashed, flushed, merged": func(w *world) {
			w.crash()
			w.check(w.e.Checkpoint(w.ctx))
			for _, s := range w.e.allShards() {
				w.check(w.e.Vacuum(w.ctx, s.table, 0, true))
			}
			w.crash()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, table := newLoadWorld(t, 2)
			before := w.begin(TxnOptions{Isolation: RepeatableRead})
			w.expect(before, table, "1=one")
			tx := w.begin(TxnOptions{})
			w.load(tx, table, []int64{5, 3, 4, 9}, "five", "three", "four", "nine")
			w.expect(tx, table, "1=one 3=three 4=four 5=five 9=nine")
			w.change(tx, table, 4, "vier")
			w.change(tx, table, 9, "-")
			w.change(tx, table, 1, "eins")
			want := "1=eins 3=three 4=vier 5=five"
			w.expect(tx, table, want)
			w.insert(tx, table, []int64{9}, "neun")
			want += " 9=neun"
			w.expect(tx, table, want)
			w.expect(before, table, "1=one")
			w.check(tx.Commit(w.ctx))
			w.expect(before, table, "1=one")
			before.Rollback()
			w.now(table, want)
			after(w)
			w.now(table, want)
			again := w.begin(TxnOptions{})
			w.change(again, table, 5, "-")
			w.change(again, table, 3, "drei")
			w.check(again.Commit(w.ctx))
			want = "1=eins 3=drei 4=vier 9=neun"
			w.now(table, want)
			w.crash()
			w.now(table, want)
			w.check(w.e.Checkpoint(w.ctx))
			w.e.jobs.Wait()
			w.check(w.e.sweep(w.ctx))
			w.check(w.e.Check(w.ctx, func(int64, int64) {}, func(f Finding) { t.Error(f) }))
			w.crash()
			w.now(table, want)
			w.named()
		})
	}
}

// TestBulkLoadUndone: nothing is left of a load that is rolled back.
func TestBulkLoadUndone(t *testing.T) {
	w, table := newLoadWorld(t, 1)
	tx := w.begin(TxnOptions{})
	w.load(tx, table, []int64{2}, "two")
	sp := tx.Savepoint()
	w.load(tx, table, []int64{3, 4}, "three", "four")
	w.expect(tx, table, "1=one 2=two 3=three 4=four")
	w.check(tx.stream.emit(0)) // as if the transaction were large
	tx.RollbackTo(sp)
	w.expect(tx, table, "1=one 2=two")
	w.load(tx, table, []int64{4}, "vier")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=one 2=two 4=vier")

	tx = w.begin(TxnOptions{})
	w.load(tx, table, []int64{6}, "six")
	tx.Rollback()
	tx = w.begin(TxnOptions{})
	if !tx.BeginLoad(table) {
		t.Fatal("no bulk load")
	}
	w.insert(tx, table, []int64{7}, "seven")
	tx.Rollback()
	w.now(table, "1=one 2=two 4=vier")
	w.crash()
	w.now(table, "1=one 2=two 4=vier")
	w.named()
}

// TestBulkLoadKeys: a key is taken by a row of the table, of the load or of a load
// before it in the transaction.
func TestBulkLoadKeys(t *testing.T) {
	w, table := newLoadWorld(t, 1)
	tx := w.begin(TxnOptions{})
	w.load(tx, table, []int64{2}, "two")
	for _, id := range []int64{1, 2, 3} {
		sp := tx.Savepoint()
		if !tx.BeginLoad(table) {
			t.Fatal("no bulk load")
		}
		w.insert(tx, table, []int64{3}, "three")
		_, _, err := tx.Insert(w.ctx, table, 0, columnsOf([]int64{id}, []string{"x"}), false)
		var unique *UniqueError
		if !errors.As(err, &unique) {
			t.Errorf("key %d: %v", id, err)
		}
		tx.AbortLoad()
		tx.RollbackTo(sp)
	}
	w.expect(tx, table, "1=one 2=two")
	w.change(tx, table, 1, "-")
	if tx.BeginLoad(table) {
		t.Error("a load into a table with deletes")
	}
	w.insert(tx, table, []int64{1}, "eins")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=eins 2=two")
}

// TestBulkLoadWaits: rows wait while others wait to be written, until their statement
// is cancelled; what then waits is given up.
func TestBulkLoadWaits(t *testing.T) {
	w, table := newLoadWorld(t, 1)
	tx := w.begin(TxnOptions{})
	if !tx.BeginLoad(table) {
		t.Fatal("no bulk load")
	}
	l := tx.load
	for range cap(l.slots) {
		l.slots <- struct{}{} // all writers are busy
	}
	w.insert(tx, table, []int64{2}, "two")
	l.write(l.shards[0])
	cancelled, cancel := context.WithCancel(w.ctx)
	cancel()
	if err := l.admit(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled statement gets %v", err)
	}
	if err := tx.EndLoad(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of a cancelled load gets %v", err)
	}
	tx.Rollback()
	w.now(table, "1=one")
	w.named()
}

// TestBulkLoadEveryFault: the i-th write of an object fails, before or after it was
// done: the load is there whole or not at all.
func TestBulkLoadEveryFault(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for i := 0; ; i++ {
			w, table := newLoadWorld(t, 1)
			n, met := 0, false
			w.objects.fail = func(string) (error, bool) {
				n++
				if n-1 == i {
					met = true
					return objstore.ErrUnavailable, lost
				}
				return nil, false
			}
			tx := w.begin(TxnOptions{})
			err := loadRows(w.ctx, rand.New(rand.NewPCG(uint64(i), 1)), tx, table, columnsOf([]int64{2, 3}, []string{"two", "three"}))
			want := "1=one"
			if err == nil {
				w.check(tx.Commit(w.ctx))
				want = "1=one 2=two 3=three"
			} else {
				tx.Rollback()
			}
			w.now(table, want)
			if err := w.e.Checkpoint(w.ctx); err != nil && !errors.Is(err, objstore.ErrUnavailable) {
				t.Fatal(err)
			}
			w.crash()
			w.now(table, want)
			w.objects.fail = nil
			w.check(w.e.Checkpoint(w.ctx))
			w.crash()
			w.now(table, want)
			w.named()
			if !met {
				break
			}
		}
	}
}

// TestManyLoadedSegments: what one change of the catalog cannot list is listed by
// several, and a start in between goes on.
func TestManyLoadedSegments(t *testing.T) {
	for _, cut := range []bool{false, true} {
		w, table := newLoadWorld(t, 1)
		var ids []int64
		var names []string
		want := "1=one"
		for id := int64(100); id < 100+2*loadsPerChange+5; id++ {
			ids, names = append(ids, id), append(names, "x")
			want += fmt.Sprintf(" %d=x", id)
		}
		tx := w.begin(TxnOptions{})
		w.load(tx, table, ids, names...)
		w.check(tx.Commit(w.ctx))
		if cut {
			f := &flush{e: w.e, s: w.e.allShards()[0]}
			if !f.seal() {
				t.Fatal("nothing to flush")
			}
			w.check(f.write(w.ctx))
			w.check(f.list(w.ctx))
			f.release()
			w.crash()
			w.now(table, want)
			if s := w.e.allShards()[0]; s.half || len(s.view.loaded) > 0 {
				t.Errorf("%d segments are not listed", len(s.view.loaded))
			}
		}
		w.check(w.e.Checkpoint(w.ctx))
		w.now(table, want)
		w.crash()
		w.now(table, want)
		w.named()
	}
}
