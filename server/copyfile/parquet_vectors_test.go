package copyfile

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"quiver/sql/types"
)

const testWidth = 5

// testVectors are rows of a column "v"; nil is null.
type testVectors [][]float32

func makeTestVectors(rows int) testVectors {
	all := make(testVectors, rows)
	for i := range all {
		for k := range testWidth {
			all[i] = append(all[i], float32(i*testWidth+k)/3)
		}
	}
	return all
}

// parquetOf writes vectors with the library, in row groups of some rows.
func parquetOf(t testing.TB, all testVectors, groupRows int, o ...parquet.WriterProperty) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32), Nullable: true}}, nil)
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(o...), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < len(all); from += groupRows {
		b := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
		for _, v := range all[from:min(from+groupRows, len(all))] {
			b.Append(v != nil)
			b.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
		}
		a := b.NewArray()
		if err := w.Write(array.NewRecord(schema, []arrow.Array{a}, int64(a.Len()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestParquetVectors reads what the library wrote in several forms, with what only
// the library reads in any place.
func TestParquetVectors(t *testing.T) {
	const rows = 40
	v1, v2 := parquet.WithDataPageVersion(parquet.DataPageV1), parquet.WithDataPageVersion(parquet.DataPageV2)
	plain, small := parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(64)
	few := parquet.WithBatchSize(3) // pages end within vectors
	for _, form := range []struct {
		name    string
		options []parquet.WriterProperty
	}{
		{"v1", []parquet.WriterProperty{v1, plain}},
		{"v1 small pages", []parquet.WriterProperty{v1, plain, small, few}},
		{"v2", []parquet.WriterProperty{v2, plain}},
		{"v2 snappy", []parquet.WriterProperty{v2, plain, small, parquet.WithCompression(compress.Codecs.Snappy)}},
		{"v1 zstd", []parquet.WriterProperty{v1, plain, small, parquet.WithCompression(compress.Codecs.Zstd)}},
		{"dictionary", []parquet.WriterProperty{v2}},
	} {
		t.Run(form.name, func(t *testing.T) {
			testParquetVectors(t, makeTestVectors(rows), form.options, "")
			for _, at := range []int{0, 7, 19, rows - 1} {
				null := makeTestVectors(rows)
				null[at] = nil
				testParquetVectors(t, null, form.options, "")
				for fault, v := range map[string][]float32{
					"expected 5 dimensions, not 4":          {1, 2, 3, 4},
					"expected 5 dimensions, not 6":          {1, 2, 3, 4, 5, 6},
					"vector must have at least 1 dimension": {},
					"NaN not allowed in vector":             {1, 2, float32(math.NaN()), 4, 5},
					"infinite value not allowed in vector":  {1, 2, 3, 4, float32(math.Inf(-1))},
				} {
					bad := makeTestVectors(rows)
					bad[at] = v
					testParquetVectors(t, bad, form.options, fault)
				}
			}
		})
	}
}

func testParquetVectors(t *testing.T, all testVectors, options []parquet.WriterProperty, fault string) {
	t.Helper()
	data := parquetOf(t, all, 13, options...)
	wide := types.T{OID: types.VectorOID, Mod: testWidth}
	s, err := openParquetBy(context.Background(), bytesFile{bytes.NewReader(data)}, Options{
		Format: Parquet, Columns: []Column{{"v", wide}}, Text: types.DefaultFormat(), Mem: memory.DefaultAllocator,
	}, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got testVectors
	for {
		columns, err := s.Next(context.Background())
		if err != nil {
			if fault == "" || !strings.Contains(err.Error(), fault) {
				t.Fatalf("%v, not %s", err, fault)
			}
			return
		}
		if columns == nil {
			break
		}
		for i := range columns[0].Len() {
			if columns[0].IsNull(i) {
				got = append(got, nil)
			} else {
				got = append(got, append([]float32(nil), types.VectorAt(columns[0], i)...))
			}
		}
		releaseAll(columns)
	}
	if fault != "" {
		t.Fatalf("%s is not refused", fault)
	}
	if fmt.Sprint(got) != fmt.Sprint(all) {
		t.Fatalf("got  %v\nwant %v", got, all)
	}
}

// TestPageVectorsSuit: what most files have needs no library.
func TestPageVectorsSuit(t *testing.T) {
	for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		const rows = 300
		data := parquetOf(t, makeTestVectors(rows), rows, parquet.WithDataPageVersion(version), parquet.WithDictionaryDefault(false),
			parquet.WithDataPageSize(64), parquet.WithBatchSize(3))
		r := bytes.NewReader(data)
		reader, err := file.NewParquetReader(r)
		if err != nil {
			t.Fatal(err)
		}
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		p := newPageVectors(r, reader, 0, 0, types.T{OID: types.VectorOID, Mod: testWidth}, 7, mem)
		for got := int64(0); got < rows; {
			n := min(7, rows-got)
			a, suited, err := p.next(n)
			if err != nil || !suited || int64(a.Len()) != n {
				t.Fatalf("version %d, after %d rows: suited %v, %v", version, got, suited, err)
			}
			got += n
			a.Release()
		}
		p.close()
		mem.AssertSize(t, 0)
	}
}

// TestLevelRuns unpacks runs of both kinds, which end where they should.
func TestLevelRuns(t *testing.T) {
	for _, c := range []struct {
		data string
		bits uint
		n    int
		want string
	}{
		{"\x06\x01", 1, 3, "111"},
		{"\x06\x01\x04\x00", 1, 5, "11100"},
		{"\x06\x01\x04\x00", 1, 4, "1110"},
		{"\x03\xf1", 1, 8, "10001111"},
		{"\x03\xf1", 1, 5, "10001"},
		{"\x03\x1b\xff", 2, 8, "32103333"},
		{"\x03\x1b\xff\x02\x03", 2, 9, "321033333"},
		{"\x06\x01", 1, 4, "short"},
		{"\x06", 1, 1, "short"},
		{"\x03\x1b", 2, 1, "short"},
		{"\x00\x01", 1, 1, "short"},
		{"\x01", 1, 1, "short"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1, 1, "short"},
		{"", 1, 1, "short"},
	} {
		got := ""
		whole := levelRuns([]byte(c.data), c.bits, c.n, func(level byte, count int) bool {
			got += strings.Repeat(fmt.Sprint(level), count)
			return true
		})
		if !whole {
			got = "short"
		}
		if got != c.want {
			t.Errorf("%x of %d bits: %s, not %s", c.data, c.bits, got, c.want)
		}
	}
}

// BenchmarkParquetVectors reads vectors of 100 dimensions.
func BenchmarkParquetVectors(b *testing.B) {
	wide := Column{"v", types.T{OID: types.VectorOID, Mod: 100}}
	const rows = 40960
	all := make(testVectors, rows)
	for i := range all {
		for k := range 100 {
			all[i] = append(all[i], float32(i*k)/7)
		}
	}
	data := parquetOf(b, all, rows, parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Snappy))
	for b.Loop() {
		s, err := Open(context.Background(), bytesFile{bytes.NewReader(data)}, int64(len(data)), Options{
			Format: Parquet, Columns: []Column{wide}, Text: types.DefaultFormat(), Mem: memory.DefaultAllocator,
		})
		if err != nil {
			b.Fatal(err)
		}
		for {
			columns, err := s.Next(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			if columns == nil {
				break
			}
			releaseAll(columns)
		}
		s.Close()
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
