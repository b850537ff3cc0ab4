package executor

import "context"

// feedOp yields the batches of Env.Feed.
type feedOp struct{ x *execution }

func (o *feedOp) open(context.Context) error { return nil }
func (o *feedOp) close()                     {}

func (o *feedOp) next(ctx context.Context) (*batch, error) {
	cols, rows, err := o.x.env.Feed(ctx)
	if err != nil || rows == 0 {
		return nil, err
	}
	return &batch{cols: retainAll(cols), rows: rows}, nil
}
