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
	return &projectOp{x: b.x, input: input, exprs: exprs, wide: computesWide(n.Exprs)}, err
}

// computesWide says whether an expression makes values of a variable width, so
// that a row's size cannot be known beforehand: repeat('x', 1000000).
func computesWide(exprs []plan.Expr) bool {
	for _, e := range exprs {
		// A constant is wide too: it is written out for every row.
		if _, column := e.(*plan.Column); !column && e.Type().Type().Len < 0 {
			return true
		}
	}
	return false
}

const (
	// wideBatchBytes is what a batch of a wide projection should stay about.
	wideBatchBytes = 1 << 20
	// wideRowsFirst is how many rows the first batch has, before a row's size
	// is known.
	wideRowsFirst = 16
)

// projectOp computes expressions over its input. A wide one computes as few
// rows at a time as keep the batch small, so that what a client does not read
// is not computed either.
type projectOp struct {
	x     *execution
	input operator
	exprs []evaluator
	wide  bool

	// Of a wide projection: the input under way, its next row, and how many
	// rows the next batch takes.
	held *batch
	at   int
	take int
}

func (o *projectOp) open(ctx context.Context) error {
	o.take = wideRowsFirst
	return o.input.open(ctx)
}

func (o *projectOp) close() {
	o.drop()
	o.input.close()
}

// drop gives the held input back.
func (o *projectOp) drop() {
	if o.held != nil {
		o.held.release()
		o.held, o.at = nil, 0
	}
}

func (o *projectOp) next(ctx context.Context) (*batch, error) {
	if o.wide {
		return o.nextWide(ctx)
	}
	in, err := o.input.next(ctx)
	if err != nil || in == nil {
		return nil, err
	}
	defer in.release()
	return o.project(in)
}

func (o *projectOp) project(in *batch) (*batch, error) {
	cols, err := evalFullAll(o.x, o.exprs, in)
	if err != nil {
		return nil, err
	}
	return &batch{cols: cols, rows: in.rows}, nil
}

func (o *projectOp) nextWide(ctx context.Context) (*batch, error) {
	if o.held == nil {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return nil, err
		}
		o.held, o.at = in, 0
	}
	to := min(o.at+o.take, o.held.rows)
	in := o.held.slice(o.at, to)
	defer in.release()
	if o.at = to; to == o.held.rows {
		o.drop()
	}
	out, err := o.project(in)
	if err != nil || out.rows == 0 {
		return out, err
	}
	var bytes int64
	for _, c := range out.cols {
		bytes += arrayBytes(c)
	}
	fits := int(wideBatchBytes * int64(out.rows) / max(bytes, 1))
	o.take = max(1, min(fits, 2*o.take, batchRows))
	return out, nil
}
