package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"quiver/test/servers"
)

// figure is one line of what the bench shows.
type figure struct {
	name    string // of -only
	what    string
	quiver  float64
	peer    float64
	unit    string
	peerIs  string
	atLeast float64 // the ratio asked for; 0 for none
}

func (f figure) ratio() float64 {
	if f.peer == 0 {
		return 0
	}
	return f.quiver / f.peer
}

// bench holds the servers and what was measured.
type bench struct {
	ctx      context.Context
	life     *life
	quiver   *servers.Quiver
	postgres *servers.Postgres
	words    *words
	rounds   int
	figures  []figure
	notes    []string
}

// life gives the servers what a test would: an end, and a way to fail.
type life struct{ atEnd []func() }

func (*life) Helper()            {}
func (l *life) Fatal(a ...any)   { panic(fmt.Sprint(a...)) }
func (l *life) Cleanup(f func()) { l.atEnd = append(l.atEnd, f) }
func (l *life) Fatalf(format string, a ...any) {
	panic(fmt.Sprintf(format, a...))
}

func (l *life) TempDir() string {
	dir, err := os.MkdirTemp("", "quiver-bench-")
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

// parts are the figures in the order they are taken; the first loads the table
// that others use.
var parts = []struct {
	name string
	run  func(*bench) error
}{
	{"copy", (*bench).copy},
	{"scan", (*bench).scan},
	{"select1", (*bench).selectOne},
	{"insert", (*bench).insertMany},
	{"commit", (*bench).commits},
	{"allocs", (*bench).allocations},
}

func main() {
	only := flag.String("only", "", "take these figures alone (copy,scan,select1,insert,commit,allocs)")
	rounds := flag.Int("rounds", 3, "rounds of each figure")
	out := flag.String("out", "docs/benchmarks.md", "the file to write")
	flag.Parse()
	if err := run(*only, *rounds, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(only string, rounds int, out string) (err error) {
	b := &bench{ctx: context.Background(), life: &life{}, rounds: rounds}
	defer b.life.end()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	if b.words, err = readWords(); err != nil {
		return err
	}
	b.postgres = servers.StartPostgres(b.life, "shared_buffers=2GB", "max_wal_size=4GB")
	b.quiver = servers.StartQuiver(b.life, "")
	for _, p := range parts {
		if only != "" && !slices.Contains(strings.Split(only, ","), p.name) {
			continue
		}
		fmt.Printf("== %s\n", p.name)
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	report := b.report()
	fmt.Print(report)
	if only != "" {
		return nil
	}
	return os.WriteFile(out, []byte(report), 0o644)
}

func (b *bench) add(f figure) {
	b.figures = append(b.figures, f)
	fmt.Printf("   %-60s %12s %s  (%s %s, %.2f×)\n", f.what, number(f.quiver), f.unit, f.peerIs, number(f.peer), f.ratio())
}

// median of a few rounds; each round measures the peer, then Quiver.
func median(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	return s[len(s)/2]
}

// inTurn runs both measurements rounds times, A B A B, and returns the medians.
func (b *bench) inTurn(peer, quiver func() (float64, error)) (p, q float64, err error) {
	var ps, qs []float64
	for range b.rounds {
		x, err := peer()
		if err != nil {
			return 0, 0, fmt.Errorf("peer: %w", err)
		}
		y, err := quiver()
		if err != nil {
			return 0, 0, fmt.Errorf("quiver: %w", err)
		}
		ps, qs = append(ps, x), append(qs, y)
	}
	return median(ps), median(qs), nil
}

func number(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

func (b *bench) report() string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Benchmarks\n\n`make bench` took these figures on %s: Quiver beside PostgreSQL 15 on one machine,\nin turn, the median of %d rounds. Client and server share the machine.\n\n", time.Now().UTC().Format("2006-01-02"), b.rounds)
	fmt.Fprintf(&s, "Machine: %s, %d cores, %s memory, %s. Go %s, %s.\n\n", cpuModel(), runtime.NumCPU(), memory(), kernel(), strings.TrimPrefix(runtime.Version(), "go"), postgresVersion())
	s.WriteString("| What | Quiver | beside | ratio | asked for |\n|---|---|---|---|---|\n")
	for _, f := range b.figures {
		ratio, asked := "", ""
		if f.peer != 0 {
			ratio = fmt.Sprintf("%.2f×", f.ratio())
		}
		if f.atLeast != 0 {
			asked = fmt.Sprintf("≥ %g×", f.atLeast)
		}
		peer := ""
		if f.peerIs != "" {
			peer = fmt.Sprintf("%s %s (%s)", number(f.peer), f.unit, f.peerIs)
		}
		fmt.Fprintf(&s, "| %s | %s %s | %s | %s | %s |\n", f.what, number(f.quiver), f.unit, peer, ratio, asked)
	}
	for _, n := range b.notes {
		fmt.Fprintf(&s, "\n%s\n", n)
	}
	return s.String()
}

func firstLine(file, prefix string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for _, l := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(l, prefix) {
			_, v, _ := strings.Cut(l, ":")
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func cpuModel() string {
	model := firstLine("/proc/cpuinfo", "model name")
	flags := firstLine("/proc/cpuinfo", "flags")
	for _, isa := range []string{"avx512f", "avx2"} {
		if slices.Contains(strings.Fields(flags), isa) {
			return model + " (" + isa + ")"
		}
	}
	return model
}

func memory() string { return firstLine("/proc/meminfo", "MemTotal") }

func kernel() string {
	out, err := exec.Command("uname", "-sr").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func postgresVersion() string {
	out, err := exec.Command(filepath.Join("/usr/lib/postgresql/15/bin", "postgres"), "--version").Output()
	if err != nil {
		return "PostgreSQL"
	}
	return strings.TrimSpace(string(out))
}
