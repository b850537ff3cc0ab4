package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// conflictAction is ON CONFLICT DO NOTHING (no set) or DO UPDATE.
type conflictAction struct {
	update bool
	set    []evaluator // over [existing columns…, excluded columns…]
	where  evaluator
	// own are the row versions that this command inserted or updated.
	own map[storage.RowID]struct{}
}

func (b *builder) compileConflict(n *plan.Conflict) (*conflictAction, error) {
	set, err := b.compileAll(n.Set)
	if err != nil {
		return nil, err
	}
	where, err := b.compileOptional(n.Where)
	return &conflictAction{update: n.Set != nil, set: set, where: where}, err
}

func (a *conflictAction) reset() { a.own = nil }

func (a *conflictAction) remember(ids []storage.RowID) {
	if a.own == nil {
		a.own = map[storage.RowID]struct{}{}
	}
	for _, id := range ids {
		if id != 0 {
			a.own[id] = struct{}{}
		}
	}
}

// insert adds the rows whose key is new and treats the others as the clause
// says.
func (a *conflictAction) insert(ctx context.Context, o *insertOp, rows *batch) error {
	ids, conflicts, err := o.x.env.Txn.Insert(ctx, o.table, o.partition, rows.cols, true)
	if err != nil {
		return err
	}
	if a.update {
		a.remember(ids)
	}
	if len(conflicts) == 0 {
		return o.done(rows)
	}
	if err := a.inserted(o, rows, conflicts); err != nil {
		return err
	}
	for _, c := range conflicts {
		if err := a.settle(ctx, o, rows, c); err != nil {
			return err
		}
	}
	return nil
}

// inserted counts and returns the rows without a conflict.
func (a *conflictAction) inserted(o *insertOp, rows *batch, conflicts []storage.UniqueConflict) error {
	left := make(map[int]bool, len(conflicts))
	for _, c := range conflicts {
		left[c.Row] = true
	}
	var kept []int32
	for i := range rows.rows {
		if !left[i] {
			kept = append(kept, int32(i))
		}
	}
	if len(kept) == 0 {
		return nil
	}
	part := takeBatch(o.x.mem, rows, kept)
	defer part.release()
	return o.done(part)
}

// settle deals with one row whose key exists.
func (a *conflictAction) settle(ctx context.Context, o *insertOp, rows *batch, c storage.UniqueConflict) error {
	if !a.update {
		return a.checkVisible(ctx, o, c)
	}
	if _, own := a.own[c.Existing]; own || c.Existing == 0 {
		return secondTime()
	}
	locked, _, ok, err := o.x.lockLatest(ctx, o.table, c.Existing, storage.LockForNoKeyUpdate, storage.WaitBlock)
	if err != nil {
		return err
	}
	row := rows.slice(c.Row, c.Row+1)
	defer row.release()
	if !ok { // deleted meanwhile: try to insert again
		return a.insert(ctx, o, row)
	}
	return a.updateRow(ctx, o, row, locked)
}

func secondTime() error {
	return sqlerr.New(sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
		WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
}

// checkVisible: at REPEATABLE READ, DO NOTHING about a row that the snapshot
// does not see would hide an anomaly.
func (a *conflictAction) checkVisible(ctx context.Context, o *insertOp, c storage.UniqueConflict) error {
	if c.Existing == 0 || o.x.env.Txn.Options().Isolation != storage.RepeatableRead {
		return nil
	}
	seen, err := readRow(ctx, o.x, o.x.snapshot(), storage.ScanSpec{Table: o.table, RowIDs: []storage.RowID{c.Existing}})
	if err != nil {
		return err
	}
	if seen == nil {
		return storage.ErrSerialization
	}
	seen.release()
	return nil
}

// updateRow applies DO UPDATE to a locked row.
func (a *conflictAction) updateRow(ctx context.Context, o *insertOp, excluded *batch, id storage.RowID) error {
	o.x.dropLatest()
	latest, err := o.x.latestSnapshot(ctx)
	if err != nil {
		return err
	}
	existing, err := readRow(ctx, o.x, latest, storage.ScanSpec{
		Table: o.table, Fields: fieldsOf(o.columns), RowIDs: []storage.RowID{id}, AnyVersion: true,
	})
	if err != nil {
		return err
	}
	if existing == nil {
		return sqlerr.New(sqlerr.InternalError, "row version %d of table %s is missing", id, quoted(o.table.Name))
	}
	defer existing.release()
	both := &batch{cols: append(append([]arrow.Array{}, existing.cols...), excluded.cols...), rows: 1}
	if a.where != nil {
		v, err := a.where.eval(o.x, both)
		if err != nil {
			return err
		}
		pass := truthAt(v, 0) == isTrue
		v.Array.Release()
		if !pass {
			return nil
		}
	}
	cols, err := o.newRows(a.set, both)
	if err != nil {
		return err
	}
	rows := &batch{cols: cols, rows: 1}
	defer rows.release()
	ids, err := o.x.env.Txn.Update(ctx, o.table, []storage.RowID{id}, rows.cols)
	if err != nil {
		return err
	}
	a.remember(ids)
	return o.done(rows)
}

// partitionOf resolves the storage partition of an INSERT: 0 is the default one.
func partitionOf(p *catalog.Partition) catalog.OID {
	if p == nil || p.Default {
		return 0
	}
	return p.OID
}
