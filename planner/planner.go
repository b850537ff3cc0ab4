package planner

import (
	"context"

	"quiver/catalog"
	"quiver/planner/bind"
	"quiver/planner/logical"
	"quiver/planner/physical"
	"quiver/planner/plan"
	"quiver/planner/rules"
	"quiver/sql/ast"
	"quiver/sql/types"
)

// Options is what planning depends on besides the statement.
type Options struct {
	View       catalog.View
	SearchPath []string // effective: pg_catalog first unless named
	// ParamTypes are the types given by the client; 0 is to be inferred.
	ParamTypes []types.OID
	Format     *types.Format
	Statistics Statistics
	// Setting reads a planning setting (enable_…, quiver.…).
	Setting func(name string) string
	// User is current_user.
	User string
}

// Statistics tells row counts; storage's snapshots and engine implement it.
type Statistics interface {
	// Rows estimates the live rows of a table.
	Rows(table *catalog.Table) int64
}

// Plan binds and plans a statement. Errors are *sqlerr.Error with positions.
// Statements without a plan of their own (DDL and its like) come back as
// plan.Utility, whose names the executor resolves when it runs them.
func Plan(ctx context.Context, stmt *ast.Statement, opts Options) (*plan.Statement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if explain, ok := stmt.Stmt.(*ast.ExplainStmt); ok {
		return planExplain(ctx, stmt, explain, opts)
	}
	if !isQuery(stmt.Stmt) {
		return planUtility(ctx, stmt, opts)
	}
	bound, err := bind.Statement(stmt.Stmt, opts.bind())
	if err != nil {
		return nil, err
	}
	out := describe(stmt.Stmt, bound)
	if opts.View != nil {
		out.Stamp = opts.View.Stamp()
	}
	setting := opts.setting()
	c := &rules.Context{Meta: bound.Meta, View: opts.View, Format: opts.format(), Setting: setting}
	c.IndexExprs = func(index *catalog.Index, scan *logical.Scan) (key, predicate plan.Expr, err error) {
		return bind.IndexExprs(index, scan, bound.Meta, storedOptions(opts.View))
	}
	c.PartitionKey = func(scan *logical.Scan) ([]plan.Expr, error) {
		return bind.PartitionKeyOver(scan, bound.Meta, storedOptions(opts.View))
	}
	if opts.Statistics != nil {
		c.Rows = opts.Statistics.Rows
	}
	root := rules.Apply(bound.Node, outputIDs(bound), c)
	out.Failure = c.Err()
	names := make([]string, len(bound.Output))
	for i, o := range bound.Output {
		names[i] = o.Name
	}
	out.Root = physical.Build(root, outputIDs(bound), names, bound.Meta, opts.Statistics, rules.Enabled(setting, "hash_join"))
	return out, nil
}

func (o *Options) bind() bind.Options {
	return bind.Options{View: o.View, SearchPath: o.SearchPath, ParamTypes: o.ParamTypes, Format: o.format(), User: o.User}
}

func (o *Options) format() *types.Format {
	if o.Format == nil {
		return types.DefaultFormat()
	}
	return o.Format
}

// setting reads settings, all at their default when no reader was given.
func (o *Options) setting() func(string) string {
	if o.Setting == nil {
		return func(string) string { return "" }
	}
	return o.Setting
}

func outputIDs(b *bind.Bound) []logical.ColID {
	ids := make([]logical.ColID, len(b.Output))
	for i, o := range b.Output {
		ids[i] = o.ID
	}
	return ids
}

// isQuery says whether a statement is bound into a tree.
func isQuery(s ast.Stmt) bool {
	switch s.(type) {
	case *ast.SelectStmt, *ast.InsertStmt, *ast.UpdateStmt, *ast.DeleteStmt:
		return true
	}
	return false
}
