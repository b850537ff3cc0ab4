package storage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
)

// states prints the segments: state, rows, tier and the state of their indexes.
func (w *world) states() string {
	var out []string
	for _, s := range w.e.Segments() {
		if (s.ID == 0) != (s.Tier == "memory") || (s.Objects == 0) != (s.ID == 0) || (s.StoredBytes == 0) != (s.ID == 0) {
			w.t.Errorf("%s segment %d in tier %s has %d objects of %d bytes", s.State, s.ID, s.Tier, s.Objects, s.StoredBytes)
		}
		out = append(out, fmt.Sprintf("%s %d %s %s", s.State, s.Rows, s.Tier, s.IndexState))
	}
	return strings.Join(out, ", ")
}

func (w *world) expectStates(want string) {
	w.t.Helper()
	if got := w.states(); got != want {
		w.t.Errorf("segments %q, want %q", got, want)
	}
}

// TestSegmentStates leads segments through every state of their life.
func TestSegmentStates(t *testing.T) {
	w, _ := newIndexWorld(t)
	table := w.newTable("a")
	insert := func(id int64) {
		tx := w.begin(TxnOptions{})
		w.insert(tx, table, []int64{id}, "x")
		w.check(tx.Commit(w.ctx))
	}
	insert(1)
	w.expectStates("growing 1 memory none")

	// A store that is away stalls the flush, and rows go elsewhere meanwhile.
	w.objects.fail = func(string) (error, bool) { return errTest, false }
	if err := w.e.Checkpoint(w.ctx); err == nil {
		t.Fatal("the store is away and CHECKPOINT does not say so")
	}
	w.expectStates("sealed 1 memory none")
	insert(2)
	w.expectStates("sealed 1 memory none, growing 1 memory none")
	w.objects.fail = nil
	w.check(w.e.Checkpoint(w.ctx))
	w.expectStates("flushed 2 remote none")

	index := w.indexed(table, "a_v")
	w.expectStates("indexed 2 remote built")
	insert(3)
	w.expectStates("indexed 2 remote built, growing 1 memory absent")
	w.check(w.e.Checkpoint(w.ctx))
	w.expectStates("indexed 2 remote built, flushed 1 remote absent")

	// What a merge replaced is there while a snapshot reads it, then while its
	// objects are.
	release := w.objects.holdDeletes()
	reader := w.begin(TxnOptions{Isolation: RepeatableRead})
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}})
	w.check(err)
	shard := w.e.shardsOf(table.Storage, 0)[0]
	told, pace := map[string]int64{}, atOnce()
	pace.progress = func(phase string, _, total int64) { told[phase] = total }
	w.check(w.e.vacuumShard(w.ctx, shard, mergeFull, pace))
	if told["merging rows"] != 3 || told["writing objects"] != 3 {
		t.Errorf("of a merge of 3 rows is told %v", told)
	}
	w.expectStates("compacted 2 remote built, compacted 1 remote absent, indexed 3 remote built")
	w.check(sc.Close())
	s.Close()
	reader.Rollback()
	w.expectStates("dropped 2 remote built, dropped 1 remote absent, indexed 3 remote built")
	release()
	w.e.jobs.Wait()
	w.expectStates("indexed 3 remote built")

	// So are those of a table that is gone, which have no names any more.
	release = w.objects.holdDeletes()
	tx := w.begin(TxnOptions{})
	for _, p := range tx.Catalog().Partitions(table.OID) {
		tx.Catalog().Drop(p.OID)
	}
	for _, oid := range []catalog.OID{index.OID, table.PrimaryKey, table.OID} {
		tx.Catalog().Drop(oid)
	}
	w.check(tx.Commit(w.ctx))
	w.expectStates("dropped 3 remote none")
	if place := w.e.Segments()[0].Place; place != (Place{}) {
		t.Errorf("the segment of a dropped table lies in %v", place)
	}
	release()
	w.e.jobs.Wait()
	w.expectStates("")
}

// TestSealing: segments are flushed by age, by size and where memory is short, and
// the log is cut each time.
func TestSealing(t *testing.T) {
	w := newWorld(t)
	if w.e.opts.SealAfter != 10*time.Minute {
		t.Errorf("segments are sealed after %v", w.e.opts.SealAfter)
	}
	table := w.newTable("a")
	id := int64(0)
	insert := func(bytes int) (committed time.Time) {
		id++
		tx := w.begin(TxnOptions{})
		w.insert(tx, table, []int64{id}, strings.Repeat("x", bytes))
		w.check(tx.Commit(w.ctx))
		return w.e.pipeline.visible().Time()
	}
	// flushDue does what the background does at a time.
	flushDue := func(at time.Time, want bool) {
		t.Helper()
		due := w.e.due(at)
		if (len(due) > 0) != want {
			t.Fatalf("%d shards are due, want any: %t", len(due), want)
		}
		if len(due) == 0 {
			return
		}
		before := w.e.LogInfo().NeededFrom
		w.check(w.e.flushShards(w.ctx, due))
		w.check(w.e.cutLog(w.ctx))
		if after := w.e.LogInfo().NeededFrom; !before.Less(after) || w.log.Bytes() != 0 {
			t.Errorf("a start would read from %v, then %v; %d bytes of log are left", before, after, w.log.Bytes())
		}
		if len(w.e.due(at)) > 0 {
			t.Error("flushed, and due again")
		}
	}

	first := insert(1)
	w.clock.Observe(hlc.At(first.Add(9 * time.Minute)))
	insert(1) // age is that of the first row
	flushDue(first.Add(10*time.Minute), false)
	flushDue(first.Add(10*time.Minute+time.Millisecond), true)
	w.expectStates("flushed 2 remote none")
	// Time that commits have been given counts, too.
	second := insert(1)
	w.clock.Observe(hlc.At(second.Add(11 * time.Minute)))
	insert(1)
	flushDue(first, true)

	// A segment that is taken as the transaction made it ages, too.
	third := insert(adoptBytes)
	flushDue(third, false)
	flushDue(third.Add(11*time.Minute), true)
	// And so do deletes alone.
	tx := w.begin(TxnOptions{})
	w.change(tx, table, 1, "-")
	w.check(tx.Commit(w.ctx))
	at := w.e.pipeline.visible().Time()
	flushDue(at, false)
	flushDue(at.Add(11*time.Minute), true)

	w.e.opts.SegmentBytesMax = 1 << 20
	at = insert(1 << 10)
	flushDue(at, false)
	at = insert(1 << 20)
	flushDue(at, true)
	w.e.opts.SegmentBytesMax = 1 << 30

	w.e.opts.GrowingBytesMax = 4 << 20
	at = insert(2 << 20)
	flushDue(at, false)
	at = insert(3 << 20)
	flushDue(at, true)
}
