package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/executor"
	"quiver/planner"
	"quiver/planner/plan"
	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// execution is a statement that has begun.
type execution interface {
	// next returns the next rows, which the caller releases; nil at the end.
	next(ctx context.Context) (arrow.Record, error)
	// tag appends the command tag, once next returned nil; rows were sent.
	tag(dst []byte, rows int64) []byte
	close()
}

// start takes a statement from its tree to an execution: the stages of
// pipeline.go in order. given is what was prepared before, nil for a statement
// met the first time; params are its parameters, which the execution borrows.
// columns is nil for a statement that returns no rows, and for one that was
// prepared.
func (s *Session) start(ctx context.Context, st *ast.Statement, given *plan.Statement, params []arrow.Array) (exec execution, columns []pgwire.Column, err error) {
	if err := s.checkState(st); err != nil {
		return nil, nil, err
	}
	s.ensureTransaction()
	if exec, columns, err = s.command(ctx, st); exec != nil || err != nil {
		return exec, columns, err
	}
	planned, err := s.planLocked(ctx, st, given)
	if err != nil {
		return nil, nil, err
	}
	if !planned.ReadOnly {
		if err := s.writesRefused(commandName(st, planned.Tag)); err != nil {
			return nil, nil, err
		}
	}
	run, err := s.execute(ctx, planned, params)
	if err != nil {
		return nil, nil, err
	}
	if given != nil { // whoever prepared it knows its columns
		return run, nil, nil
	}
	return run, resultColumns(planned.Columns), nil
}

// checkState refuses statements that the transaction's state does not allow.
func (s *Session) checkState(st *ast.Statement) error {
	if s.txn.state == txnFailed && !endsBlock(st) {
		return failedBlock()
	}
	if name := needsNoBlock(st.Stmt); name != "" && (s.txn.inBlock() || s.several) {
		return noBlockError(name)
	}
	if _, lock := st.Stmt.(*ast.LockStmt); lock && !s.several {
		return s.needBlock("LOCK TABLE")
	}
	return nil
}

