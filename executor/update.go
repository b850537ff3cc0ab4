package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/storage"
)

func (b *builder) buildUpdate(n *plan.Update) (operator, error) {
	o := &updateOp{target: target{modify: modify{x: b.x, table: n.Table, columns: liveColumns(n.Table), counts: b.root == plan.Node(n)}}}
	if err := o.buildInputs(b, n.Input); err != nil {
		return nil, err
	}
	var err error
	if o.source, err = b.compileAll(n.Source); err != nil {
		return nil, err
	}
	if o.checks, err = b.compileChecks(n.Checks); err != nil {
		return nil, err
	}
	if o.returning, err = b.compileAll(n.Returning); err != nil {
		return nil, err
	}
	if o.router, err = b.newRouter(n.Table, n.Partition, n.PartitionKey); err != nil {
		return nil, err
	}
	o.returns = n.Returning != nil
	o.assigned = n.Assigned
	return o, nil
}

// target is what UPDATE and DELETE share: the rows that their input finds are
// locked, re-checked when they changed meanwhile, and changed.
type target struct {
	modify
	input operator
	// second is the input once more, for re-checks while input is open.
	second operator
	// taken are the row versions this command has dealt with: a join may find
	// a row several times, the first counts. A bit stands for a row, a word for 64
	// successive row ids, as those of one command mostly are.
	taken map[storage.RowID]uint64
}

func (t *target) buildInputs(b *builder, n plan.Node) error {
	var err error
	if t.input, err = b.build(n); err != nil {
		return err
	}
	again := *b
	again.watch = nil
	t.second, err = again.build(n)
	b.resets = again.resets
	return err
}

func (t *target) open(ctx context.Context) error {
	t.reset()
	t.taken = nil
	return t.input.open(ctx)
}

func (t *target) close() {
	t.input.close()
	t.reset()
}

// lockRows locks the rows of a batch and returns those to change with their
// versions: rows unchanged since the snapshot as they are, changed ones as the
// re-check finds them. It takes over in.
func (t *target) lockRows(ctx context.Context, in *batch, mode storage.RowLockMode) (*batch, []storage.RowID, error) {
	ids := rowIDs(in.cols[len(in.cols)-1])
	var kept []int32
	var keptIDs []storage.RowID
	var changed []*batch
	var changedIDs []storage.RowID
	defer func() {
		for _, b := range changed {
			b.release()
		}
	}()
	fail := func(err error) (*batch, []storage.RowID, error) {
		in.release()
		return nil, nil, err
	}
	for i, id := range ids {
		if !t.take(id) {
			continue
		}
		locked, isChanged, ok, err := t.x.lockLatest(ctx, t.table, id, mode, storage.WaitBlock)
		if err != nil {
			return fail(err)
		}
		switch {
		case !ok:
		case !isChanged:
			kept, keptIDs = append(kept, int32(i)), append(keptIDs, id)
		default:
			if !t.take(locked) {
				continue
			}
			b, err := t.x.again(ctx, t.second, t.table, locked, nil)
			if err != nil {
				return fail(err)
			}
			if b != nil {
				changed, changedIDs = append(changed, b), append(changedIDs, locked)
			}
		}
	}
	if len(kept) == in.rows {
		return in, keptIDs, nil
	}
	defer in.release()
	parts := changed
	if len(kept) > 0 {
		part := takeBatch(t.x.mem, in, kept)
		defer part.release()
		parts = append([]*batch{part}, changed...)
	}
	if len(parts) == 0 {
		return &batch{}, nil, nil
	}
	out, err := concatBatches(t.x.mem, parts)
	return out, append(keptIDs, changedIDs...), err
}

// take notes a row version and says whether it is new to the command.
func (t *target) take(id storage.RowID) bool {
	if t.taken == nil {
		t.taken = map[storage.RowID]uint64{}
	}
	word, bit := id/64, uint64(1)<<(id%64)
	if t.taken[word]&bit != 0 {
		return false
	}
	t.taken[word] |= bit
	return true
}

// updateOp replaces rows.
type updateOp struct {
	target
	source   []evaluator
	assigned []bool
}

func (o *updateOp) next(ctx context.Context) (*batch, error) {
	mode := o.lockMode()
	return o.run(ctx, func(ctx context.Context) (bool, error) {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return false, err
		}
		in, ids, err := o.lockRows(ctx, in, mode)
		if err != nil {
			return false, err
		}
		defer in.release()
		if in.rows == 0 {
			return true, nil
		}
		return true, o.update(ctx, in, ids)
	})
}

// lockMode is FOR UPDATE when a key column is assigned, else FOR NO KEY UPDATE.
func (o *updateOp) lockMode() storage.RowLockMode {
	for _, key := range primaryKeyColumns(o.x.catalog(), o.table) {
		for i, c := range o.columns {
			if c.Number == key.Number && i < len(o.assigned) && o.assigned[i] {
				return storage.LockForUpdate
			}
		}
	}
	return storage.LockForNoKeyUpdate
}

func (o *updateOp) update(ctx context.Context, in *batch, ids []storage.RowID) error {
	cols, err := o.newRows(o.source, in)
	if err != nil {
		return err
	}
	rows := &batch{cols: cols, rows: in.rows}
	defer rows.release()
	if _, err := o.router.replace(ctx, o.x, o.table, ids, rows.cols); err != nil {
		return err
	}
	// RETURNING is over the new columns, then the input's others.
	others := in.cols[len(o.columns) : len(in.cols)-1]
	return o.done(&batch{cols: append(append([]arrow.Array{}, rows.cols...), others...), rows: rows.rows})
}

// columnsOfTable are the types of a table's live columns as output columns.
func columnsOfTable(table *catalog.Table) []plan.OutputColumn {
	live := liveColumns(table)
	out := make([]plan.OutputColumn, len(live))
	for i, c := range live {
		out[i] = plan.OutputColumn{Name: c.Name, Type: c.Type, Table: table.OID, Attribute: c.Number}
	}
	return out
}
