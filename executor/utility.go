package executor

import (
	"context"

	"quiver/planner/plan"
	"quiver/sql/ast"
)

func (b *builder) buildUtility(n *plan.Utility) (operator, error) {
	o := &utilityOp{ddl: ddl{x: b.x, text: n.Text, index: n.Index}, stmt: n.Stmt}
	if n.Query != nil {
		var err error
		if o.query, err = b.build(n.Query); err != nil {
			return nil, err
		}
		o.queryColumns = n.QueryColumns
	}
	return o, nil
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
