package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// reindex is REINDEX: vector indexes are built anew under another storage id.
// The index of a primary key is a part of the segments, right as long as they
// are: there is nothing to build.
func (d *ddl) reindex(ctx context.Context, s *ast.ReindexStmt) error {
	mode, command := storage.LockShare, "REINDEX"
	if s.Concurrent {
		mode, command = storage.LockShareUpdateExclusive, "REINDEX CONCURRENTLY"
	}
	switch s.Kind {
	case ast.ObjectIndex:
		index, err := d.lockIndex(ctx, s.Table, mode)
		if err != nil {
			return err
		}
		if index == nil {
			return noRelation(s.Table)
		}
		return d.rebuild(ctx, index, command)
	case ast.ObjectTable:
		return d.reindexTable(ctx, s.Table, mode, command)
	case ast.ObjectSchema:
		schema, err := d.schemaNamed(s.Name, 0)
		if err != nil {
			return err
		}
		return d.reindexSchema(ctx, schema, mode, command)
	}
	if s.Name != "" && s.Name != d.catalog().Database().Name {
		return sqlerr.New(sqlerr.FeatureNotSupported, "can only reindex the currently open database")
	}
	for _, schema := range d.catalog().Schemas() {
		if err := d.reindexSchema(ctx, schema, mode, command); err != nil {
			return err
		}
	}
	return nil
}

func (d *ddl) reindexTable(ctx context.Context, r *ast.RangeVar, mode storage.TableLockMode, command string) error {
	rel, err := d.lockRelation(ctx, r, mode)
	if err != nil {
		return err
	}
	switch rel := rel.(type) {
	case nil:
		return noRelation(r)
	case *catalog.Table:
		return d.rebuildAll(ctx, rel, command)
	case *catalog.Virtual:
		return nil // computed: there are no indexes
	}
	return sqlerr.New(sqlerr.WrongObjectType, "%s is not a table or materialized view", quoted(rel.Head().Name))
}

func (d *ddl) reindexSchema(ctx context.Context, schema *catalog.Schema, mode storage.TableLockMode, command string) error {
	for _, rel := range d.catalog().Relations(schema.OID) {
		table, ok := rel.(*catalog.Table)
		if !ok {
			continue
		}
		if err := d.x.env.Txn.LockTable(ctx, table.OID, mode, storage.WaitBlock); err != nil {
			return err
		}
		d.catalog().Refresh()
		if table = d.catalog().Table(table.OID); table == nil {
			continue // dropped meanwhile
		}
		if err := d.rebuildAll(ctx, table, command); err != nil {
			return err
		}
	}
	return nil
}

func (d *ddl) rebuildAll(ctx context.Context, table *catalog.Table, command string) error {
	for _, index := range d.catalog().Indexes(table.OID) {
		if err := d.rebuild(ctx, index, command); err != nil {
			return err
		}
	}
	return nil
}

// rebuild builds an index whose table is locked, and makes it valid.
func (d *ddl) rebuild(ctx context.Context, index *catalog.Index, command string) error {
	if index.VectorOpclass() == nil {
		return nil
	}
	table := d.catalog().Table(index.Table)
	if err := checkVectorIndex(table, index); err != nil {
		return err
	}
	fresh := *index
	var err error
	if fresh.Storage, err = d.catalog().NewStorageID(ctx); err != nil {
		return err
	}
	fresh.Invalid = false
	if err := d.buildIndex(ctx, table, &fresh, command); err != nil {
		return err
	}
	return d.catalog().Put(&fresh)
}
