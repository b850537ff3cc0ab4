package executor

import (
	"context"
	"math"

	"quiver/planner/plan"
)

func (b *builder) buildSort(n *plan.Sort) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	keys, err := b.compileKeys(n.Keys)
	if err != nil {
		return nil, err
	}
	bounds, err := b.compileBounds(n.Limit, n.Offset)
	return &sortOp{x: b.x, input: input, keys: keys, bounds: bounds, limited: n.Limit != nil}, err
}

// sortOp orders its input; under a LIMIT it keeps only the rows that can be
// asked for.
type sortOp struct {
	x       *execution
	input   operator
	keys    *keyEncoder
	bounds  bounds
	limited bool
	sorter  *sorter
	filled  bool
}

func (o *sortOp) open(ctx context.Context) error {
	o.close()
	o.sorter, o.filled = &sorter{x: o.x}, false
	if o.limited {
		count, offset, err := o.bounds.evaluate(o.x)
		if err != nil {
			return err
		}
		if n := total(count, offset); n < math.MaxInt64 && n <= topRowsMax {
			o.sorter.top = n
		}
	}
	return o.input.open(ctx)
}

func (o *sortOp) next(ctx context.Context) (*batch, error) {
	if !o.filled {
		if err := o.sorter.fill(ctx, o.input, func(in *batch) (*keys, error) { return o.keys.encode(o.x, in) }); err != nil {
			return nil, err
		}
		o.filled = true
	}
	b, _, err := o.sorter.next(ctx)
	return b, err
}

func (o *sortOp) close() {
	o.input.close()
	if o.sorter != nil {
		o.sorter.drop()
		o.sorter = nil
	}
}
