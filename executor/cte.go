package executor

import (
	"context"

	"quiver/planner/plan"
)

// cteRun is a WITH query of the running statement: computed at its first read
// and kept until the statement ends or its With is opened anew.
type cteRun struct {
	x        *execution
	def      *plan.CTE
	plan     operator
	recurse  operator
	rows     spool
	complete bool
	// frames are those of the With, for the query may be first read deep
	// inside a correlated subquery.
	frames []frame
	// working is the working table of a recursive query.
	working spool
	seen    *rowSet // of UNION
}

func (b *builder) buildWith(n *plan.With) (operator, error) {
	o := &withOp{x: b.x}
	for i := range n.CTEs {
		def := &n.CTEs[i]
		run := &cteRun{x: b.x, def: def}
		var err error
		if run.plan, err = b.build(def.Plan); err != nil {
			return nil, err
		}
		if def.Recurse != nil {
			if run.recurse, err = b.build(def.Recurse); err != nil {
				return nil, err
			}
			if def.Distinct {
				keys, err := columnKeys(def.Plan.Output())
				if err != nil {
					return nil, err
				}
				run.seen = &rowSet{keys: keys}
			}
		}
		o.runs = append(o.runs, run)
	}
	var err error
	o.input, err = b.build(n.Input)
	return o, err
}

// withOp yields its input with WITH queries in scope. Those that change data
// run whether or not they are read.
type withOp struct {
	x       *execution
	runs    []*cteRun
	input   operator
	settled bool
}

func (o *withOp) open(ctx context.Context) error {
	for _, r := range o.runs {
		r.drop()
		r.frames = append(r.frames[:0], o.x.frames...)
		o.x.ctes[r.def.ID] = r
	}
	o.settled = false
	return o.input.open(ctx)
}

func (o *withOp) next(ctx context.Context) (*batch, error) {
	b, err := o.input.next(ctx)
	if err != nil || b != nil {
		return b, err
	}
	if !o.settled {
		o.settled = true
		for _, r := range o.runs {
			if r.def.Modifies {
				if err := r.compute(ctx); err != nil {
					return nil, err
				}
			}
		}
	}
	return nil, nil
}

func (o *withOp) close() {
	o.input.close()
	for _, r := range o.runs {
		r.drop()
	}
}

// closeCTEs drops the rows of WITH queries at the end of a statement.
func (x *execution) closeCTEs() {
	for _, r := range x.ctes {
		r.drop()
	}
}

func (r *cteRun) drop() {
	r.rows.drop()
	r.working.drop()
	r.complete = false
}

// compute runs the query to its end, once.
func (r *cteRun) compute(ctx context.Context) error {
	if r.complete {
		return nil
	}
	frames := r.x.frames
	r.x.frames = r.frames
	defer func() { r.x.frames = frames }()
	r.rows.init(r.x)
	if r.recurse != nil {
		if err := r.iterate(ctx); err != nil {
			return err
		}
	} else if err := drain(ctx, r.plan, r.rows.add); err != nil {
		return err
	}
	r.complete = true
	return nil
}

// drain runs an operator to its end and hands each batch to add, which owns it.
func drain(ctx context.Context, op operator, add func(*batch) error) error {
	defer op.close()
	if err := op.open(ctx); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := op.next(ctx)
		if err != nil || b == nil {
			return err
		}
		if err := add(b); err != nil {
			return err
		}
	}
}

// iterate computes a recursive query: the rows of its first part, then those of
// the second over the rows found last, until none come.
func (r *cteRun) iterate(ctx context.Context) error {
	if r.seen != nil {
		r.seen.reset()
	}
	var found spool
	found.init(r.x)
	defer found.drop()
	collect := func(b *batch) error {
		b, err := r.unseen(b)
		if err != nil || b == nil {
			return err
		}
		if err := r.rows.add(&batch{cols: retainAll(b.cols), rows: b.rows}); err != nil {
			b.release()
			return err
		}
		return found.add(b)
	}
	if err := drain(ctx, r.plan, collect); err != nil {
		return err
	}
	for found.rows > 0 {
		r.working.drop()
		r.working, found = found, spool{}
		found.init(r.x)
		if err := drain(ctx, r.recurse, collect); err != nil {
			return err
		}
	}
	r.working.drop()
	return nil
}

// unseen takes over b and returns the rows that UNION keeps; nil for none.
func (r *cteRun) unseen(b *batch) (*batch, error) {
	if r.seen == nil {
		return b, nil
	}
	return r.seen.keepNew(r.x, b)
}

func (b *builder) buildCTERead(n *plan.CTERead) (operator, error) {
	return &cteReadOp{x: b.x, id: n.ID, working: n.Working}, nil
}

// cteReadOp reads a WITH query's rows.
type cteReadOp struct {
	x       *execution
	id      int
	working bool
	reader  *spoolReader
}

func (o *cteReadOp) open(context.Context) error { o.close(); return nil }

func (o *cteReadOp) next(ctx context.Context) (*batch, error) {
	if o.reader == nil {
		run := o.x.ctes[o.id]
		if o.working {
			o.reader = run.working.reader()
		} else {
			if err := run.compute(ctx); err != nil {
				return nil, err
			}
			o.reader = run.rows.reader()
		}
	}
	return o.reader.next()
}

func (o *cteReadOp) close() {
	if o.reader != nil {
		o.reader.close()
		o.reader = nil
	}
}
