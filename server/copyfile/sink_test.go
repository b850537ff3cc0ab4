package copyfile

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"quiver/sql/types"
)

// sample is a small file of columns.
func sample(t testing.TB, format Format) []byte {
	t.Helper()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	v := types.NewBuilder(vectorColumn.Type, memory.DefaultAllocator)
	for i := range 5 {
		b.Append(int64(i))
		if i == 1 {
			v.AppendNull()
			continue
		}
		types.AppendVector(v, []float32{float32(i), 0.5})
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "v", Type: vectorColumn.Type.Arrow()}}, nil)
	rec := array.NewRecord(schema, []arrow.Array{b.NewArray(), v.NewArray()}, 5)
	defer rec.Release()
	var out bytes.Buffer
	s, err := NewSink(&out, format, Zstd, []Column{idColumn, vectorColumn}, types.DefaultFormat(), memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []arrow.Record{rec.NewSlice(0, 3), rec.NewSlice(3, 5)} { // of which one begins within its arrays
		if err := s.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSink(t *testing.T) {
	for _, format := range []Format{Parquet, Arrow} {
		rows, err := rowsOf(format, sample(t, format), vectorColumn, idColumn)
		want := "[[0,0.5] 0 null 1 [2,0.5] 2 [3,0.5] 3 [4,0.5] 4]"
		if err != nil || fmt.Sprint(rows) != want {
			t.Errorf("%s: %v, %v", format, rows, err)
		}
		// Numbers go into text, and into narrower types where they fit.
		if rows, err := rowsOf(format, sample(t, format), Column{"id", types.Of(types.TextOID)}); err != nil || fmt.Sprint(rows) != "[0 1 2 3 4]" {
			t.Errorf("%s as text: %v, %v", format, rows, err)
		}
		if _, err := rowsOf(format, sample(t, format), Column{"nothing", types.Of(types.TextOID)}); err == nil {
			t.Errorf("%s: a column that is not there is read", format)
		}
	}
}

// oneRow is a file of Parquet with a row of these texts.
func oneRow(t *testing.T, columns []Column, texts ...string) []byte {
	t.Helper()
	var arrays []arrow.Array
	var fields []arrow.Field
	for i, text := range texts {
		b := types.NewBuilder(columns[i].Type, memory.DefaultAllocator)
		if err := columns[i].Type.Type().ParseText(b, text, -1, types.DefaultFormat()); err != nil {
			t.Fatal(err)
		}
		arrays = append(arrays, b.NewArray())
		fields = append(fields, arrow.Field{Name: columns[i].Name, Type: arrays[i].DataType()})
	}
	var out bytes.Buffer
	s, err := NewSink(&out, Parquet, None, columns, types.DefaultFormat(), memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(array.NewRecord(arrow.NewSchema(fields, nil), arrays, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSinkTimes: times of day are those of a clock, within lists, too, and the rest of
// the footer stays.
func TestSinkTimes(t *testing.T) {
	columns := []Column{{"ti", types.Of(types.TimeOID)}, {"moment", types.Of(types.TimestamptzOID)}, {"times", types.Of(types.TimeArrayOID)}, {"n", types.Of(types.Int4OID)}}
	texts := []string{"23:59:59.5", "2030-01-31 12:00:00+00", "{12:00:00,NULL}", "7"}
	data := oneRow(t, columns, texts...)
	reader, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		c := reader.MetaData().Schema.Column(i)
		if l, ok := c.LogicalType().(*schema.TimeLogicalType); !ok || l.IsAdjustedToUTC() || l.TimeUnit() != schema.TimeUnitMicros {
			t.Errorf("%s: %s", c.Path(), c.LogicalType())
		}
	}
	for _, e := range reader.MetaData().FileMetaData.Schema {
		if e.LogicalType != nil && e.LogicalType.TIME != nil && e.ConvertedType != nil {
			t.Errorf("%s is of converted type %s, which is of UTC", e.Name, e.ConvertedType)
		}
	}
	if l, ok := reader.MetaData().Schema.Column(1).LogicalType().(*schema.TimestampLogicalType); !ok || !l.IsAdjustedToUTC() {
		t.Error("the timestamptz is of no zone")
	}
	if reader.MetaData().KeyValueMetadata().FindValue(arrowSchemaKey) == nil {
		t.Error("the Arrow schema is lost")
	}
	for i, c := range columns {
		if rows, err := rowsOf(Parquet, data, c); err != nil || fmt.Sprint(rows) != "["+texts[i]+"]" {
			t.Errorf("%s: %v, %v", c.Name, rows, err)
		}
	}
}

// TestSinkTimestamps: of timestamps Parquet says whether they are moments or times of a
// clock, within lists, too; the Arrow schema beside says the same.
func TestSinkTimestamps(t *testing.T) {
	columns := []Column{{"local", types.Of(types.TimestampOID)}, {"moment", types.Of(types.TimestamptzOID)}, {"locals", types.Of(types.TimestampArrayOID)}}
	data := oneRow(t, columns, "2030-01-31 12:00", "2030-01-31 12:00+00", `{"2030-01-31 12:00",NULL}`)
	reader, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false} {
		c := reader.MetaData().Schema.Column(i)
		if l, ok := c.LogicalType().(*schema.TimestampLogicalType); !ok || l.IsAdjustedToUTC() != want || l.TimeUnit() != schema.TimeUnitMicros {
			t.Errorf("%s: %s", c.Path(), c.LogicalType())
		}
	}
	kept, err := base64.StdEncoding.DecodeString(*reader.MetaData().KeyValueMetadata().FindValue(arrowSchemaKey))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(bytes.NewReader(kept))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	want := "timestamp[us] timestamp[us, tz=UTC] list<item: timestamp[us], nullable>"
	if f := r.Schema().Fields(); fmt.Sprint(f[0].Type, " ", f[1].Type, " ", f[2].Type) != want {
		t.Errorf("the Arrow schema is %v, want %s", f, want)
	}

	text := types.Of(types.TextOID)
	for _, c := range []struct {
		column Column
		want   string
	}{
		{Column{"local", text}, "2030-01-31 12:00:00"},
		{Column{"moment", text}, "2030-01-31 12:00:00+00"},
		{columns[0], "2030-01-31 12:00:00"},
		{columns[2], `{"2030-01-31 12:00:00",NULL}`},
		// Files of before mark times of a clock as moments.
		{Column{"moment", types.Of(types.TimestampOID)}, "2030-01-31 12:00:00"},
	} {
		if rows, err := rowsOf(Parquet, data, c.column); err != nil || fmt.Sprint(rows) != "["+c.want+"]" {
			t.Errorf("%s as %s: %v, %v", c.column.Name, types.FormatType(c.column.Type), rows, err)
		}
	}
}
