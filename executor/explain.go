package executor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/explain"
	"quiver/planner/plan"
	"quiver/storage"
)

func (b *builder) buildExplain(n *plan.Explain) (operator, error) {
	o := &explainOp{x: b.x, plan: n}
	if !n.Analyze {
		return o, nil
	}
	watch := b.watch
	b.watch = map[plan.Node]*explain.Actual{}
	o.actuals = b.watch
	b.root = n.Input
	sources := b.sources
	b.sources = &o.sources
	input, err := b.build(n.Input)
	o.input, b.watch, b.sources = input, watch, sources
	return o, err
}

// figured operators have figures beyond rows and time.
type figured interface {
	// figures are complete once the operator is closed; reset forgets them.
	figures() []explain.Detail
	resetFigures()
}

// source is an operator with figures and the node they are shown at.
type source struct {
	actual *explain.Actual
	figured
}

// explainOp yields the plan as text; EXPLAIN ANALYZE runs it first and drops its
// rows.
type explainOp struct {
	x       *execution
	plan    *plan.Explain
	input   operator
	actuals map[plan.Node]*explain.Actual
	sources []source
	done    bool
}

func (o *explainOp) open(context.Context) error {
	o.done = false
	for _, a := range o.actuals {
		*a = explain.Actual{}
	}
	for _, s := range o.sources {
		s.resetFigures()
	}
	return nil
}

func (o *explainOp) close() {}

func (o *explainOp) next(ctx context.Context) (*batch, error) {
	if o.done {
		return nil, nil
	}
	o.done = true
	times := explain.Times{Planning: o.plan.Planning}
	if o.input != nil {
		start := time.Now()
		if err := o.run(ctx); err != nil {
			return nil, err
		}
		times.Execution = time.Since(start)
		for _, s := range o.sources {
			s.actual.Details = s.figures()
		}
	}
	lines := explain.Lines(o.plan, func(n plan.Node) *explain.Actual { return o.actuals[n] }, times)
	b := array.NewStringBuilder(o.x.mem)
	defer b.Release()
	b.AppendValues(lines, nil)
	return &batch{cols: []arrow.Array{b.NewArray()}, rows: len(lines)}, nil
}

func (o *explainOp) run(ctx context.Context) error {
	defer o.input.close()
	if err := o.input.open(ctx); err != nil {
		return err
	}
	for {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return err
		}
		in.release()
	}
}

// watchedOp counts the rows and the time of an operator.
type watchedOp struct {
	operator
	actual *explain.Actual
	// before is Actual.Total when this run began.
	before time.Duration
	first  bool
}

// watched wraps an operator when EXPLAIN ANALYZE wants its figures.
func (b *builder) watched(n plan.Node, o operator) operator {
	if b.watch == nil {
		return o
	}
	a := &explain.Actual{}
	b.watch[n] = a
	if f, ok := o.(figured); ok {
		*b.sources = append(*b.sources, source{a, f})
	}
	return &watchedOp{operator: o, actual: a}
}

func (o *watchedOp) open(ctx context.Context) error {
	o.first, o.before = true, o.actual.Total
	o.actual.Loops++
	start := time.Now()
	err := o.operator.open(ctx)
	o.actual.Total += time.Since(start)
	return err
}

func (o *watchedOp) next(ctx context.Context) (*batch, error) {
	start := time.Now()
	b, err := o.operator.next(ctx)
	o.actual.Total += time.Since(start)
	if o.first {
		o.first = false
		o.actual.Startup += o.actual.Total - o.before
	}
	if b != nil {
		o.actual.Rows += int64(b.rows)
	}
	return b, err
}

func (o *scanOp) figures() []explain.Detail {
	return append(o.prune.figures(), scanFigures(o.stats)...)
}

func (o *scanOp) resetFigures() {
	o.stats = storage.ScanStats{}
	o.prune.resetFigures()
}

func (o *vectorSearchOp) figures() []explain.Detail { return o.searcher.figures() }
func (o *vectorSearchOp) resetFigures() {
	o.searcher.figure = searchFigures{}
	o.searcher.prune.resetFigures()
}

func (o *vectorSearcher) figures() []explain.Detail {
	f := &o.figure
	details := append(o.prune.figures(), scanFigures(f.scan)...)
	add := func(name string, n int64) {
		details = append(details, explain.Detail{Name: name, Value: fmt.Sprint(n)})
	}
	add("Vectors Compared", f.compared)
	if o.index == nil {
		return details
	}
	add("Segments Searched by Index", f.indexed)
	for _, way := range slices.Sorted(maps.Keys(f.ways)) {
		add("Segments Searched "+way, f.ways[way])
	}
	add("Nodes Visited", f.index.Visited)
	add("Distances Computed", f.index.Distances)
	add("Codes Scored", f.index.Codes)
	add("Rows Re-ranked", f.index.Reranked)
	add("Index Bytes Read", f.index.BytesRead)
	if f.index.Requests > 0 {
		add("Index Ranges Read", f.index.Requests)
	}
	return details
}

// scanFigures shows what a scan did, leaving out what did not happen.
func scanFigures(s storage.ScanStats) []explain.Detail {
	details := []explain.Detail{{Name: "Segments", Value: fmt.Sprintf("%d pruned=%d", s.Segments, s.SegmentsPruned)}}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Row Groups Pruned", s.RowGroupsPruned}, {"Rows Read", s.RowsRead}, {"Rows Deleted", s.RowsDeleted},
		{"Rows Removed by Filter", s.RowsFiltered}, {"Bytes Read", s.BytesRead},
	} {
		if f.value > 0 {
			details = append(details, explain.Detail{Name: f.name, Value: fmt.Sprint(f.value)})
		}
	}
	return details
}
