package storage

import (
	"context"
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/manifest"
)

// manySegments is how many a table has here; their rows are those of one.
const manySegments = 100_000

// TestManySegments opens a table of 100,000 segments, lists them, and plans a scan
// that all but one are pruned from by their bounds. What it takes is logged: docs/
// design/segments-at-scale.md has the numbers.
func TestManySegments(t *testing.T) {
	const count = manySegments
	w := newWorld(t)
	table := w.newTable("many")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2}, "a", "b")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	stored := w.cloneSegments(table, count)

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	w.crash()
	opened := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)

	start = time.Now()
	list := w.e.Segments()
	listed := time.Since(start)
	if len(list) != count {
		t.Fatalf("%d segments are listed, not %d", len(list), count)
	}
	reader := w.begin(TxnOptions{})
	defer reader.Rollback()
	s, err := reader.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	wanted := int64(count / 2)
	start = time.Now()
	rounds := 5
	for range rounds {
		p, err := s.(*snapshot).plan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}, Filter: idIs{wanted * 10}})
		w.check(err)
		if p.segments != int64(count) || p.pruned != int64(count-1) {
			t.Fatalf("%d of %d segments are pruned", p.pruned, p.segments)
		}
	}
	planned := time.Since(start) / time.Duration(rounds)
	t.Logf("%d segments: opened in %v, %d bytes of memory each; %d bytes each in the catalog, %d in the manifest; listed in %v; a scan planned in %v",
		count, opened, (after.HeapAlloc-before.HeapAlloc)/count, stored.catalog/(count-1), stored.manifests/(count-1), listed, planned)
}

type storedBytes struct{ catalog, manifests int }

// cloneSegments adds segments like the only one that there is, which hold keys of
// their own: those of the i-th are i*10 and i*10+1.
func (w *world) cloneSegments(table *catalog.Table, count int) (stored storedBytes) {
	w.t.Helper()
	segments, err := w.catalog.Segments(w.ctx)
	w.check(err)
	if len(segments) != 1 {
		w.t.Fatalf("%d segments", len(segments))
	}
	d := segments[0]
	info, err := w.objects.Head(w.ctx, d.Manifest)
	w.check(err)
	object, err := w.objects.ReadAt(w.ctx, d.Manifest, 0, info.Size, nil)
	w.check(err)
	m, err := manifest.Decode(d.Manifest, object)
	w.check(err)
	var change catalog.SegmentChange
	commit := func() {
		w.check(w.catalog.CommitSegments(w.ctx, change))
		change = catalog.SegmentChange{}
	}
	for i := 1; i < count; i++ {
		x, y := *d, *m
		x.ID, x.Revision = catalog.SegmentID(w.e.newIDs(1)), 0
		y.Segment = x.ID
		y.Columns = append([]manifest.Column(nil), m.Columns...)
		for c := range y.Columns {
			if y.Columns[c].Field == 100 {
				y.Columns[c].Min, y.Columns[c].Max = boundOf(w.t, int64(i*10)), boundOf(w.t, int64(i*10+1))
			}
		}
		object, err := y.Encode()
		w.check(err)
		x.Manifest = y.Name().Manifest(w.e.newIDs(1))
		w.check(w.objects.PutIfAbsent(w.ctx, x.Manifest, object))
		value, err := json.Marshal(&x)
		w.check(err)
		stored.catalog += len(value)
		stored.manifests += len(object)
		if change.Put = append(change.Put, &x); len(change.Put) == catalog.SegmentChangeMax {
			commit()
		}
	}
	commit()
	return stored
}

func boundOf(t *testing.T, v int64) []byte {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Append(v)
	a := b.NewArray()
	defer a.Release()
	out, err := binlog.AppendColumn(nil, a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// idIs keeps the rows of one id.
type idIs struct{ id int64 }

func (f idIs) Fields() []catalog.FieldID { return []catalog.FieldID{100} }

func (f idIs) Eval(_ context.Context, columns []arrow.Array, rows int, visible Bitmap) error {
	for i, id := range columns[0].(*array.Int64).Int64Values()[:rows] {
		if id != f.id {
			bitutil.ClearBit(visible, i)
		}
	}
	return nil
}

func (f idIs) MayMatch(stats func(catalog.FieldID) *ColumnStats) bool {
	s := stats(100)
	return s == nil || s.Min == nil || s.Min.(*array.Int64).Value(0) <= f.id && f.id <= s.Max.(*array.Int64).Value(0)
}
