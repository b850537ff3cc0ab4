package storage

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quiver/catalog"
	"quiver/storage/check"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// findings runs a check.
func (w *world) findings() (found []check.Finding) {
	w.t.Helper()
	last := int64(0)
	progress := func(done, total int64) {
		if done < last || done > total {
			w.t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	w.check(w.e.Check(w.ctx, progress, func(f check.Finding) { found = append(found, f) }))
	return found
}

// expectFinding expects one finding, of the kind and the object.
func (w *world) expectFinding(kind, object string) {
	w.t.Helper()
	found := w.findings()
	if len(found) != 1 || found[0].Kind != kind || found[0].Object != object {
		w.t.Errorf("found %+v, want %s of %s", found, kind, object)
	}
}

// checkedWorld has a table of two segments with deletes in objects.
func checkedWorld(t *testing.T) (*world, *catalog.Table) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2, 3}, "one", "two", "three")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Flush(w.ctx, table.Storage, 0))
	tx = w.begin(TxnOptions{})
	w.change(tx, table, 2, "zwei")
	w.change(tx, table, 3, "-")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Flush(w.ctx, table.Storage, 0))
	return w, table
}

func (w *world) segments(table *catalog.Table) (list []*flushedSegment) {
	for _, s := range w.e.shardsOf(table.Storage, 0) {
		list = append(list, s.view.flushed...)
	}
	return list
}

// TestCheckNamesWhatIsWrong damages every object in turn.
func TestCheckNamesWhatIsWrong(t *testing.T) {
	w, table := checkedWorld(t)
	if found := w.findings(); len(found) > 0 {
		t.Fatalf("found %+v where nothing is wrong", found)
	}
	for _, f := range w.segments(table) {
		keys := []string{f.descriptor().Manifest}
		for _, file := range f.Current().Files {
			keys = append(keys, file.Key)
		}
		for _, key := range keys {
			good := w.objects.objects[key]
			isManifest := key == keys[0]
			delete(w.objects.objects, key)
			w.expectFinding(check.Missing, key)
			bad := bytes.Clone(good)
			bad[len(bad)/2] ^= 16
			w.objects.objects[key] = bad
			want := check.Checksum
			if isManifest {
				want = check.Corrupt
			}
			w.expectFinding(want, key)
			w.objects.objects[key] = good[:len(good)-1]
			if want = check.WrongSize; isManifest {
				want = check.Corrupt
			}
			w.expectFinding(want, key)
			w.objects.objects[key] = good
		}
	}
	if found := w.findings(); len(found) > 0 {
		t.Fatalf("found %+v where nothing is wrong any more", found)
	}
}

// forge lets the catalog list a segment, or one more, whose manifest was changed.
func (w *world) forge(f *flushedSegment, id catalog.SegmentID, change func(*manifest.Manifest, *catalog.Segment)) string {
	w.t.Helper()
	m, d := *f.Current(), *f.descriptor()
	m.Files = slices.Clone(m.Files)
	m.Segment, d.ID = id, id
	if id != f.id() {
		d.Revision = 0
	}
	change(&m, &d)
	key, err := w.e.putManifest(w.ctx, &m)
	w.check(err)
	d.Manifest = key
	w.check(w.catalog.CommitSegments(w.ctx, catalog.SegmentChange{Put: []*catalog.Segment{&d}}))
	return key
}

func TestCheckComparesWithTheCatalog(t *testing.T) {
	w, table := checkedWorld(t)
	f := w.segments(table)[0]
	w.forge(f, f.id(), func(_ *manifest.Manifest, d *catalog.Segment) { d.Rows++ })
	w.crash()
	w.check(w.e.sweep(w.ctx)) // the manifest before
	f = w.segments(table)[0]
	w.expectFinding(check.Manifest, f.descriptor().Manifest)

	w, table = checkedWorld(t)
	f = w.segments(table)[0]
	stamps := f.Current().File(catalog.TimestampField).Key
	w.forge(f, f.id(), func(m *manifest.Manifest, d *catalog.Segment) { m.MaxTimestamp++; d.MaxTimestamp++ })
	w.crash()
	w.check(w.e.sweep(w.ctx))
	w.expectFinding(check.Timestamps, stamps)

	// A merge that left its input: the same rows in two segments.
	w, table = checkedWorld(t)
	f = w.segments(table)[0]
	w.forge(f, catalog.SegmentID(w.e.newIDs(1)), func(*manifest.Manifest, *catalog.Segment) {})
	w.crash()
	w.expectFinding(check.TwiceThere, f.Current().File(catalog.RowIDField).Key)
}

