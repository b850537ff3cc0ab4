package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/storage/manifest"
	"quiver/vector"
)

// newIndexWorld is a world whose "hnsw" is a testKind.
func newIndexWorld(t *testing.T) (*world, *testKind) {
	w := newWorld(t)
	k := &testKind{}
	w.opts.Kinds = k.byName
	w.e.Close()
	w.open()
	return w, k
}

func (k *testKind) byName(method string) vector.Kind {
	if method == "hnsw" {
		return k
	}
	return nil
}

// settle runs background jobs until there is nothing left to do.
func (w *world) settle() {
	w.t.Helper()
	for range 100 {
		w.e.reconcile()
		w.e.jobs.Wait()
		if w.e.reconcile() == 0 {
			w.e.jobs.Wait()
			return
		}
	}
	w.t.Error("the background never settles")
}

func newTestIndex(ctx context.Context, c *catalog.Txn, table *catalog.Table, name string) (*catalog.Index, error) {
	oid, err := c.NewOID(ctx)
	if err != nil {
		return nil, err
	}
	storage, err := c.NewStorageID(ctx)
	if err != nil {
		return nil, err
	}
	return &catalog.Index{
		Object: catalog.Object{OID: oid, Name: name}, Schema: table.Schema, Database: table.Database, Table: table.OID,
		Storage: storage, Method: "hnsw", Columns: []catalog.IndexColumn{{Number: 3, Opclass: "vector_l2_ops"}},
	}, nil
}

// createIndex does what CREATE INDEX does, but commit.
func (w *world) createIndex(tx *txn, table *catalog.Table, name string) *catalog.Index {
	w.t.Helper()
	index, err := newTestIndex(w.ctx, tx.Catalog(), table, name)
	w.check(err)
	w.check(tx.Catalog().Put(index))
	w.check(tx.BuildIndex(w.ctx, IndexBuild{Table: table, Index: index, Workers: 2, Command: "CREATE INDEX"}))
	return index
}

// nearest finds the k rows nearest to a vector in the way a search does: by the
// index where a segment has it, exactly elsewhere. It returns them and how many
// segments had the index, of how many.
func (w *world) nearest(tx *txn, table *catalog.Table, index *catalog.Index, query []float32, k int, filter Filter) (found []testRow, indexed, segments int) {
	w.t.Helper()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	list, err := s.VectorSegments(w.ctx, VectorSpec{Scan: ScanSpec{Table: table, Filter: filter}, Field: vectorField, Index: index})
	w.check(err)
	type hit struct {
		testRow
		distance float64
	}
	var hits []hit
	for _, x := range list {
		positions, byIndex := w.searchOne(x, query, k)
		if byIndex {
			indexed++
		}
		columns, err := x.Take(w.ctx, []catalog.FieldID{100, 101}, positions)
		w.check(err)
		ids, err := x.RowIDs(w.ctx, nil, positions)
		w.check(err)
		column, err := x.Column(w.ctx)
		w.check(err)
		for i, pos := range positions {
			r := testRow{row: ids[i], id: columns[0].(*array.Int64).Value(i), name: columns[1].(*array.String).Value(i)}
			vec := floats(column.Row(int(pos)))
			if !slices.Equal(vec, vectorOf(r.id, r.name)) {
				w.t.Errorf("id %d has vector %v", r.id, vec)
			}
			hits = append(hits, hit{r, vector.Exact(vector.L2, query, vec)})
		}
		releaseAll(columns)
		w.check(x.Close())
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.row, b.row)) })
	for _, h := range hits[:min(k, len(hits))] {
		found = append(found, h.testRow)
	}
	return found, indexed, len(list)
}

func (w *world) searchOne(x SearchSegment, query []float32, k int) (positions []uint32, byIndex bool) {
	w.t.Helper()
	keep, kept, err := x.Matching(w.ctx, 0, x.Rows())
	w.check(err)
	column, err := x.Column(w.ctx)
	w.check(err)
	index, indexed := x.Index()
	if index != nil {
		raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(query))), 4*len(query))
		hits, err := index.Search(w.ctx, nil, &vector.SearchRequest{Query: raw, K: k, Keep: keep, Kept: kept, Column: column}, &vector.SearchStats{})
		w.check(err)
		for _, h := range hits {
			if int(h.Position) >= indexed {
				w.t.Errorf("position %d is proposed of %d", h.Position, indexed)
			}
			positions = append(positions, h.Position)
		}
	}
	type hit struct {
		pos      uint32
		distance float64
	}
	var hits []hit
	for pos := indexed; pos < x.Rows(); pos++ {
		if row := floats(column.Row(pos)); row != nil && keep.Get(pos) {
			hits = append(hits, hit{uint32(pos), vector.Exact(vector.L2, query, row)})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.distance, b.distance), int(a.pos)-int(b.pos)) })
	for _, h := range hits[:min(k, len(hits))] {
		positions = append(positions, h.pos)
	}
	return positions, index != nil
}

