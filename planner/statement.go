package planner

import (
	"context"

	"quiver/planner/bind"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// describe fills in what clients and sessions learn of a statement: its tag and
// the shape of its result.
func describe(s ast.Stmt, b *bind.Bound) *plan.Statement {
	out := &plan.Statement{Params: b.Params, ReadOnly: b.ReadOnly, Tables: b.Tables, Counted: true}
	switch s.(type) {
	case *ast.SelectStmt:
		out.Tag = "SELECT"
	case *ast.InsertStmt:
		out.Tag = "INSERT 0"
	case *ast.UpdateStmt:
		out.Tag = "UPDATE"
	case *ast.DeleteStmt:
		out.Tag = "DELETE"
	}
	_, isSelect := s.(*ast.SelectStmt)
	if isSelect {
		out.Columns = []plan.OutputColumn{}
	}
	for _, o := range b.Output {
		c := b.Meta.Column(o.ID)
		out.Columns = append(out.Columns, plan.OutputColumn{Name: o.Name, Type: c.Type, Table: c.Table, Attribute: c.Attribute})
	}
	return out
}

// planUtility wraps a statement that the executor runs from its tree.
func planUtility(ctx context.Context, stmt *ast.Statement, opts Options) (*plan.Statement, error) {
	if u, ok := stmt.Stmt.(*ast.UnsupportedStmt); ok {
		return nil, sqlerr.Unsupported("%s", u.Feature)
	}
	call, isCall := stmt.Stmt.(*ast.CallStmt)
	if stmt.Params > 0 && !isCall {
		return nil, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", stmt.Params)
	}
	node := &plan.Utility{Stmt: stmt.Stmt, Text: stmt.Text}
	out := &plan.Statement{Root: node, Tag: Tag(stmt.Stmt), ReadOnly: readOnlyUtility(stmt.Stmt)}
	if create, ok := stmt.Stmt.(*ast.CreateTableStmt); ok && create.As != nil {
		query, err := Plan(ctx, &ast.Statement{Stmt: create.As, Text: stmt.Text}, opts)
		if err != nil {
			return nil, err
		}
		node.Query, node.QueryColumns = query.Root, query.Columns
		out.Tables, out.Failure = query.Tables, query.Failure
		if create.WithData {
			out.Tag, out.Counted = "SELECT", true
		}
	}
	if isCall {
		args, err := planCall(ctx, stmt, call.Call, opts)
		if err != nil {
			return nil, err
		}
		node.Query, node.QueryColumns = args.Root, args.Columns
		out.Params, out.Failure = args.Params, args.Failure
	}
	if create, ok := stmt.Stmt.(*ast.CreateIndexStmt); ok {
		var err error
		if node.Index, err = indexDefinition(create, opts); err != nil {
			return nil, err
		}
		if t := node.Index.Table; t != nil {
			out.Tables = []plan.TableUse{{OID: t.OID, Version: t.Version, Lock: indexLock(create)}}
		}
	}
	if opts.View != nil {
		out.Stamp = opts.View.Stamp()
	}
	return out, nil
}

// readOnlyUtility: what a read-only transaction may run.
func readOnlyUtility(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.TransactionStmt, *ast.SetStmt, *ast.ShowStmt, *ast.PrepareStmt, *ast.ExecuteStmt, *ast.DeallocateStmt, *ast.DiscardStmt,
		*ast.DeclareCursorStmt, *ast.FetchStmt, *ast.CloseStmt, *ast.ListenStmt, *ast.UnlistenStmt, *ast.NotifyStmt:
		return true
	case *ast.CopyStmt:
		return !s.From
	case *ast.CheckpointStmt:
		return len(s.Tables) == 0 // those are looked up in a transaction
	}
	return false
}
