package explain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// jsonWriter writes members in order, as Postgres lays them out.
type jsonWriter struct{ strings.Builder }

func (w *jsonWriter) member(indent int, first *bool, name, value string) {
	if !*first {
		w.WriteByte(',')
	}
	*first = false
	fmt.Fprintf(w, "\n%s%s: %s", strings.Repeat(" ", indent), quoted(name), value)
}

func quoted(s string) string { return jsonValue(s) }

// json lays the plan out as one JSON array of one object.
func (d *describer) json(root *entry, t Times) string {
	w := &jsonWriter{}
	w.WriteString("[\n  {")
	first := true
	w.member(4, &first, "Plan", d.entryJSON(root, 6, ""))
	if d.explain.Summary {
		w.member(4, &first, "Planning Time", milliseconds(t.Planning))
		if d.explain.Analyze {
			w.member(4, &first, "Execution Time", milliseconds(t.Execution))
		}
	}
	w.WriteString("\n  }\n]")
	return w.String()
}

func (d *describer) entryJSON(e *entry, indent int, label string) string {
	w := &jsonWriter{}
	w.WriteByte('{')
	first := true
	w.member(indent, &first, "Node Type", quoted(e.kind))
	if label != "" {
		w.member(indent, &first, "Subplan Name", quoted(label))
	}
	for _, f := range e.fields {
		if f.textless {
			w.member(indent, &first, f.name, jsonValue(f.value))
		}
	}
	if d.explain.Costs {
		c := e.node.Estimate()
		w.member(indent, &first, "Startup Cost", fmt.Sprintf("%.2f", c.Startup))
		w.member(indent, &first, "Total Cost", fmt.Sprintf("%.2f", c.Total))
		w.member(indent, &first, "Plan Rows", fmt.Sprintf("%.0f", c.Rows))
		w.member(indent, &first, "Plan Width", fmt.Sprintf("%.0f", c.Width))
	}
	d.actualJSON(w, e, indent, &first)
	for _, f := range e.fields {
		if !f.textless {
			w.member(indent, &first, f.name, jsonValue(f.value))
		}
	}
	if len(e.children) > 0 {
		var plans []string
		for _, c := range e.children {
			plans = append(plans, "\n"+strings.Repeat(" ", indent+2)+d.entryJSON(c.entry, indent+4, c.label))
		}
		w.member(indent, &first, "Plans", "["+strings.Join(plans, ",")+"\n"+strings.Repeat(" ", indent)+"]")
	}
	w.WriteString("\n" + strings.Repeat(" ", indent-2) + "}")
	return w.String()
}

func (d *describer) actualJSON(w *jsonWriter, e *entry, indent int, first *bool) {
	if !d.explain.Analyze || d.actual == nil {
		return
	}
	a := d.actual(e.node)
	if a == nil {
		a = &Actual{}
	}
	loops := max(a.Loops, 1)
	if d.explain.Timing {
		w.member(indent, first, "Actual Startup Time", milliseconds(a.Startup/time.Duration(loops)))
		w.member(indent, first, "Actual Total Time", milliseconds(a.Total/time.Duration(loops)))
	}
	w.member(indent, first, "Actual Rows", fmt.Sprint(a.Rows/loops))
	w.member(indent, first, "Actual Loops", fmt.Sprint(a.Loops))
	for _, detail := range d.details(e) {
		w.detail(indent, first, detail)
	}
}

// detail writes a figure as a number, and what the text adds to it (pruned=0) as
// one of its own.
func (w *jsonWriter) detail(indent int, first *bool, d Detail) {
	for i, word := range strings.Fields(d.Value) {
		name, number := d.Name, word
		if i > 0 {
			added, value, ok := strings.Cut(word, "=")
			if !ok || added == "" {
				continue
			}
			name, number = name+" "+strings.ToUpper(added[:1])+added[1:], value
		}
		if _, err := strconv.ParseInt(number, 10, 64); err != nil {
			number = quoted(number)
		}
		w.member(indent, first, name, number)
	}
}

// jsonValue marshals a string, a list of strings, a number or a boolean.
func jsonValue(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "null" // none of the above fails
	}
	return strings.TrimSuffix(b.String(), "\n")
}
