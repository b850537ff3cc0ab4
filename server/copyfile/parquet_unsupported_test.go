package copyfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// withFooter is a file with its footer changed.
func withFooter(t *testing.T, data []byte, change func(m *metadata.FileMetaData)) []byte {
	t.Helper()
	tail := &parquetTail{w: &bytes.Buffer{}}
	if err := tail.rewritten(func() error { _, err := tail.Write(data); return err }, change); err != nil {
		t.Fatal(err)
	}
	return tail.w.(*bytes.Buffer).Bytes()
}

// refused fails unless reading a column is 0A000 about something.
func refused(t *testing.T, data []byte, column Column, about string) {
	t.Helper()
	rows, err := rowsOf(Parquet, data, column)
	if sqlerr.CodeOf(err) != sqlerr.FeatureNotSupported || !strings.Contains(err.Error(), about) {
		t.Errorf("%q, %v; want an error about %s", rows, err, about)
	}
}

// TestParquetUnsupported: what the library does not read is refused by its name, where
// it is of a column that is wanted.
func TestParquetUnsupported(t *testing.T) {
	columns := []Column{{"f", types.Of(types.Float8OID)}, {"n", types.Of(types.Int4OID)}}
	whole := oneRow(t, columns, "1.5", "7")
	for about, data := range map[string][]byte{
		"LZ4_RAW":           withFooter(t, whole, func(m *metadata.FileMetaData) { m.FileMetaData.RowGroups[0].Columns[0].MetaData.Codec = 7 }),
		"BYTE_STREAM_SPLIT": withFooter(t, whole, func(m *metadata.FileMetaData) { m.FileMetaData.RowGroups[0].Columns[0].MetaData.Encodings[0] = 9 }),
	} {
		refused(t, data, columns[0], about)
		if rows, err := rowsOf(Parquet, data, columns[1]); err != nil || fmt.Sprint(rows) != "[7]" {
			t.Errorf("%s of another column: %v, %v", about, rows, err)
		}
	}

	interval, err := schema.NewPrimitiveNodeConverted("i", parquet.Repetitions.Required, parquet.Types.FixedLenByteArray, schema.ConvertedTypes.Interval, 12, 0, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	root, err := schema.NewGroupNode("root", parquet.Repetitions.Required, schema.FieldList{interval}, -1)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := file.NewParquetWriter(nopCloser{&out}, root)
	column, err := w.AppendRowGroup().NextColumn()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := column.(*file.FixedLenByteArrayColumnChunkWriter).WriteBatch([]parquet.FixedLenByteArray{make([]byte, 12)}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, out.Bytes(), Column{"i", types.Of(types.IntervalOID)}, "parquet interval")
}

// TestParquetDeltas: numbers packed as deltas are read right or refused by name.
func TestParquetDeltas(t *testing.T) {
	lists, flat := 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		nulls, lengths := []float64{0, 0.1, 0.9}[r.IntN(3)], 1+r.IntN(40)
		numbers := array.NewInt64Builder(memory.DefaultAllocator)
		list := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64)
		element := list.ValueBuilder().(*array.Int64Builder)
		numbers.Append(1) // its writer panics at a column without values
		list.Append(true)
		element.Append(1)
		rows := 1 + r.IntN(500)
		for range rows {
			for _, b := range []*array.Int64Builder{numbers, element} {
				if b == element {
					if r.Float64() < nulls {
						list.AppendNull()
						continue
					}
					list.Append(true)
				}
				n := 1
				if b == element {
					n = r.IntN(lengths)
				}
				for range n {
					if r.Float64() < nulls {
						b.AppendNull()
					} else {
						b.Append(r.Int64N(1 << (1 + r.IntN(60))))
					}
				}
			}
		}
		arrays := []arrow.Array{numbers.NewArray(), list.NewArray()}
		s := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrays[0].DataType(), Nullable: true}, {Name: "l", Type: arrays[1].DataType(), Nullable: true}}, nil)
		write := func(encoding parquet.Encoding) []byte {
			var out bytes.Buffer
			w, err := pqarrow.NewFileWriter(s, nopCloser{&out}, parquet.NewWriterProperties(parquet.WithDictionaryDefault(false), parquet.WithEncoding(encoding)), pqarrow.DefaultWriterProps())
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(array.NewRecord(s, arrays, int64(1+rows))); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
		for i, column := range []Column{{"n", types.Of(types.Int8OID)}, {"l", types.Of(types.Int8ArrayOID)}} {
			want, err := rowsOf(Parquet, write(parquet.Encodings.Plain), column)
			if err != nil {
				t.Fatal(err)
			}
			got, err := rowsOf(Parquet, write(parquet.Encodings.DeltaBinaryPacked), column)
			switch {
			case err != nil && i == 1:
				refused(t, write(parquet.Encodings.DeltaBinaryPacked), column, "DELTA_BINARY_PACKED")
				lists++
			case err != nil || fmt.Sprint(got) != fmt.Sprint(want):
				t.Errorf("seed %d, nulls %v: %s is read otherwise: %v", seed, nulls, column.Name, err)
			case i == 0:
				flat++
			}
		}
	}
	t.Logf("%d files of numbers were read, %d of lists refused", flat, lists)
}
