package binlog

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// sampleFile has three narrow fields: integers with a null, texts, vectors.
func sampleFile(t testing.TB) []byte {
	t.Helper()
	mem := memory.DefaultAllocator
	ints := array.NewInt64Builder(mem)
	ints.AppendValues([]int64{7, 0, -3}, []bool{true, false, true})
	texts := array.NewStringBuilder(mem)
	texts.AppendValues([]string{"king", "", "queen"}, nil)
	vectors := array.NewFixedSizeListBuilder(mem, 2, arrow.PrimitiveTypes.Float32)
	vectors.AppendValues([]bool{true, true, true})
	vectors.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, 2, 3, 4, 5, float32(math.Inf(1))}, nil)
	columns := []arrow.Array{ints.NewArray(), texts.NewArray(), vectors.NewArray()}
	d := Descriptor{Kind: Insert, Table: 1, Partition: 2, Segment: 3, Log: 4, SchemaVersion: 5, Fields: []Field{
		{ID: 100, Type: columns[0].DataType(), Codec: LZ4},
		{ID: 101, Type: columns[1].DataType()},
		{ID: 102, Type: columns[2].DataType()},
	}}
	file, _ := writeFile(t, mem, d, [][]arrow.Array{columns}, [][]uint64{{30, 10, 20}})
	return file
}

// TestGoldenBytes pins the format: what is written now was written so before.
func TestGoldenBytes(t *testing.T) {
	golden(t, "bytes", hex.Dump(sampleFile(t)))
}

// TestGoldenFileOpens reads the pinned bytes of each version: old files stay
// readable.
func TestGoldenFileOpens(t *testing.T) {
	for _, name := range []string{"bytes", "bytes_v1"} {
		t.Run(name, func(t *testing.T) { openGolden(t, "testdata/"+name) })
	}
}

func openGolden(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for line := range strings.Lines(string(text)) {
		if len(line) < 60 {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(line[10:58], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
	}
	r, err := OpenBytes("golden", file, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[int32]string{100: "[7 (null) -3]", 101: `["king" "" "queen"]`, 102: "[[1 2] [3 4] [5 +Inf]]"} {
		a, err := r.Read(context.Background(), field, 0)
		if err != nil {
			t.Fatal(err)
		}
		if a.String() != want {
			t.Errorf("field %d is %v, want %s", field, a, want)
		}
	}
}

func TestDump(t *testing.T) {
	var out strings.Builder
	dump := func(title string, file []byte, broken bool) {
		t.Helper()
		out.WriteString("# " + title + "\n")
		err := Dump(&out, "sample", file, DumpOptions{Rows: 2})
		if broken != errors.As(err, new(*CorruptionError)) {
			t.Errorf("%s: %v", title, err)
		}
		out.WriteByte('\n')
	}
	file := sampleFile(t)
	r, err := OpenBytes("sample", file, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	dump("a good file", file, false)
	flipped := bytes.Clone(file)
	flipped[r.events[1].Offset+eventHeaderBytes] ^= 1
	dump("a flipped bit in the second event", flipped, true)
	dump("the end is missing", file[:len(file)-40], true)
	flipped = bytes.Clone(file)
	flipped[20] ^= 1
	dump("a flipped bit in the head", flipped, true)
	dump("neither head nor end", flipped[:len(file)-40], true)
	dump("nothing", nil, true)
	golden(t, "dump", out.String())
}

// TestFlippedBits: every flipped bit in a file is caught by Verify, mapped and
// ranged, and every shortened file.
func TestFlippedBits(t *testing.T) {
	file := sampleFile(t)
	ctx := context.Background()
	check := func(b []byte) error {
		r, err := OpenBytes("f", b, memory.DefaultAllocator)
		if err == nil {
			err = r.Verify(ctx)
		}
		ranged, rangedErr := Open(ctx, "f", int64(len(b)), rangedRead(b), memory.DefaultAllocator)
		if rangedErr == nil {
			rangedErr = ranged.Verify(ctx)
		}
		if (err == nil) != (rangedErr == nil) {
			t.Fatalf("mapped: %v, ranged: %v", err, rangedErr)
		}
		return err
	}
	if err := check(file); err != nil {
		t.Fatal(err)
	}
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			if err := check(file); !errors.As(err, new(*CorruptionError)) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			file[i] ^= 1 << bit
		}
	}
	for n := range file {
		if err := check(file[:n]); !errors.As(err, new(*CorruptionError)) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

// FuzzFile opens any bytes as a file whose checksums are right: the parts
// behind them must not panic or read outside.
func FuzzFile(f *testing.F) {
	f.Add(sampleFile(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		var out strings.Builder
		dumpErr := Dump(&out, "f", b, DumpOptions{Rows: 1})
		r, err := OpenBytes("f", b, mem)
		if err == nil {
			err = r.Verify(context.Background())
		}
		if (err == nil) != (dumpErr == nil) {
			t.Errorf("verify says %v, dump %v", err, dumpErr)
		}
	})
}

// FuzzFooter parses any bytes as a footer.
func FuzzFooter(f *testing.F) {
	file := sampleFile(f)
	n, err := footerBytes(file[len(file)-trailerBytes:], int64(len(file)))
	if err != nil {
		f.Fatal(err)
	}
	at := int64(len(file)) - trailerBytes - n
	f.Add(file[at:len(file)-trailerBytes], at)
	f.Fuzz(func(t *testing.T, b []byte, at int64) {
		ft, err := parseFooter(b, at)
		if err != nil {
			return
		}
		d, err := ft.descriptor.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseFooter(footerOnly(d, ft.events), at)
		if err != nil || len(again.events) != len(ft.events) {
			t.Fatalf("own encoding: %v", err)
		}
	})
}

func footerOnly(descriptor []byte, events []Event) []byte {
	b := appendFooter(nil, descriptor, events, 0)
	return b[:len(b)-trailerBytes]
}

// FuzzEvent decodes any bytes as an event of each type, as if its checksum were
// right and its index entry agreed with its header.
func FuzzEvent(f *testing.F) {
	file := sampleFile(f)
	r, err := OpenBytes("f", file, memory.DefaultAllocator)
	if err != nil {
		f.Fatal(err)
	}
	for i, e := range r.events {
		dt, err := AppendType(nil, r.descriptor.Fields[i].Type)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file[e.Offset:e.Offset+e.Length], dt, e.Nulls)
	}
	f.Fuzz(func(t *testing.T, b, typ []byte, nulls int) {
		dt, _, err := DecodeType(typ)
		if err != nil || len(b) < eventHeaderBytes {
			return
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		c := cursor{b: b[4:]}
		e := Event{Field: int32(c.u32()), Codec: Codec(c.u8()), Nulls: nulls}
		c.take(3)
		e.Rows = int(c.u32())
		e.MinTimestamp, e.MaxTimestamp, e.FirstRow = c.u64(), c.u64(), int64(c.u64())
		e.RawBytes, e.StoredBytes = int64(c.u64()), int64(c.u64())
		if e.RawBytes > 1<<24 { // plausible, but slow to zero
			return
		}
		a, err := decodeEvent(&e, dt, b, nil, mem)
		if err != nil {
			return
		}
		defer a.Release()
		if a.Len() != e.Rows {
			t.Errorf("%d rows of %d", a.Len(), e.Rows)
		}
		for i := range min(a.Len(), 100) {
			_ = ValueText(a, i)
		}
	})
}