// expectNearest compares a search with the rows themselves.
func (w *world) expectNearest(tx *txn, table *catalog.Table, index *catalog.Index, rows map[int64]string) (indexed, segments int) {
	w.t.Helper()
	const k = 5
	query := vectorOf(150, "query")
	got, indexed, segments := w.nearest(tx, table, index, query, k, nil)
	var distances []float64
	for id, name := range rows {
		if name != "" {
			distances = append(distances, vector.Exact(vector.L2, query, vectorOf(id, name)))
		}
	}
	slices.Sort(distances)
	distances = distances[:min(k, len(distances))]
	if len(got) != len(distances) {
		w.t.Errorf("%d rows are found, not %d", len(got), len(distances))
		return indexed, segments
	}
	for i, r := range got {
		if name, ok := rows[r.id]; !ok || name != r.name {
			w.t.Errorf("row %d=%s is found, which is %q", r.id, r.name, name)
		}
		if d := vector.Exact(vector.L2, query, vectorOf(r.id, r.name)); math.Abs(d-distances[i]) > 1e-9 {
			w.t.Errorf("row %d is %v away, not %v", i, d, distances[i])
		}
	}
	return indexed, segments
}

// expectIndexed is expectNearest by a transaction of its own, where so many of so many
// segments are to have the index.
func (w *world) expectIndexed(table *catalog.Table, index *catalog.Index, rows map[int64]string, indexed, segments int) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	if i, n := w.expectNearest(tx, table, index, rows); i != indexed || n != segments {
		w.t.Errorf("%d of %d segments are indexed, not %d of %d", i, n, indexed, segments)
	}
}

// indexed creates an index and commits.
func (w *world) indexed(table *catalog.Table, name string) *catalog.Index {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	index := w.createIndex(tx, table, name)
	w.check(tx.Commit(w.ctx))
	return index
}

// fill inserts rows with names of their own and adds them to rows.
func (w *world) fill(table *catalog.Table, rows map[int64]string, from, n int) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	ids, names := make([]int64, n), make([]string, n)
	for i := range ids {
		ids[i] = int64(from + i)
		names[i] = fmt.Sprint("n", (from+i)*7919%1000)
		rows[ids[i]] = names[i]
	}
	w.insert(tx, table, ids, names...)
	w.check(tx.Commit(w.ctx))
}

func (w *world) indexParts() (n int) {
	w.objects.mu.Lock()
	defer w.objects.mu.Unlock()
	for key := range w.objects.objects {
		if k, ok := manifest.ParseKey(key); ok && k.Kind == manifest.KindIndex && k.Part != "" {
			n++
		}
	}
	return n
}

// interimParts counts the objects that mark an index as grown.
func (w *world) interimParts() (n int) {
	w.objects.mu.Lock()
	defer w.objects.mu.Unlock()
	for key := range w.objects.objects {
		if strings.Contains(key, "/"+vector.PartInterim+"-") {
			n++
		}
	}
	return n
}

