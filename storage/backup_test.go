package storage

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/backup"
	"quiver/storage/binlog"
	"quiver/storage/jobs"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// backUp backs up tables, all of them without any.
func (w *world) backUp(place *backup.Place, tables ...*catalog.Table) *backup.Description {
	w.t.Helper()
	d, err := w.e.Backup(w.ctx, place, backupOf(tables...))
	w.check(err)
	return d
}

func backupOf(tables ...*catalog.Table) BackupSpec {
	spec := BackupSpec{Database: catalog.PostgresDatabaseOID}
	for _, t := range tables {
		spec.Tables = append(spec.Tables, t.OID)
	}
	return spec
}

// restoreSpec restores the tables of a backup into the database, each under its
// name with a suffix.
func (w *world) restoreSpec(d *backup.Description, suffix string, at hlc.Timestamp) RestoreSpec {
	w.t.Helper()
	tr := catalog.Transplant{Databases: map[catalog.OID]*catalog.Database{}, Names: map[catalog.OID]string{}}
	for _, b := range d.Descriptors {
		o, err := catalog.DecodeDescriptor("test", b)
		w.check(err)
		tr.Descriptors = append(tr.Descriptors, o)
		switch o := o.(type) {
		case *catalog.Database:
			tr.Databases[o.OID] = w.catalog.View(catalog.PostgresDatabaseOID).Database()
		case *catalog.Table:
			tr.Names[o.OID] = o.Name + suffix
		}
	}
	return RestoreSpec{Backup: d, Timestamp: at, Transplant: tr, Database: catalog.PostgresDatabaseOID}
}

func (w *world) restore(place *backup.Place, d *backup.Description, suffix string, at hlc.Timestamp) {
	w.t.Helper()
	w.check(w.e.Restore(w.ctx, place, w.restoreSpec(d, suffix, at)))
}

func (w *world) table(name string) *catalog.Table {
	w.t.Helper()
	t, ok := w.catalog.View(catalog.PostgresDatabaseOID).Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	if !ok {
		w.t.Fatalf("no table %s", name)
	}
	return t
}

// otherWorld is another cluster, with its own store.
func otherWorld(t *testing.T) *world { return newWorld(t) }

// history is what a table showed at each commit.
type history struct {
	at   []hlc.Timestamp
	rows []string
}

func (h *history) show(at hlc.Timestamp) string {
	i, found := slices.BinarySearch(h.at, at)
	if !found {
		i--
	}
	if i < 0 {
		return ""
	}
	return h.rows[i]
}

// TestBackupRandom backs up tables with a random past, flushed and merged at
// random, and restores them at random times: beside them, over a restart, and in
// another cluster.
func TestBackupRandom(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t)
			w.opts.Retention = 1000 * time.Hour
			w.crash()
			place := backup.In(objstore.NewMem())
			tables := []*catalog.Table{w.newTable("a"), w.newTable("b")}
			model := make([]map[int64]string, len(tables))
			past := make([]history, len(tables))
			for i := range model {
				model[i] = map[int64]string{}
			}
			var backups []*backup.Description
			for step := range 120 {
				switch n := r.IntN(20); {
				case n < 14:
					tx := w.begin(TxnOptions{})
					for i, table := range tables {
						w.randomChanges(r, tx, table, model[i], step)
					}
					w.check(tx.Commit(w.ctx))
					for i := range tables {
						past[i].at = append(past[i].at, w.e.pipeline.visible())
						past[i].rows = append(past[i].rows, formatModel(model[i]))
					}
				case n < 16:
					w.check(w.e.Flush(w.ctx, tables[r.IntN(2)].Storage, 0))
				case n < 17:
					w.check(w.e.Vacuum(w.ctx, tables[r.IntN(2)].Storage, 0, false))
				case n < 18:
					w.crash()
				default:
					backups = append(backups, w.backUp(place))
				}
			}
			backups = append(backups, w.backUp(place))
			other := otherWorld(t)
			for n, d := range backups {
				times := []hlc.Timestamp{0, hlc.Timestamp(d.Timestamp), hlc.Timestamp(d.Earliest)}
				for range 3 {
					at := past[0].at[r.IntN(len(past[0].at))]
					if uint64(at) <= d.Timestamp && uint64(at) >= d.Earliest {
						times = append(times, at, at-1)
					}
				}
				at := times[r.IntN(len(times))]
				if uint64(at) < d.Earliest {
					at = 0
				}
				suffix := fmt.Sprintf("_%d", n)
				for _, to := range []*world{w, other} {
					to.restore(place, d, suffix, at)
					if r.IntN(3) == 0 {
						to.crash()
					}
					shown := at
					if at == 0 {
						shown = hlc.Timestamp(d.Timestamp)
					}
					for i, name := range []string{"a", "b"} {
						to.now(to.table(name+suffix), past[i].show(shown))
					}
				}
			}
			// A restored table takes writes, and keeps them.
			for _, to := range []*world{w, other} {
				table := to.table("a_0")
				m := map[int64]string{}
				tx := to.begin(TxnOptions{})
				for _, row := range strings.Fields(to.rows(tx, table)) {
					var id int64
					var name string
					if _, err := fmt.Sscanf(strings.Replace(row, "=", " ", 1), "%d %s", &id, &name); err != nil {
						t.Fatal(row, err)
					}
					m[id] = name
				}
				to.randomChanges(r, tx, table, m, 1000)
				to.check(tx.Commit(to.ctx))
				to.check(to.e.Vacuum(to.ctx, table.Storage, 0, true))
				to.crash()
				to.now(table, formatModel(m))
			}
		})
	}
}

