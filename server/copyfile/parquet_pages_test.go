package copyfile

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"

	"quiver/sql/types"
)

// pageRows are the rows of each page of a column of a file. It fails where a page
// begins within a row.
func pageRows(t *testing.T, r *file.Reader, column int) (rows []int) {
	t.Helper()
	for g := range r.NumRowGroups() {
		pages, err := r.RowGroup(g).GetColumnPageReader(column)
		if err != nil {
			t.Fatal(err)
		}
		repeats := r.MetaData().Schema.Column(column).MaxRepetitionLevel() > 0
		for pages.Next() {
			page, ok := pages.Page().(*file.DataPageV2)
			if !ok {
				continue // the dictionary
			}
			rows = append(rows, int(page.NumRows()))
			if repeats && !levelRuns(page.Data()[:page.RepetitionLevelByteLen()], 1, 1, func(level byte, _ int) bool { return level == 0 }) {
				t.Errorf("column %d: page %d begins within a row", column, len(rows))
			}
		}
		if err := pages.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// TestPagesEndBetweenRows: as pages of version 2 must, so that readers may pass over
// some of them; whatever the columns, in pages of some size, with every row in them.
func TestPagesEndBetweenRows(t *testing.T) {
	const rows = 3000
	columns := []Column{{"id", types.Of(types.Int8OID)}, {"v", types.T{OID: types.VectorOID, Mod: 1500}}, {"list", types.Of(types.Int4ArrayOID)}, {"note", types.Of(types.TextOID)}}
	builders := make([]array.Builder, len(columns))
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		builders[i] = types.NewBuilder(c.Type, memory.DefaultAllocator)
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow()}
	}
	appendText := func(b array.Builder, c Column, text string) {
		t.Helper()
		if err := c.Type.Type().ParseText(b, text, c.Type.Mod, types.DefaultFormat()); err != nil {
			t.Fatal(err)
		}
	}
	x := make([]float32, 1500)
	var want []string
	for i := range rows {
		builders[0].(*array.Int64Builder).Append(int64(i))
		list, note := "{}", fmt.Sprint("note ", i)
		for k := range i % 7 {
			list = fmt.Sprintf("%s,%d}", list[:len(list)-1], k)
		}
		if len(list) > 2 {
			list = "{" + list[2:]
		}
		if i%10 == 3 {
			builders[1].AppendNull()
		} else {
			for k := range x {
				x[k] = float32(i*k) / 7
			}
			types.AppendVector(builders[1], x)
		}
		appendText(builders[2], columns[2], list)
		appendText(builders[3], columns[3], note)
		want = append(want, fmt.Sprint(i, " ", list, " ", note))
	}
	arrays := make([]arrow.Array, len(columns))
	for i, b := range builders {
		arrays[i] = b.NewArray()
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), arrays, rows)
	defer rec.Release()
	var out bytes.Buffer
	s, err := NewSink(&out, Parquet, Snappy, columns, types.DefaultFormat(), memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []arrow.Record{rec.NewSlice(0, 1), rec.NewSlice(1, 2000), rec.NewSlice(2000, rows)} {
		if err := s.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for column := range columns {
		sum, pages := 0, pageRows(t, r, column)
		for _, n := range pages {
			sum += n
		}
		if sum != rows {
			t.Errorf("column %d: pages of %d rows", column, pages)
		}
		if most := rows * 1500 * 4 / (2 << 20); column == 1 && len(pages) < most {
			t.Errorf("%d pages of vectors, not %d", len(pages), most)
		}
	}
	got, err := rowsOf(Parquet, out.Bytes(), columns[0], columns[2], columns[3])
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("other rows came back, %v", err)
	}
}
