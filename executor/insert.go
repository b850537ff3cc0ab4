package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/storage"
)

func (b *builder) buildInsert(n *plan.Insert) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	o := &insertOp{modify: modify{x: b.x, table: n.Table, columns: liveColumns(n.Table), counts: b.root == plan.Node(n)}, input: input}
	o.partition = partitionOf(n.Partition)
	if o.router, err = b.newRouter(n.Table, n.Partition, n.PartitionKey); err != nil {
		return nil, err
	}
	if o.source, err = b.compileAll(n.Source); err != nil {
		return nil, err
	}
	if n.Keep != nil {
		if o.keep, err = b.compileCondition(n.Keep); err != nil {
			return nil, err
		}
	}
	if o.checks, err = b.compileChecks(n.Checks); err != nil {
		return nil, err
	}
	if n.Conflict != nil {
		if o.conflict, err = b.compileConflict(n.Conflict); err != nil {
			return nil, err
		}
	}
	if o.returning, err = b.compileAll(n.Returning); err != nil {
		return nil, err
	}
	o.returns = n.Returning != nil
	return o, nil
}

// insertOp adds the rows of its input, a batch at a time.
type insertOp struct {
	modify
	input     operator
	partition catalog.OID
	source    []evaluator
	// keep, over the new row, drops rows for which it is not true; nil for none.
	keep     evaluator
	conflict *conflictAction
}

func (o *insertOp) open(ctx context.Context) error {
	o.reset()
	return o.input.open(ctx)
}

func (o *insertOp) close() {
	o.input.close()
	o.reset()
	if o.conflict != nil {
		o.conflict.reset()
	}
}

func (o *insertOp) next(ctx context.Context) (*batch, error) {
	return o.run(ctx, func(ctx context.Context) (bool, error) {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return false, err
		}
		defer in.release()
		return true, o.insert(ctx, in)
	})
}

// insert adds the rows made of one input batch.
func (o *insertOp) insert(ctx context.Context, in *batch) error {
	rows, err := o.rowsOf(in)
	if err != nil || rows == nil {
		return err
	}
	defer rows.release()
	if o.conflict != nil {
		return o.conflict.insert(ctx, o, rows)
	}
	if _, _, err := o.put(ctx, rows, false); err != nil {
		return err
	}
	return o.done(rows)
}

// rowsOf makes the new rows of an input batch; nil if none is kept.
func (o *insertOp) rowsOf(in *batch) (*batch, error) {
	if o.keep == nil {
		cols, err := o.newRows(o.source, in)
		if err != nil {
			return nil, err
		}
		return &batch{cols: cols, rows: in.rows}, nil
	}
	cols, err := o.computeRows(o.source, in)
	if err != nil {
		return nil, err
	}
	rows := &batch{cols: cols, rows: in.rows}
	kept, err := evalCondition(o.x, o.keep, rows, nil)
	if err != nil || len(kept) == 0 {
		rows.release()
		return nil, err
	}
	if len(kept) < rows.rows {
		all := rows
		rows = takeBatch(o.x.mem, all, kept)
		all.release()
	}
	if err := o.checkRows(rows.cols, rows.rows); err != nil {
		rows.release()
		return nil, err
	}
	return rows, nil
}

// computeRows computes the columns of new rows.
func (m *modify) computeRows(source []evaluator, in *batch) ([]arrow.Array, error) {
	cols, err := evalFullAll(m.x, source, in)
	if err != nil {
		return nil, err
	}
	for i, c := range m.columns {
		if err := conform(m.x.mem, &cols[i], c.Type); err != nil {
			releaseAll(cols)
			return nil, err
		}
	}
	return cols, nil
}

// newRows computes the columns of new rows and checks their constraints.
func (m *modify) newRows(source []evaluator, in *batch) ([]arrow.Array, error) {
	cols, err := m.computeRows(source, in)
	if err != nil {
		return nil, err
	}
	if err := m.checkRows(cols, in.rows); err != nil {
		releaseAll(cols)
		return nil, err
	}
	return cols, nil
}

// rowIDs reads the row ids of the last column of a batch.
func rowIDs(a arrow.Array) []storage.RowID {
	read, _ := integersOf(a)
	out := make([]storage.RowID, a.Len())
	for i := range out {
		out[i] = storage.RowID(read(i))
	}
	return out
}