// TestOrphans: what nothing names is found and removed, at the start if an earlier
// process made it, else once it is old enough and nothing that began before it is
// under way.
func TestOrphans(t *testing.T) {
	w, table := checkedWorld(t)
	orphan := func() string {
		key := manifest.Segment{Table: table.Storage, Partition: 1, ID: catalog.SegmentID(w.e.newIDs(1))}.InsertLog(100, w.e.newIDs(1))
		w.objects.objects[key] = []byte("left behind")
		return key
	}
	there := func(key string) bool { return w.objects.objects[key] != nil }
	old := orphan()
	if found := w.findings(); len(found) > 0 {
		t.Fatalf("what may be in the making is taken for an orphan: %+v", found)
	}
	w.crash()
	w.expectFinding(check.Orphan, old)
	fresh := orphan()
	w.check(w.e.sweep(w.ctx))
	if there(old) || !there(fresh) {
		t.Errorf("the old one is there: %t, the fresh one: %t", there(old), there(fresh))
	}

	grace, now := w.e.opts.SweepAfter, time.Now()
	s := &w.e.sweeping
	tick := func(after time.Duration) bool {
		now = now.Add(after)
		return s.due(now, w.e.ids.Load(), grace)
	}
	orphans := func() []string {
		list, err := w.e.orphans(w.ctx, now)
		w.check(err)
		return list
	}
	if tick(0) || tick(grace/2) {
		t.Error("swept again before its time")
	}
	end := w.e.sweeping.begin(uint64(0)) // something that began long ago
	tick(grace / 2)
	if list := orphans(); len(list) > 0 {
		t.Errorf("%v taken for orphans while something is under way", list)
	}
	end()
	if !tick(grace) {
		t.Error("not swept again in time")
	}
	later := orphan()
	if list := orphans(); !slices.Equal(list, []string{fresh}) {
		t.Errorf("orphans %v, want %s and not %s", list, fresh, later)
	}
	if n := len(s.marks); n > 6 {
		t.Errorf("%d marks are kept", n)
	}
	w.now(table, "1=one 2=zwei")
}

// TestSweepSparesWhatIsRead: the objects of a segment that a merge replaced stay
// while a snapshot reads them, whatever is swept.
func TestSweepSparesWhatIsRead(t *testing.T) {
	w, table := checkedWorld(t)
	reader := w.begin(TxnOptions{Isolation: RepeatableRead})
	defer reader.Rollback()
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}})
	w.check(err)
	defer sc.Close()
	before := count(t, w.objects, "files/")
	w.check(w.e.vacuumShard(w.ctx, w.e.shardsOf(table.Storage, 0)[0], mergeFull, atOnce()))
	w.e.firstID = w.e.ids.Load() + 1 // everything is old
	w.check(w.e.sweep(w.ctx))
	if n := count(t, w.objects, "files/"); n < before {
		t.Errorf("%d objects of %d are left while they are read", n, before)
	}
	var rows []testRow
	for {
		b, err := sc.Next(w.ctx)
		w.check(err)
		if b == nil {
			break
		}
		rows = append(rows, rowsOf(b)...)
		b.Record.Release()
	}
	if got := format(rows); got != "1=one 2=zwei" {
		t.Errorf("rows %q", got)
	}
}

// TestCheckStoreAway: a store that does not answer is an error, no finding.
func TestCheckStoreAway(t *testing.T) {
	w, _ := checkedWorld(t)
	for i := range 12 {
		faulty := objstore.NewFaulty(w.objects)
		w.opts.Objects = faulty
		w.crash()
		faulty.Set(&objstore.Fault{After: i, Err: fmt.Errorf("%w: away", objstore.ErrUnavailable)})
		var found []check.Finding
		err := w.e.Check(w.ctx, nil, func(f check.Finding) { found = append(found, f) })
		if faulty.Hit() && err == nil || len(found) > 0 {
			t.Errorf("operation %d: %v, found %+v", i, err, found)
		}
		faulty.Set(nil)
	}
}

// TestCheckOfLostDescriptor: a catalog that lacks what a segment's partition is in is
// damaged; the check says so and goes on.
func TestCheckOfLostDescriptor(t *testing.T) {
	ctx := t.Context()
	kv := catalog.NewMemStore().Open(catalog.Faults{})
	c, err := catalog.Open(ctx, catalog.Options{KV: kv, ClusterID: "test", Create: true, Instance: "here"})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, catalog: c, log: wal.NewMemLog(), clock: newStepClock(), objects: newTestStore()}
	w.open()
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(ctx))
	w.check(w.e.Flush(ctx, table.Storage, 0))
	d := w.segments(table)[0].descriptor()
	w.check(w.e.Close())
	w.check(c.Close(ctx))
	for _, oid := range []catalog.OID{table.OID, table.Schema, table.Database} {
		all, _, err := kv.Range(ctx, "", 0)
		w.check(err)
		i := slices.IndexFunc(all, func(p catalog.KeyValue) bool { return strings.HasSuffix(p.Key, fmt.Sprintf("descriptor/%010d", oid)) })
		if i < 0 {
			t.Fatalf("no descriptor %d", oid)
		}
		_, err = kv.Txn(ctx, nil, []catalog.Op{{Delete: true, Key: all[i].Key}})
		w.check(err)
		contents, err := catalog.Inspect(ctx, kv, "test", func(string) bool { return true })
		w.check(err)
		var found []string
		in := check.Input{Store: w.objects, Segments: []check.Segment{CheckedSegment(contents.Version, d)}}
		w.check(check.Run(ctx, in, nil, func(f check.Finding) { found = append(found, f.Kind) }))
		if !slices.Equal(found, []string{check.LostTable}) {
			t.Errorf("without descriptor %d: %q", oid, found)
		}
		_, err = kv.Txn(ctx, nil, []catalog.Op{{Key: all[i].Key, Value: all[i].Value}})
		w.check(err)
	}
}
