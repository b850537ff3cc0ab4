package explain

import (
	"time"

	"quiver/planner/plan"
)

// Actual is what an operator did, as EXPLAIN ANALYZE shows it.
type Actual struct {
	// Startup and Total are the time to the first row and to the last, summed
	// over Loops runs; Rows likewise.
	Startup, Total time.Duration
	Rows, Loops    int64
	// Details are further figures, shown in order: segments pruned, vectors
	// compared, bytes spilled.
	Details []Detail
}

// Detail is one figure of an operator.
type Detail struct{ Name, Value string }

// Times are those of a whole execution.
type Times struct{ Planning, Execution time.Duration }

// Lines prints the plan below e, a line of QUERY PLAN each; JSON is one line
// with line breaks in it. actual, which may be nil, tells what each node did; a
// node that it knows nothing of was never executed.
func Lines(e *plan.Explain, actual func(plan.Node) *Actual, t Times) []string {
	d := &describer{explain: e, actual: actual}
	root := d.node(e.Input)
	if e.Format == "json" {
		return []string{d.json(root, t)}
	}
	return d.text(root, t)
}
