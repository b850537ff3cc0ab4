package copyfile

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

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
