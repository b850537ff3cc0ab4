package storage

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/vector"
)

func floats(b []byte) []float32 {
	if b == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// expectVectors reads a table the way a vector search does, in all ways that a
// SearchSegment has, and compares with its rows, all and those of a filter.
func (w *world) expectVectors(s Snapshot, table *catalog.Table, all, filtered string, filter Filter) {
	w.t.Helper()
	for _, f := range []Filter{nil, filter} {
		want := all
		if f != nil {
			want = filtered
		}
		segments, err := s.VectorSegments(w.ctx, VectorSpec{Scan: ScanSpec{Table: table, Filter: f}, Field: vectorField})
		w.check(err)
		var rows []testRow
		for _, x := range segments {
			rows = append(rows, w.segmentRows(x)...)
			w.check(x.Close())
		}
		if got := format(rows); got != want {
			w.t.Errorf("by vectors: %s, want %s", got, want)
		}
	}
}

// segmentRows returns the rows of a segment that Matching keeps, and checks
// everything else against them.
func (w *world) segmentRows(x SearchSegment) (rows []testRow) {
	w.t.Helper()
	visible, seen, err := x.Visible(w.ctx)
	w.check(err)
	if n := countSet(visible, x.Rows()); n != seen {
		w.t.Errorf("%d rows are visible, not %d", n, seen)
	}
	keep, kept, err := x.Matching(w.ctx, 0, x.Rows())
	w.check(err)
	var positions []uint32
	everything := make([]uint32, x.Rows())
	for i := range everything {
		everything[i] = uint32(i)
		if bitutil.BitIsSet(keep, i) {
			positions = append(positions, uint32(i))
			if !visible.Get(i) {
				w.t.Errorf("row %d matches and is not visible", i)
			}
		}
	}
	if len(positions) != kept {
		w.t.Errorf("%d rows match, not %d", len(positions), kept)
	}
	middle := x.Rows() / 3
	for _, bounds := range [][2]int{{0, middle}, {middle, x.Rows()}} {
		part, n, err := x.Matching(w.ctx, bounds[0], bounds[1])
		w.check(err)
		for i := range x.Rows() {
			if in := i >= bounds[0] && i < bounds[1]; bitutil.BitIsSet(part, i) != (in && bitutil.BitIsSet(keep, i)) {
				w.t.Errorf("row %d of [%d, %d) is %v", i, bounds[0], bounds[1], bitutil.BitIsSet(part, i))
			}
		}
		if n != bitutil.CountSetBits(part, 0, x.Rows()) {
			w.t.Errorf("Matching counts %d", n)
		}
	}
	tested := make([]bool, len(everything))
	w.check(x.Test(w.ctx, everything, tested))
	for i, ok := range tested {
		if ok != bitutil.BitIsSet(keep, i) {
			w.t.Errorf("row %d is tested %v", i, ok)
		}
	}
	slices.Reverse(positions)
	columns, err := x.Take(w.ctx, []catalog.FieldID{101, 100}, positions)
	w.check(err)
	ids, err := x.RowIDs(w.ctx, nil, positions)
	w.check(err)
	column, err := x.Column(w.ctx)
	w.check(err)
	if column.Len() != x.Rows() {
		w.t.Errorf("column has %d rows, not %d", column.Len(), x.Rows())
	}
	for i, pos := range positions {
		r := testRow{row: ids[i], id: columns[1].(*array.Int64).Value(i)}
		vec := floats(column.Row(int(pos)))
		if columns[0].IsNull(i) != (vec == nil) {
			w.t.Errorf("row %d: %v", pos, vec)
		}
		if columns[0].IsValid(i) {
			r.name = columns[0].(*array.String).Value(i)
			if !slices.Equal(vec, vectorOf(r.id, r.name)) {
				w.t.Errorf("id %d, %s: vector %v", r.id, r.name, vec)
			}
		}
		rows = append(rows, r)
	}
	releaseAll(columns)
	w.checkRuns(column)
	return rows
}

// checkRuns compares Runs with Row.
func (w *world) checkRuns(c vector.Column) {
	w.t.Helper()
	runs, ok := c.(vector.Runs)
	if !ok {
		return
	}
	for pos := 0; pos < c.Len(); {
		bytes, n := runs.Run(pos)
		if n < 1 || bytes != nil && len(bytes) != n*testDim*4 {
			w.t.Fatalf("run of %d rows, %d bytes", n, len(bytes))
		}
		for i := range n {
			if pos+i == c.Len() {
				break // the last event of a longer segment in memory
			}
			row := c.Row(pos + i)
			if (row == nil) != (bytes == nil) || row != nil && &row[0] != &bytes[i*testDim*4] {
				w.t.Fatalf("row %d is not where its run says", pos+i)
			}
		}
		pos += n
	}
}

// TestVectorSegments: growing, sealed, flushed and own rows; deletes of others
// and of its own; a snapshot older than a flush.
func TestVectorSegments(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	load := func(from, n int) {
		tx := w.begin(TxnOptions{})
		ids, names := make([]int64, n), make([]string, n)
		for i := range ids {
			ids[i] = int64(from + i)
			if i%7 != 0 {
				names[i] = fmt.Sprint("n", i)
			}
		}
		w.insert(tx, table, ids, names...)
		w.check(tx.Commit(w.ctx))
	}
	look := func(tx *txn) (string, string) {
		s, err := tx.Snapshot(w.ctx)
		w.check(err)
		defer s.Close()
		filter := &rangeFilter{lo: 5000, hi: 5100}
		all := format(w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}}))
		some := format(w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, Filter: filter}))
		w.expectVectors(s, table, all, some, filter)
		return all, some
	}
	now := func() string {
		tx := w.begin(TxnOptions{})
		defer tx.Rollback()
		all, _ := look(tx)
		return all
	}
	load(0, 6000)
	now()
	old := w.begin(TxnOptions{Isolation: RepeatableRead})
	before, _ := look(old)
	load(6000, 5000)
	tx := w.begin(TxnOptions{})
	w.change(tx, table, 5050, "other")
	w.change(tx, table, 9000, "-")
	w.insert(tx, table, []int64{20_000, 20_001}, "own", "")
	look(tx)
	w.check(tx.Commit(w.ctx))
	now()
	w.check(w.e.Checkpoint(w.ctx))
	if again, _ := look(old); again != before {
		t.Error("an old snapshot sees later rows")
	}
	tx = w.begin(TxnOptions{})
	for id := range int64(100) {
		w.change(tx, table, 5000+id*3, "-")
	}
	look(tx)
	sp := tx.Savepoint()
	w.change(tx, table, 1, "undone")
	tx.RollbackTo(sp)
	look(tx)
	w.check(tx.Commit(w.ctx))
	now()
	if again, _ := look(old); again != before {
		t.Error("an old snapshot sees later deletes")
	}
	old.Rollback()
	load(30_000, 10)
	after := now()
	w.crash()
	if again := now(); again != after {
		t.Error("a restart changes what is seen")
	}
}

