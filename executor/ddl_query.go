package executor

import (
	"context"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/funcs"
)

// runQuery runs a statement of DDL's own as a further command of the transaction
// and hands its batches to each, which borrows them. It reads what is committed
// whatever the transaction sees of it: rows that a table is rewritten without are
// lost.
func (d *ddl) runQuery(ctx context.Context, stmt *plan.Statement, each func(*batch)) error {
	snapshot, err := d.x.env.Txn.NewestSnapshot(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	env := *d.x.env
	env.Snapshot = snapshot
	env.Params = nil
	c, err := Start(ctx, stmt, &env)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		rec, err := c.Next(ctx)
		if err != nil || rec == nil {
			return err
		}
		each(&batch{cols: rec.Columns(), rows: int(rec.NumRows())})
		rec.Release()
	}
}

// anyRow says whether a query has rows.
func (d *ddl) anyRow(ctx context.Context, text string) (found bool, err error) {
	stmt, err := d.x.env.Replan(ctx, text)
	if err != nil {
		return false, err
	}
	err = d.runQuery(ctx, stmt, func(*batch) { found = true })
	return found, err
}

// hasRows says whether a table holds any row.
func (d *ddl) hasRows(ctx context.Context, table *catalog.Table) (bool, error) {
	return d.anyRow(ctx, "SELECT 1 FROM "+d.qualified(table.Schema, table.Name)+" LIMIT 1")
}

// volatileNode says whether the expressions of a plan without tables may give
// another value each time.
func volatileNode(n plan.Node) bool {
	var exprs []plan.Expr
	switch n := n.(type) {
	case *plan.Project:
		exprs = n.Exprs
	case *plan.Values:
		for _, r := range n.Rows {
			exprs = append(exprs, r...)
		}
	}
	found := false
	for _, e := range exprs {
		walkExpr(e, func(e plan.Expr) {
			if c, ok := e.(*plan.Call); ok && c.Function.Volatility == funcs.Volatile {
				found = true
			}
		})
	}
	for _, c := range n.Children() {
		found = found || volatileNode(c)
	}
	return found
}