// randomChanges makes a few changes in a table and its model.
func (w *world) randomChanges(r *rand.Rand, tx *txn, table *catalog.Table, model map[int64]string, step int) {
	w.t.Helper()
	for i := range 1 + r.IntN(6) {
		id, name := int64(r.IntN(60)), fmt.Sprintf("s%d.%d", step, i)
		switch _, there := model[id]; {
		case !there:
			w.insert(tx, table, []int64{id}, name)
			model[id] = name
		case r.IntN(3) == 0:
			w.change(tx, table, id, "-")
			delete(model, id)
		default:
			w.change(tx, table, id, name)
			model[id] = name
		}
	}
}

func formatModel(m map[int64]string) string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%d=%s", id, m[id]))
	}
	return strings.Join(out, " ")
}

// TestBackupWhileWriting backs up two tables that every transaction changes alike,
// while transactions, flushes and merges go on: they are alike in each backup, and
// as they were at its timestamp.
func TestBackupWhileWriting(t *testing.T) {
	w := newWorld(t)
	w.opts.Retention = 1000 * time.Hour
	w.crash()
	place := backup.In(objstore.NewMem())
	a, b := w.newTable("a"), w.newTable("b")
	var mu sync.Mutex
	past := history{}
	stop := make(chan struct{})
	var tasks sync.WaitGroup
	tasks.Go(func() {
		r := rand.New(rand.NewPCG(1, 1))
		model := map[int64]string{}
		for step := 0; ; step++ {
			select {
			case <-stop:
				return
			default:
			}
			tx := w.begin(TxnOptions{})
			other := maps.Clone(model)
			seed := r.Uint64()
			w.randomChanges(rand.New(rand.NewPCG(seed, 1)), tx, a, model, step)
			w.randomChanges(rand.New(rand.NewPCG(seed, 1)), tx, b, other, step)
			w.check(tx.Commit(w.ctx))
			mu.Lock()
			past.at = append(past.at, w.e.pipeline.visible())
			past.rows = append(past.rows, formatModel(model))
			mu.Unlock()
			switch step % 16 {
			case 3:
				w.check(w.e.Flush(w.ctx, a.Storage, 0))
			case 7:
				w.check(w.e.Vacuum(w.ctx, b.Storage, 0, false))
			}
		}
	})
	var backups []*backup.Description
	func() {
		defer tasks.Wait()
		defer close(stop)
		for range 10 {
			backups = append(backups, w.backUp(place))
		}
	}()
	for n, d := range backups {
		suffix := fmt.Sprint(n)
		w.restore(place, d, suffix, 0)
		want := past.show(hlc.Timestamp(d.Timestamp))
		w.now(w.table("a"+suffix), want)
		w.now(w.table("b"+suffix), want)
	}
}