func TestIndexIsBuiltAndSearched(t *testing.T) {
	w, kind := newIndexWorld(t)
	table := w.newTable("a")
	rows := map[int64]string{}
	for i := range 3 {
		w.fill(table, rows, i*1000, 700)
		w.check(w.e.Checkpoint(w.ctx))
	}
	w.fill(table, rows, 5000, 100)

	look := func(index *catalog.Index, indexed, segments int) {
		t.Helper()
		w.expectIndexed(table, index, rows, indexed, segments)
	}
	// What rolls back leaves nothing.
	tx := w.begin(TxnOptions{})
	index := w.createIndex(tx, table, "x")
	if i, n := w.expectNearest(tx, table, index, rows); i != 1 || n != 1 {
		t.Errorf("within the transaction %d of %d segments are indexed", i, n)
	}
	w.settle()
	if w.indexParts() == 0 {
		t.Error("the background took the index of a running transaction")
	}
	tx.Rollback()
	w.settle()
	if n := w.indexParts(); n != 0 {
		t.Errorf("%d parts are left of an index that was rolled back", n)
	}
	look(index, 0, 1)

	index = w.indexed(table, "x")
	look(index, 1, 1)
	w.crash()
	w.settle()
	look(index, 1, 1)
	if n := kind.built.Load(); n != 2 {
		t.Errorf("%d builds", n)
	}

	// What comes later is searched at once, and indexed in the background.
	w.fill(table, rows, 7000, 300)
	look(index, 1, 2)
	w.check(w.e.Checkpoint(w.ctx))
	look(index, 1, 2)
	w.settle()
	look(index, 2, 2)

	// Updates and deletes.
	tx = w.begin(TxnOptions{})
	for id := int64(140); id < 160; id++ {
		if id%2 == 0 {
			w.change(tx, table, id, "-")
			delete(rows, id)
		} else {
			w.change(tx, table, id, "other")
			rows[id] = "other"
		}
	}
	w.expectNearest(tx, table, index, rows)
	w.check(tx.Commit(w.ctx))
	look(index, 2, 3)

	// REINDEX: another storage id.
	tx = w.begin(TxnOptions{})
	again := *index
	var err error
	again.Storage, err = tx.Catalog().NewStorageID(w.ctx)
	w.check(err)
	w.check(tx.Catalog().Put(&again))
	w.check(tx.BuildIndex(w.ctx, IndexBuild{Table: table, Index: &again}))
	w.check(tx.Commit(w.ctx))
	w.settle()
	look(&again, 1, 1)
	if n := w.indexParts(); n != 2 {
		t.Errorf("%d parts are left after REINDEX", n)
	}
	tx = w.begin(TxnOptions{})
	tx.Catalog().Drop(index.OID)
	w.check(tx.Commit(w.ctx))
	w.settle()
	if n := w.indexParts(); n != 0 {
		t.Errorf("%d parts are left of a dropped index", n)
	}
	w.crash()
	w.now(table, w.text(rows))
}

func (w *world) text(rows map[int64]string) string {
	var list []testRow
	for id, v := range rows {
		list = append(list, testRow{id: id, name: v})
	}
	return format(list)
}

// TestMergeKeepsGraph: rows deleted from one segment are left out in the end,
// and its index is taken over.
func TestMergeKeepsGraph(t *testing.T) {
	w, kind := newIndexWorld(t)
	w.e.Close()
	w.opts.Retention = 1
	w.open()
	table := w.newTable("a")
	rows := map[int64]string{}
	w.fill(table, rows, 0, 1000)
	index := w.indexed(table, "x")
	old := w.begin(TxnOptions{Isolation: RepeatableRead})
	before := w.text(rows)
	w.expect(old, table, before)
	tx := w.begin(TxnOptions{})
	for id := range int64(300) {
		w.change(tx, table, id*3, "-")
		delete(rows, id*3)
	}
	w.check(tx.Commit(w.ctx))
	w.settle()
	if kind.reordered.Load() != 0 {
		t.Error("rows are left out that a snapshot sees")
	}
	w.expect(old, table, before)
	old.Rollback()
	w.fill(table, rows, 2000, 1) // time goes on
	w.settle()
	if kind.built.Load() != 1 || kind.reordered.Load() != 1 {
		t.Errorf("%d builds, %d taken over", kind.built.Load(), kind.reordered.Load())
	}
	tx = w.begin(TxnOptions{})
	if n := tx.e.allShards()[0].view.flushed[0].Rows(); n != 700 {
		t.Errorf("%d rows are kept", n)
	}
	if i, n := w.expectNearest(tx, table, index, rows); i != 1 || n != 2 {
		t.Errorf("%d of %d segments are indexed", i, n)
	}
	tx.Rollback()
	w.now(table, w.text(rows))
	w.crash()
	w.now(table, w.text(rows))
	tx = w.begin(TxnOptions{})
	if i, n := w.expectNearest(tx, table, index, rows); i != 1 || n != 2 {
		t.Errorf("after a restart %d of %d segments are indexed", i, n)
	}
	tx.Rollback()
}

