package parse

import (
	"math/rand"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"quiver/sql/ast"
)

// parseSlowly is Parse without the short way for literals.
func parseSlowly(text string) (*ast.InsertStmt, error) {
	stmts, err := parseGrammar(&source{text: text}, text)
	if err != nil {
		return nil, err
	}
	if len(stmts) != 1 {
		return nil, nil
	}
	insert, _ := stmts[0].stmt.Stmt.(*ast.InsertStmt)
	return insert, nil
}

// flatten turns VALUES lists of plain constants into ValuesRows.
func flatten(s *ast.SelectStmt) *ast.ValuesRows {
	rows := &ast.ValuesRows{Columns: len(s.Values[0])}
	for _, row := range s.Values {
		if len(row) != rows.Columns {
			return nil
		}
		for _, e := range row {
			kind, text, pos, ok := flatLiteral(e)
			if !ok {
				return nil
			}
			rows.Kinds = append(rows.Kinds, kind)
			rows.Texts = append(rows.Texts, text)
			rows.Pos = append(rows.Pos, int32(pos))
		}
	}
	return rows
}

// sameAsGrammar fails unless the short way, if taken, gives what the grammar
// gives. It says whether it was taken.
func sameAsGrammar(t *testing.T, text string) bool {
	t.Helper()
	stmt, ok := parseLiteralInsert(text)
	if !ok {
		return false
	}
	fast := stmt.Stmt.(*ast.InsertStmt)
	slow, err := parseSlowly(text)
	if err != nil || slow == nil {
		t.Fatalf("%q: the grammar refuses it: %v", text, err)
	}
	want := flatten(slow.Source)
	if !reflect.DeepEqual(fast.Source.Rows, want) {
		t.Fatalf("%q:\n got %+v\nwant %+v", text, fast.Source.Rows, want)
	}
	slow.Source.Values, slow.Source.Rows = nil, fast.Source.Rows
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("%q: statements differ", text)
	}
	return true
}

func rowsOf(row string, n int) string { return strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") }

func TestLiteralInsert(t *testing.T) {
	for _, row := range []string{
		"(1, 'a', null)", "(-1, -2147483648, 2147483647)", "(00012, 2147483648, -0)",
		"(1.5, -1.5e10, .5, 1., -.5)", "('it''s', '', '''')", `(E'a\nb\\', e'\'', 'a\b')`,
		"(TRUE, False, NULL)", "('é', 'x')", "( 1 ,\n 2 /* c */ )", "('[1,2,3]', 9223372036854775808)",
		"('[1,2]'::vector, ARRAY[1, -2.5]::vector, array[0,10], DEFAULT)", "(E'[1]' :: VECTOR, array [ 1.50 ] , default)",
	} {
		for _, tail := range []string{"", ";", " on conflict do nothing returning a, b", " ; -- done"} {
			if text := "INSERT INTO s.t (a, \"b\") VALUES " + rowsOf(row, 9) + tail; !sameAsGrammar(t, text) {
				t.Errorf("%s: the short way was not taken", text)
			}
		}
	}
	for _, row := range []string{
		"(array[1, null])", "(array[[1]])", "(array[1e5])", "(array[]::vector)", "(array[01])", "(array[1]::int[])", "(array[1][1])",
		"('[1]'::vector(1))", "('[1]'::vector[])", "('[1]'::public.vector)", "('[1]'::vector::text)", "(1+1)", "('a'::text)", "($1)", "(+1)", "(- 1)", "(1 -- c\n)", "(f(1))", "(E'\\x41')",
		"(U&'a')", "(B'1')", "($$a$$)", "('a'\n'b')", "(1::int)", "((1))", "(0x1f)",
	} {
		if text := "INSERT INTO t VALUES " + rowsOf(row, 9); sameAsGrammar(t, text) && row != "(1 -- c\n)" {
			t.Errorf("%s: the short way was taken", text)
		}
	}
	for _, text := range []string{
		"insert into t values (1), (2)", // too few
		"insert into t values " + rowsOf("(1)", 9) + "; select 1",
		"insert into t values " + rowsOf("(1)", 9) + ", (1, 2)",
		"insert into t values " + rowsOf("(1)", 9) + " union select 1",
		"insert into t values " + rowsOf("(1)", 9) + " limit 1",
		"insert into t values " + rowsOf("('a')", 8) + ", ('a",
	} {
		if sameAsGrammar(t, text) {
			t.Errorf("%s: the short way was taken", text)
		}
	}
}

func TestLiteralInsertRandom(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	literals := []string{
		"1", "-1", "'a'", "'a''b'", "null", "true", "1e5", "-2.5", "''", `E'\t'`, "'é'", "-99999999999", "007", "default",
		"'a' 'b'", "1 + 1", "'x' ", " 3", "-  4", "'a\nb'",
	}
	taken := 0
	for range 2000 {
		columns := 1 + r.Intn(3)
		var b strings.Builder
		b.WriteString("insert into t values ")
		for i := range 8 + r.Intn(4) {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString("(")
			for j := range columns {
				if j > 0 {
					b.WriteString(",")
				}
				pick := r.Intn(13)
				if r.Intn(200) == 0 {
					pick = r.Intn(len(literals))
				}
				b.WriteString(literals[pick])
			}
			b.WriteString(")")
		}
		if sameAsGrammar(t, b.String()) {
			taken++
		}
	}
	if taken < 500 {
		t.Errorf("the short way was taken only %d times", taken)
	}
}

// FuzzParse: no text makes Parse panic, and the short way for literals agrees
// with the grammar.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"select 1", "select a.b, $1 from t as x (c) where not a is null order by 1 limit 2",
		"insert into t values " + rowsOf("(1, 'a''b', E'\\n', -1.5e3, null, true)", 9) + " returning *",
		"create partition if not exists s.p on s.t for values in (1) with (a = 1)", "drop partition p on t;;",
		"create table t (a int default 1 check (a > 0) references b, primary key (a))",
		"copy t (a) from stdin with (format csv, force_quote (a, b), header)",
		"select * from t partition (p)", "prepare p as select 1", "set x.y = 'a', b", "e'", "$a$", "/* /* */",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 || checkEncoding(text) != nil {
			return
		}
		stmts, err := Parse(text)
		if err == nil {
			for _, s := range stmts {
				if s.Stmt == nil {
					t.Fatal("a statement without a tree")
				}
			}
		}
		sameAsGrammar(t, text)
	})
}

func BenchmarkParse(b *testing.B) {
	vector := "'[" + strings.TrimSuffix(strings.Repeat("0.12345,", 100), ",") + "]'"
	for name, text := range map[string]string{
		"select":       "select id, name from items where id = $1",
		"insert1000":   "insert into t values " + rowsOf("(1, 2.5, 'abc')", 1000),
		"insertVector": "insert into t values " + rowsOf("(1, "+vector+")", 1000),
		"insertCast":   "insert into t values " + rowsOf("(1, "+vector+"::vector)", 1000),
		"insertArray":  "insert into t values " + rowsOf("(default, array"+strings.Trim(vector, "'")+"::vector)", 1000),
	} {
		b.Run(name+strconv.Itoa(len(text)), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
