package executor

import (
	"context"

	"quiver/planner/plan"
)

func (b *builder) buildProject(n *plan.Project) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	exprs, err := b.compileAll(n.Exprs)
	return &projectOp{x: b.x, input: input, exprs: exprs}, err
}

// projectOp computes expressions over its input.
type projectOp struct {
	x     *execution
	input operator
	exprs []evaluator
}

func (o *projectOp) open(ctx context.Context) error { return o.input.open(ctx) }
func (o *projectOp) close()                         { o.input.close() }

func (o *projectOp) next(ctx context.Context) (*batch, error) {
	in, err := o.input.next(ctx)
	if err != nil || in == nil {
		return nil, err
	}
	defer in.release()
	cols, err := evalFullAll(o.x, o.exprs, in)
	if err != nil {
		return nil, err
	}
	return &batch{cols: cols, rows: in.rows}, nil
}
