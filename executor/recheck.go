package executor

import (
	"context"

	"quiver/catalog"
	"quiver/storage"
)

// lockLatest locks the newest version of a row that the statement found: it
// follows the chain of later updates, waiting for those under way. changed says
// that the version locked is not the one found, so that the caller must evaluate
// its condition again; ok is false when the row is gone (or is this command's
// own). At REPEATABLE READ storage answers a changed row with an error.
func (x *execution) lockLatest(ctx context.Context, table *catalog.Table, row storage.RowID, mode storage.RowLockMode, wait storage.WaitPolicy) (locked storage.RowID, changed, ok bool, err error) {
	for {
		found, err := x.env.Txn.LockRow(ctx, table, row, mode, wait)
		if err != nil {
			return 0, false, false, err
		}
		switch found.Status {
		case storage.RowCurrent:
			return row, changed, true, nil
		case storage.RowUpdated:
			if found.Successor == 0 {
				return 0, false, false, nil
			}
			row, changed = found.Successor, true
		default:
			return 0, false, false, nil
		}
	}
}

// again evaluates the input of an UPDATE, DELETE or FOR UPDATE once more with
// one row version in the place of its table's rows; nil when that does not pass.
// Of several rows, of a join, pick chooses one, or none by a number below 0; nil
// takes the first.
func (x *execution) again(ctx context.Context, input operator, table *catalog.Table, row storage.RowID, pick func(*batch) int) (*batch, error) {
	x.dropLatest() // the version was committed after the last one was opened
	x.recheck = &recheckRow{table: table, row: row}
	defer func() { x.recheck = nil }()
	defer input.close()
	if err := input.open(ctx); err != nil {
		return nil, err
	}
	b, err := input.next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	at := 0
	if pick != nil {
		at = pick(b)
	}
	if at == 0 && b.rows == 1 {
		return b, nil
	}
	defer b.release()
	if at < 0 {
		return nil, nil
	}
	return b.slice(at, at+1), nil
}
