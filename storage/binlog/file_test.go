package binlog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

func rangedRead(b []byte) ReadFunc {
	return func(_ context.Context, offset, length int64, dst []byte) ([]byte, error) {
		if offset+length > int64(len(b)) {
			return append(dst[:0], b[offset:]...), io.EOF
		}
		return append(dst[:0], b[offset:offset+length]...), nil
	}
}

// writeFile writes the batches of rows as one file.
func writeFile(t testing.TB, mem memory.Allocator, d Descriptor, batches [][]arrow.Array, stamps [][]uint64) ([]byte, Summary) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, d, mem)
	if err != nil {
		t.Fatal(err)
	}
	for i, columns := range batches {
		if err := w.Write(columns, stamps[i]); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), s
}

// TestRoundTrip writes random columns of every type in batches of random size,
// sliced at random, and reads them back by ranges and in place.
func TestRoundTrip(t *testing.T) {
	types := testTypes()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			d := Descriptor{Kind: Insert, Table: 1, Partition: 2, Segment: 3, Log: 4, SchemaVersion: 5}
			for i, dt := range types {
				d.Fields = append(d.Fields, Field{ID: int32(100 + i), Type: dt, Codec: Codec(r.IntN(6)), Level: r.IntN(LevelMax + 1)})
			}
			var batches [][]arrow.Array
			var stamps [][]uint64
			defer func() {
				for _, b := range batches {
					for _, a := range b {
						a.Release()
					}
				}
			}()
			for range 1 + r.IntN(4) {
				n := r.IntN(200)
				from := r.IntN(n + 1)
				var columns []arrow.Array
				for _, dt := range types {
					whole := randomArray(r, mem, dt, n, []float64{0, 0.2, 1}[r.IntN(3)])
					columns = append(columns, array.NewSlice(whole, int64(from), int64(n)))
					whole.Release()
				}
				ts := make([]uint64, n-from)
				for i := range ts {
					ts[i] = 1 + r.Uint64N(100)
				}
				batches, stamps = append(batches, columns), append(stamps, ts)
			}
			file, s := writeFile(t, mem, d, batches, stamps)
			if s.Bytes != int64(len(file)) {
				t.Fatalf("summary says %d bytes of %d", s.Bytes, len(file))
			}
			mapped, err := OpenBytes("f", file, mem)
			if err != nil {
				t.Fatal(err)
			}
			ranged, err := Open(context.Background(), "f", int64(len(file)), rangedRead(file), mem)
			if err != nil {
				t.Fatal(err)
			}
			for _, rd := range []*Reader{mapped, ranged} {
				if err := rd.Verify(context.Background()); err != nil {
					t.Fatal(err)
				}
				checkColumns(t, mem, rd, batches)
			}
		})
	}
}

// TestStripes: of several fields, the events of each lie beside each other within a
// stripe, and in the order of their rows.
func TestStripes(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	d := Descriptor{Kind: Insert, Table: 1, Partition: 2, Segment: 3, Log: 4, SchemaVersion: 5, Fields: []Field{
		{ID: 100, Type: arrow.PrimitiveTypes.Float64}, {ID: 101, Type: arrow.PrimitiveTypes.Float32}, {ID: 102, Type: arrow.PrimitiveTypes.Float64},
	}}
	const batch, batches = 100_000, 20 // 20 bytes a row: two stripes and a half
	floats := array.NewFloat64Builder(mem)
	defer floats.Release()
	halves := array.NewFloat32Builder(mem)
	defer halves.Release()
	var written [][]arrow.Array
	defer func() {
		for _, columns := range written {
			columns[0].Release()
			columns[1].Release()
		}
	}()
	r := rand.New(rand.NewPCG(1, 1))
	for range batches {
		for range batch {
			floats.Append(r.Float64())
			halves.Append(r.Float32())
		}
		x := floats.NewArray()
		written = append(written, []arrow.Array{x, halves.NewArray(), x})
	}
	file, _ := writeFile(t, mem, d, written, make([][]uint64, batches))
	reader, err := OpenBytes("f", file, mem)
	if err != nil {
		t.Fatal(err)
	}
	checkColumns(t, mem, reader, written)
	for _, f := range d.Fields {
		runs, end := 0, int64(-1)
		for i := range reader.Events(f.ID) {
			e := reader.Event(f.ID, i)
			if e.Offset != end {
				runs++
			}
			end = e.Offset + e.Length
		}
		if runs != 3 {
			t.Errorf("events of field %d lie in %d runs, not one of each of three stripes", f.ID, runs)
		}
	}
}

func checkColumns(t *testing.T, mem memory.Allocator, r *Reader, batches [][]arrow.Array) {
	t.Helper()
	for p, f := range r.Descriptor().Fields {
		var pieces []arrow.Array
		for _, b := range batches {
			pieces = append(pieces, b[p])
		}
		want, err := array.Concatenate(pieces, mem)
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows() != int64(want.Len()) {
			t.Fatalf("%d rows, want %d", r.Rows(), want.Len())
		}
		first := 0
		for i := range r.Events(f.ID) {
			got, err := r.Read(context.Background(), f.ID, i)
			if err != nil {
				t.Fatal(err)
			}
			part := array.NewSlice(want, int64(first), int64(first+got.Len()))
			if !sameRows(part, got) {
				t.Errorf("%v: read %v, wrote %v", f.Type, got, part)
			}
			if r.Event(f.ID, i).Nulls != part.NullN() {
				t.Errorf("%v: %d nulls, want %d", f.Type, r.Event(f.ID, i).Nulls, part.NullN())
			}
			first += got.Len()
			part.Release()
			got.Release()
		}
		want.Release()
	}
}