// TestIndexOfAnotherKind: an index that its access method leaves to another is
// searched, taken over by merges and opened after a restart as one of that; it counts
// as built, and a kind that is not there any more is an error.
func TestIndexOfAnotherKind(t *testing.T) {
	w := newWorld(t)
	kind := &choosingKind{other: namedKind{name: "another"}}
	w.e.Close()
	w.opts.Kinds, w.opts.Retention = kind.byName, 1
	w.open()
	table := w.newTable("a")
	rows := map[int64]string{}
	w.fill(table, rows, 0, 1000)
	index := w.indexed(table, "x")
	expect := func(indexed, segments int) {
		t.Helper()
		w.expectIndexed(table, index, rows, indexed, segments)
	}
	expect(1, 1)
	tx := w.begin(TxnOptions{})
	for id := range int64(300) {
		w.change(tx, table, id*3, "-")
		delete(rows, id*3)
	}
	w.check(tx.Commit(w.ctx))
	w.fill(table, rows, 2000, 1) // time goes on
	w.settle()
	expect(1, 2)
	w.crash()
	expect(1, 2)
	w.settle() // it is not built once more
	if n := kind.built.Load(); n != 0 {
		t.Errorf("%d were built of its own kind", n)
	}
	if n, m := kind.other.built.Load(), kind.other.reordered.Load(); n != 1 || m != 1 {
		t.Errorf("%d were built of the other kind, %d taken over", n, m)
	}
	kind.other.name = "a third"
	w.crash()
	tx = w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	_, err = s.VectorSegments(w.ctx, VectorSpec{Scan: ScanSpec{Table: table}, Field: vectorField, Index: index})
	if err == nil || !strings.Contains(err.Error(), `unknown kind "another"`) {
		t.Errorf("of a kind that is gone: %v", err)
	}
}

// TestMergeUnderChanges: deletes that come while a merge runs are not lost, nor
// those of segments that it does not read.
func TestMergeUnderChanges(t *testing.T) {
	w, kind := newIndexWorld(t)
	table := w.newTable("a")
	rows := map[int64]string{}
	w.fill(table, map[int64]string{}, 0, 100)
	tx := w.begin(TxnOptions{})
	for id := range int64(100) {
		w.change(tx, table, id, "-")
	}
	w.check(tx.Commit(w.ctx))
	for i := range 5 {
		w.fill(table, rows, 1000*i, 200)
		w.check(w.e.Checkpoint(w.ctx))
	}
	change := func(id int64, name string) {
		tx := w.begin(TxnOptions{})
		w.change(tx, table, id, name)
		w.check(tx.Commit(w.ctx))
		if rows[id] = name; name == "-" {
			delete(rows, id)
		}
	}
	change(1001, "-")
	change(1002, "b")
	tx = w.begin(TxnOptions{})
	w.createIndex(tx, table, "x") // merges all into one
	w.check(tx.Commit(w.ctx))
	// From now on builds of merged segments are disturbed.
	for i := range 5 {
		w.fill(table, rows, 10_000+1000*i, 200)
		w.check(w.e.Checkpoint(w.ctx))
	}
	n := int64(0)
	kind.building = func(context.Context) {
		n++
		change(n, "-")
		change(1000+n*3, "c")
		change(10_000+n, "-")
		change(11_000+n*3, "d")
		if n%2 == 0 {
			w.check(w.e.Checkpoint(w.ctx))
		}
	}
	w.settle()
	s := w.e.allShards()[0]
	w.check(s.shape(w.ctx))
	w.check(w.e.mergeSmall(w.ctx, s, mergeAll, atOnce()))
	s.shaped()
	if n == 0 {
		t.Error("nothing was built")
	}
	w.now(table, w.text(rows))
	w.crash()
	w.now(table, w.text(rows))
	w.check(w.e.Checkpoint(w.ctx))
	w.crash()
	w.now(table, w.text(rows))
}

