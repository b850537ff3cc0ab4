package explain

import (
	"fmt"
	"strings"
	"time"

	"quiver/planner/plan"
)

// text lays the plan out as indented lines.
func (d *describer) text(root *entry, t Times) []string {
	lines := d.entryLines(nil, root, 0, "")
	if d.explain.Summary {
		if d.explain.Analyze {
			lines = append(lines, "Planning Time: "+milliseconds(t.Planning)+" ms", "Execution Time: "+milliseconds(t.Execution)+" ms")
		} else {
			lines = append(lines, "Planning Time: "+milliseconds(t.Planning)+" ms")
		}
	}
	return lines
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond))
}

// entryLines appends an entry: its own line after prefix, its properties, its
// children. indent is where the node's name begins.
func (d *describer) entryLines(lines []string, e *entry, indent int, arrow string) []string {
	lines = append(lines, arrow+e.title+d.figures(e))
	pad := strings.Repeat(" ", indent+2)
	for _, f := range e.fields {
		if !f.textless {
			lines = append(lines, pad+f.name+": "+fieldText(f.value))
		}
	}
	for _, detail := range d.details(e) {
		lines = append(lines, pad+detail.Name+": "+detail.Value)
	}
	for _, c := range e.children {
		at := indent + 2
		if c.label != "" {
			lines = append(lines, pad+c.label)
			at += 2
		}
		lines = d.entryLines(lines, c.entry, at+4, strings.Repeat(" ", at)+"->  ")
	}
	return lines
}

func fieldText(v any) string {
	if list, ok := v.([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(v)
}

// details are the figures of an operator's own.
func (d *describer) details(e *entry) (list []Detail) {
	if !d.explain.Analyze || d.actual == nil {
		return nil
	}
	for _, n := range []plan.Node{e.input, e.node} {
		if n == nil {
			continue
		}
		if a := d.actual(n); a != nil {
			list = append(list, a.Details...)
		}
	}
	return list
}

// figures are the estimate and what happened.
func (d *describer) figures(e *entry) string {
	var b strings.Builder
	if d.explain.Costs {
		c := e.node.Estimate()
		fmt.Fprintf(&b, "  (cost=%.2f..%.2f rows=%.0f width=%.0f)", c.Startup, c.Total, c.Rows, c.Width)
	}
	if !d.explain.Analyze || d.actual == nil {
		return b.String()
	}
	a := d.actual(e.node)
	switch {
	case a == nil || a.Loops == 0:
		b.WriteString(" (never executed)")
	case d.explain.Timing:
		fmt.Fprintf(&b, " (actual time=%s..%s rows=%d loops=%d)", milliseconds(a.Startup/time.Duration(a.Loops)),
			milliseconds(a.Total/time.Duration(a.Loops)), a.Rows/a.Loops, a.Loops)
	default:
		fmt.Fprintf(&b, " (actual rows=%d loops=%d)", a.Rows/a.Loops, a.Loops)
	}
	return b.String()
}
