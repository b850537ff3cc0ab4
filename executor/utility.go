package executor

import (
	"context"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

func (b *builder) buildUtility(n *plan.Utility) (operator, error) {
	return &utilityOp{ddl: ddl{x: b.x, text: n.Text}, stmt: n.Stmt}, nil
}

// utilityOp runs a statement that has no plan, at the first next.
type utilityOp struct {
	ddl
	stmt ast.Stmt
	done bool
}

func (o *utilityOp) open(context.Context) error { o.done = false; return nil }
func (o *utilityOp) close()                     {}

func (o *utilityOp) next(ctx context.Context) (*batch, error) {
	if o.done {
		return nil, nil
	}
	o.done = true
	return nil, o.run(ctx, o.stmt)
}

// ddl is one running statement that changes the catalog.
type ddl struct {
	x    *execution
	text string
}

// run dispatches on the statement's type.
func (d *ddl) run(ctx context.Context, stmt ast.Stmt) error {
	switch s := stmt.(type) {
	case *ast.UnsupportedStmt:
		return sqlerr.Unsupported("%s", s.Feature)
	}
	return sqlerr.Unsupported("statement %T", stmt)
}