// TestProgressOfBuilds: rows and pages done are of the whole build, not of a phase.
func TestProgressOfBuilds(t *testing.T) {
	w, _ := newIndexWorld(t)
	table := w.newTable("a")
	w.fill(table, map[int64]string{}, 0, 1000)
	w.check(w.e.Checkpoint(w.ctx))
	v := w.e.allShards()[0].pin()
	defer v.release()
	f := v.flushed[0]
	p := w.e.builds.begin(catalog.IndexProgress{TuplesTotal: 1000, BlocksTotal: f.pages()})
	defer p.end()
	done := p.follow(f)
	for _, step := range []struct {
		phase         string
		of100         int64
		least, before int64
	}{
		{"encoding vectors", 100, 1, 50}, {"building graph", 50, 450, 550}, {"encoding vectors", 10, 450, 550}, {"building graph", 100, 950, 1000},
	} {
		done.tell(step.phase, step.of100, 100)
		row := w.e.builds.list()[0]
		if row.Phase != "building index: "+step.phase || row.TuplesDone < step.least || row.TuplesDone >= step.before || row.BlocksDone > row.BlocksTotal {
			t.Errorf("%+v after %+v", row, step)
		}
	}
	done.all()
	if row := w.e.builds.list()[0]; row.TuplesDone != row.TuplesTotal || row.BlocksDone != row.BlocksTotal {
		t.Errorf("%+v at the end", row)
	}
}

// TestStatementsMergeWhatTheyIndex: CREATE INDEX merges segments that are not small
// into large ones, but leaves those alone that have an index already; VACUUM FULL
// merges all.
func TestStatementsMergeWhatTheyIndex(t *testing.T) {
	w, _ := newIndexWorld(t)
	table := w.newTable("a")
	rows := map[int64]string{}
	from := 0
	segments := func(n int) {
		t.Helper()
		w.settle()
		v := w.e.allShards()[0].pin()
		defer v.release()
		if len(v.flushed) != n {
			t.Errorf("%d segments, want %d", len(v.flushed), n)
		}
		w.now(table, w.text(rows))
	}
	flush := func() {
		t.Helper()
		w.fill(table, rows, from, 500)
		from += 1000
		w.check(w.e.Checkpoint(w.ctx))
	}
	create := func(name string) {
		t.Helper()
		tx := w.begin(TxnOptions{})
		w.createIndex(tx, table, name)
		w.check(tx.Commit(w.ctx))
	}
	flush()
	v := w.e.allShards()[0].pin()
	w.e.opts.SegmentBytesMax = v.flushed[0].liveBytes() // none is small
	v.release()
	for range 2 {
		flush()
	}
	segments(3)
	create("x")
	segments(1)
	flush()
	flush()
	segments(3)
	create("y")
	segments(3)
	w.check(w.e.Vacuum(w.ctx, table.Storage, 0, true))
	segments(1)
}

// TestFailedBuilds: the object store fails at each write in turn, losing the
// reply or not; a build that fails or is cancelled leaves nothing that is named.
func TestFailedBuilds(t *testing.T) {
	for _, lost := range []bool{false, true} {
		w, kind := newIndexWorld(t)
		table := w.newTable("a")
		rows := map[int64]string{}
		w.fill(table, rows, 0, 50)
		w.check(w.e.Checkpoint(w.ctx))
		w.fill(table, rows, 100, 50)
		for i := 0; ; i++ {
			n := i
			w.objects.fail = func(string) (error, bool) {
				if n--; n < 0 {
					return errTest, lost
				}
				return nil, false
			}
			tx := w.begin(TxnOptions{})
			index, err := newTestIndex(w.ctx, tx.Catalog(), table, "x")
			w.check(err)
			err = tx.BuildIndex(w.ctx, IndexBuild{Table: table, Index: index})
			w.objects.fail = nil
			tx.Rollback()
			if err == nil && n < 0 {
				t.Error("BuildIndex hides a failed write")
			}
			w.now(table, w.text(rows))
			if err == nil {
				break
			}
			w.crash()
			w.now(table, w.text(rows))
		}
		w.settle()
		w.check(w.e.sweep(w.ctx))
		w.crash()
		w.check(w.e.sweep(w.ctx))
		if n := w.indexParts(); n != 0 {
			t.Errorf("%d parts are left", n)
		}
		ctx, cancel := context.WithCancelCause(w.ctx)
		cause := errors.New("canceling statement due to user request")
		kind.building = func(context.Context) { cancel(cause) }
		tx := w.begin(TxnOptions{})
		index, err := newTestIndex(w.ctx, tx.Catalog(), table, "x")
		w.check(err)
		if err := tx.BuildIndex(ctx, IndexBuild{Table: table, Index: index}); !errors.Is(err, cause) {
			t.Errorf("cancelled: %v", err)
		}
		tx.Rollback()
		if n := w.indexParts(); n != 0 {
			t.Errorf("%d parts are left of a cancelled build", n)
		}
		if list := w.e.builds.list(); len(list) != 0 {
			t.Errorf("progress of %v", list)
		}
		other := *index
		other.Method = "none"
		tx = w.begin(TxnOptions{})
		if err := tx.BuildIndex(ctx, IndexBuild{Table: table, Index: &other}); err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("an unknown method: %v", err)
		}
		tx.Rollback()
	}
}

