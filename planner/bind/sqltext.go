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

// PartitionBound binds a value of FOR VALUES, of the type of the partition key's
// column.
func PartitionBound(e ast.Expr, column string, t types.T, opts Options) (expr plan.Expr, err error) {
	b := newBinder(opts)
	defer recoverInto(&err)
	bound := b.exprs(&scope{}, kindPartitionBound).expr(e)
	expr, ok := b.coerce(bound, types.Of(t.OID), coerceAssignment, b.loc(bound))
	if !ok {
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "specified value cannot be cast to type %s for column \"%s\"", typeName(t), column).
			At(b.place(e.Position())))
	}
	b.checkParams()
	return expr, nil
}

// PartitionExpr binds an expression of PARTITION BY over a scan of its table.
func PartitionExpr(e ast.Expr, table *catalog.Table, opts Options) (scan *logical.Scan, meta *logical.Metadata, expr plan.Expr, err error) {
	return partitionExpr(table, opts, func(b *binder, sc *scope) plan.Expr { return b.exprs(sc, kindPartitionKey).expr(e) })
}

// StoredPartitionExpr is PartitionExpr of a text in the catalog.
func StoredPartitionExpr(text string, table *catalog.Table, opts Options) (scan *logical.Scan, meta *logical.Metadata, expr plan.Expr, err error) {
	return partitionExpr(table, opts, func(b *binder, sc *scope) plan.Expr { return b.sqlText(text, sc, kindPartitionKey) })
}

func partitionExpr(table *catalog.Table, opts Options, bound func(*binder, *scope) plan.Expr) (scan *logical.Scan, meta *logical.Metadata, expr plan.Expr, err error) {
	b := newBinder(opts)
	b.written = true
	defer recoverInto(&err)
	scan, it := b.scanTable(table, nil, table.Name)
	expr = b.typed(bound(b, &scope{items: []*item{it}}))
	b.checkParams()
	return scan, b.meta, expr, nil
}

// PartitionKey binds the partition key of a table over a scan of it.
func PartitionKey(table *catalog.Table, opts Options) (scan *logical.Scan, meta *logical.Metadata, exprs []plan.Expr, err error) {
	b := newBinder(opts)
	defer recoverInto(&err)
	scan, _ = b.scanTable(table, nil, table.Name)
	return scan, b.meta, b.partitionKey(&target{table: table, live: liveColumns(table)}, scan.Out), nil
}

// PartitionKeyOver binds the partition key of a scan's table over the scan.
func PartitionKeyOver(scan *logical.Scan, meta *logical.Metadata, opts Options) (exprs []plan.Expr, err error) {
	b := newBinder(opts)
	defer recoverInto(&err)
	b.meta = meta
	live := liveColumns(scan.Table)
	row := make([]logical.ColID, len(live))
	for i, c := range live {
		for _, col := range scan.Cols {
			if col.Field == c.Field {
				row[i] = col.ID
			}
		}
	}
	return b.partitionKey(&target{table: scan.Table, live: live}, row), nil
}

// partitionKey binds the partition key of a table over its row: an expression for
// each column of the key; nil for a table without.
func (b *binder) partitionKey(t *target, row []logical.ColID) []plan.Expr {
	key := t.table.PartitionKey
	if key == nil {
		return nil
	}
	it := &item{name: t.table.Name, named: true, open: true, relation: t.table}
	for i, c := range t.live {
		it.cols = append(it.cols, itemCol{name: c.Name, id: row[i]})
	}
	exprs := make([]plan.Expr, len(key.Columns))
	for k, c := range key.Columns {
		if c.Number == 0 {
			exprs[k] = b.typed(b.sqlText(c.Expr, &scope{items: []*item{it}}, kindPartitionKey))
			continue
		}
		for i, column := range t.live {
			if column.Number == c.Number {
				exprs[k] = b.meta.Ref(row[i])
			}
		}
	}
	return exprs
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
