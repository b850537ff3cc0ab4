package parse

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// dump prints a node with its fields that are not zero, positions as @n.
func dump(b *strings.Builder, v reflect.Value, indent int) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dump(b, v.Elem(), indent)
	case reflect.Struct:
		b.WriteString(v.Type().Name())
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if v.Field(i).IsZero() {
				continue
			}
			if field.Type == reflect.TypeOf(ast.Pos(0)) {
				fmt.Fprintf(b, "@%d", v.Field(i).Int())
				continue
			}
			fmt.Fprintf(b, "\n%s%s: ", strings.Repeat("  ", indent+1), field.Name)
			dump(b, v.Field(i), indent+1)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.String || v.Index(i).Kind() == reflect.Int || v.Index(i).Kind() == reflect.Int32 || v.Index(i).Kind() == reflect.Uint8 {
				fmt.Fprintf(b, " %v", v.Index(i).Interface())
				continue
			}
			fmt.Fprintf(b, "\n%s- ", strings.Repeat("  ", indent+1))
			dump(b, v.Index(i), indent+1)
		}
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

func describe(err error) string {
	e, ok := err.(*sqlerr.Error)
	if !ok {
		return "not a sqlerr: " + err.Error()
	}
	s := fmt.Sprintf("%s at %d: %s", e.Code, e.Position, e.Message)
	if e.Hint != "" {
		s += "\nhint: " + e.Hint
	}
	return s
}

// TestGolden shows the trees of statements, and the errors of what is none.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			stmts, err := Parse(d.Input)
			if err != nil {
				return describe(err) + "\n"
			}
			var b strings.Builder
			for _, s := range stmts {
				fmt.Fprintf(&b, "-- %q params %d\n", s.Text, s.Params)
				dump(&b, reflect.ValueOf(s.Stmt), 0)
				b.WriteByte('\n')
			}
			return b.String()
		})
	})
}

// TestErrors compares messages and positions with PostgreSQL 15's.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text, message string
		position      int
		code          sqlerr.Code
	}{
		{"selec 1", `syntax error at or near "selec"`, 1, sqlerr.SyntaxError},
		{"select 'é', 'é' foo bar baz", `syntax error at or near "bar"`, 21, sqlerr.SyntaxError},
		{"select 1 +", `syntax error at end of input`, 11, sqlerr.SyntaxError},
		{"select 1; selec 2", `syntax error at or near "selec"`, 11, sqlerr.SyntaxError},
		{"select 'abc", `unterminated quoted string at or near "'abc"`, 8, sqlerr.SyntaxError},
		{"create table t (a int,)", `syntax error at or near ")"`, 23, sqlerr.SyntaxError},
		{"select $0", "there is no parameter $0", 8, sqlerr.UndefinedParameter},
		{"select * from t partition (p)", `syntax error at or near "partition"`, 17, sqlerr.SyntaxError},
		{"create partition on t", `syntax error at or near "on"`, 18, sqlerr.SyntaxError},
		{"create partition p", `syntax error at end of input`, 19, sqlerr.SyntaxError},
		{"create partition a.b.c on t", `syntax error at or near "."`, 21, sqlerr.SyntaxError},
		{"drop partition if p on t", `syntax error at or near "p"`, 19, sqlerr.SyntaxError},
		{"drop partition p on t cascade", `syntax error at or near "cascade"`, 23, sqlerr.SyntaxError},
		{"select * from t tablesample system (10)", "TABLESAMPLE is not supported", 0, sqlerr.FeatureNotSupported},
	} {
		_, err := Parse(c.text)
		e, ok := err.(*sqlerr.Error)
		if !ok {
			t.Errorf("%s: got %v", c.text, err)
			continue
		}
		if e.Message != c.message || e.Position != c.position || e.Code != c.code {
			t.Errorf("%s: got %s", c.text, describe(err))
		}
	}
}

