package planner

import (
	"context"

	"quiver/catalog"
	"quiver/planner/plan"
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
func Plan(ctx context.Context, stmt *ast.Statement, opts Options) (*plan.Statement, error) {
	panic("planner: under construction")
}
