package copyformat

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

var twoColumns = []Column{{Name: "id", Type: types.Of(types.Int4OID)}, {Name: "name", Type: types.Of(types.TextOID)}}

func option(name, value string) *ast.Option {
	return &ast.Option{Name: name, Value: &ast.Const{Kind: ast.ConstString, Text: value}}
}

func mustOptions(t *testing.T, from bool, options ...*ast.Option) *Options {
	t.Helper()
	o, err := ParseOptions(options, from, []string{"id", "name"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// read pushes input in pieces of the given size and prints the rows.
func read(opts *Options, input string, piece int, mem memory.Allocator) (string, error) {
	r := NewReader(opts, "t", twoColumns, types.DefaultFormat(), mem)
	defer r.Release()
	var out strings.Builder
	take := func() {
		cols, lines := r.Take()
		for i := range lines {
			for j, c := range cols {
				if j > 0 {
					out.WriteByte('|')
				}
				if c.IsNull(i) {
					out.WriteString("NULL")
				} else {
					out.Write(twoColumns[j].Type.Type().AppendText(nil, c, i, types.DefaultFormat()))
				}
			}
			fmt.Fprintf(&out, "@%d;", lines[i])
		}
		for _, c := range cols {
			c.Release()
		}
	}
	for len(input) > 0 {
		n := min(piece, len(input))
		if err := r.Write([]byte(input[:n])); err != nil {
			return out.String(), err
		}
		input = input[n:]
		if r.Rows() > 2 {
			take()
		}
	}
	err := r.Finish()
	take()
	return out.String(), err
}

func TestRead(t *testing.T) {
	csv := option("format", "csv")
	tests := []struct {
		name    string
		options []*ast.Option
		input   string
		want    string
		fails   string
	}{
		{"plain", nil, "1\ta\n2\tb\n", "1|a@1;2|b@2;", ""},
		{"no last newline", nil, "1\ta\n2\tb", "1|a@1;2|b@2;", ""},
		{"null and empty", nil, "1\t\\N\n\\N\t\n", "1|NULL@1;NULL|@2;", ""},
		{"escapes", nil, `1` + "\t" + `a\tb\\c\x41\101\q` + "\n", "1|a\tb\\cAAq@1;", ""},
		{"escaped newline", nil, "1\ta\\\nb\n2\tc\n", "1|a\nb@1;2|c@2;", ""},
		{"crlf", nil, "1\ta\r\n2\tb\r\n", "1|a@1;2|b@2;", ""},
		{"cr", nil, "1\ta\r2\tb\r", "1|a@1;2|b@2;", ""},
		{"end marker", nil, "1\ta\n\\.\nrubbish", "1|a@1;", ""},
		{"header", []*ast.Option{{Name: "header"}}, "id\tname\n1\ta\n", "1|a@2;", ""},
		{"header match", []*ast.Option{option("header", "match")}, "id\tnome\n1\ta\n", "", `22P04 column name mismatch in header line field 2: got "nome", expected "name" COPY t, line 1`},
		{"delimiter", []*ast.Option{option("delimiter", "|"), option("null", "nil")}, "1|nil\n2|x\\|y\n", "1|NULL@1;2|x|y@2;", ""},
		{"missing", nil, "1\ta\n2\n", "", `22P04 missing data for column "name" COPY t, line 2: "2"`},
		{"extra", nil, "1\ta\tb\n", "", `22P04 extra data after last expected column COPY t, line 1: "1	a	b"`},
		{"bad value", nil, "1\ta\nx\tb\n", "", `22P02 invalid input syntax for type integer: "x" COPY t, line 2, column id: "x"`},
		{"literal return", nil, "1\ta\n2\tb\rc\n", "", `22P04 literal carriage return found in data COPY t, line 2`},
		{"csv", []*ast.Option{csv}, "1,a\n2,\"x,\"\"y\"\"\"\n3,\n4,\"\"\n", "1|a@1;2|x,\"y\"@2;3|NULL@3;4|@4;", ""},
		{"csv newline", []*ast.Option{csv}, "1,\"a\nb\"\n2,c\n", "1|a\nb@1;2|c@3;", ""},
		{"csv escape", []*ast.Option{csv, option("escape", `\`)}, `1,"a\"b\\c\d"` + "\n", `1|a"b\c\d@1;`, ""},
		{"csv part quoted", []*ast.Option{csv}, "1,a\"b,c\"d\n", "1|ab,cd@1;", ""},
		{"csv unterminated", []*ast.Option{csv}, "1,\"a\n2,b\n", "", `22P04 unterminated CSV quoted field COPY t, line 1: "1,"a` + "\n" + `2,b` + "\n" + `"`},
		{"csv force null", []*ast.Option{csv, {Name: "force_null", Names: []string{"name"}}}, "1,\"\"\n", "1|NULL@1;", ""},
		{"csv force not null", []*ast.Option{csv, {Name: "force_not_null", Names: []string{"name"}}}, "1,\n", "1|@1;", ""},
		{"csv end marker", []*ast.Option{csv}, "1,a\n\\.\n2,b\n", "1|a@1;", ""},
		{"json end marker", []*ast.Option{option("format", "json")}, "{\"id\": 1, \"name\": \"a\"}\n\\.\n{\"id\": 2}\n", "1|a@1;", ""},
		{"json end marker at the end", []*ast.Option{option("format", "json")}, "{\"id\": 1}\r\n\\.", "1|NULL@1;", ""},
		{"binary", []*ast.Option{option("format", "binary")}, binarySignature + "\x00\x00\x00\x00\x00\x00\x00\x02xx" +
			"\x00\x02\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x03abc\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "7|abc@1;NULL|NULL@2;", ""},
		{"binary signature", []*ast.Option{option("format", "binary")}, "PGCOPX\n\xff\r\n\x00\x00\x00", "", "22P04 COPY file signature not recognized COPY t"},
		{"binary field count", []*ast.Option{option("format", "binary")}, binarySignature + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "", "22P04 row field count is 1, expected 2 COPY t, line 1"},
		{"binary cut", []*ast.Option{option("format", "binary")}, binarySignature + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00", "", "22P04 unexpected EOF in COPY data COPY t, line 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			for piece := 1; piece <= len(tt.input); piece++ {
				got, err := read(mustOptions(t, true, tt.options...), tt.input, piece, mem)
				if tt.fails != "" {
					var e *sqlerr.Error
					if !errors.As(err, &e) {
						t.Fatalf("pieces of %d: %v, want %s", piece, err, tt.fails)
					}
					if text := string(e.Code) + " " + e.Message + " " + e.Context; text != tt.fails {
						t.Fatalf("pieces of %d: %s\nwant %s", piece, text, tt.fails)
					}
					continue
				}
				if err != nil {
					t.Fatalf("pieces of %d: %v", piece, err)
				}
				if got != tt.want {
					t.Fatalf("pieces of %d: %q, want %q", piece, got, tt.want)
				}
			}
		})
	}
}

// TestRoundTrip writes random rows in every format and reads them back.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	alphabet := []rune("ab,\t\n\r\"\\.N|ä ")
	for _, options := range [][]*ast.Option{
		nil, {option("delimiter", "|")}, {option("format", "csv")},
		{option("format", "csv"), option("quote", "a"), option("escape", "\\")}, {option("format", "binary")},
	} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		ids, names := array.NewInt32Builder(mem), array.NewStringBuilder(mem)
		var want strings.Builder
		n := 300
		for range n {
			id := int32(rnd.Uint32())
			var name []rune
			for range rnd.IntN(6) {
				name = append(name, alphabet[rnd.IntN(len(alphabet))])
			}
			ids.Append(id)
			if rnd.IntN(5) == 0 {
				names.AppendNull()
				fmt.Fprintf(&want, "%d|NULL;", id)
			} else {
				names.Append(string(name))
				fmt.Fprintf(&want, "%d|%s;", id, string(name))
			}
		}
		a, b := ids.NewArray(), names.NewArray()
		rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "id", Type: a.DataType()}, {Name: "name", Type: b.DataType(), Nullable: true}}, nil), []arrow.Array{a, b}, int64(n))
		w, err := NewWriter(mustOptions(t, false, options...), twoColumns, types.DefaultFormat())
		if err != nil {
			t.Fatal(err)
		}
		out := w.AppendHeader(nil)
		for i := range n {
			out = w.AppendRow(out, rec, i)
		}
		out = w.AppendTrailer(out)
		for _, r := range []interface{ Release() }{rec, a, b, ids, names} {
			r.Release()
		}
		got, err := read(mustOptions(t, true, options...), string(out), 1+rnd.IntN(50), mem)
		if err != nil {
			t.Fatal(err)
		}
		// The lines differ by format; the values may not.
		if got = stripLines(got); got != want.String() {
			t.Fatalf("options %v: read\n%q\nwrote\n%q", options, got, want.String())
		}
		mem.AssertSize(t, 0)
	}
}

