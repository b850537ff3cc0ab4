package types

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/sql/sqlerr"
)

// Golden files hold what PostgreSQL 15 (with pgvector) answers: a line a value,
// fields divided by tabs, quoted as Go strings where they need it:
//
//	type  input  text form  binary form in hex
//	type  input  ERROR 22P02: message DETAIL: detail
//
// A line "set DateStyle=German" changes how the following values are read and
// printed. With -rewrite and QUIVER_ORACLE (a connection string) the answers
// are asked again.
var rewrite = flag.Bool("rewrite", false, "ask the server named by QUIVER_ORACLE and rewrite the golden files")

type goldenLine struct {
	setting string // a set line
	comment string
	typ     string
	input   string
	text    string
	binary  string
}

func readGolden(t testing.TB, path string) []goldenLine {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []goldenLine
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		line := in.Text()
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			lines = append(lines, goldenLine{comment: line})
		case strings.HasPrefix(line, "set "):
			lines = append(lines, goldenLine{setting: line[4:]})
		default:
			fields := append(strings.Split(line, "\t"), "", "", "")
			for k := 1; k < len(fields); k++ {
				if s, err := strconv.Unquote(fields[k]); err == nil {
					fields[k] = s
				}
			}
			lines = append(lines, goldenLine{typ: fields[0], input: fields[1], text: fields[2], binary: fields[3]})
		}
	}
	return lines
}

func writeGolden(t *testing.T, path string, lines []goldenLine) {
	t.Helper()
	quote := func(s string) string {
		if q := strconv.Quote(s); s == "" || q != `"`+s+`"` || strings.TrimSpace(s) != s || s[0] == '#' {
			return q
		}
		return s
	}
	var out strings.Builder
	for _, l := range lines {
		switch {
		case l.setting != "":
			out.WriteString("set " + l.setting + "\n")
		case l.typ == "":
			out.WriteString(l.comment + "\n")
		case l.binary == "":
			fmt.Fprintf(&out, "%s\t%s\t%s\n", l.typ, quote(l.input), quote(l.text))
		default:
			fmt.Fprintf(&out, "%s\t%s\t%s\t%s\n", l.typ, quote(l.input), quote(l.text), l.binary)
		}
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// oracle asks PostgreSQL by COPY, which calls the input function as an
// assignment to a column does.
type oracle struct {
	conn *pgconn.PgConn
	typ  string
}

func openOracle(t *testing.T) *oracle {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), os.Getenv("QUIVER_ORACLE"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &oracle{conn: conn}
}

func (o *oracle) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := o.conn.Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatal(sql, err)
	}
}

func (o *oracle) ask(t *testing.T, typ, input string) (text, binary string) {
	t.Helper()
	if o.typ != typ {
		o.exec(t, "DROP TABLE IF EXISTS types_oracle; CREATE TEMP TABLE types_oracle (x "+typ+")")
		o.typ = typ
	} else {
		o.exec(t, "TRUNCATE types_oracle")
	}
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(input)
	_, err := o.conn.CopyFrom(context.Background(), strings.NewReader(escaped+"\n"), "COPY types_oracle FROM STDIN (NULL '\\N')")
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return goldenError(pgErr.Code, pgErr.Message, pgErr.Detail), ""
	}
	if err != nil {
		t.Fatal(err)
	}
	r := o.conn.ExecParams(context.Background(), "SELECT x, x FROM types_oracle", nil, nil, nil, []int16{0, 1}).Read()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return string(r.Rows[0][0]), "\\x" + hex.EncodeToString(r.Rows[0][1])
}

func goldenError(code, message, detail string) string {
	if detail != "" {
		detail = " DETAIL: " + detail
	}
	return "ERROR " + code + ": " + message + detail
}

// typeNamed resolves "numeric(5,2)[]" and the like.
func typeNamed(t testing.TB, name string) T {
	t.Helper()
	base, isArray := strings.CutSuffix(name, "[]")
	var mods []string
	if open := strings.IndexByte(base, '('); open >= 0 {
		end := strings.IndexByte(base, ')')
		mods = strings.Split(base[open+1:end], ",")
		base = base[:open] + base[end+1:]
	}
	// The parser turns char into bpchar; here it is "char".
	typ := LookupName("", base)
	if typ == nil {
		t.Fatalf("no type %s", name)
	}
	if base == "interval" && mods != nil {
		// The grammar adds the mask of all fields.
		mods = append([]string{"32767"}, mods...)
	}
	out, err := ResolveMods(typ, mods)
	if err != nil {
		t.Fatal(err)
	}
	if isArray {
		out, _ = ArrayOf(out)
	}
	return out
}

