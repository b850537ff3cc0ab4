package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/types"
	"quiver/storage"
)

// Env is what one execution works with; the session makes it.
type Env struct {
	Txn      storage.Txn
	Snapshot storage.Snapshot // of this statement; nil for DDL-only statements
	Catalog  *catalog.Catalog
	Eval     *types.EvalContext
	// Params are the values of $1…$n: arrays of length 1, borrowed.
	Params []arrow.Array
	Mem    memory.Allocator
	// WorkMem is the bytes an operator may hold before it spills; TempDir is
	// where to.
	WorkMem int64
	TempDir string
	// Engine runs CHECKPOINT, VACUUM and their like.
	Engine Engine
	// Replan plans a statement for EPQ re-checks, SQL defaults and EXECUTE.
	Replan func(ctx context.Context, text string) (*plan.Statement, error)
	// Parallel is how many goroutines a scan may use.
	Parallel int
}

// Engine is what statements ask of the storage engine beyond their transaction.
type Engine interface {
	// Checkpoint seals and flushes every growing segment and cuts the WAL.
	Checkpoint(ctx context.Context) error
}

// Cursor yields the rows of one execution; it belongs to one goroutine.
type Cursor struct {
	// root and env arrive with Start.
}

// Start begins an execution. Rows are computed as Next pulls them; statements
// that change data do all of it at the first Next.
func Start(ctx context.Context, stmt *plan.Statement, env *Env) (*Cursor, error) {
	panic("executor: under construction")
}

// Next returns the next batch, which the caller releases, or nil at the end.
func (c *Cursor) Next(ctx context.Context) (arrow.Record, error) {
	panic("executor: under construction")
}

// Affected is the row count of the command tag, complete once Next returned nil.
func (c *Cursor) Affected() int64 { panic("executor: under construction") }

// Close releases what the execution holds.
func (c *Cursor) Close() error { panic("executor: under construction") }
