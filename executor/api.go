package executor

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/storage/backup"
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
	// Stored binds the expressions that DDL keeps as text.
	Stored StoredExpressions
	// Feed serves plan.Feed: the next columns, borrowed until the next call,
	// and their length; 0 at the end.
	Feed func(ctx context.Context) (columns []arrow.Array, rows int, err error)
	// Parallel is how many goroutines a scan may use.
	Parallel int
	// Search is how far vector indexes look.
	Search SearchSettings
	// Sessions are those of the server.
	Sessions Sessions
}

// StoredExpressions binds an expression of a DDL statement and returns the text
// that the catalog keeps; source is its text in the statement.
type StoredExpressions interface {
	// Default is the DEFAULT of a column; "" for NULL, which is none.
	Default(e ast.Expr, source, column string, t types.T) (string, error)
	// Check is a CHECK constraint of table.
	Check(e ast.Expr, source string, table *catalog.Table) (string, error)
	// PartitionExpr is an expression of PARTITION BY; it comes bound over the live
	// columns of table, too.
	PartitionExpr(e ast.Expr, source string, table *catalog.Table) (plan.Expr, string, error)
	// PartitionKey binds the partition key of table over its live columns.
	PartitionKey(table *catalog.Table) ([]plan.Expr, error)
	// PartitionBound is a value of FOR VALUES for a column of the partition key. It
	// is computed at once, and kept as a value.
	PartitionBound(e ast.Expr, column string, t types.T) (plan.Expr, error)
}

// SearchSettings say how far vector indexes look.
type SearchSettings struct {
	// TargetRecall is quiver.target_recall: the share of the true nearest rows
	// that a search should find.
	TargetRecall float64
	// Effort by access method, where it was SET, overrides it: hnsw.ef_search,
	// ivfflat.probes.
	Effort map[string]int
	// Bounds by access method, of scans that are iterative and whose bounds were
	// SET: such a search may come back with fewer rows than match.
	Bounds map[string]SearchBounds
}

// SearchBounds end a search with a filter, however few rows it has found. 0 is no
// bound.
type SearchBounds struct {
	// Tuples is how many rows are tested: hnsw.max_scan_tuples, and as many as
	// hnsw.scan_mem_multiplier times work_mem holds.
	Tuples int
	// Lists is how many lists of a segment are looked at: ivfflat.max_probes.
	Lists int
}

// CandidateBytes is what an iterative scan holds for each row that it tests.
const CandidateBytes = 32

// Engine is what statements ask of the storage engine beyond their transaction.
type Engine interface {
	// Checkpoint seals and flushes every growing segment and cuts the WAL.
	Checkpoint(ctx context.Context) error
	// Vacuum merges segments of a table, or of a partition of it if that is not
	// 0; full also gives back the room of every row that no snapshot sees.
	Vacuum(ctx context.Context, table, partition catalog.StorageID, full bool) error
	// Damage is why statements that need a table fail; nil if they do not.
	Damage(table *catalog.Table) error
	// Flush moves what they hold in memory into objects.
	Flush(ctx context.Context, table, partition catalog.StorageID) error
	// Compact has Vacuum done in the background; WaitJob waits for the end of
	// such a job, or returns jobs.ErrUnknownJob or the error of an attempt.
	Compact(object string, table, partition catalog.StorageID) (job int64)
	WaitJob(ctx context.Context, job int64) error
	// Warm brings a table, one of its partitions or one of its vector indexes into
	// the cache and returns their bytes.
	Warm(ctx context.Context, object string, table, partition, index catalog.StorageID) (bytes int64, err error)
	// Backup and Restore copy tables to a place and back (storage.Engine).
	Backup(ctx context.Context, place *backup.Place, spec storage.BackupSpec) (*backup.Description, error)
	Restore(ctx context.Context, place *backup.Place, spec storage.RestoreSpec) error
	// Check reports what is wrong with the objects.
	Check(ctx context.Context, progress func(done, total int64), report func(storage.Finding)) error
	// Begin starts a transaction beside the statement's own.
	Begin(ctx context.Context, opts storage.TxnOptions) (storage.Txn, error)
	// Rows estimates how many committed rows a table has.
	Rows(table *catalog.Table) int64
	// Timestamp is later than every commit, and earlier than all to come.
	Timestamp() (hlc.Timestamp, error)
	// Reading is how many snapshots are open.
	Reading() int
}

