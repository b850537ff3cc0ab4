package isolation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

var rewrite = flag.Bool("rewrite", false, "fill in outcomes from PostgreSQL")

const (
	moment = 300 * time.Millisecond // how long a waiting statement is watched
	soon   = 30 * time.Second       // how long anything else may take
)

// step is one block of a script.
type step struct {
	line     int
	comments []string
	verb     string
	sessions []string
	sql      string
	want     []string
}

func parse(text string) ([]*step, error) {
	var steps []*step
	line := 1
	for _, block := range strings.Split(text, "\n\n") {
		s := &step{line: line}
		line += strings.Count(block, "\n") + 2
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			s.comments = append(s.comments, lines[0])
			lines = lines[1:]
		}
		if len(lines) > 0 && lines[0] != "" {
			words := strings.Fields(lines[0])
			s.verb, s.sessions = words[0], words[1:]
			switch {
			case (s.verb == "step" || s.verb == "wait" || s.verb == "done") && len(s.sessions) == 1:
			case s.verb == "race" && len(s.sessions) == 2:
			default:
				return nil, fmt.Errorf("line %d: cannot read %q", s.line, lines[0])
			}
			i := 1
			var sql []string
			for ; i < len(lines) && lines[i] != "----"; i++ {
				sql = append(sql, lines[i])
			}
			s.sql = strings.Join(sql, "\n")
			if i < len(lines) {
				s.want = lines[i+1:]
			}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (s *step) format() string {
	lines := append([]string{}, s.comments...)
	if s.verb != "" {
		lines = append(lines, s.verb+" "+strings.Join(s.sessions, " "))
		if s.sql != "" {
			lines = append(lines, s.sql)
		}
		if s.verb != "wait" {
			lines = append(append(lines, "----"), s.want...)
		}
	}
	return strings.Join(lines, "\n")
}

// session is one connection and its statement under way, if any.
type session struct {
	conn   *pgconn.PgConn
	answer chan []string
}

func (s *session) start(ctx context.Context, sql string) {
	s.answer = make(chan []string, 1)
	go func() { s.answer <- execute(ctx, s.conn, sql) }()
}

// end waits for the answer; after limit it reports false.
func (s *session) end(limit time.Duration) ([]string, bool) {
	select {
	case got := <-s.answer:
		s.answer = nil
		return got, true
	case <-time.After(limit):
		return nil, false
	}
}

func execute(ctx context.Context, conn *pgconn.PgConn, sql string) []string {
	results, err := conn.Exec(ctx, sql).ReadAll()
	var out []string
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		for _, row := range r.Rows {
			vals := make([]string, len(row))
			for i, v := range row {
				vals[i] = string(v)
				if v == nil {
					vals[i] = "NULL"
				}
			}
			out = append(out, strings.Join(vals, " | "))
		}
		out = append(out, r.CommandTag.String())
	}
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr):
		out = append(out, "error "+pgErr.Code+" "+pgErr.Message)
	case err != nil:
		out = append(out, "failure "+err.Error())
	}
	return out
}

// run plays a script and returns the outcome of each step.
func run(t *testing.T, file string, steps []*step, dsn string) [][]string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	schema := "iso_" + strings.TrimSuffix(filepath.Base(file), ".iso")
	sessions := map[string]*session{}
	get := func(name string) *session {
		if sessions[name] == nil {
			// A deadlock is looked for after deadlock_timeout: it is kept short, so
			// that the one who closes the circle finds it.
			conn, err := pgconn.Connect(ctx, dsn+"&search_path="+schema+",public&client_min_messages=error&deadlock_timeout=50ms")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close(context.Background()) })
			sessions[name] = &session{conn: conn}
		}
		return sessions[name]
	}
	for _, sql := range []string{"DROP SCHEMA IF EXISTS " + schema + " CASCADE", "CREATE SCHEMA " + schema} {
		if out := execute(ctx, get("admin").conn, sql); !strings.HasSuffix(out[0], "SCHEMA") {
			t.Fatalf("%s: %v", sql, out)
		}
	}
	outcomes := make([][]string, len(steps))
	for i, s := range steps {
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("%s:%d: %s %v: %s\n%s", file, s.line, s.verb, s.sessions, fmt.Sprintf(format, args...), s.sql)
		}
		switch s.verb {
		case "step", "wait":
			ses := get(s.sessions[0])
			if ses.answer != nil {
				fail("the session still waits")
			}
			ses.start(ctx, s.sql)
			if s.verb == "wait" {
				if got, ended := ses.end(moment); ended {
					fail("did not wait, but answered %q", got)
				}
				continue
			}
			got, ended := ses.end(soon)
			if !ended {
				fail("waits")
			}
			outcomes[i] = got
		case "done":
			ses := get(s.sessions[0])
			if ses.answer == nil {
				fail("nothing is under way")
			}
			got, ended := ses.end(soon)
			if !ended {
				fail("still waits")
			}
			outcomes[i] = got
		case "race":
			for _, name := range s.sessions {
				ses := get(name)
				got, ended := ses.end(soon)
				if !ended {
					fail("%s still waits", name)
				}
				last := got[len(got)-1]
				if strings.HasPrefix(last, "error") {
					// Roll the victim back, so that the other can go on.
					execute(ctx, ses.conn, "ROLLBACK")
				}
				outcomes[i] = append(outcomes[i], last)
			}
			sort.Strings(outcomes[i])
		}
	}
	return outcomes
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.iso")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	postgres := servers.StartPostgres(t)
	var quiver *servers.Quiver
	if !*rewrite {
		quiver = servers.StartQuiver(t, "")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if *rewrite {
			var out []string
			for i, got := range run(t, file, steps, postgres.DSN()) {
				steps[i].want = got
				out = append(out, steps[i].format())
			}
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, to := range []struct{ name, dsn string }{{"postgres", postgres.DSN()}, {"quiver", quiver.DSN()}} {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".iso")+"/"+to.name, func(t *testing.T) {
				for i, got := range run(t, file, steps, to.dsn) {
					if g, w := strings.Join(got, "\n"), strings.Join(steps[i].want, "\n"); g != w {
						t.Errorf("%s:%d on %s: %s %v\n%s\ngot\n%s\nwant\n%s", file, steps[i].line, to.name, steps[i].verb, steps[i].sessions, steps[i].sql, g, w)
					}
				}
			})
		}
	}
}
