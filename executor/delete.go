package executor

import (
	"context"

	"quiver/planner/plan"
	"quiver/storage"
)

func (b *builder) buildDelete(n *plan.Delete) (operator, error) {
	o := &deleteOp{target{modify: modify{x: b.x, table: n.Table, columns: liveColumns(n.Table), counts: b.root == plan.Node(n)}}}
	if err := o.buildInputs(b, n.Input); err != nil {
		return nil, err
	}
	var err error
	if o.returning, err = b.compileAll(n.Returning); err != nil {
		return nil, err
	}
	o.returns = n.Returning != nil
	return o, nil
}

// deleteOp removes rows.
type deleteOp struct{ target }

func (o *deleteOp) next(ctx context.Context) (*batch, error) {
	return o.run(ctx, func(ctx context.Context) (bool, error) {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return false, err
		}
		in, ids, err := o.lockRows(ctx, in, storage.LockForUpdate)
		if err != nil {
			return false, err
		}
		defer in.release()
		if in.rows == 0 {
			return true, nil
		}
		if err := o.x.env.Txn.Delete(ctx, o.table, ids); err != nil {
			return false, err
		}
		return true, o.done(in)
	})
}