// TestBackupIsIncremental: what the place has is not copied again, and goes with
// the last backup that needs it.
func TestBackupIsIncremental(t *testing.T) {
	w := newWorld(t)
	store := objstore.NewMem()
	place := backup.In(store)
	table := w.newTable("a")
	commit := func(id int64, name string) {
		tx := w.begin(TxnOptions{})
		w.insert(tx, table, []int64{id}, name)
		w.check(tx.Commit(w.ctx))
	}
	commit(1, "one")
	first := w.backUp(place)
	if first.NewObjects == 0 || first.NewObjects != first.Objects || first.NewBytes != first.Bytes {
		t.Errorf("the first backup copied %d objects of %d", first.NewObjects, first.Objects)
	}
	if again := w.backUp(place); again.NewObjects != 0 || again.Objects != first.Objects {
		t.Errorf("nothing has changed, yet %d objects were copied", again.NewObjects)
	}
	commit(2, "two")
	second := w.backUp(place)
	if second.NewObjects != second.Objects-first.Objects || second.NewObjects == 0 {
		t.Errorf("%d objects were copied; %d are new", second.NewObjects, second.Objects-first.Objects)
	}
	lock, err := place.Lock(w.ctx, "test")
	w.check(err)
	if _, err := w.e.Backup(w.ctx, place, backupOf()); !errors.Is(err, backup.ErrInUse) {
		t.Errorf("a backup into a place in use: %v", err)
	}
	names, err := place.Names(w.ctx)
	w.check(err)
	for _, name := range names {
		if name != first.Name {
			w.check(place.Delete(w.ctx, lock, name))
		}
	}
	if n := count(t, store, "objects/"); n != first.Objects {
		t.Errorf("%d objects are left, the first backup has %d", n, first.Objects)
	}
	w.check(place.Delete(w.ctx, lock, first.Name))
	w.check(lock.Release(w.ctx))
	if n := count(t, store, ""); n != 1 { // the lock
		t.Errorf("%d objects are left of nothing", n)
	}
	if err := place.Delete(w.ctx, lock, first.Name); !errors.Is(err, backup.ErrNoBackup) {
		t.Errorf("a backup deleted twice: %v", err)
	}
}

