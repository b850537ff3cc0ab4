package executor

import (
	"context"
	"errors"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

func (b *builder) buildLockRows(n *plan.LockRows) (operator, error) {
	o := &lockRowsOp{x: b.x, targets: n.Targets}
	var err error
	if o.input, err = b.build(n.Input); err != nil {
		return nil, err
	}
	again := *b
	again.watch = nil
	o.second, err = again.build(n.Input)
	b.resets = again.resets
	return o, err
}

// lockRowsOp locks the rows of FOR UPDATE and its like, then drops their row
// ids. A row that a later commit changed is looked at again as it is now.
type lockRowsOp struct {
	x       *execution
	input   operator
	second  operator // the input once more, for re-checks
	targets []plan.LockTarget
	// single: yield a row at a time.
	single bool
	in     *batch // rows found and not yet looked at
	at     int
	// met counts how often a row came up: the rows of a join that share it
	// become, each in turn, one of those that the newer version joins.
	met map[metRow]int
}

// metRow is a row found to be changed, of one of the targets.
type metRow struct {
	target *plan.LockTarget
	row    storage.RowID
}

// lockOneByOne makes FOR UPDATE below a LIMIT lock no more rows than are asked
// for: those of a batch beyond would be locked for nothing.
func lockOneByOne(op operator) {
	switch op := op.(type) {
	case *watchedOp:
		lockOneByOne(op.operator)
	case *projectOp:
		lockOneByOne(op.input)
	case *lockRowsOp:
		op.single = true
	}
}

func (o *lockRowsOp) open(ctx context.Context) error {
	o.close()
	return o.input.open(ctx)
}

func (o *lockRowsOp) close() {
	o.input.close()
	o.met = nil
	if o.in != nil {
		o.in.release()
		o.in = nil
	}
}

// some returns the next rows to lock; nil at the end.
func (o *lockRowsOp) some(ctx context.Context) (*batch, error) {
	if o.in == nil || o.at == o.in.rows {
		if o.in != nil {
			o.in.release()
			o.in = nil
		}
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return nil, err
		}
		if !o.single {
			return in, nil
		}
		o.in, o.at = in, 0
	}
	o.at++
	return o.in.slice(o.at-1, o.at), nil
}

func (o *lockRowsOp) next(ctx context.Context) (*batch, error) {
	for {
		in, err := o.some(ctx)
		if err != nil || in == nil {
			return nil, err
		}
		out, err := o.lock(ctx, in)
		in.release()
		if err != nil {
			return nil, err
		}
		if out.rows > 0 {
			return o.withoutIDs(out), nil
		}
		out.release()
	}
}

// lock returns the rows of in that are still there, in their order, as they are
// now.
func (o *lockRowsOp) lock(ctx context.Context, in *batch) (*batch, error) {
	ids := make([][]storage.RowID, len(o.targets))
	for t, target := range o.targets {
		ids[t] = rowIDs(in.cols[target.RowID])
	}
	var kept []*batch
	defer func() {
		for _, b := range kept {
			b.release()
		}
	}()
	for i := range in.rows {
		row := in.slice(i, i+1)
		for t := range o.targets {
			if row == nil {
				break
			}
			fresh, err := o.lockRow(ctx, row, &o.targets[t], ids[t][i])
			if err != nil {
				row.release()
				return nil, err
			}
			if fresh != row {
				row.release()
				row = fresh
			}
		}
		if row != nil {
			kept = append(kept, row)
		}
	}
	if len(kept) == 0 {
		return &batch{}, nil
	}
	return concatBatches(o.x.mem, kept)
}

// lockRow returns row itself, another batch of one row that replaces it, or nil
// when it is gone.
func (o *lockRowsOp) lockRow(ctx context.Context, row *batch, target *plan.LockTarget, id storage.RowID) (*batch, error) {
	if row.cols[target.RowID].IsNull(0) { // the empty side of an outer join
		return row, nil
	}
	locked, changed, ok, err := o.x.lockLatest(ctx, target.Table, id, lockMode(target.Strength), waitPolicy(target.Wait))
	if errors.Is(err, storage.ErrLockNotAvailable) && target.Wait == ast.LockWaitError {
		return nil, sqlerr.Wrap(err, sqlerr.LockNotAvailable, "could not obtain lock on row in relation %s", quoted(target.Table.Name))
	}
	if err != nil || !ok {
		return nil, err
	}
	if !changed {
		return row, nil
	}
	if o.met == nil {
		o.met = map[metRow]int{}
	}
	n := o.met[metRow{target, id}]
	o.met[metRow{target, id}]++
	return o.x.again(ctx, o.second, target.Table, locked, func(b *batch) int { return o.match(b, row, target, n) })
}

// match finds row again among those that a newer version of target's row joins:
// the one with the same rows of the other targets, the nth where those are the
// same or there are none; -1 when it is no more.
func (o *lockRowsOp) match(b, row *batch, target *plan.LockTarget, n int) int {
	var same []int
	for i := range b.rows {
		if o.sameOthers(b, i, row, target) {
			same = append(same, i)
		}
	}
	switch {
	case len(same) == 1 && len(o.targets) > 1:
		return same[0]
	case n < len(same):
		return same[n]
	}
	return -1
}

func (o *lockRowsOp) sameOthers(b *batch, i int, row *batch, target *plan.LockTarget) bool {
	for t := range o.targets {
		other := &o.targets[t]
		if other == target {
			continue
		}
		was, is := row.cols[other.RowID], b.cols[other.RowID]
		if was.IsNull(0) != is.IsNull(i) || !was.IsNull(0) && rowIDs(was)[0] != rowIDs(is)[i] {
			return false
		}
	}
	return true
}

func lockMode(s ast.LockStrength) storage.RowLockMode {
	return map[ast.LockStrength]storage.RowLockMode{
		ast.LockForKeyShare: storage.LockForKeyShare, ast.LockForShare: storage.LockForShare,
		ast.LockForNoKeyUpdate: storage.LockForNoKeyUpdate, ast.LockForUpdate: storage.LockForUpdate,
	}[s]
}

func waitPolicy(w ast.LockWait) storage.WaitPolicy {
	return map[ast.LockWait]storage.WaitPolicy{
		ast.LockWaitBlock: storage.WaitBlock, ast.LockWaitSkip: storage.WaitSkip, ast.LockWaitError: storage.WaitError,
	}[w]
}

// withoutIDs drops the row-id columns.
func (o *lockRowsOp) withoutIDs(b *batch) *batch {
	drop := map[int]bool{}
	for _, t := range o.targets {
		drop[t.RowID] = true
	}
	out := &batch{rows: b.rows}
	for i, c := range b.cols {
		if drop[i] {
			c.Release()
		} else {
			out.cols = append(out.cols, c)
		}
	}
	return out
}
