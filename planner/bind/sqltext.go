package bind

import (
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// sqlText binds an expression that the catalog keeps as text: a default or a
// check. Its places mean nothing to the client, so errors carry none.
func (b *binder) sqlText(text string, s *scope, kind exprKind) plan.Expr {
	stmts, err := parse.Parse("SELECT " + text)
	if err != nil {
		b.failAt(err, 0)
	}
	sel, ok := stmts[0].Stmt.(*ast.SelectStmt)
	if len(stmts) != 1 || !ok || len(sel.Targets) != 1 {
		fail(sqlerr.New(sqlerr.DataCorrupted, "the catalog holds a malformed expression: %s", text))
	}
	if s == nil {
		s = &scope{}
	}
	quiet := b.quiet
	b.quiet = true
	defer func() { b.quiet = quiet }()
	return b.exprs(s, kind).expr(sel.Targets[0].Value)
}

// Expression binds a standalone expression to a type: DDL checks a DEFAULT this
// way before storing its text. The error is "column … is of type …" when the
// types do not fit.
func Expression(e ast.Expr, column string, t types.T, opts Options) (expr plan.Expr, err error) {
	b := newBinder(opts)
	defer recoverInto(&err)
	x := b.exprs(&scope{}, kindDefault)
	expr = b.assignDefault(x.expr(e), column, t)
	b.checkParams()
	return expr, nil
}

// assignDefault is assign with the message of a DEFAULT clause.
func (b *binder) assignDefault(e plan.Expr, column string, t types.T) plan.Expr {
	out, ok := b.coerce(e, t, coerceAssignment, b.loc(e))
	if !ok {
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but default expression is of type %s",
			column, typeName(types.Of(t.OID)), typeName(types.Of(e.Type().OID))).
			WithHint("You will need to rewrite or cast the expression."))
	}
	return out
}
