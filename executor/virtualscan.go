package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/plan"
)

func (b *builder) buildVirtualScan(n *plan.VirtualScan) (operator, error) {
	filter, err := b.compileOptional(n.Filter)
	return &virtualScanOp{x: b.x, relation: n.Relation, read: n.Read, filter: filter, width: len(n.Columns)}, err
}

// virtualScanOp reads a relation that is computed on demand.
type virtualScanOp struct {
	x        *execution
	relation *catalog.Virtual
	read     []int
	filter   evaluator
	width    int // columns of the output; those after serve the filter
	rows     *batch
	at       int
}

func (o *virtualScanOp) open(context.Context) error { o.close(); return nil }

func (o *virtualScanOp) close() {
	if o.rows != nil {
		o.rows.release()
		o.rows = nil
	}
	o.at = 0
}

func (o *virtualScanOp) next(ctx context.Context) (*batch, error) {
	if o.rows == nil {
		if err := o.load(ctx); err != nil {
			return nil, err
		}
	}
	from := o.at
	o.at = min(from+batchRows, o.rows.rows)
	if from == o.at {
		return nil, nil
	}
	return o.rows.slice(from, o.at), nil
}

// load computes the relation and keeps the rows that pass the filter.
func (o *virtualScanOp) load(ctx context.Context) error {
	rec, err := o.x.virtualRows(ctx, o.relation)
	if err != nil {
		return err
	}
	all := &batch{rows: int(rec.NumRows()), cols: make([]arrow.Array, len(o.read))}
	for i, c := range o.read {
		all.cols[i] = rec.Column(c)
	}
	if o.filter == nil {
		o.rows = &batch{rows: all.rows, cols: retainAll(all.cols[:o.width])}
		return nil
	}
	rows, err := evalCondition(o.x, o.filter, all, nil)
	if err != nil {
		return err
	}
	o.rows = takeBatch(o.x.mem, &batch{cols: all.cols[:o.width], rows: all.rows}, rows)
	return nil
}

// virtualRows computes a virtual relation, once a statement: catalog queries
// read the same few again and again. The record is the execution's.
func (x *execution) virtualRows(ctx context.Context, v *catalog.Virtual) (arrow.Record, error) {
	if rec := x.virtuals[v]; rec != nil {
		return rec, nil
	}
	rec, err := v.Rows(ctx, x.mem, x.view(), x.c.Session)
	if err != nil {
		return nil, err
	}
	if x.virtuals == nil {
		x.virtuals = map[*catalog.Virtual]arrow.Record{}
	}
	x.virtuals[v] = rec
	return rec, nil
}