// TestGrowingIndex: an index follows a growing segment, is searched with the
// rows beyond its end, and becomes the flushed segment's.
func TestGrowingIndex(t *testing.T) {
	w, kind := newIndexWorld(t)
	w.e.Close()
	w.opts.GrowingIndexRows = 200
	w.open()
	table := w.newTable("a")
	rows := map[int64]string{}
	index := w.indexed(table, "x")
	look := func(indexed, segments int) {
		t.Helper()
		w.expectIndexed(table, index, rows, indexed, segments)
	}
	w.fill(table, rows, 1000, 100)
	s := w.e.allShards()[0]
	w.check(w.e.followShard(w.ctx, s))
	look(0, 1)
	w.fill(table, rows, 0, 150)
	look(0, 1)
	old := w.begin(TxnOptions{Isolation: RepeatableRead})
	before := maps.Clone(rows)
	w.expectNearest(old, table, index, before)
	w.check(w.e.followShard(w.ctx, s))
	look(1, 1)
	w.fill(table, rows, 150, 50) // near the query, beyond the index
	look(1, 1)
	w.check(w.e.followShard(w.ctx, s))
	look(1, 1)
	w.expectNearest(old, table, index, before) // the index has later rows
	old.Rollback()
	tx := w.begin(TxnOptions{})
	for id := int64(145); id < 152; id++ {
		w.change(tx, table, id, "-")
		delete(rows, id)
	}
	w.check(tx.Commit(w.ctx))
	look(1, 1)
	w.check(w.e.Checkpoint(w.ctx))
	look(1, 1)
	interim := w.interimParts()
	if kind.built.Load() != 0 || interim != 1 || kind.saved.Load() != 1 || kind.grown.Load() != 1 {
		t.Errorf("%d built, %d saved, %d grown, %d interim", kind.built.Load(), kind.saved.Load(), kind.grown.Load(), interim)
	}
	// What was grown is replaced, under the eyes of a reader, and once.
	reader := w.begin(TxnOptions{Isolation: RepeatableRead})
	w.expectNearest(reader, table, index, rows)
	w.settle()
	look(1, 1)
	w.expectNearest(reader, table, index, rows)
	reader.Rollback()
	w.settle()
	if interim := w.interimParts(); kind.built.Load() != 1 || interim != 0 {
		t.Errorf("%d built, %d interim", kind.built.Load(), interim)
	}
	w.fill(table, rows, 5000, 10)
	w.crash()
	look(1, 2)
	w.now(table, w.text(rows))
}

// TestGrowingUnderLoad: rows pour in, are followed, flushed and searched at once.
func TestGrowingUnderLoad(t *testing.T) {
	w, _ := newIndexWorld(t)
	w.e.Close()
	w.opts.GrowingIndexRows = 50
	w.open()
	table := w.newTable("a")
	index := w.indexed(table, "x")
	w.fill(table, map[int64]string{}, 10_000, 1)
	s := w.e.allShards()[0]
	var work sync.WaitGroup
	done := make(chan struct{})
	var written atomic.Int64
	work.Go(func() {
		defer close(done)
		for i := range 60 {
			w.fill(table, map[int64]string{}, i*10, 10)
			written.Store(int64(i*10 + 10))
		}
	})
	for _, job := range []func(){
		func() { w.check(w.e.followShard(w.ctx, s)) },
		func() { w.check(w.e.Checkpoint(w.ctx)); w.e.reconcile() },
	} {
		work.Go(func() {
			for {
				job()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	work.Go(func() {
		for n := 0; n < 600; {
			least := int(written.Load())
			tx := w.begin(TxnOptions{})
			found, _, _ := w.nearest(tx, table, index, vectorOf(-1000, "query"), 1000, nil)
			tx.Rollback()
			seen := map[int64]bool{}
			for _, r := range found {
				if seen[r.id] {
					t.Errorf("id %d is found twice", r.id)
				}
				seen[r.id] = true
			}
			if n = len(found) - 1; n < least {
				t.Errorf("%d rows are found, %d were acknowledged", n, least)
			}
			if t.Failed() {
				return
			}
		}
	})
	work.Wait()
	w.settle()
}