func count(t *testing.T, s objstore.Store, prefix string) (n int) {
	t.Helper()
	if err := s.List(t.Context(), prefix, func(objstore.ObjectInfo) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBackupEveryFault: the i-th operation on the place fails, or loses its reply.
// There is a backup then, a whole one, or none, and the next one leaves nothing
// behind but itself.
func TestBackupEveryFault(t *testing.T) {
	for _, lose := range []bool{false, true} {
		for i := 0; ; i++ {
			w := newWorld(t)
			inner := objstore.NewMem()
			faulty := objstore.NewFaulty(inner)
			place := backup.In(faulty)
			table := w.newTable("a")
			tx := w.begin(TxnOptions{})
			w.insert(tx, table, []int64{1, 2}, "one", "two")
			w.check(tx.Commit(w.ctx))
			faulty.Set(&objstore.Fault{After: i, LoseReply: lose})
			_, err := w.e.Backup(w.ctx, place, backupOf())
			hit := faulty.Hit()
			faulty.Set(nil)
			if err == nil && hit {
				t.Logf("operation %d fails and is not missed", i)
			}
			all, listErr := place.All(w.ctx)
			w.check(listErr)
			if err == nil && len(all) != 1 {
				t.Fatalf("operation %d: the backup was made and %d are there", i, len(all))
			}
			for _, d := range all {
				w.checkBackup(place, d)
				w.restore(place, d, "_old", 0)
				w.now(w.table("a_old"), "1=one 2=two")
			}
			tx = w.begin(TxnOptions{})
			w.change(tx, table, 2, "zwei")
			w.check(tx.Commit(w.ctx))
			w.check(w.e.Vacuum(w.ctx, table.Storage, 0, true))
			last := w.backUp(place)
			needed := map[string]bool{}
			for _, d := range append(all, last) {
				w.check(d.Files(func(f *manifest.File) error { needed[f.Key] = true; return nil }))
			}
			if n := count(t, inner, "objects/"); n < len(needed) || n > len(needed)+last.Objects {
				t.Fatalf("operation %d: %d objects, %d are needed", i, n, len(needed))
			}
			w.restore(place, last, "_new", 0)
			w.now(w.table("a_new"), "1=one 2=zwei")
			if !hit {
				break
			}
		}
	}
}

// checkBackup verifies a backup.
func (w *world) checkBackup(place *backup.Place, d *backup.Description) {
	w.t.Helper()
	w.check(place.Verify(w.ctx, d, quiet{}, func(key string, err error) { w.t.Errorf("%s: %v", key, err) }))
}

// quiet is a backup.Progress for nobody.
type quiet struct{}

func (quiet) Total(int, int64) {}
func (quiet) Done(int64, bool) {}

// TestRestoreEveryFault: the i-th operation on the cluster's store fails while a
// backup is restored. There is no table then, and after a restart nothing of it;
// what had been there is.
func TestRestoreEveryFault(t *testing.T) {
	for _, lose := range []bool{false, true} {
		for i := 0; ; i++ {
			w := newWorld(t)
			faulty := objstore.NewFaulty(w.objects)
			w.opts.Objects = faulty
			w.crash()
			place := backup.In(objstore.NewMem())
			table := w.newTable("a")
			tx := w.begin(TxnOptions{})
			w.insert(tx, table, []int64{1, 2}, "one", "two")
			w.check(tx.Commit(w.ctx))
			d := w.backUp(place)
			before := count(t, faulty, "files/")
			faulty.Set(&objstore.Fault{After: i, LoseReply: lose})
			err := w.e.Restore(w.ctx, place, w.restoreSpec(d, "_new", 0))
			hit := faulty.Hit()
			faulty.Set(nil)
			if err == nil {
				w.now(w.table("a_new"), "1=one 2=two")
			} else if w.catalog.View(catalog.PostgresDatabaseOID).Relation(catalog.PublicSchemaOID, "a_new") != nil {
				t.Fatalf("operation %d: %v, and the table is there", i, err)
			}
			w.crash()
			if err != nil {
				w.check(w.e.sweep(w.ctx))
				if n := count(t, faulty, "files/"); n != before {
					t.Fatalf("operation %d: %d objects, %d before", i, n, before)
				}
				w.restore(place, d, "_new", 0)
			}
			w.now(table, "1=one 2=two")
			w.now(w.table("a_new"), "1=one 2=two")
			if !hit {
				break
			}
		}
	}
}

// TestRestoreCutShort: a restart after each commit to the catalog finds all of a
// restore or nothing.
func TestRestoreCutShort(t *testing.T) {
	w := newWorld(t)
	place := backup.In(objstore.NewMem())
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(w.ctx))
	d := w.backUp(place)
	before := count(t, w.objects, "files/")
	// The segments are in the catalog, the tables are not.
	r := &restore{e: w.e, place: place, spec: w.restoreSpec(d, "_new", 0), at: hlc.Timestamp(d.Timestamp), run: &BackupProgress{}}
	r.raise()
	tx = w.begin(TxnOptions{})
	w.check(r.transplant(w.ctx, tx.Catalog()))
	w.check(r.copy(w.ctx))
	w.check(r.commitSegments(w.ctx))
	for _, s := range r.made {
		s.flushed.release()
	}
	w.crash()
	w.check(w.e.jobs.WaitFor(w.ctx, 0, func(*jobs.Job) bool { return true }))
	w.check(w.e.sweep(w.ctx))
	if n := count(t, w.objects, "files/"); n != before {
		t.Errorf("%d objects, %d before", n, before)
	}
	w.now(table, "1=one")
}

// TestRestoreTimes: a time that the backup does not hold is refused.
func TestRestoreTimes(t *testing.T) {
	w := newWorld(t)
	place := backup.In(objstore.NewMem())
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(w.ctx))
	d := w.backUp(place, table)
	for _, at := range []hlc.Timestamp{hlc.Timestamp(d.Earliest) - 1, hlc.Timestamp(d.Timestamp) + 1} {
		var refused *ErrRestoreTime
		if err := w.e.Restore(w.ctx, place, w.restoreSpec(d, "_x", at)); !errors.As(err, &refused) {
			t.Errorf("restored at %d, %v", at, err)
		}
	}
}