// ours is what this package makes of the input, and checks the way back from
// the binary form.
func ours(t *testing.T, typ T, input string, f *Format) (text, binary string) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	b := NewBuilder(typ, mem)
	defer b.Release()
	if err := typ.Type().ParseText(b, input, typ.Mod, f); err != nil {
		var e *sqlerr.Error
		if !errors.As(err, &e) {
			t.Errorf("%v of %q: error without code: %v", typ, input, err)
			return err.Error(), ""
		}
		return goldenError(string(e.Code), e.Message, e.Detail), ""
	}
	a := b.NewArray()
	defer a.Release()
	text = string(typ.Type().AppendText(nil, a, 0, f))
	raw := typ.Type().AppendBinary(nil, a, 0)

	back := NewBuilder(typ, mem)
	defer back.Release()
	if err := typ.Type().ParseBinary(back, raw, typ.Mod); err != nil {
		t.Errorf("%s of %q: reading its binary form: %v", FormatType(typ), input, err)
		return text, ""
	}
	c := back.NewArray()
	defer c.Release()
	if again := string(typ.Type().AppendText(nil, c, 0, f)); again != text {
		t.Errorf("%s of %q: %q by text, %q by binary", FormatType(typ), input, text, again)
	}
	return text, "\\x" + hex.EncodeToString(raw)
}

func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			lines := readGolden(t, path)
			if *rewrite {
				o := openOracle(t)
				for k := range lines {
					switch l := &lines[k]; {
					case l.setting != "":
						name, value, _ := strings.Cut(l.setting, "=")
						o.exec(t, "SET "+name+" = '"+value+"'")
					case l.typ != "":
						l.text, l.binary = o.ask(t, l.typ, l.input)
					}
				}
				writeGolden(t, path, lines)
			}
			f := DefaultFormat()
			for _, l := range lines {
				if l.setting != "" {
					applySetting(t, f, l.setting)
				}
				if l.typ == "" {
					continue
				}
				typ := typeNamed(t, l.typ)
				text, binary := ours(t, typ, l.input, f)
				if text != l.text {
					t.Errorf("%s of %q: got %.200q, want %.200q", l.typ, l.input, text, l.text)
				} else if binary != l.binary {
					t.Errorf("%s of %q: got binary %s, want %s", l.typ, l.input, binary, l.binary)
				}
			}
		})
	}
}

// applySetting is SET for the settings that Format follows.
func applySetting(t *testing.T, f *Format, setting string) {
	t.Helper()
	name, value, _ := strings.Cut(setting, "=")
	switch name {
	case "extra_float_digits":
		f.ExtraFloatDigits, _ = strconv.Atoi(value)
	case "bytea_output":
		f.ByteaEscape = value == "escape"
	case "DateStyle":
		style, order, _ := strings.Cut(value, ", ")
		f.DateStyle = map[string]DateStyle{"ISO": DateStyleISO, "SQL": DateStyleSQL, "Postgres": DateStylePostgres, "German": DateStyleGerman}[style]
		f.DateOrder = map[string]DateOrder{"MDY": DateOrderMDY, "DMY": DateOrderDMY, "YMD": DateOrderYMD}[order]
	case "IntervalStyle":
		f.IntervalStyle = map[string]IntervalStyle{
			"postgres": IntervalStylePostgres, "postgres_verbose": IntervalStylePostgresVerbose,
			"sql_standard": IntervalStyleSQLStandard, "iso_8601": IntervalStyleISO8601,
		}[value]
	case "TimeZone":
		zone, ok := LoadZone(value)
		if !ok {
			t.Fatalf("no time zone %s", value)
		}
		f.TimeZone = zone
	default:
		t.Fatalf("unknown setting %s", name)
	}
}

// goldenNow is the transaction time of tests: 2001-02-03 04:05:06 UTC.
const goldenNow = 981173106_000000
