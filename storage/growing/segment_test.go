package growing

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/internal/hlc"
	"quiver/internal/offheap"
	"quiver/storage/segment"
	"quiver/storage/vfs"
)

// types are one of each layout.
var testFields = []Field{
	{100, arrow.PrimitiveTypes.Int64},
	{101, arrow.FixedWidthTypes.Boolean},
	{102, arrow.BinaryTypes.String},
	{103, arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32)},
	{104, arrow.ListOf(arrow.BinaryTypes.String)},
	{105, arrow.StructOf(arrow.Field{Name: "a", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.Binary, Nullable: true})},
	{106, &arrow.FixedSizeBinaryType{ByteWidth: 32}},
	{107, arrow.Null},
}

// randomArray makes n values of a type, some null.
func randomArray(r *rand.Rand, t arrow.DataType, n int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	for range n {
		appendRandom(r, b)
	}
	return b.NewArray()
}

func appendRandom(r *rand.Rand, b array.Builder) {
	if r.IntN(5) == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.Int32Builder:
		b.Append(int32(r.Uint32()))
	case *array.Int64Builder:
		b.Append(r.Int64())
	case *array.Float32Builder:
		b.Append(r.Float32())
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.StringBuilder:
		b.Append(fmt.Sprint(r.Uint32())[:r.IntN(3)])
	case *array.BinaryBuilder:
		b.Append([]byte(fmt.Sprint(r.Uint32())[:r.IntN(3)]))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte(fmt.Sprintf("%032d", r.Uint32())))
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range 3 {
			appendRandom(r, b.ValueBuilder())
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			appendRandom(r, b.ValueBuilder())
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(r, b.FieldBuilder(i))
		}
	case *array.NullBuilder:
		b.AppendNull()
	default:
		panic(fmt.Sprintf("no random %T", b))
	}
}

func keyOf(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }

func keysOf(from, n int) (*array.Binary, []uint64) {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	var hashes []uint64
	for i := range n {
		b.Append(keyOf(from + i))
		hashes = append(hashes, segment.KeyHash(keyOf(from+i)))
	}
	return b.NewBinaryArray(), hashes
}

// model is a segment with all its rows kept aside.
type model struct {
	s       *Segment
	columns [][]arrow.Array // per field, the batches
	rows    int
}

func (m *model) append(t *testing.T, r *rand.Rand, n int, at hlc.Timestamp, firstID uint64) {
	t.Helper()
	rows := Rows{}
	for i, f := range testFields {
		// A slice of a longer array, so that offsets count.
		whole := randomArray(r, f.Type, n+5)
		rows.Columns = append(rows.Columns, array.NewSlice(whole, 3, int64(3+n)))
		m.columns[i] = append(m.columns[i], rows.Columns[i])
	}
	for i := range n {
		rows.RowIDs = append(rows.RowIDs, firstID+uint64(i))
	}
	rows.Keys, rows.Hashes = keysOf(m.rows, n)
	if err := m.s.Append(rows, at); err != nil {
		t.Fatal(err)
	}
	m.rows += n
}

// value finds row pos of field i in the model.
func (m *model) slice(i, pos int) arrow.Array {
	for _, a := range m.columns[i] {
		if pos < a.Len() {
			return array.NewSlice(a, int64(pos), int64(pos+1))
		}
		pos -= a.Len()
	}
	return nil
}

func (m *model) verify(t *testing.T) {
	t.Helper()
	fields := make([]int, len(testFields))
	for i := range fields {
		fields[i] = i
	}
	for start := 0; start < m.rows; {
		_, end := m.s.ChunkAt(start)
		from := start
		if end-start > 2 {
			from++ // within the chunk, too
		}
		for _, lo := range []int{start, from} {
			for i, a := range m.s.View(nil, fields, lo, end) {
				for pos := lo; pos < end; pos += 1 + (end-lo)/7 {
					want := m.slice(i, pos)
					got := array.NewSlice(a, int64(pos-lo), int64(pos-lo+1))
					if !array.Equal(got, want) {
						t.Fatalf("field %d, row %d is %v, want %v", i, pos, got, want)
					}
					got.Release()
				}
				a.Release()
			}
		}
		start = end
	}
}

