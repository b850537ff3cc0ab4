package executor

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestExplainAnalyze shows what EXPLAIN ANALYZE tells of each shape of a search:
// "exec" runs statements, "explain" prints the figures.
func TestExplainAnalyze(t *testing.T) {
	w := newWorld(t)
	w.workMem = 64 << 20
	walked := false
	datadriven.RunTest(t, "testdata/explain_analyze", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "exec":
			for _, text := range strings.Split(d.Input, ";\n") {
				if out := w.sql(text); out != "" {
					d.Fatalf(t, "%s: %s", text, out)
				}
			}
			return ""
		case "checkpoint":
			if err := w.engine.Checkpoint(w.ctx); err != nil {
				t.Fatal(err)
			}
			return ""
		case "explain":
			out := w.sql("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) " + d.Input)
			walked = walked || walkedNodes.MatchString(out)
			return roughly(out)
		}
		d.Fatalf(t, "unknown command %s", d.Cmd)
		return ""
	})
	if !walked {
		t.Error("no search visited a node")
	}
}

var (
	walkedNodes = regexp.MustCompile(`Nodes Visited: [1-9]`)
	planNode    = regexp.MustCompile(`\(actual rows=([0-9]+) loops=([0-9]+)\)`)
	planFigure  = regexp.MustCompile(`^( *[A-Z][A-Za-z -]*): ([0-9]+)( pruned=0)?$`)
)

// limit is what the searches of testdata/explain_analyze ask for.
const limit = 5

// roughly leaves out of a plan's figures what is another each time: how much work
// a search is depends on the graph, and a small one may be searched by all of its
// codes. A count of work that is not zero is "some", more rows than the result has "many", and
// whether nodes were visited is left open. Of a step that was run anew, how often
// and what it did are left out too.
func roughly(out string) string {
	lines := strings.Split(out, "\n")
	again := false
	for i, line := range lines {
		if m := planNode.FindStringSubmatch(line); m != nil {
			again = m[2] != "1"
			rows := m[1]
			if n, _ := strconv.Atoi(rows); again || n > limit {
				rows = "many"
			}
			loops := m[2]
			if again {
				loops = "some"
			}
			lines[i] = planNode.ReplaceAllString(line, "(actual rows="+rows+" loops="+loops+")")
			continue
		}
		m := planFigure.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		segments := strings.HasPrefix(strings.TrimSpace(m[1]), "Segments")
		switch {
		case strings.HasSuffix(m[1], "Nodes Visited"):
			lines[i] = m[1] + ": …"
		case n > 0 && (!segments || again || n > 3):
			lines[i] = m[1] + ": some"
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
