package bind

import (
	"quiver/catalog"
	"quiver/planner/logical"
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

// Default binds the DEFAULT of a column as it was written, to be printed. The
// error is "column … is of type …" when the types do not fit.
func Default(e ast.Expr, column string, t types.T, opts Options) (expr plan.Expr, err error) {
	b := newBinder(opts)
	b.written = true
	defer recoverInto(&err)
	expr = b.assignDefault(b.exprs(&scope{}, kindDefault).expr(e), column, t)
	b.checkParams()
	return expr, nil
}

// StoredDefault is Default of a text in the catalog.
func StoredDefault(text, column string, t types.T, opts Options) (expr plan.Expr, err error) {
	b := newBinder(opts)
	b.written = true
	defer recoverInto(&err)
	return b.assignDefault(b.sqlText(text, nil, kindDefault), column, t), nil
}

// Check binds a CHECK constraint as it was written, to be printed, over a scan
// of its table.
func Check(e ast.Expr, table *catalog.Table, opts Options) (scan *logical.Scan, meta *logical.Metadata, cond plan.Expr, err error) {
	return checkOf(table, opts, func(b *binder, sc *scope) plan.Expr { return b.exprs(sc, kindCheck).expr(e) })
}

// StoredCheck is Check of a text in the catalog.
func StoredCheck(text string, table *catalog.Table, opts Options) (scan *logical.Scan, meta *logical.Metadata, cond plan.Expr, err error) {
	return checkOf(table, opts, func(b *binder, sc *scope) plan.Expr { return b.sqlText(text, sc, kindCheck) })
}

func checkOf(table *catalog.Table, opts Options, bound func(*binder, *scope) plan.Expr) (scan *logical.Scan, meta *logical.Metadata, cond plan.Expr, err error) {
	b := newBinder(opts)
	b.written = true
	defer recoverInto(&err)
	scan, it := b.scanTable(table, nil, table.Name)
	cond = b.coerceNamed(bound(b, &scope{items: []*item{it}}), types.Of(types.BoolOID), "CHECK")
	b.checkParams()
	return scan, b.meta, cond, nil
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
