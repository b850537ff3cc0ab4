package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

func notAnIndex(name string) error {
	return sqlerr.New(sqlerr.WrongObjectType, "%s is not an index", quoted(name))
}

// lockIndex looks an index up and locks its table; nil when there is none of
// that name.
func (d *ddl) lockIndex(ctx context.Context, r *ast.RangeVar, mode storage.TableLockMode) (*catalog.Index, error) {
	for {
		rel, err := d.find(r)
		if rel == nil || err != nil {
			return nil, err
		}
		index, ok := rel.(*catalog.Index)
		if !ok {
			return nil, notAnIndex(rel.Head().Name)
		}
		if err := d.x.env.Txn.LockTable(ctx, index.Table, mode, storage.WaitBlock); err != nil {
			return nil, err
		}
		d.catalog().Refresh()
		if again, _ := d.find(r); again != nil && again.Head().OID == index.OID {
			return again.(*catalog.Index), nil
		}
	}
}

// dropIndex drops an index; that of a constraint goes with the constraint.
func (d *ddl) dropIndex(index *catalog.Index) error {
	table := d.catalog().Table(index.Table)
	if table != nil && index.Primary {
		return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop index %s because constraint %s on table %s requires it", index.Name, index.Name, table.Name).
			WithHint("You can drop constraint %s on table %s instead.", index.Name, table.Name)
	}
	d.catalog().Drop(index.OID)
	return nil
}

// dropColumnIndexes drops the indexes of a column, those too whose expression or
// predicate reads it.
func (d *ddl) dropColumnIndexes(table *catalog.Table, col *catalog.Column) error {
	for _, index := range d.catalog().Indexes(table.OID) {
		uses, err := indexUses(table, index, col)
		if err != nil {
			return err
		}
		if uses {
			d.catalog().Drop(index.OID)
		}
	}
	return nil
}

// indexUses says whether an index reads a column.
func indexUses(table *catalog.Table, index *catalog.Index, col *catalog.Column) (bool, error) {
	texts := []string{index.Predicate}
	for _, key := range index.Columns {
		if key.Number == col.Number {
			return true, nil
		}
		texts = append(texts, key.Expr)
	}
	for _, text := range texts {
		if text == "" {
			continue
		}
		stmts, err := parse.Parse("SELECT " + text)
		if err != nil {
			return false, err
		}
		for _, name := range columnsNamed(stmts[0].Stmt.(*ast.SelectStmt).Targets[0].Value, table) {
			if name == col.Name {
				return true, nil
			}
		}
	}
	return false, nil
}

// renameInIndexes renames a column in the texts of a table's indexes. table is
// as it was before.
func (d *ddl) renameInIndexes(table *catalog.Table, old, name string) error {
	col := columnNamed(table, old)
	for _, index := range d.catalog().Indexes(table.OID) {
		uses, err := indexUses(table, index, col)
		if err != nil {
			return err
		}
		if !uses {
			continue
		}
		fresh := *index
		fresh.Columns = append([]catalog.IndexColumn(nil), index.Columns...)
		for i := range fresh.Columns {
			if text := &fresh.Columns[i].Expr; *text != "" {
				if *text, err = renameInText(*text, old, name); err != nil {
					return err
				}
			}
		}
		if fresh.Predicate != "" {
			if fresh.Predicate, err = renameInText(fresh.Predicate, old, name); err != nil {
				return err
			}
		}
		if err := d.catalog().Put(&fresh); err != nil {
			return err
		}
	}
	return nil
}