func newModel(t *testing.T, mem *offheap.Allocator, shared bool) *model {
	t.Helper()
	s, err := NewSchema(1, testFields, true)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{s: newSegment(s, mem, shared), columns: make([][]arrow.Array, len(testFields))}
	return m
}

func TestAppendViewGather(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		mem := offheap.New(0)
		m := newModel(t, mem, true)
		at := hlc.Timestamp(0)
		for m.rows < 6000 {
			at += 10
			// Row ids go down between batches: bisection must give way.
			m.append(t, r, 1+r.IntN(700), at, 1_000_000-uint64(at)*1000)
		}
		m.verify(t)
		for range 300 {
			pos := r.IntN(m.rows)
			if got := m.s.FindRow(m.s.RowID(pos)); got != pos {
				t.Fatalf("row id of %d is found at %d", pos, got)
			}
			found := -1
			m.s.EachKey(segment.KeyHash(keyOf(pos)), keyOf(pos), func(p int) bool { found = p; return false })
			if found != pos {
				t.Fatalf("key of %d is found at %d", pos, found)
			}
		}
		if m.s.FindRow(5) != -1 {
			t.Error("a row that is not there is found")
		}
		half := m.s.Timestamp(m.rows / 2)
		n := m.s.Committed(half)
		if n <= m.rows/2 || m.s.Timestamp(n-1) != half || m.s.Timestamp(n) <= half {
			t.Errorf("%d rows at %d", n, half)
		}
		m.gather(t, r, mem)
		m.s.Release()
		if mem.Used() != 0 {
			t.Fatalf("%d bytes leak", mem.Used())
		}
	}
}

func (m *model) gather(t *testing.T, r *rand.Rand, mem *offheap.Allocator) {
	t.Helper()
	refs := make([]Ref, 500)
	for i := range refs {
		refs[i].Position = uint32(r.IntN(m.rows))
		if i > 0 && r.IntN(2) == 0 {
			refs[i].Position = uint32((int(refs[i-1].Position) + 1) % m.rows)
		}
	}
	for i, f := range testFields {
		a, err := Gather([]*Segment{m.s}, refs, f, mem)
		if err != nil {
			t.Fatal(err)
		}
		for j, ref := range refs {
			got, want := array.NewSlice(a, int64(j), int64(j+1)), m.slice(i, int(ref.Position))
			if !array.Equal(got, want) {
				t.Fatalf("field %d: gathered %v, want %v", i, got, want)
			}
			got.Release()
		}
		a.Release()
	}
	missing, err := Gather([]*Segment{m.s}, refs, Field{999, testFields[4].Type}, mem)
	if err != nil || missing.NullN() != len(refs) {
		t.Errorf("a field the segment lacks: %d nulls, %v", missing.NullN(), err)
	}
	missing.Release()
}

func TestSpillKeepsReaders(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	mem := offheap.New(0)
	fs, err := vfs.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(t, mem, false)
	for m.rows < 9000 {
		m.append(t, r, 1000, 0, uint64(m.rows+1))
	}
	before := m.s.View(nil, []int{2}, 0, 64)[0]
	kept := before.(*array.String).Value(1)
	if err := m.s.Spill(fs, "spill"); err != nil {
		t.Fatal(err)
	}
	if before.(*array.String).Value(1) != kept || !m.s.Spilled() {
		t.Error("a reader lost its rows")
	}
	before.Release()
	if mem.Used() != 0 {
		t.Errorf("%d off-heap bytes after spilling", mem.Used())
	}
	m.verify(t)
	m.s.Release()
	if list, err := fs.List("."); err != nil || len(list) != 0 {
		t.Errorf("files are left: %v %v", list, err)
	}
}

