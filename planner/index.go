package planner

import (
	"quiver/catalog"
	"quiver/planner/bind"
	"quiver/planner/explain"
	"quiver/planner/logical"
	"quiver/planner/physical"
	"quiver/planner/plan"
	"quiver/sql/ast"
)

// The table locks of CREATE INDEX, numbered as storage.TableLockMode.
const (
	lockShareUpdateExclusive = 4
	lockShare                = 5
)

// indexLock is the table lock that CREATE INDEX takes: writers wait, unless it
// is built concurrently.
func indexLock(s *ast.CreateIndexStmt) int {
	if s.Concurrent {
		return lockShareUpdateExclusive
	}
	return lockShare
}

// indexDefinition binds the expressions of a CREATE INDEX.
func indexDefinition(s *ast.CreateIndexStmt, opts Options) (*plan.IndexDefinition, error) {
	bound, err := bind.CreateIndex(s, opts.bind())
	if err != nil || bound.Table == nil {
		return &plan.IndexDefinition{}, err
	}
	one := func(e plan.Expr, name string) *plan.IndexExpr {
		if e == nil {
			return nil
		}
		x := &plan.IndexExpr{Expr: physical.Over(bound.Scan.Out, bound.Meta, e), Name: name}
		x.Text = explain.Stored(x.Expr, storedFormat(opts.View))
		if r, ok := e.(*logical.Ref); ok {
			x.Column = columnOf(bound.Table, bound.Scan.FieldOf(r.ID).Field)
		}
		return x
	}
	def := &plan.IndexDefinition{Table: bound.Table, Predicate: one(bound.Predicate, "")}
	for i, e := range bound.Columns {
		def.Columns = append(def.Columns, one(e, bound.Names[i]))
	}
	return def, nil
}

func columnOf(t *catalog.Table, field catalog.FieldID) *catalog.Column {
	for i := range t.Columns {
		if t.Columns[i].Field == field {
			return &t.Columns[i]
		}
	}
	return nil
}

// IndexKey binds what an index of table holds of a row, from the texts in its
// descriptor.
func IndexKey(view catalog.View, table *catalog.Table, index *catalog.Index) (*plan.IndexKey, error) {
	scan, meta := bind.NewScan(table)
	key, predicate, err := bind.IndexExprs(index, scan, meta, storedOptions(view))
	if err != nil {
		return nil, err
	}
	used := logical.Columns(key)
	if predicate != nil {
		used.AddAll(logical.Columns(predicate))
	}
	out := &plan.IndexKey{}
	var ids []logical.ColID
	for _, c := range scan.Cols {
		if used.Has(c.ID) {
			ids = append(ids, c.ID)
			out.Fields = append(out.Fields, c.Field)
		}
	}
	out.Key, out.Predicate = physical.Over(ids, meta, key), physical.Over(ids, meta, predicate)
	return out, nil
}
