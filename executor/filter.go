package executor

import (
	"context"

	"quiver/planner/plan"
)

func (b *builder) buildFilter(n *plan.Filter) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	cond, err := b.compileCondition(n.Cond)
	return &filterOp{x: b.x, input: input, cond: cond}, err
}

// filterOp keeps the rows for which a condition is true.
type filterOp struct {
	x     *execution
	input operator
	cond  evaluator
	rows  []int32
}

func (o *filterOp) open(ctx context.Context) error { return o.input.open(ctx) }
func (o *filterOp) close()                         { o.input.close() }

func (o *filterOp) next(ctx context.Context) (*batch, error) {
	for {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return nil, err
		}
		out, err := o.keep(in)
		if err != nil || out != nil {
			return out, err
		}
	}
}

// keep takes over in and returns what is left of it, nil for nothing.
func (o *filterOp) keep(in *batch) (*batch, error) {
	rows, err := evalCondition(o.x, o.cond, in, o.rows[:0])
	o.rows = rows
	if err == nil && len(rows) == in.rows {
		return in, nil
	}
	defer in.release()
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return takeBatch(o.x.mem, in, rows), nil
}
