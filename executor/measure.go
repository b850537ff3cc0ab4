package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/vector"
)

// errNoExecution: a function that reads tables was called where none can be
// read, such as in an expression of an index.
var errNoExecution = sqlerr.New(sqlerr.FeatureNotSupported, "the function reads tables, which is not possible here")

// executionOf is the statement that a function runs in.
func executionOf(c *types.EvalContext) (*execution, error) {
	x, ok := c.Execution.(*execution)
	if !ok || x.env == nil {
		return nil, errNoExecution
	}
	return x, nil
}

// withSnapshot calls f with the statement's snapshot, or one of a transaction
// of its own where the statement names no table.
func (x *execution) withSnapshot(ctx context.Context, database catalog.OID, f func(storage.Snapshot) error) error {
	if x.env.Snapshot != nil {
		return f(x.env.Snapshot)
	}
	tx, err := x.env.Engine.Begin(ctx, storage.TxnOptions{Database: database, ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	s, err := tx.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	// What runs below reads through the statement's environment.
	outer := x.env
	inner := *outer
	inner.Txn, inner.Snapshot = tx, s
	x.env = &inner
	defer func() { x.env = outer }()
	return f(s)
}

// showRows shows searches the rows of a column that keep has; row p goes by the
// id first + p.
func showRows(ctx context.Context, space vector.Space, column vector.Column, keep storage.Bitmap, from, to int, first uint64, searches []*vector.Search) error {
	runs, _ := column.(vector.Runs)
	id := make([]uint64, 1)
	for p := from; p < to; {
		if p%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if runs != nil && keep == nil && space.Element == vector.Float32 {
			values, n := runs.Run(p)
			n = min(n, to-p, 1024-p%1024)
			if values != nil {
				rows := vector.Rows{Values: vector.Float32sOf(values), Stride: space.Dim, N: n, FirstID: first + uint64(p)}
				for _, s := range searches {
					s.Add(rows)
				}
			}
			p += n
			continue
		}
		if row := column.Row(p); row != nil && keep.Get(p) {
			id[0] = first + uint64(p)
			one := vectorRow(space.Element, row, space.Dim, id)
			for _, s := range searches {
				s.Add(one)
			}
		}
		p++
	}
	return nil
}

// hits counts the rows found that are as near as the farthest of the nearest.
func hits(found []float64, nearest []vector.Neighbor) (n int) {
	for _, d := range found {
		if len(nearest) > 0 && vector.Compare(d, nearest[len(nearest)-1].Distance) <= 0 {
			n++
		}
	}
	return min(n, len(nearest))
}

// withoutOwn drops the row that a query was taken from, and cuts to k.
func withoutOwn(list []vector.Neighbor, own uint64, k int) []vector.Neighbor {
	out := make([]vector.Neighbor, 0, k)
	for _, n := range list {
		if n.Row != own && len(out) < k {
			out = append(out, n)
		}
	}
	return out
}