func failedBlock() error {
	return sqlerr.New(sqlerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
}

// endsBlock says whether a statement may end a failed block.
func endsBlock(st *ast.Statement) bool {
	t, ok := st.Stmt.(*ast.TransactionStmt)
	if !ok {
		return false
	}
	switch t.Kind {
	case ast.TransactionCommit, ast.TransactionRollback, ast.TransactionRollbackTo:
		return true
	}
	return false
}

// needsNoBlock names a statement that cannot run in a block; "" for others.
func needsNoBlock(stmt ast.Stmt) string {
	switch v := stmt.(type) {
	case *ast.CreateDatabaseStmt:
		return "CREATE DATABASE"
	case *ast.DropDatabaseStmt:
		return "DROP DATABASE"
	case *ast.BackupStmt:
		return "BACKUP"
	case *ast.RestoreStmt:
		return "RESTORE"
	case *ast.VacuumStmt:
		if !v.Analyze {
			return "VACUUM"
		}
	case *ast.DiscardStmt:
		if v.What == "all" {
			return "DISCARD ALL"
		}
	case *ast.CreateIndexStmt:
		if v.Concurrent {
			return "CREATE INDEX CONCURRENTLY"
		}
	case *ast.DropStmt:
		if v.Concurrent {
			return "DROP INDEX CONCURRENTLY"
		}
	case *ast.ReindexStmt:
		return reindexNeedsNoBlock(v)
	}
	return ""
}

func reindexNeedsNoBlock(v *ast.ReindexStmt) string {
	switch {
	case v.Concurrent:
		return "REINDEX CONCURRENTLY"
	case v.Kind == ast.ObjectSchema:
		return "REINDEX SCHEMA"
	case v.Kind == ast.ObjectDatabase:
		return "REINDEX DATABASE"
	}
	return ""
}

// commandName is a tag without what follows the verb's object: INSERT 0 is
// INSERT. A SELECT that locks rows says so.
func commandName(st *ast.Statement, tag string) string {
	if sel, ok := st.Stmt.(*ast.SelectStmt); ok && len(sel.Locking) > 0 {
		return tag + " " + sel.Locking[0].Strength.String()
	}
	if tag == "INSERT 0" {
		return "INSERT"
	}
	return tag
}

// planLocked plans a statement and takes its table locks. The catalog may
// change while it waits for them; then it plans again.
func (s *Session) planLocked(ctx context.Context, st *ast.Statement, given *plan.Statement) (*plan.Statement, error) {
	began := time.Now()
	planned := given
	for {
		view := s.view()
		if planned == nil || planned.Stamp != view.Stamp() {
			fresh, err := s.planStatement(ctx, st, paramOIDs(given))
			if err != nil {
				return nil, err
			}
			if given != nil && !sameColumns(given.Columns, fresh.Columns) {
				return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
			}
			planned = fresh
		}
		if len(planned.Tables) == 0 {
			break
		}
		store, err := s.store(ctx)
		if err != nil {
			return nil, err
		}
		for _, use := range planned.Tables {
			if err := store.LockTable(ctx, use.OID, storage.TableLockMode(use.Lock), storage.WaitBlock); err != nil {
				return nil, err
			}
		}
		if s.view().Stamp() == planned.Stamp {
			break
		}
	}
	s.stage("plan", began)
	return planned, nil
}

// planStatement plans against the catalog as it is now.
func (s *Session) planStatement(ctx context.Context, st *ast.Statement, paramTypes []types.OID) (*plan.Statement, error) {
	s.refreshDerived()
	view := s.view()
	if p := s.plans.get(st, paramTypes, view.Stamp()); p != nil {
		return p, nil
	}
	format, nowRead := *s.format(view), false
	format.NowRead = &nowRead
	opts := s.planOptions(view, &format)
	opts.ParamTypes = paramTypes
	p, err := planner.Plan(ctx, st, opts)
	if err != nil {
		return nil, err
	}
	if !nowRead {
		s.plans.put(st, paramTypes, p)
	}
	return p, nil
}

func (s *Session) planOptions(view catalog.View, format *types.Format) planner.Options {
	return planner.Options{
		View:       view,
		SearchPath: s.derived.searchPath,
		Format:     format,
		Statistics: s.cfg.Engine,
		Setting:    func(name string) string { v, _ := s.values.Get(name); return v },
		User:       s.user,
	}
}

// planRun is the execution of a plan.
type planRun struct {
	s      *Session
	plan   *plan.Statement
	env    executor.Env
	eval   types.EvalContext
	fmt    types.Format
	budget *executor.Budget
	cursor *executor.Cursor
	began  time.Time
}

// newRun takes the session's spare planRun, whose memory has all been given
// back, or makes one.
func (s *Session) newRun() *planRun {
	if r := s.spare; r != nil && r.budget.Used() == 0 {
		s.spare = nil
		return r
	}
	return &planRun{s: s, budget: executor.NewBudget(memory.DefaultAllocator, s.cfg.StatementBytesMax)}
}

// execute begins the execution of a plan whose locks are held.
func (s *Session) execute(ctx context.Context, p *plan.Statement, params []arrow.Array) (*planRun, error) {
	s.refreshDerived()
	now := time.Now()
	view := s.view()
	r := s.newRun()
	r.plan, r.began, r.fmt = p, now, *s.format(view)
	r.eval = types.EvalContext{
		Ctx: ctx, Mem: r.budget, Format: &r.fmt, TransactionTime: s.txn.time, StatementTime: now.UnixMicro(),
		Session: s, Catalog: view,
	}
	r.env = executor.Env{
		Catalog: s.cfg.Catalog, Eval: &r.eval, Params: params, Mem: r.budget, WorkMem: s.derived.workMem,
		TempDir: s.cfg.TempDir, Engine: s.cfg.Engine, Replan: s.replan, Stored: stored{s}, Parallel: s.derived.parallel, Search: s.derived.search, Sessions: s,
	}
	// The first statement of a REPEATABLE READ block says when all of them read,
	// whatever it reads itself.
	if len(p.Tables) > 0 || !p.ReadOnly || s.txn.inBlock() && s.txn.isolation == "repeatable read" {
		store, err := s.store(ctx)
		if err != nil {
			return nil, err
		}
		r.env.Txn, r.eval.Catalog = store, s.view()
		if err := s.prepareRead(ctx, store, p); err != nil {
			return nil, err
		}
		if r.env.Snapshot, err = store.Snapshot(ctx); err != nil {
			return nil, err
		}
	}
	s.txn.used = true
	var err error
	if r.cursor, err = executor.Start(ctx, p, &r.env); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *planRun) next(ctx context.Context) (arrow.Record, error) { return r.cursor.Next(ctx) }

func (r *planRun) tag(dst []byte, rows int64) []byte {
	if !r.plan.Counted {
		return append(dst, r.plan.Tag...)
	}
	if r.plan.Tag != "SELECT" || r.plan.Columns == nil {
		rows = r.cursor.Affected()
	}
	if rows == executor.NothingCreated {
		return append(dst, "CREATE TABLE AS"...)
	}
	return appendCount(append(dst, r.plan.Tag...), rows)
}

// close gives back what the execution holds; r may then be used for another.
func (r *planRun) close() {
	if r.plan == nil {
		return
	}
	r.plan = nil
	if r.cursor != nil {
		if err := r.cursor.Close(); err != nil {
			r.s.cfg.Logger.Warn("closing a statement", "error", err)
		}
		r.cursor = nil
	}
	if r.env.Snapshot != nil {
		r.env.Snapshot.Close()
		r.env.Snapshot = nil
	}
	r.s.stage("execute", r.began)
	r.s.spare = r
}

// replan plans SQL text that a statement needs while it runs: defaults, checks.
func (s *Session) replan(ctx context.Context, text string) (*plan.Statement, error) {
	stmts, err := s.cfg.Parsed.Parse(text)
	if err != nil {
		return nil, err
	}
	if len(stmts) != 1 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "expected one statement")
	}
	return s.planStatement(ctx, stmts[0], nil)
}

