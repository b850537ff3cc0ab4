package bind

import (
	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/types"
)

// IndexStatement is a CREATE INDEX bound: its expressions over a scan of the
// table.
type IndexStatement struct {
	Table *catalog.Table // nil when the statement names none
	Scan  *logical.Scan
	Meta  *logical.Metadata
	// Columns has an element a column of the statement, nil for plain ones;
	// Names what the expressions are called in the index.
	Columns   []plan.Expr
	Names     []string
	Predicate plan.Expr
}

// CreateIndex binds the expressions and the condition of CREATE INDEX. What it
// is about, and whether it may be indexed, is the executor's to check.
func CreateIndex(s *ast.CreateIndexStmt, opts Options) (bound *IndexStatement, err error) {
	b := newBinder(opts)
	b.written = true
	defer recoverInto(&err)
	table, ok := catalog.Follow(b.View, b.findRelation(s.Table)).(*catalog.Table)
	if !ok {
		return &IndexStatement{}, nil
	}
	bound = &IndexStatement{Table: table, Meta: b.meta}
	scan, it := b.scanTable(table, nil, table.Name)
	bound.Scan = scan
	sc := &scope{items: []*item{it}}
	for _, c := range s.Columns {
		var e plan.Expr
		name := c.Column
		if c.Expr != nil {
			e = b.typed(b.exprs(sc, kindIndexExpr).expr(c.Expr))
			if name, _ = figure(c.Expr); name == "" {
				name = "expr"
			}
		}
		bound.Columns, bound.Names = append(bound.Columns, e), append(bound.Names, name)
	}
	if s.Where != nil {
		bound.Predicate = b.exprs(sc, kindIndexPredicate).boolean(s.Where, "WHERE")
	}
	b.checkParams()
	return bound, nil
}

// IndexExprs binds what an index holds over a scan of its table: its key
// column, and its predicate, nil without one.
func IndexExprs(index *catalog.Index, scan *logical.Scan, meta *logical.Metadata, opts Options) (key, predicate plan.Expr, err error) {
	b := newBinder(opts)
	defer recoverInto(&err)
	b.meta = meta
	it := &item{name: scan.Table.Name, named: true, open: true, relation: scan.Table}
	for _, c := range liveColumns(scan.Table) {
		for _, col := range scan.Cols {
			if col.Field != c.Field {
				continue
			}
			it.cols = append(it.cols, itemCol{name: c.Name, id: col.ID})
			if c.Number == index.Columns[0].Number {
				key = meta.Ref(col.ID)
			}
		}
	}
	sc := &scope{items: []*item{it}}
	if index.Columns[0].Expr != "" {
		key = b.indexKey(index, sc)
	}
	return key, b.indexPredicate(index, sc), nil
}

func (b *binder) indexKey(index *catalog.Index, sc *scope) plan.Expr {
	return b.typed(b.sqlText(index.Columns[0].Expr, sc, kindIndexExpr))
}

// indexPredicate binds the condition of a partial index; nil for others.
func (b *binder) indexPredicate(index *catalog.Index, sc *scope) plan.Expr {
	if index.Predicate == "" {
		return nil
	}
	return b.coerceNamed(b.sqlText(index.Predicate, sc, kindIndexPredicate), types.Of(types.BoolOID), "WHERE")
}

// indexChecks are conditions that hold for every row for which the expressions
// of the table's indexes can be computed: a row for which they fail is refused
// when it is written, not when an index is built over it.
func (b *binder) indexChecks(t *target, sc *scope) []plan.Check {
	var checks []plan.Check
	for _, index := range b.View.Indexes(t.table.OID) {
		var cond plan.Expr
		if index.Columns[0].Expr != "" {
			cond = &plan.IsNull{Typed: boolean(), Arg: b.indexKey(index, sc)}
		}
		if p := b.indexPredicate(index, sc); p != nil && cond != nil {
			cond = &plan.Bool{Typed: boolean(), Op: plan.And, Args: []plan.Expr{p, cond}}
		} else if p != nil {
			cond = p
		}
		if cond != nil {
			yes := b.parseConst("true", types.Of(types.BoolOID), 0)
			checks = append(checks, plan.Check{Name: index.Name, Cond: &plan.Case{
				Typed: boolean(), Conds: []plan.Expr{cond}, Results: []plan.Expr{yes}, Else: yes,
			}})
		}
	}
	return checks
}

// NewScan makes a scan of all columns of a table.
func NewScan(table *catalog.Table) (*logical.Scan, *logical.Metadata) {
	b := newBinder(Options{})
	scan, _ := b.scanTable(table, nil, table.Name)
	return scan, b.meta
}
