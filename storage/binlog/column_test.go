package binlog

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// TestColumnRoundTrip encodes slices of random columns and reads them back.
func TestColumnRoundTrip(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r := rand.New(rand.NewPCG(7, 7))
	for _, dt := range testTypes() {
		for range 20 {
			n := r.IntN(40)
			a := randomArray(r, mem, dt, n, []float64{0, 0.3, 1}[r.IntN(3)])
			from := r.IntN(n + 1)
			count := r.IntN(n - from + 1)
			enc, err := AppendColumnRange([]byte("x"), a, from, count)
			if err != nil {
				t.Fatalf("%v: %v", dt, err)
			}
			got, rest, err := DecodeColumn(append(enc[1:], "rest"...), dt, mem)
			if err != nil {
				t.Fatalf("%v: %v", dt, err)
			}
			want := array.NewSlice(a, int64(from), int64(from+count))
			if string(rest) != "rest" || !sameRows(want, got) || !arrow.TypeEqual(got.DataType(), dt) {
				t.Errorf("%v: read %v, wrote %v, rest %q", dt, got, want, rest)
			}
			a.Release()
			want.Release()
			got.Release()
		}
	}
}

// TestTypeRoundTrip encodes every type and reads it back.
func TestTypeRoundTrip(t *testing.T) {
	for _, dt := range testTypes() {
		enc, err := AppendType(nil, dt)
		if err != nil {
			t.Fatalf("%v: %v", dt, err)
		}
		got, rest, err := DecodeType(append(enc, 9))
		if err != nil || len(rest) != 1 || !arrow.TypeEqual(got, dt) {
			t.Errorf("%v: read %v, rest %d, %v", dt, got, len(rest), err)
		}
	}
	if _, err := AppendType(nil, arrow.BinaryTypes.LargeString); err == nil {
		t.Error("a type without code was taken")
	}
}

// FuzzDecodeColumn feeds any bytes as a type and a column of it: what decodes
// must encode to something that decodes to the same rows.
func FuzzDecodeColumn(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, dt := range testTypes() {
		a := randomArray(r, memory.DefaultAllocator, dt, 3, 0.3)
		enc, err := AppendType(nil, dt)
		if err != nil {
			f.Fatal(err)
		}
		if enc, err = AppendColumn(enc, a); err != nil {
			f.Fatal(err)
		}
		f.Add(enc)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		dt, rest, err := DecodeType(b)
		if err != nil {
			return
		}
		a, _, err := DecodeColumn(rest, dt, mem)
		if err != nil {
			return
		}
		defer a.Release()
		if a.Len() > 1<<16 {
			return
		}
		enc, err := AppendColumn(nil, a)
		if err != nil {
			t.Fatal(err)
		}
		again, rest, err := DecodeColumn(enc, dt, mem)
		if err != nil || len(rest) > 0 {
			t.Fatalf("own encoding: %v, rest %d", err, len(rest))
		}
		defer again.Release()
		enc2, err := AppendColumn(nil, again)
		if err != nil || !bytes.Equal(enc, enc2) {
			t.Fatalf("encodings differ: %x, %x, %v", enc, enc2, err)
		}
	})
}

func BenchmarkAppendColumnOneRow(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	a := randomArray(r, memory.DefaultAllocator, arrow.FixedSizeListOf(100, arrow.PrimitiveTypes.Float32), 1, 0)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AppendColumn(dst[:0], a)
	}
}
