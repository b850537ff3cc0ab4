package executor

import "context"

// oneRowOp yields a row of no columns.
type oneRowOp struct{ done bool }

func (o *oneRowOp) open(context.Context) error { o.done = false; return nil }

func (o *oneRowOp) next(context.Context) (*batch, error) {
	if o.done {
		return nil, nil
	}
	o.done = true
	return &batch{rows: 1}, nil
}

func (o *oneRowOp) close() {}

// emptyOp yields nothing.
type emptyOp struct{}

func (emptyOp) open(context.Context) error           { return nil }
func (emptyOp) next(context.Context) (*batch, error) { return nil, nil }
func (emptyOp) close()                               {}