// TestVectorsOfYoungColumn: a column that the segment has not.
func TestVectorsOfYoungColumn(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2}, "a", "b")
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	younger := *table
	value := "[1,2,3,4]"
	younger.Columns = append(slices.Clone(table.Columns), table.Columns[2], table.Columns[2])
	younger.Columns[3].Field, younger.Columns[4].Field, younger.Columns[4].Missing = 103, 104, &value
	tx = w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	for field, want := range map[catalog.FieldID][]float32{103: nil, 104: {1, 2, 3, 4}} {
		segments, err := s.VectorSegments(w.ctx, VectorSpec{Scan: ScanSpec{Table: &younger}, Field: field})
		w.check(err)
		for _, x := range segments {
			c, err := x.Column(w.ctx)
			w.check(err)
			if got := floats(c.Row(1)); !slices.Equal(got, want) || c.Len() != 2 {
				t.Errorf("field %d has %v", field, got)
			}
			taken, err := x.Take(w.ctx, []catalog.FieldID{field}, []uint32{1, 0})
			w.check(err)
			if taken[0].Len() != 2 || taken[0].IsNull(0) != (want == nil) {
				t.Errorf("field %d is taken as %v", field, taken[0])
			}
			releaseAll(taken)
			w.check(x.Close())
		}
	}
}

// TestPieces finds vectors in slices of arrays of every shape.
func TestPieces(t *testing.T) {
	list := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
	for i := range 10 {
		if i%3 == 2 {
			list.AppendNull()
			continue
		}
		list.Append(true)
		for j := range i {
			list.ValueBuilder().(*array.Float32Builder).Append(float32(10*i + j))
		}
	}
	a := list.NewArray()
	defer a.Release()
	part := array.NewSlice(a, 3, 9)
	defer part.Release()
	p, width, err := newPiece(part)
	if err != nil || width != 4 {
		t.Fatal(width, err)
	}
	for i := range 6 {
		got := floats(p.row(i, width))
		if n := i + 3; n%3 == 2 && got != nil || n%3 != 2 && (len(got) != n || got[n-1] != float32(10*n+n-1)) {
			t.Errorf("row %d is %v", i, got)
		}
	}
	if _, _, err := newPiece(columnsOf([]int64{1}, []string{"a"})[1]); err == nil {
		t.Error("texts are taken for vectors")
	}
}