// Cursor yields the rows of one execution; it belongs to one goroutine and must
// not be used after Close.
type Cursor struct {
	stmt   *plan.Statement
	x      execution
	root   operator
	resets []func()
	schema *arrow.Schema
	opened bool
	done   bool
	failed error
}

// Start begins an execution. Rows are computed as Next pulls them; statements
// that change data do all of it at the first Next.
func Start(ctx context.Context, stmt *plan.Statement, env *Env) (*Cursor, error) {
	if stmt.Failure != nil {
		return nil, stmt.Failure
	}
	c, _ := stmt.Instances.Get().(*Cursor)
	if c == nil {
		c = &Cursor{stmt: stmt}
		c.x.ctes = map[int]*cteRun{}
		b := &builder{x: &c.x}
		root, err := b.buildRoot(stmt.Root)
		if err != nil {
			return nil, err
		}
		c.root, c.resets = root, b.resets
	}
	c.x.env, c.x.c, c.x.mem, c.x.params = env, env.Eval, env.Mem, env.Params
	return c, nil
}

// LockOneByOne has FOR UPDATE lock the rows that are pulled, and none ahead of them: what
// is locked after a savepoint is no more so after a rollback to it.
func (c *Cursor) LockOneByOne() { lockOneByOne(c.root) }

// Next returns the next batch, which the caller releases, or nil at the end.
// After an error the cursor yields nothing more.
func (c *Cursor) Next(ctx context.Context) (rec arrow.Record, err error) {
	if c.done || c.failed != nil {
		return nil, c.failed
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
		if err != nil {
			err = statementError(err, &c.x)
			c.failed = err
		}
	}()
	c.x.c.Ctx, c.x.c.Execution = ctx, &c.x
	if !c.opened {
		c.opened = true
		if err := c.root.open(ctx); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := c.root.next(ctx)
	if err != nil {
		return nil, err
	}
	if b == nil {
		c.done = true
		return nil, nil
	}
	defer b.release()
	return c.record(b), nil
}

// record gives a batch its schema: one of the types that the columns have, which
// seldom change from batch to batch.
func (c *Cursor) record(b *batch) arrow.Record {
	if !c.schemaFits(b) {
		fields := make([]arrow.Field, len(b.cols))
		for i, col := range b.cols {
			fields[i] = arrow.Field{Name: c.columnName(i), Type: col.DataType(), Nullable: true}
		}
		c.schema = arrow.NewSchema(fields, nil)
	}
	return array.NewRecord(c.schema, b.cols, int64(b.rows))
}

func (c *Cursor) columnName(i int) string {
	if i < len(c.stmt.Columns) {
		return c.stmt.Columns[i].Name
	}
	return ""
}

func (c *Cursor) schemaFits(b *batch) bool {
	if c.schema == nil || c.schema.NumFields() != len(b.cols) {
		return false
	}
	for i, col := range b.cols {
		t := c.schema.Field(i).Type
		if t != col.DataType() && !arrow.TypeEqual(t, col.DataType()) {
			return false
		}
	}
	return true
}

// NothingCreated stands for the row count of a command that did not run.
const NothingCreated = -1

// Affected is the row count of the command tag for statements that change data
// (the rows of a SELECT are counted by whoever pulls them), complete once Next
// returned nil; NothingCreated of CREATE TABLE IF NOT EXISTS … AS that found one.
func (c *Cursor) Affected() int64 { return c.x.affected }

// Close releases what the execution holds.
func (c *Cursor) Close() error {
	if c.x.env == nil {
		return nil
	}
	c.root.close()
	c.x.closeCTEs()
	for _, reset := range c.resets {
		reset()
	}
	// After a panic operators may be in any state: such a tree is not used again.
	reuse := !errors.Is(c.failed, errAfterPanic)
	c.x.reset()
	c.opened, c.done, c.failed = false, false, nil
	if reuse {
		c.stmt.Instances.Put(c)
	}
	return nil
}

// errAfterPanic marks errors that a panic caused.
var errAfterPanic = errors.New("executor: recovered from a panic")

// panicError turns the panics that operators use for limits into errors; a bug
// goes on to the session, which reports it and drops the connection.
func panicError(p any) error {
	var e *sqlerr.Error
	if err, ok := p.(error); ok && errors.As(err, &e) {
		return errors.Join(e, errAfterPanic)
	}
	panic(p)
}
