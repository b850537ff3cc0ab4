package executor

import (
	"context"

	"quiver/planner/plan"
)

func (b *builder) buildAppend(n *plan.Append) (operator, error) {
	o := &appendOp{}
	for _, in := range n.Inputs {
		op, err := b.build(in)
		if err != nil {
			return nil, err
		}
		o.inputs = append(o.inputs, op)
	}
	return o, nil
}

// appendOp yields its inputs one after the other; each is opened when its turn
// comes.
type appendOp struct {
	inputs []operator
	at     int
	opened bool
}

func (o *appendOp) open(context.Context) error { o.close(); o.at = 0; return nil }

func (o *appendOp) next(ctx context.Context) (*batch, error) {
	for ; o.at < len(o.inputs); o.at++ {
		in := o.inputs[o.at]
		if !o.opened {
			o.opened = true
			if err := in.open(ctx); err != nil {
				return nil, err
			}
		}
		b, err := in.next(ctx)
		if err != nil || b != nil {
			return b, err
		}
		in.close()
		o.opened = false
	}
	return nil, nil
}

func (o *appendOp) close() {
	if o.opened {
		o.inputs[o.at].close()
		o.opened = false
	}
}
