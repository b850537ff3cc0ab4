// Command memory holds a server to a budget of memory with a table ten times as large:
// rows are loaded, scanned, grouped, joined, sorted, ranked, indexed, searched, updated,
// deleted and compacted, and after each step it prints how much memory of its own the
// server had at the most (RssAnon of /proc/PID/status: what is not of files). It fails
// if that is above the budget, or an answer is wrong: `make memory`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

func main() {
	table := flag.Int64("table", 1000, "size of the table in MB")
	budget := flag.Int64("budget", 256, "memory that the server is to get by with, in MB")
	dir := flag.String("dir", "", "directory of the data (a temporary one by default)")
	method := flag.String("index", "ivfflat", "access method of the vector index")
	only := flag.String("steps", "", "the steps to run, with commas between them (all by default)")
	http := flag.String("http", "", "address of the server's side port, for its profiles")
	flag.Parse()
	l := &life{dir: *dir}
	err := run(context.Background(), l, &job{table: *table << 20, budget: *budget << 20, method: *method, http: *http, only: *only})
	l.end()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// job is a table, the memory for it, and the server.
type job struct {
	table, budget int64
	method, http  string
	only          string // steps

	rows   int64
	conn   *pgx.Conn
	memory *memory
}

func run(ctx context.Context, l *life, j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	j.rows = j.table / rowBytes / groupRows * groupRows
	// Half for what is off the heap of Go, three eighths for the heap, and the rest for
	// stacks, C and what the collector is late to find.
	args := []string{"--memory-budget", fmt.Sprint(j.budget / 2), "--mmap-budget", fmt.Sprint(j.budget), "--segment-max-size", fmt.Sprint(j.budget / 2)}
	if j.http != "" {
		args = append(args, "--http", j.http)
	}
	q := servers.StartQuiverIn(l, []string{fmt.Sprint("GOMEMLIMIT=", j.budget*3/8)}, "", args...)
	if j.conn, err = pgx.Connect(ctx, q.DSN()); err != nil {
		return err
	}
	defer j.conn.Close(ctx)
	if j.memory, err = watch(q.PID()); err != nil {
		return err
	}
	defer j.memory.stop()
	fmt.Printf("%d rows of some %d bytes, a budget of %d MB; before the first step %d MB\n\n", j.rows, rowBytes, j.budget>>20, j.memory.take().anon>>20)
	fmt.Printf("| step | seconds | peak of anonymous memory, MB | of files, MB |\n|---|---|---|---|\n")
	var failed error
	for _, s := range steps {
		if j.only != "" && !slices.Contains(strings.Split(j.only, ","), s.name) {
			continue
		}
		began := time.Now()
		if err := s.run(ctx, j); err != nil {
			return fmt.Errorf("%s: %w\n%s", s.name, err, q.Log())
		}
		peak := j.memory.take()
		fmt.Printf("| %s | %.1f | %d | %d |\n", s.name, time.Since(began).Seconds(), peak.anon>>20, peak.file>>20)
		if peak.anon > j.budget {
			failed = errors.Join(failed, fmt.Errorf("%s: %d MB are more than the budget", s.name, peak.anon>>20))
		}
	}
	return failed
}

// life gives the server what a test would: an end, and a way to fail.
type life struct {
	dir   string
	atEnd []func()
}

func (*life) Helper()            {}
func (l *life) Fatal(a ...any)   { panic(fmt.Sprint(a...)) }
func (l *life) Cleanup(f func()) { l.atEnd = append(l.atEnd, f) }
func (l *life) Fatalf(format string, a ...any) {
	panic(fmt.Sprintf(format, a...))
}

func (l *life) TempDir() string {
	dir, err := os.MkdirTemp(l.dir, "quiver-memory-")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (l *life) end() {
	for i := len(l.atEnd) - 1; i >= 0; i-- {
		l.atEnd[i]()
	}
}
