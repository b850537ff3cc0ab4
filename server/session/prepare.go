package session

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/typename"
	"quiver/sql/types"
)

// prepareStmt is PREPARE.
func (s *Session) prepareStmt(ctx context.Context, st *ast.Statement, v *ast.PrepareStmt) error {
	if s.statements[v.Name] != nil {
		return sqlerr.New(sqlerr.DuplicatePreparedStatement, `prepared statement "%s" already exists`, v.Name)
	}
	switch v.Query.(type) {
	case *ast.SelectStmt, *ast.InsertStmt, *ast.UpdateStmt, *ast.DeleteStmt:
	default:
		return sqlerr.New(sqlerr.InvalidPreparedStatementDefinition, "utility statements cannot be prepared")
	}
	p := &prepared{
		name: v.Name, text: s.query, fromSQL: true, made: time.Now(),
		stmt: &ast.Statement{Stmt: v.Query, Text: v.QueryText, Params: st.Params},
	}
	for _, t := range v.Types {
		resolved, err := typename.Resolve(t)
		if err != nil {
			return err
		}
		p.given = append(p.given, resolved.OID)
	}
	if err := s.analyze(ctx, p); err != nil {
		return err
	}
	s.statements[v.Name] = p
	return nil
}

// deallocate is DEALLOCATE name or ALL.
func (s *Session) deallocate(v *ast.DeallocateStmt) (string, error) {
	if v.Name == "" {
		clear(s.statements)
		return "DEALLOCATE ALL", nil
	}
	if _, err := s.statement(v.Name); err != nil {
		return "", err
	}
	delete(s.statements, v.Name)
	return "DEALLOCATE", nil
}

// executeStmt is EXECUTE name (args): the arguments are computed, then the
// statement starts like any prepared one.
func (s *Session) executeStmt(ctx context.Context, v *ast.ExecuteStmt) (execution, []pgwire.Column, error) {
	p, err := s.executed(v)
	if err != nil {
		return nil, nil, err
	}
	if p.stmt == nil {
		return &action{run: func(context.Context) (string, error) { return "", nil }}, nil, nil
	}
	if err := s.replanStale(ctx, p); err != nil {
		return nil, nil, err
	}
	params, err := s.arguments(ctx, v.Args, p.params)
	if err != nil {
		return nil, nil, err
	}
	exec, _, err := s.start(ctx, p.stmt, p.plan, params)
	if err != nil {
		releaseArrays(params)
		return nil, nil, err
	}
	return &withParams{exec, params}, p.columns, nil
}

// executed is the prepared statement that EXECUTE names.
func (s *Session) executed(v *ast.ExecuteStmt) (*prepared, error) {
	p, err := s.statement(v.Name)
	if err != nil {
		return nil, err
	}
	if len(v.Args) != len(p.params) && p.stmt != nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, `wrong number of parameters for prepared statement "%s"`, v.Name).
			WithDetail("Expected %d parameters but got %d.", len(p.params), len(v.Args))
	}
	return p, nil
}

// planExplainExecute plans EXPLAIN EXECUTE as EXPLAIN of the prepared statement.
func (s *Session) planExplainExecute(ctx context.Context, st *ast.Statement, v *ast.ExplainStmt, e *ast.ExecuteStmt) (*plan.Statement, error) {
	p, err := s.executed(e)
	if err != nil {
		return nil, err
	}
	if p.plan == nil {
		return nil, sqlerr.Unsupported("EXPLAIN of this prepared statement")
	}
	return s.planStatement(ctx, explained(st, v, p), paramOIDs(p.plan))
}

func explained(st *ast.Statement, v *ast.ExplainStmt, p *prepared) *ast.Statement {
	return &ast.Statement{Stmt: &ast.ExplainStmt{Node: v.Node, Options: v.Options, Query: p.stmt.Stmt}, Text: st.Text, Params: p.stmt.Params}
}

// explainExecute is EXPLAIN EXECUTE.
func (s *Session) explainExecute(ctx context.Context, st *ast.Statement, v *ast.ExplainStmt, e *ast.ExecuteStmt) (execution, []pgwire.Column, error) {
	planned, err := s.planExplainExecute(ctx, st, v, e)
	if err != nil {
		return nil, nil, err
	}
	params, err := s.arguments(ctx, e.Args, planned.Params)
	if err != nil {
		return nil, nil, err
	}
	exec, _, err := s.start(ctx, explained(st, v, s.statements[e.Name]), planned, params)
	if err != nil {
		releaseArrays(params)
		return nil, nil, err
	}
	return &withParams{exec, params}, resultColumns(planned.Columns), nil
}

// withParams is an execution that owns its parameters.
type withParams struct {
	execution
	params []arrow.Array
}

func (w *withParams) close() {
	w.execution.close()
	releaseArrays(w.params)
	w.params = nil
}

func releaseArrays(arrays []arrow.Array) {
	for _, a := range arrays {
		a.Release()
	}
}

// arguments computes expressions without a table, each cast to a type: it runs
// SELECT CAST(a AS t), ….
func (s *Session) arguments(ctx context.Context, args []ast.Expr, want []types.T) ([]arrow.Array, error) {
	if len(args) == 0 {
		return nil, nil
	}
	query := &ast.SelectStmt{}
	for i, arg := range args {
		typ := want[i].Type()
		query.Targets = append(query.Targets, &ast.ResTarget{Value: &ast.Cast{
			Pos: ast.Pos(arg.Position()), Arg: arg, Type: &ast.TypeName{Names: []string{typ.Name}},
		}})
	}
	p, err := s.planStatement(ctx, &ast.Statement{Stmt: query}, nil)
	if err != nil {
		return nil, err
	}
	run, err := s.execute(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	defer run.close()
	rec, err := run.next(ctx)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	values := make([]arrow.Array, len(args))
	for i, c := range rec.Columns() {
		c.Retain()
		values[i] = c
	}
	return values, nil
}
