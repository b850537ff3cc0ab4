package copyfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// bytesFile is a file in memory.
type bytesFile struct{ *bytes.Reader }

func (bytesFile) Close() error { return nil }

// rowsOf reads a file and spells its rows.
func rowsOf(format Format, data []byte, columns ...Column) (rows []string, err error) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	o := Options{Format: format, Columns: columns, Text: types.DefaultFormat(), Mem: mem}
	s, err := Open(context.Background(), bytesFile{bytes.NewReader(data)}, int64(len(data)), o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for {
		batch, err := s.Next(context.Background())
		if err != nil || batch == nil {
			return rows, err
		}
		for i := range batch[0].Len() {
			row := ""
			for k, c := range columns {
				if batch[k].IsNull(i) {
					row += " null"
					continue
				}
				row += " " + string(c.Type.Type().AppendText(nil, batch[k], i, types.DefaultFormat()))
			}
			rows = append(rows, row[1:])
		}
		releaseAll(batch)
	}
}

func floats(v ...float32) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func ints(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func npy(header string, data []byte) []byte {
	b := append([]byte(npyMagic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return join(b, []byte(header), data)
}

var (
	idColumn     = Column{"id", types.Of(types.Int8OID)}
	vectorColumn = Column{"v", types.T{OID: types.VectorOID, Mod: 2}}
	looseColumn  = Column{"v", types.Of(types.VectorOID)}
	intsColumn   = Column{"v", types.Of(types.Int4ArrayOID)}
)

func TestVectorFiles(t *testing.T) {
	header := "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n"
	for _, c := range []struct {
		name    string
		format  Format
		data    []byte
		columns []Column
		want    []string
		err     string
	}{
		{"fvecs", Fvecs, join(ints(2), floats(1, 2.5), ints(2), floats(-3, 4)), []Column{vectorColumn}, []string{"[1,2.5]", "[-3,4]"}, ""},
		{"fvecs, counted", Fvecs, join(ints(2), floats(1, 2), ints(2), floats(3, 4)), []Column{idColumn, vectorColumn}, []string{"0 [1,2]", "1 [3,4]"}, ""},
		{"fvecs of several lengths", Fvecs, join(ints(1), floats(1), ints(3), floats(3, 4, 5)), []Column{looseColumn}, []string{"[1]", "[3,4,5]"}, ""},
		{"fvecs, wrong length", Fvecs, join(ints(3), floats(1, 2, 3)), []Column{vectorColumn}, nil, "22000"},
		{"fvecs, NaN", Fvecs, join(ints(2), floats(1, float32(math.NaN()))), []Column{vectorColumn}, nil, "22000"},
		{"fvecs, cut", Fvecs, join(ints(2), floats(1)), []Column{vectorColumn}, nil, "22P04"},
		{"fvecs, cut in the length", Fvecs, []byte{2, 0}, []Column{vectorColumn}, nil, "22P04"},
		{"fvecs, negative length", Fvecs, ints(math.MaxUint32), []Column{vectorColumn}, nil, "22P04"},
		{"fvecs, vast length", Fvecs, ints(1 << 30), []Column{vectorColumn}, nil, "22P04"},
		{"fvecs, empty", Fvecs, nil, []Column{vectorColumn}, nil, ""},
		{"bvecs", Bvecs, join(ints(2), []byte{0, 255}), []Column{vectorColumn}, []string{"[0,255]"}, ""},
		{"ivecs", Ivecs, join(ints(2), ints(7, math.MaxUint32)), []Column{intsColumn}, []string{"{7,-1}"}, ""},
		{"fbin", Fbin, join(ints(2, 2), floats(1, 2, 3, 4)), []Column{vectorColumn, idColumn}, []string{"[1,2] 0", "[3,4] 1"}, ""},
		{"fbin, cut", Fbin, join(ints(2, 2), floats(1, 2, 3)), []Column{vectorColumn}, nil, "22P04"},
		{"fbin, more than its header says", Fbin, join(ints(1, 2), floats(1, 2, 3, 4)), []Column{vectorColumn}, nil, "22P04"},
		{"fbin, a byte more", Fbin, join(ints(1, 2), floats(1, 2), []byte{0}), []Column{vectorColumn}, nil, "22P04"},
		{"fbin, none but some", Fbin, join(ints(0, 2), floats(1, 2)), []Column{vectorColumn}, nil, "22P04"},
		{"fbin, vast", Fbin, ints(math.MaxUint32, 1<<20), []Column{vectorColumn}, nil, "22P04"},
		{"fbin without dimensions", Fbin, ints(5, 0), []Column{vectorColumn}, nil, "22P04"},
		{"u8bin", U8bin, join(ints(1, 2), []byte{1, 2}), []Column{vectorColumn}, []string{"[1,2]"}, ""},
		{"npy", Npy, npy(fmt.Sprintf(header, "<f4", "False", "2, 2"), floats(1, 2, 3, 4)), []Column{vectorColumn}, []string{"[1,2]", "[3,4]"}, ""},
		{"npy of bytes", Npy, npy(fmt.Sprintf(header, "|i1", "False", "1, 2,"), []byte{255, 2}), []Column{vectorColumn}, []string{"[-1,2]"}, ""},
		{"npy of halves", Npy, npy(fmt.Sprintf(header, "<f2", "False", "1, 2"), []byte{0, 0x3c, 0, 0xc0}), []Column{vectorColumn}, []string{"[1,-2]"}, ""},
		{"npy, more than its header says", Npy, npy(fmt.Sprintf(header, "<f4", "False", "1, 2"), floats(1, 2, 3)), []Column{vectorColumn}, nil, "22P04"},
		{"npy, big-endian", Npy, npy(fmt.Sprintf(header, ">f4", "False", "1, 2"), floats(1, 2)), []Column{vectorColumn}, nil, "0A000"},
		{"npy of Fortran", Npy, npy(fmt.Sprintf(header, "<f4", "True", "1, 2"), floats(1, 2)), []Column{vectorColumn}, nil, "0A000"},
		{"npy of one dimension", Npy, npy(fmt.Sprintf(header, "<f4", "False", "2,"), floats(1, 2)), []Column{vectorColumn}, nil, "22P04"},
		{"npy, negative", Npy, npy(fmt.Sprintf(header, "<f4", "False", "-1, 2"), nil), []Column{vectorColumn}, nil, "22P04"},
		{"npy, no header", Npy, npy("{}", nil), []Column{vectorColumn}, nil, "22P04"},
		{"npy, other magic", Npy, []byte("PK\x03\x04 and more"), []Column{vectorColumn}, nil, "22P04"},
		{"no vector column", Fvecs, nil, []Column{idColumn}, nil, "22023"},
		{"two vector columns", Fvecs, nil, []Column{vectorColumn, looseColumn}, nil, "22023"},
	} {
		rows, err := rowsOf(c.format, c.data, c.columns...)
		var code string
		if err != nil {
			code = string(sqlerr.CodeOf(err))
		}
		if code != c.err || code == "" && fmt.Sprint(rows) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, %v; want %q %s", c.name, rows, err, c.want, c.err)
		}
	}
}

// TestVectorsOfUnknownSize: what a header does not tell of is found at the end, too,
// where a file's size is not known before.
func TestVectorsOfUnknownSize(t *testing.T) {
	for _, c := range []struct {
		data []byte
		rows int
		err  sqlerr.Code
	}{
		{join(ints(2, 2), floats(1, 2, 3, 4)), 2, ""},
		{join(ints(2, 2), floats(1, 2, 3, 4, 5)), 2, sqlerr.BadCopyFileFormat},
		{join(ints(2, 2), floats(1, 2, 3)), 0, sqlerr.BadCopyFileFormat},
	} {
		s, err := openVectors(bytesFile{bytes.NewReader(c.data)}, 0, Options{Format: Fbin, Columns: []Column{vectorColumn}, Text: types.DefaultFormat(), Mem: memory.DefaultAllocator})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		var batch []arrow.Array
		for {
			if batch, err = s.Next(context.Background()); batch == nil {
				break
			}
			rows += batch[0].Len()
			releaseAll(batch)
		}
		if rows != c.rows || (err != nil || c.err != "") && sqlerr.CodeOf(err) != c.err {
			t.Errorf("%d rows of %d bytes, %v; want %d, %s", rows, len(c.data), err, c.rows, c.err)
		}
	}
}

// fuzzColumns are names and types that FuzzFiles reads.
var fuzzColumns = [][]Column{
	{idColumn, vectorColumn},
	{looseColumn},
	{{"v", types.Of(types.Float8ArrayOID)}, {"id", types.Of(types.TextOID)}},
	{{"note", types.Of(types.TextOID)}, {"at", types.Of(types.TimestamptzOID)}, {"n", types.T{OID: types.NumericOID, Mod: -1}}},
	{{"note", types.Of(types.JSONBOID)}, {"v", types.Of(types.HalfvecOID)}, {"at", types.Of(types.DateOID)}},
}

// mixed is a small file of columns of many types, with nulls.
func mixed(t testing.TB, format Format, c Compression) []byte {
	t.Helper()
	columns := []Column{idColumn, {"v", types.T{OID: types.VectorOID, Mod: 3}}, {"note", types.Of(types.TextOID)},
		{"at", types.Of(types.TimestamptzOID)}, {"n", types.T{OID: types.NumericOID, Mod: -1}}, {"list", types.Of(types.TextArrayOID)}}
	rows := [][]string{{"1", "[1,2,3]", "a", "2030-01-31 12:00+00", "1.5", "{a,NULL}"}, {"", "", "", "", "", ""}, {"3", "[4,5,6]", "a", "1970-01-01", "NaN", "{}"}}
	fields, arrays := make([]arrow.Field, len(columns)), make([]arrow.Array, len(columns))
	for i, c := range columns {
		b := types.NewBuilder(c.Type, memory.DefaultAllocator)
		for _, row := range rows {
			if row[i] == "" {
				b.AppendNull()
			} else if err := c.Type.Type().ParseText(b, row[i], c.Type.Mod, types.DefaultFormat()); err != nil {
				t.Fatal(err)
			}
		}
		arrays[i] = b.NewArray()
		fields[i] = arrow.Field{Name: c.Name, Type: arrays[i].DataType()}
	}
	var out bytes.Buffer
	s, err := NewSink(&out, format, c, columns, types.DefaultFormat(), memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(len(rows)))); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzFiles: no file of any format makes a reader panic, whatever columns it is to
// fill, and every error has a SQLSTATE.
func FuzzFiles(f *testing.F) {
	add := func(format Format, data []byte) {
		for i := range fuzzColumns {
			f.Add(byte(format-Parquet), byte(i), data)
		}
	}
	add(Fvecs, join(ints(2), floats(1, 2.5)))
	add(Bvecs, join(ints(2), []byte{0, 255}))
	add(Ivecs, join(ints(2), ints(7, math.MaxUint32)))
	add(Fbin, join(ints(2, 2), floats(1, 2, 3, 4)))
	add(U8bin, join(ints(1, 2), []byte{1, 2}))
	for _, descr := range []string{"<f4", "<f2", "|u1", "<i8"} {
		add(Npy, npy("{'descr': '"+descr+"', 'fortran_order': False, 'shape': (2, 2), }", make([]byte, 4*(descr[2]-'0'))))
	}
	for _, format := range []Format{Parquet, Arrow} {
		add(format, sample(f, format))
		add(format, mixed(f, format, None))
	}
	add(Parquet, mixed(f, Parquet, Snappy))
	add(Parquet, parquetOf(f, testVectors{{1, 2}, nil, {3, 4}}, 2, parquet.WithDataPageVersion(parquet.DataPageV1)))
	add(Parquet, parquetOf(f, testVectors{{1, 2}, {3, 4}}, 2, parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(parquet.DataPageV2)))
	f.Fuzz(func(t *testing.T, format, columns byte, data []byte) {
		which := Parquet + Format(format)%U8bin // one of all
		check := func(err error) {
			if err != nil && sqlerr.CodeOf(err) == sqlerr.InternalError {
				t.Errorf("%s: %v", which, err)
			}
		}
		_, err := rowsOf(which, data, fuzzColumns[int(columns)%len(fuzzColumns)]...)
		check(err)
		_, err = described(which, data)
		check(err)
	})
}
