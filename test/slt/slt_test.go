package slt

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

var (
	rewrite = flag.Bool("rewrite", false, "fill in the results of the files that fail")
	only    = flag.String("only", "*", "run the files of this pattern, without .slt")
)

// record is one statement or query of a file.
type record struct {
	line       int
	head       []string // the lines before the SQL: comments, directives, the statement or query line
	sql        string
	connection string
	skip       map[string]bool
	kind       string // ok, count, error, query
	count      int64
	code       string
	pattern    string
	rowsort    bool
	want       []string
}

// parse reads a file into its records and the comment lines after the last.
func parse(text string) ([]*record, error) {
	var records []*record
	for n, block := range splitBlocks(text) {
		r, err := parseBlock(block.lines, block.line)
		if err != nil {
			return nil, fmt.Errorf("record %d, line %d: %w", n+1, block.line, err)
		}
		records = append(records, r)
	}
	return records, nil
}

type block struct {
	line  int
	lines []string
}

func splitBlocks(text string) []block {
	var blocks []block
	var cur block
	for i, l := range strings.Split(text, "\n") {
		if l == "" {
			if len(cur.lines) > 0 {
				blocks = append(blocks, cur)
			}
			cur = block{}
			continue
		}
		if len(cur.lines) == 0 {
			cur.line = i + 1
		}
		cur.lines = append(cur.lines, l)
	}
	if len(cur.lines) > 0 {
		blocks = append(blocks, cur)
	}
	return blocks
}

var errorLine = regexp.MustCompile(`^statement error(?: pgcode ([0-9A-Z]{5}))?(?: (.*))?$`)

func parseBlock(lines []string, line int) (*record, error) {
	r := &record{line: line, skip: map[string]bool{}}
	i := 0
	for ; i < len(lines); i++ {
		l := lines[i]
		r.head = append(r.head, l)
		words := strings.Fields(l)
		switch {
		case strings.HasPrefix(l, "#"):
			continue
		case words[0] == "connection" && len(words) == 2:
			r.connection = words[1]
			continue
		case words[0] == "skipif" && len(words) >= 3:
			r.skip[words[1]] = true
			continue
		case l == "statement ok":
			r.kind = "ok"
		case words[0] == "statement" && len(words) == 3 && words[1] == "count":
			n, err := strconv.ParseInt(words[2], 10, 64)
			if err != nil {
				return nil, err
			}
			r.kind, r.count = "count", n
		case errorLine.MatchString(l):
			m := errorLine.FindStringSubmatch(l)
			r.kind, r.code, r.pattern = "error", m[1], m[2]
		case l == "query" || l == "query rowsort":
			r.kind, r.rowsort = "query", l == "query rowsort"
		default:
			return nil, fmt.Errorf("cannot read %q", l)
		}
		i++
		break
	}
	if r.kind == "" {
		r.kind = "comment"
		return r, nil
	}
	var sql []string
	for ; i < len(lines) && lines[i] != "----"; i++ {
		sql = append(sql, lines[i])
	}
	r.sql = strings.Join(sql, "\n")
	if i < len(lines) {
		r.want = lines[i+1:]
	}
	return r, nil
}