// stripLines takes "@LINE" off each row.
func stripLines(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '@' {
			for s[i] != ';' {
				i++
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func FuzzRead(f *testing.F) {
	f.Add(byte(0), "1\ta\n2\t\\N\n")
	f.Add(byte(1), "1,\"a\"\"b\"\n")
	f.Add(byte(2), binarySignature+"\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff")
	f.Add(byte(2), binarySignature+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff")
	f.Add(byte(3), "{\"id\": 1, \"name\": \"a\\u00e4\"}\n{\"name\": null}\r\n\n{\"id\": \"2\", \"name\": [1, {\"x\": 1e3}]}")
	f.Fuzz(func(t *testing.T, format byte, input string) {
		opts, err := ParseOptions([]*ast.Option{option("format", []string{"text", "csv", "binary", "json"}[format%4])}, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		whole, errWhole := read(opts, input, max(len(input), 1), mem)
		pieces, errPieces := read(opts, input, 1, mem)
		mem.AssertSize(t, 0)
		if (errWhole == nil) != (errPieces == nil) {
			t.Fatalf("whole: %v, in pieces: %v", errWhole, errPieces)
		}
		if errWhole == nil && whole != pieces {
			t.Fatalf("whole: %q, in pieces: %q", whole, pieces)
		}
	})
}