// TestRestoreBeforeTruncate: what TRUNCATE left behind is in no backup, so a time
// before it is refused, and the backup tells that.
func TestRestoreBeforeTruncate(t *testing.T) {
	w := newWorld(t)
	place := backup.In(objstore.NewMem())
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(w.ctx))
	full, err := w.e.Timestamp()
	w.check(err)
	d := w.backUp(place, table)
	if d.Earliest > uint64(full) {
		t.Errorf("a backup before TRUNCATE can be restored from %d on, not at %d", d.Earliest, full)
	}
	w.restore(place, d, "_full", full)
	w.now(w.table("a_full"), "1=one")

	tx = w.begin(TxnOptions{})
	w.check(tx.Catalog().Truncate(w.ctx, table.OID))
	w.check(tx.Commit(w.ctx))
	empty, err := w.e.Timestamp()
	w.check(err)
	table = w.table("a")
	tx = w.begin(TxnOptions{})
	w.insert(tx, table, []int64{2}, "two")
	w.check(tx.Commit(w.ctx))
	d = w.backUp(place, table)
	if d.Earliest <= uint64(full) || d.Earliest > uint64(empty) {
		t.Errorf("the backup can be restored from %d on; TRUNCATE was after %d, before %d", d.Earliest, full, empty)
	}
	var refused *ErrRestoreTime
	if err := w.e.Restore(w.ctx, place, w.restoreSpec(d, "_x", full)); !errors.As(err, &refused) {
		t.Errorf("restored at a time before TRUNCATE: %v", err)
	}
	// Nor of a backup that tells of more than it has, as they did once.
	told := d.Earliest
	d.Earliest = 0
	spec := w.restoreSpec(d, "_x", full)
	for _, o := range spec.Transplant.Descriptors {
		if p, ok := o.(*catalog.Partition); ok {
			p.TruncatedAt = told
		}
	}
	if err := w.e.Restore(w.ctx, place, spec); !errors.As(err, &refused) || refused.Earliest != hlc.Timestamp(told) {
		t.Errorf("restored at a time before TRUNCATE: %v", err)
	}
	d.Earliest = told
	w.restore(place, d, "_empty", empty)
	w.now(w.table("a_empty"), "")
	w.restore(place, d, "_now", 0)
	w.now(w.table("a_now"), "2=two")
}

// TestBackupFindsFlips: a flipped bit in any object, of the cluster or of the
// place, is found by what reads it, which names it.
func TestBackupFindsFlips(t *testing.T) {
	w := newWorld(t)
	store := objstore.NewMem()
	place := backup.In(store)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2}, "one", "two")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Flush(w.ctx, table.Storage, 0))
	tx = w.begin(TxnOptions{})
	w.change(tx, table, 2, "-")
	w.check(tx.Commit(w.ctx))
	d := w.backUp(place)
	var corrupt *binlog.CorruptionError
	var files []manifest.File
	w.check(d.Files(func(f *manifest.File) error { files = append(files, *f); return nil }))
	for _, f := range files {
		// In the place.
		key := d.Key(f.Key)
		good, err := objstore.ReadAll(w.ctx, store, key)
		w.check(err)
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 4
		w.check(store.Put(w.ctx, key, bytes.NewReader(bad), int64(len(bad))))
		var found []string
		w.check(place.Verify(w.ctx, d, quiet{}, func(key string, err error) { found = append(found, key) }))
		if len(found) != 1 || found[0] != key {
			t.Errorf("verify found %v, not %s", found, key)
		}
		if err := w.e.Restore(w.ctx, place, w.restoreSpec(d, "_x", 0)); !errors.As(err, &corrupt) || !strings.Contains(corrupt.Object, f.Key) {
			t.Errorf("restored with a bit flipped in %s: %v", key, err)
		}
		w.check(store.Delete(w.ctx, key))
		found = nil
		w.check(place.Verify(w.ctx, d, quiet{}, func(key string, err error) { found = append(found, key) }))
		if len(found) != 1 || found[0] != key {
			t.Errorf("verify found %v missing, not %s", found, key)
		}
		w.check(store.Put(w.ctx, key, bytes.NewReader(good), int64(len(good))))
		// In the cluster.
		inCluster := w.objects.objects[f.Key]
		w.objects.objects[f.Key] = bad
		if _, err := w.e.Backup(w.ctx, backup.In(objstore.NewMem()), backupOf()); !errors.As(err, &corrupt) || corrupt.Object != f.Key {
			t.Errorf("backed up with a bit flipped in %s: %v", f.Key, err)
		}
		w.objects.objects[f.Key] = inCluster
	}
	w.checkBackup(place, d)
	w.restore(place, d, "_y", 0)
	w.now(w.table("a_y"), "1=one")
}

// TestBackupWithoutLog: a backup does not need the write-ahead log.
func TestBackupWithoutLog(t *testing.T) {
	w := newWorld(t)
	place := backup.In(objstore.NewMem())
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(w.ctx))
	d := w.backUp(place)
	w.e.Close()
	w.log = wal.NewMemLog()
	w.open()
	w.restore(place, d, "_x", 0)
	w.now(w.table("a_x"), "1=one")
}
