package storage

import (
	"testing"

	"quiver/catalog"
	"quiver/storage/check"
	"quiver/storage/wal"
)

// offline is what a check of the stopped cluster finds, and how many segments the
// log alone names.
func (w *world) offline() (found []check.Finding, logged int) {
	w.t.Helper()
	segments, err := w.catalog.Segments(w.ctx)
	w.check(err)
	checkpoints, err := w.catalog.Checkpoints(w.ctx)
	w.check(err)
	var r wal.LoadReader
	w.check(w.log.Read(w.ctx, wal.Position{}, func(p wal.Position, record []byte) error {
		r.Record(p, record)
		return nil
	}))
	c := &catalog.Contents{Version: w.catalog.Current(), Segments: segments, Checkpoints: checkpoints}
	report := func(f check.Finding) { found = append(found, f) }
	named, err := LoggedSegments(w.ctx, r.Committed(), c, w.objects, report)
	w.check(err)
	in := check.Input{Store: w.objects, Segments: named, Orphan: func(string) bool { return true }}
	for _, d := range segments {
		in.Segments = append(in.Segments, CheckedSegment(c.Version, d))
	}
	w.check(check.Run(w.ctx, in, nil, report))
	return found, len(named)
}

// TestLoggedSegments: between the commit of a load and the next flush the log alone
// names its segments. No check takes them for orphans, no sweep removes them, and
// what is missing of them is found.
func TestLoggedSegments(t *testing.T) {
	w, table := newLoadWorld(t, 2)
	expect := func(when string, logged int) {
		t.Helper()
		found, n := w.offline()
		if len(found) > 0 || n != logged {
			t.Errorf("%s: the log names %d segments, not %d; found %+v", when, n, logged, found)
		}
	}
	expect("nothing loaded", 0)
	tx := w.begin(TxnOptions{})
	w.load(tx, table, []int64{5, 3, 4}, "five", "three", "four")
	w.check(tx.Commit(w.ctx))
	undone := w.begin(TxnOptions{})
	w.load(undone, table, []int64{6}, "six")
	undone.Rollback()
	w.e.jobs.Wait()
	expect("loaded", 3)

	var lost string // the manifest of one
	for _, s := range w.e.allShards() {
		for _, f := range s.view.loaded {
			lost = f.descriptor().Manifest
		}
	}
	object := w.objects.objects[lost]
	delete(w.objects.objects, lost)
	found, _ := w.offline()
	missing := false
	for _, f := range found {
		missing = missing || f.Kind == check.Missing && f.Object == lost
	}
	if !missing {
		t.Errorf("found %+v, not that %s is missing", found, lost)
	}
	w.objects.objects[lost] = object

	w.crash()
	w.check(w.e.sweep(w.ctx))
	expect("swept after a crash", 3)
	w.now(table, "1=one 3=three 4=four 5=five")
	w.check(w.e.Checkpoint(w.ctx))
	w.e.jobs.Wait()
	expect("flushed", 0)
	w.now(table, "1=one 3=three 4=four 5=five")
	w.named()
}
