package funcs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
)

var oracle = flag.String("oracle", "", "connection string of a PostgreSQL 15 with pgvector that fills in testdata/golden")

// TestGolden evaluates the expressions of testdata/golden: see its README.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	if *oracle != "" {
		for _, file := range files {
			rewriteGolden(t, file)
		}
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, c := range readGolden(t, file) {
				if got := answer(t, c.expression); got != c.answer {
					t.Errorf("%s\n got %s\nwant %s", c.expression, got, c.answer)
				}
			}
		})
	}
}

// TestSession: what functions ask of the session.
func TestSession(t *testing.T) {
	for _, c := range sessionCases {
		if got := answer(t, c.expression); got != c.answer {
			t.Errorf("%s\n got %s\nwant %s", c.expression, got, c.answer)
		}
	}
}

var sessionCases = []goldenCase{
	{"current_database()", "name |postgres|"},
	{`pg_catalog."current_user"()`, "name |postgres|"},
	{"getpgusername()", "name |postgres|"},
	{`pg_catalog."session_user"()`, "name |postgres|"},
	{"pg_backend_pid()", "integer |4711|"},
	{"current_setting('server_version')", "text |15.0|"},
	{"nextval(5::regclass)", "bigint |1|"},
	{"currval(5::regclass)", "bigint |1|"},
	{"setval(5::regclass, 7)", "bigint |7|"},
	{"setval(5::regclass, 7, false)", "bigint |7|"},
	{"setval(5::regclass, null)", "bigint null"},
	{"lastval()", "bigint |1|"},
}

// uncovered are the functions that need no golden case.
var uncovered = map[string]bool{
	"aclitemeq":          true, // its type has no values yet
	"row_to_json":        true, // the evaluator has no rows: test/slt/testdata/pg_json.slt
	"rrf":                true, // a search computes it, over many rows: test/slt/testdata/quiver_rrf.slt
	"pg_export_snapshot": true, // of a transaction: test/isolation/testdata/snapshot_modes.iso
}

// TestGoldenCoverage: every function has a row of examples. Window functions
// need rows around them: test/slt/testdata/pg_window.slt has theirs.
func TestGoldenCoverage(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, c := range readGolden(t, file) {
			answer(t, c.expression)
		}
	}
	for _, c := range sessionCases {
		answer(t, c.expression)
	}
	var missing []string
	for _, f := range funcs.Functions() {
		if f.Kind != funcs.KindWindow && !covered[f.OID] && !uncovered[f.Name] {
			missing = append(missing, fmt.Sprintf("%s%v", f.Name, f.Args))
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d functions have no golden case: %s", len(missing), strings.Join(missing, " "))
	}
}

type goldenCase struct{ expression, answer string }

func readGolden(t *testing.T, file string) (cases []goldenCase) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "> "):
			cases = append(cases, goldenCase{expression: line[2:]})
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			last := &cases[len(cases)-1]
			if last.answer != "" {
				last.answer += "\n"
			}
			last.answer += line
		}
	}
	return cases
}

// answer is what we say to an expression, in the form of the files.
func answer(t *testing.T, expression string) string {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	e := newEvaluator(mem)
	values, typ, err := e.run(expression)
	if err != nil {
		var failure *sqlerr.Error
		if !errors.As(err, &failure) {
			return "FAILED " + err.Error()
		}
		return formatError(string(failure.Code), failure.Message, failure.Hint)
	}
	defer values.Release()
	var lines []string
	for i := range values.Len() {
		if values.IsNull(i) {
			lines = append(lines, typ.Type().SQLName+" null")
			continue
		}
		text := string(typ.Type().AppendText(nil, values, i, e.context.Format))
		lines = append(lines, fmt.Sprintf("%s |%s|", typ.Type().SQLName, escapeLines(text)))
	}
	if lines == nil {
		return "no rows"
	}
	return strings.Join(lines, "\n")
}

func formatError(code, message, hint string) string {
	s := "ERROR " + code + " " + escapeLines(message)
	if hint != "" {
		s += "\nHINT " + escapeLines(hint)
	}
	return s
}

func escapeLines(s string) string {
	return strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`).Replace(s)
}

// rewriteGolden asks the oracle about every expression of a file.
func rewriteGolden(t *testing.T, file string) {
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, *oracle)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SET timezone = 'UTC'; CREATE EXTENSION IF NOT EXISTS vector").ReadAll(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			b.WriteString(line + "\n")
		case strings.HasPrefix(line, "> "):
			b.WriteString(line + "\n" + askOracle(ctx, conn, line[2:]) + "\n")
		}
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func askOracle(ctx context.Context, conn *pgconn.PgConn, expression string) string {
	results, err := conn.Exec(ctx, "SELECT pg_typeof(x), x FROM (SELECT ("+expression+") AS x) q").ReadAll()
	if err != nil {
		var failure *pgconn.PgError
		if !errors.As(err, &failure) {
			return "FAILED " + err.Error()
		}
		return formatError(failure.Code, failure.Message, failure.Hint)
	}
	var lines []string
	for _, row := range results[len(results)-1].Rows {
		if row[1] == nil {
			lines = append(lines, string(row[0])+" null")
			continue
		}
		lines = append(lines, fmt.Sprintf("%s |%s|", row[0], escapeLines(string(row[1]))))
	}
	if lines == nil {
		return "no rows"
	}
	return strings.Join(lines, "\n")
}
