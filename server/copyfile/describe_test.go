package copyfile

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// described spells the columns that a file could fill.
func described(format Format, data []byte) (string, error) {
	columns, err := Describe(context.Background(), bytesFile{bytes.NewReader(data)}, int64(len(data)), format)
	text := ""
	for _, c := range columns {
		text += ", " + c.Name + " " + types.FormatType(c.Type)
	}
	return text[min(2, len(text)):], err
}

// TestDescribe: what COPY TO writes is described as what it was, as far as the
// file can tell; vectors that are lists there by the rows.
func TestDescribe(t *testing.T) {
	const n = 3
	for i, c := range []struct {
		t      types.T
		values [n]string // "" is null
		want   string
	}{
		{types.Of(types.BoolOID), [n]string{"t", "", "f"}, "boolean"},
		{types.Of(types.Int2OID), [n]string{"1", "2", "3"}, "smallint"},
		{types.Of(types.Int4OID), [n]string{"1", "2", "3"}, "integer"},
		{types.Of(types.Int8OID), [n]string{"1", "2", "3"}, "bigint"},
		{types.Of(types.Float4OID), [n]string{"1", "2", "3"}, "real"},
		{types.Of(types.Float8OID), [n]string{"1", "2", "3"}, "double precision"},
		{types.Of(types.TextOID), [n]string{"a", "", "c"}, "text"},
		{types.Of(types.ByteaOID), [n]string{`\x01`, "", `\x02`}, "bytea"},
		{types.Of(types.UUIDOID), [n]string{"", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ""}, "uuid"},
		{types.Of(types.DateOID), [n]string{"2030-01-31", "", ""}, "date"},
		{types.Of(types.TimeOID), [n]string{"12:00", "", ""}, "time without time zone"},
		{types.Of(types.TimestampOID), [n]string{"2030-01-31 12:00", "", ""}, "timestamp without time zone"},
		{types.Of(types.TimestamptzOID), [n]string{"2030-01-31 12:00+00", "", ""}, "timestamp with time zone"},
		{types.Of(types.TimestampArrayOID), [n]string{`{"2030-01-31 12:00"}`, "", ""}, "timestamp without time zone[]"},
		{types.Of(types.VectorOID), [n]string{"", "[1,2,3]", "[4,5,6]"}, "vector(3)"},
		{types.T{OID: types.HalfvecOID, Mod: 2}, [n]string{"[1,2]", "[3,4]", ""}, "vector(2)"},
		{types.Of(types.Float4ArrayOID), [n]string{"{1,2}", "{3}", ""}, "real[]"},
		{types.Of(types.Float8ArrayOID), [n]string{"{1,NULL}", "{3,4}", ""}, "double precision[]"},
		{types.Of(types.Float8ArrayOID), [n]string{"", "", ""}, "double precision[]"},
		{types.Of(types.Int4ArrayOID), [n]string{"{1,2}", "{3,4}", ""}, "integer[]"},
	} {
		column := Column{fmt.Sprintf("c%d", i), c.t}
		b := types.NewBuilder(c.t, memory.DefaultAllocator)
		for _, v := range c.values {
			if v == "" {
				b.AppendNull()
			} else if err := c.t.Type().ParseText(b, v, c.t.Mod, types.DefaultFormat()); err != nil {
				t.Fatal(err)
			}
		}
		a := b.NewArray()
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: column.Name, Type: a.DataType()}}, nil), []arrow.Array{a}, n)
		for _, format := range []Format{Parquet, Arrow} {
			var out bytes.Buffer
			s, err := NewSink(&out, format, None, []Column{column}, types.DefaultFormat(), memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Write(rec); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got, err := described(format, out.Bytes()); err != nil || got != column.Name+" "+c.want {
				t.Errorf("%s: %q, %v; want %s", format, got, err, c.want)
			}
		}
	}
	for _, c := range []struct {
		format Format
		data   []byte
		want   string
		code   sqlerr.Code
	}{
		{Fvecs, join(ints(2), floats(1, 2.5), ints(2), floats(-3, 4)), "id bigint, embedding vector(2)", ""},
		{U8bin, join(ints(1, 2), []byte{1, 2}), "id bigint, embedding vector(2)", ""},
		{Fvecs, join(ints(2), floats(1)), "", sqlerr.BadCopyFileFormat},
		{Fvecs, join(ints(1), floats(1), ints(2), floats(1, 2)), "id bigint, embedding real[]", ""},
		{Fvecs, nil, "id bigint, embedding real[]", ""},
		{Ivecs, join(ints(2), ints(7, 8)), "id bigint, neighbors integer[]", ""},
		{Npy, npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }", floats(1, 2, 3)), "id bigint, embedding vector(3)", ""},
		{Npy, []byte("PK\x03\x04 and more"), "", sqlerr.BadCopyFileFormat},
		{Parquet, []byte("PAR1 and no more"), "", sqlerr.BadCopyFileFormat},
		{Arrow, []byte("ARROW1 and no more"), "", sqlerr.BadCopyFileFormat},
		{0, []byte("a,b\n"), "", sqlerr.FeatureNotSupported},
	} {
		got, err := described(c.format, c.data)
		if err == nil && c.code != "" || err != nil && sqlerr.CodeOf(err) != c.code || err == nil && got != c.want {
			t.Errorf("%s: %q, %v; want %q %s", c.format, got, err, c.want, c.code)
		}
	}
}