// stored binds the expressions of DDL under the session's settings.
type stored struct{ s *Session }

func (d stored) options() planner.Options {
	d.s.refreshDerived()
	view := d.s.view()
	return d.s.planOptions(view, d.s.format(view))
}

// Default is executor.StoredExpressions'.
func (d stored) Default(e ast.Expr, source, column string, t types.T) (string, error) {
	return planner.Default(e, source, column, t, d.options())
}

// Check is executor.StoredExpressions'.
func (d stored) Check(e ast.Expr, source string, table *catalog.Table) (string, error) {
	return planner.Check(e, source, table, d.options())
}

// PartitionExpr is executor.StoredExpressions'.
func (d stored) PartitionExpr(e ast.Expr, source string, table *catalog.Table) (plan.Expr, string, error) {
	return planner.PartitionExpr(e, source, table, d.options())
}

// PartitionKey is executor.StoredExpressions'.
func (d stored) PartitionKey(table *catalog.Table) ([]plan.Expr, error) {
	return planner.PartitionKey(table, d.options())
}

// PartitionBound is executor.StoredExpressions'.
func (d stored) PartitionBound(e ast.Expr, column string, t types.T) (plan.Expr, error) {
	return planner.PartitionBound(e, column, t, d.options())
}

// stage accounts for the time of a stage; slow ones are logged as asked for by
// log_min_duration_statement.
func (s *Session) stage(name string, began time.Time) {
	if least := s.derived.logMin; least >= 0 {
		if took := time.Since(began); took >= least {
			s.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "statement",
				slog.String("stage", name), slog.Duration("took", took), slog.String("query", s.query), slog.Int("pid", int(s.pid)))
		}
	}
}

func paramOIDs(p *plan.Statement) []types.OID {
	if p == nil {
		return nil
	}
	oids := make([]types.OID, len(p.Params))
	for i, t := range p.Params {
		oids[i] = t.OID
	}
	return oids
}

func sameColumns(a, b []plan.OutputColumn) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Type != b[i].Type {
			return false
		}
	}
	return true
}

func resultColumns(columns []plan.OutputColumn) []pgwire.Column {
	if columns == nil {
		return nil
	}
	out := make([]pgwire.Column, len(columns))
	for i, c := range columns {
		out[i] = pgwire.Column{Name: c.Name, Type: c.Type, Table: c.Table, Attribute: c.Attribute}
	}
	return out
}