// format prints the record as it stands in a file.
func (r *record) format() string {
	lines := append([]string{}, r.head...)
	if r.kind != "comment" {
		lines = append(lines, r.sql)
	}
	if r.kind == "query" {
		lines = append(lines, "----")
		lines = append(lines, r.want...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// outcome is what a server answered to a record.
type outcome struct {
	rows    []string
	count   int64
	err     *pgconn.PgError
	failure error
}

func run(ctx context.Context, conn *pgconn.PgConn, r *record) outcome {
	var o outcome
	results, err := conn.Exec(ctx, r.sql).ReadAll()
	if err != nil {
		if !errors.As(err, &o.err) {
			o.failure = err
		}
		return o
	}
	for _, res := range results {
		o.count = res.CommandTag.RowsAffected()
		o.rows = o.rows[:0]
		for _, row := range res.Rows {
			vals := make([]string, len(row))
			for i, v := range row {
				switch {
				case v == nil:
					vals[i] = "NULL"
				case len(v) == 0:
					vals[i] = "(empty)"
				default:
					vals[i] = strings.ReplaceAll(string(v), "\n", "⏎")
				}
			}
			o.rows = append(o.rows, strings.TrimRight(strings.Join(vals, " | "), " "))
		}
	}
	if r.rowsort {
		sort.Strings(o.rows)
	}
	return o
}

// check compares; with fill it changes the record to what was answered.
func (r *record) check(o outcome, fill bool) error {
	if o.failure != nil {
		return o.failure
	}
	if r.kind == "error" {
		if o.err == nil {
			return errors.New("no error")
		}
		if fill {
			r.head[len(r.head)-1] = fmt.Sprintf("statement error pgcode %s %s", o.err.Code, regexp.QuoteMeta(o.err.Message))
			return nil
		}
		if r.code != "" && r.code != o.err.Code {
			return fmt.Errorf("SQLSTATE %s, want %s (%s)", o.err.Code, r.code, o.err.Message)
		}
		if ok, err := regexp.MatchString(r.pattern, o.err.Message); err != nil || !ok {
			return fmt.Errorf("message %q does not match %q", o.err.Message, r.pattern)
		}
		return nil
	}
	if o.err != nil {
		return fmt.Errorf("error %s: %s (detail %q, hint %q)", o.err.Code, o.err.Message, o.err.Detail, o.err.Hint)
	}
	switch r.kind {
	case "count":
		if fill {
			r.head[len(r.head)-1] = fmt.Sprintf("statement count %d", o.count)
		} else if o.count != r.count {
			return fmt.Errorf("%d rows affected, want %d", o.count, r.count)
		}
	case "query":
		if fill {
			r.want = append([]string{}, o.rows...)
		} else if got, want := strings.Join(o.rows, "\n"), strings.Join(r.want, "\n"); got != want {
			return fmt.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	return nil
}

// target is a server that files run against.
type target struct{ name, dsn string }

// sessions are the connections of one file.
type sessions struct {
	ctx   context.Context
	dsn   string
	conns map[string]*pgconn.PgConn
}

func (s *sessions) get(name string) (*pgconn.PgConn, error) {
	if c := s.conns[name]; c != nil {
		if !c.IsClosed() {
			return c, nil
		}
		return nil, errors.New("the server closed the connection")
	}
	c, err := pgconn.Connect(s.ctx, s.dsn)
	if err == nil {
		s.conns[name] = c
	}
	return c, err
}

func (s *sessions) close() {
	for _, c := range s.conns {
		c.Close(s.ctx)
	}
}

// runFile runs a file in a schema of its own and returns its records.
func runFile(t *testing.T, file string, to target, fill bool) []*record {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	records, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	schema := "slt_" + strings.NewReplacer(".slt", "", "-", "_").Replace(filepath.Base(file))
	s := &sessions{ctx: ctx, dsn: to.dsn + "&search_path=" + schema + ",public&client_min_messages=error", conns: map[string]*pgconn.PgConn{}}
	defer s.close()
	admin, err := s.get("admin")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"DROP SCHEMA IF EXISTS " + schema + " CASCADE", "CREATE SCHEMA " + schema} {
		if _, err := admin.Exec(ctx, sql).ReadAll(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, r := range records {
		if r.kind == "comment" || r.skip[to.name] {
			continue
		}
		conn, err := s.get(r.connection)
		if err != nil {
			t.Fatalf("%s:%d: %v", file, r.line, err)
		}
		if err := r.check(run(ctx, conn, r), fill); err != nil {
			t.Errorf("%s:%d on %s: %v\n%s", file, r.line, to.name, err, r.sql)
		}
	}
	// Files that list what the catalog has must not see this one's.
	for name, conn := range s.conns {
		if conn != admin {
			_ = conn.Close(ctx)
			delete(s.conns, name)
		}
	}
	if _, err := admin.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE").ReadAll(); err != nil {
		t.Errorf("%s on %s: %v", file, to.name, err)
	}
	return records
}

func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/" + *only + ".slt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	// Each server starts when the first file asks for it.
	quiver := sync.OnceValue(func() target { return target{"quiver", servers.StartQuiver(t, "").DSN()} })
	postgres := sync.OnceValue(func() target { return target{"postgres", servers.StartPostgres(t).DSN()} })
	pgvector := os.Getenv("QUIVER_ORACLE_PGVECTOR")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".slt")
		var oracle func() target
		switch {
		case strings.HasPrefix(name, "pg_"):
			oracle = postgres
		case strings.HasPrefix(name, "pgvector_") && pgvector != "":
			oracle = func() target { return target{"postgres", pgvector} }
		}
		if *rewrite {
			to := quiver
			if oracle != nil {
				to = oracle
			}
			t.Run(name, func(t *testing.T) {
				var out []string
				for _, r := range runFile(t, file, to(), true) {
					out = append(out, r.format())
				}
				if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			})
			continue
		}
		if oracle != nil {
			t.Run(name+"/postgres", func(t *testing.T) { runFile(t, file, oracle(), false) })
		}
		t.Run(name+"/quiver", func(t *testing.T) { runFile(t, file, quiver(), false) })
	}
}
