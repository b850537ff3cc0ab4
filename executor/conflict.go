package executor

import (
	"context"
	"slices"

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
// says. What RETURNING sees comes in the order of the rows.
func (a *conflictAction) insert(ctx context.Context, o *insertOp, rows *batch) error {
	var out affected
	defer out.release()
	if err := a.insertRows(ctx, o, rows, 0, &out); err != nil {
		return err
	}
	if !o.returns { // the number of rows is all that is asked
		return o.done(&batch{rows: len(out.refs)})
	}
	all, err := out.batch(o.x)
	if err != nil || all == nil {
		return err
	}
	defer all.release()
	return o.done(all)
}

// affected gathers the rows that a batch inserted or updated.
type affected struct {
	refs  []rowRef
	order []int // of each, the number of the row proposed for insertion
	owned []*batch
}

// add takes over b, whose row i stands for row order[i].
func (a *affected) add(b *batch, order []int) {
	a.owned = append(a.owned, b)
	for i, n := range order {
		a.refs = append(a.refs, rowRef{b, int32(i)})
		a.order = append(a.order, n)
	}
}

func (a *affected) batch(x *execution) (*batch, error) {
	if len(a.refs) == 0 {
		return nil, nil
	}
	index := make([]int, len(a.refs))
	for i := range index {
		index[i] = i
	}
	slices.SortFunc(index, func(i, j int) int { return a.order[i] - a.order[j] })
	refs := make([]rowRef, len(index))
	for i, k := range index {
		refs[i] = a.refs[k]
	}
	return gatherRows(x.mem, refs)
}

func (a *affected) release() {
	for _, b := range a.owned {
		b.release()
	}
}

// insertRows inserts rows, of which the first has the given number.
func (a *conflictAction) insertRows(ctx context.Context, o *insertOp, rows *batch, number int, out *affected) error {
	ids, conflicts, err := o.put(ctx, rows, true)
	if err != nil {
		return err
	}
	if a.update {
		a.remember(ids)
	}
	left := make(map[int]bool, len(conflicts))
	for _, c := range conflicts {
		left[c.Row] = true
	}
	var kept []int32
	var order []int
	for i := range rows.rows {
		if !left[i] {
			kept, order = append(kept, int32(i)), append(order, number+i)
		}
	}
	switch {
	case len(kept) == rows.rows:
		out.add(&batch{cols: retainAll(rows.cols), rows: rows.rows}, order)
	case len(kept) > 0:
		out.add(takeBatch(o.x.mem, rows, kept), order)
	}
	for _, c := range conflicts {
		if err := a.settle(ctx, o, rows, c, number, out); err != nil {
			return err
		}
	}
	return nil
}

// settle deals with one row whose key exists.
func (a *conflictAction) settle(ctx context.Context, o *insertOp, rows *batch, c storage.UniqueConflict, number int, out *affected) error {
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
		return a.insertRows(ctx, o, row, number+c.Row, out)
	}
	return a.updateRow(ctx, o, row, locked, number+c.Row, out)
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
func (a *conflictAction) updateRow(ctx context.Context, o *insertOp, excluded *batch, id storage.RowID, number int, out *affected) error {
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
	out.add(rows, []int{number})
	ids, err := o.router.replace(ctx, o.x, o.table, []storage.RowID{id}, rows.cols)
	if err != nil {
		return err
	}
	a.remember(ids)
	return nil
}

// partitionOf resolves the storage partition of an INSERT: 0 is the default one.
func partitionOf(p *catalog.Partition) catalog.OID {
	if p == nil || p.Default {
		return 0
	}
	return p.OID
}