func TestBadText(t *testing.T) {
	for _, text := range []string{"select '\xff'", "select 1\x00"} {
		_, err := Parse(text)
		if sqlerr.CodeOf(err) != sqlerr.CharacterNotInRepertoire {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// TestDepth holds what would run the C stack over: 54001, not a dead process.
func TestDepth(t *testing.T) {
	for _, text := range []string{
		"select 1" + strings.Repeat("+1", 100000),
		"select 1" + strings.Repeat("::int", 100000),
		"select 1" + strings.Repeat(" union select 1", 100000),
		"select " + strings.Repeat("(1+", 50000) + "1" + strings.Repeat(")", 50000),
		"select * from t" + strings.Repeat(" cross join t", 50000),
	} {
		if _, err := Parse(text); sqlerr.CodeOf(err) != sqlerr.StatementTooComplex {
			t.Errorf("%.20s…: got %v", text, err)
		}
	}
	for _, text := range []string{
		"select 1 in (" + strings.Repeat("1, ", 40000) + "1)",
		"select true" + strings.Repeat(" or a = 1 and b = 2", 20000),
		"insert into t values (" + strings.Repeat("-1 + 1, ", 20000) + "1)",
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%.20s…: got %v", text, err)
		}
	}
}

// TestPlaces: the text and positions of later statements count in the whole
// text.
func TestPlaces(t *testing.T) {
	stmts, err := Parse(" select 1 ;\n create partition p on t; select é ; ")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, s := range stmts {
		texts = append(texts, s.Text)
	}
	want := []string{"select 1", "create partition p on t", "select é"}
	if !reflect.DeepEqual(texts, want) {
		t.Errorf("texts %q", texts)
	}
	ref := stmts[2].Stmt.(*ast.SelectStmt).Targets[0].Value
	if ref.Position() != 46 {
		t.Errorf("position %d", ref.Position())
	}
}

func TestExprText(t *testing.T) {
	stmts, err := Parse(`CREATE TABLE t (
		a int DEFAULT (1 + 2) * 3 NOT NULL CHECK (a > 0),
		b text DEFAULT concat('x', ',') COLLATE "C" CONSTRAINT "check" CHECK ((b <> '')),
		c int GENERATED ALWAYS AS (a * 2) STORED,
		d timestamptz DEFAULT now(),
		e int[] DEFAULT ARRAY[1,2]::int[],
		f int DEFAULT 1 NULL,
		CHECK (a < 10 AND b IS NOT NULL)
	)`)
	if err != nil {
		t.Fatal(err)
	}
	table := stmts[0].Stmt.(*ast.CreateTableStmt)
	var got []string
	for _, c := range table.Columns {
		for _, k := range c.Constraints {
			got = append(got, k.ExprText)
		}
	}
	for _, k := range table.Constraints {
		got = append(got, k.ExprText)
	}
	want := []string{
		"(1 + 2) * 3", "", "a > 0", `concat('x', ',')`, "(b <> '')", "a * 2",
		"now()", "ARRAY[1,2]::int[]", "1", "", "a < 10 AND b IS NOT NULL",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}

	stmts, err = Parse(`CREATE INDEX ON t USING btree (lower(b), (a + 1) DESC, c) WHERE a > 0;
		ALTER TABLE t ALTER a SET DEFAULT f(1, 2), ALTER b SET DEFAULT 'x';
		PREPARE p (int) AS SELECT $1`)
	if err != nil {
		t.Fatal(err)
	}
	index := stmts[0].Stmt.(*ast.CreateIndexStmt)
	if index.Columns[0].Pos != 32 || index.Columns[1].Pos != 42 {
		t.Errorf("index columns at %d and %d", index.Columns[0].Pos, index.Columns[1].Pos)
	}
	alter := stmts[1].Stmt.(*ast.AlterTableStmt)
	if alter.Commands[0].DefaultText != "f(1, 2)" || alter.Commands[1].DefaultText != "'x'" {
		t.Errorf("alter %q %q", alter.Commands[0].DefaultText, alter.Commands[1].DefaultText)
	}
	if p := stmts[2].Stmt.(*ast.PrepareStmt); p.QueryText != "SELECT $1" {
		t.Errorf("prepare %q", p.QueryText)
	}
}

func TestCache(t *testing.T) {
	c := NewCache(64 << 10)
	first, err := c.Parse("select 1")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := c.Parse("select 1")
	if &first[0] != &again[0] {
		t.Error("parsed twice")
	}
	for i := range 500 {
		if _, err := c.Parse(fmt.Sprintf("select %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if c.Bytes() > 64<<10 {
		t.Errorf("holds %d bytes", c.Bytes())
	}
	if _, ok := c.get("select 1"); ok {
		t.Error("the oldest entry is still there")
	}
	if _, err := c.Parse("select"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Parse("selec"); err == nil {
		t.Error("no error")
	}
	if _, ok := c.get("selec"); ok {
		t.Error("an error is kept")
	}
}