// TestBudget: an append that does not fit adds nothing, and the next works.
func TestBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	mem := offheap.New(400_000)
	m := newModel(t, mem, true)
	var budget *offheap.BudgetError
	for budget == nil && m.rows < 50_000 {
		rows := Rows{}
		for _, f := range testFields {
			rows.Columns = append(rows.Columns, randomArray(r, f.Type, 1000))
		}
		for i := range 1000 {
			rows.RowIDs = append(rows.RowIDs, uint64(m.rows+i+1))
		}
		rows.Keys, rows.Hashes = keysOf(m.rows, 1000)
		if err := m.s.Append(rows, 1); err != nil {
			if !errors.As(err, &budget) {
				t.Fatal(err)
			}
			continue
		}
		for i := range testFields {
			m.columns[i] = append(m.columns[i], rows.Columns[i])
		}
		m.rows += 1000
	}
	if budget == nil || m.s.Rows() != m.rows {
		t.Fatalf("%d rows are published, want %d", m.s.Rows(), m.rows)
	}
	m.s.mem = offheap.New(0)
	for _, k := range m.s.chunks {
		for _, v := range k.cols {
			useAllocator(v, m.s.mem)
		}
		useAllocator(k.keys, m.s.mem)
	}
	m.append(t, r, 3000, 2, uint64(m.rows+1))
	m.verify(t)
	m.s.Release()
}

func useAllocator(v *vec, mem *offheap.Allocator) {
	v.mem = mem
	for _, c := range v.children {
		useAllocator(c, mem)
	}
}

// TestReadersWhileAppending is for the race detector.
func TestReadersWhileAppending(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	m := newModel(t, offheap.New(0), true)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for start := 0; start < m.s.Rows(); {
					_, end := m.s.ChunkAt(start)
					for _, a := range m.s.View(nil, []int{0, 1, 2, 3, 4, 5}, start, end) {
						_ = a.String()
						a.Release()
					}
					start = end
				}
			}
		})
	}
	for n := range 40 {
		m.append(t, r, 1+r.IntN(60), hlc.Timestamp(n+1), uint64(m.rows+1))
	}
	close(stop)
	readers.Wait()
	m.verify(t)
	m.s.Release()
}

func TestLayout(t *testing.T) {
	for _, rowsMax := range []int{64, 256, 4096} {
		l := layout{rowsMax}
		next, wantRow := 0, 0
		for pos := range 100 * 4096 {
			c, row := l.locate(pos)
			if wantRow == 0 && c != next || row != wantRow {
				t.Fatalf("max %d: position %d is in chunk %d at %d, want %d", rowsMax, pos, c, row, wantRow)
			}
			start, capacity := l.extent(c)
			if start+row != pos {
				t.Fatalf("chunk %d starts at %d", c, start)
			}
			if wantRow++; wantRow == capacity {
				wantRow, next = 0, c+1
			}
		}
	}
}

func TestNewestVersionFirst(t *testing.T) {
	s, err := NewSchema(1, []Field{{100, arrow.PrimitiveTypes.Int64}}, true)
	if err != nil {
		t.Fatal(err)
	}
	g := NewShared(s, offheap.New(0))
	defer g.Release()
	r := rand.New(rand.NewPCG(1, 5))
	for i := range 1000 {
		keys, hashes := keysOf(i%3, 1)
		if err := g.Append(Rows{Columns: []arrow.Array{randomArray(r, arrow.PrimitiveTypes.Int64, 1)}, RowIDs: []uint64{uint64(i + 1)}, Keys: keys, Hashes: hashes}, hlc.Timestamp(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	want := 999 // 999%3 == 0
	g.EachKey(segment.KeyHash(keyOf(0)), keyOf(0), func(pos int) bool {
		if pos != want {
			t.Fatalf("position %d, want %d", pos, want)
		}
		want -= 3
		return true
	})
	if want != -3 {
		t.Errorf("the chain ends at %d", want)
	}
}
