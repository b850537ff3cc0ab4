package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"quiver/bench/dataset"
	"quiver/test/servers"
)

// figure is one line of what the bench shows.
type figure struct {
	section string // where it stands; add fills it
	what    string
	quiver  float64
	peer    float64
	unit    string
	peerIs  string
	atLeast float64 // the ratio asked for; 0 for none
	atMost  float64 // of what should be small
	least   float64 // the value asked for; 0 for none
	most    float64
	never   bool // the value should be 0
}

func (f figure) ratio() float64 {
	if f.peer == 0 {
		return 0
	}
	return f.quiver / f.peer
}

// asks is what was asked for, in words, and whether it falls short.
func (f figure) asks() string {
	var text string
	var held bool
	switch {
	case f.atLeast != 0:
		text, held = fmt.Sprintf("≥ %g×", f.atLeast), f.ratio() >= f.atLeast
	case f.atMost != 0:
		text, held = fmt.Sprintf("≤ %g×", f.atMost), f.ratio() <= f.atMost
	case f.least != 0:
		text, held = "≥ "+number(f.least), f.quiver >= f.least
	case f.most != 0:
		text, held = "≤ "+number(f.most), f.quiver <= f.most
	case f.never:
		text, held = "0", f.quiver == 0
	default:
		return ""
	}
	if !held {
		text += " (short)"
	}
	return text
}

// note is a paragraph or a table of its own below a section's figures.
type note struct{ section, text string }

// bench holds the servers and what was measured.
type bench struct {
	ctx      context.Context
	life     *life
	cache    string
	quiver   *servers.Quiver
	postgres string          // connection string of the peer
	without  map[string]bool // peers to do without
	rounds   int
	rows     int    // of the word vectors; 0 for all
	kept     bool   // the peer's tables stay for the next run
	profiles string // directory for the server's profiles; "" for none
	http     string // address of Quiver's side port

	words *words // of examples/words, repeated
	// The word vectors of the vector search parts, and how far they are.
	set             *dataset.Set
	truth           *dataset.Truth
	hnswlib         *hnswlib
	loaded, indexed bool
	builds          map[string]time.Duration
	million         map[int]float64 // searches a second over a million generated rows, by clients

	section string // of the part that runs
	figures []figure
	notes   []note
	plots   []picture
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

// Sections of the report.
const (
	ways    = "Ways in and out"
	parted  = "Partitions"
	builds  = "Index build"
	search  = "Vector search"
	filters = "Vector search with a filter"
	rowsIn  = "Rows that come in"
	forms   = "Memory and codes"
	stored  = "Storage"
	large   = "Generated vectors"
	largest = "Ten million generated vectors"
)

// parts are the figures in the order they are taken; the first loads the table
// that others use. The last are taken only when they are named.
var parts = []struct {
	name, section string
	run           func(*bench) error
}{
	{"copy", ways, (*bench).copy},
	{"import", ways, (*bench).imports},
	{"scan", ways, (*bench).scan},
	{"select1", ways, (*bench).selectOne},
	{"insert", ways, (*bench).insertMany},
	{"commit", ways, (*bench).commits},
	{"allocs", ways, (*bench).allocations},
	{"partitions", parted, (*bench).partitions},
	{"exact", search, (*bench).exact},
	{"build", builds, (*bench).build},
	{"search", search, (*bench).search},
	{"filter", filters, (*bench).filtered},
	{"fresh", rowsIn, (*bench).freshRows},
	{"mixed", rowsIn, (*bench).mixed},
	{"memory", forms, (*bench).memory},
	{"quantised", forms, (*bench).quantised},
	{"size", stored, (*bench).sizes},
	{"column", stored, (*bench).columnScan},
	{"start", stored, (*bench).starts},
	{"compaction", stored, (*bench).compaction},
	{"ranges", large, (*bench).ranges},
	{"clusters", large, (*bench).clusters},
	{"large", largest, (*bench).clusters10M},
}

func main() {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	only := flag.String("only", "", "take these figures alone: "+strings.Join(names, ","))
	without := flag.String("without", "", "do without these peers: pgvector,hnswlib")
	out := flag.String("out", "", "the file whose sections to replace by those measured; plots go beside it")
	b := &bench{ctx: context.Background(), life: &life{}, cache: cacheDir, without: map[string]bool{}}
	flag.IntVar(&b.rounds, "rounds", 3, "rounds of each figure")
	flag.IntVar(&b.rows, "rows", 0, "take so many of the word vectors alone")
	flag.StringVar(&b.postgres, "postgres", "", "connection string of a PostgreSQL to measure beside, which keeps its indexed table for the next run (hnswlib's index is kept too); without one a new PostgreSQL is started")
	flag.StringVar(&b.profiles, "profiles", "", "directory for CPU profiles of Quiver's server, one a figure")
	flag.Parse()
	if err := b.take(*only, *without, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) take(only, without, out string) (err error) {
	for _, name := range strings.Split(without, ",") {
		b.without[name] = true
	}
	defer b.life.end()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	if b.words, err = readWords(); err != nil {
		return err
	}
	b.startServers()
	chosen := strings.Split(only, ",")
	for _, p := range parts {
		if only == "" && p.section == largest || only != "" && !slices.Contains(chosen, p.name) {
			continue
		}
		start := time.Now()
		fmt.Printf("== %s\n", p.name)
		b.section = p.section
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("   took %.0f s\n", time.Since(start).Seconds())
	}
	fmt.Print(b.report(""))
	if out == "" {
		return nil
	}
	return b.write(out)
}

// startServers starts PostgreSQL, unless one was named, and Quiver.
func (b *bench) startServers() {
	if b.kept = b.postgres != ""; !b.kept {
		b.postgres = servers.StartPostgres(b.life, "shared_buffers=4GB", "max_wal_size=8GB", "maintenance_work_mem=2GB",
			"max_parallel_maintenance_workers=2", "effective_cache_size=12GB", "random_page_cost=1.1", "jit=off", "dynamic_shared_memory_type=mmap").DSN()
	}
	b.http = servers.FreeAddr(b.life)
	b.quiver = servers.StartQuiver(b.life, "", "--http", b.http)
}

func (b *bench) add(f figure) {
	f.section = b.section
	b.figures = append(b.figures, f)
	if f.peerIs == "" {
		fmt.Printf("   %-60s %12s %s  %s\n", f.what, number(f.quiver), f.unit, f.asks())
		return
	}
	fmt.Printf("   %-60s %12s %s  (%s %s, %.2f×)  %s\n", f.what, number(f.quiver), f.unit, f.peerIs, number(f.peer), f.ratio(), f.asks())
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
