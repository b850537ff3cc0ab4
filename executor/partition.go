package executor

import (
	"context"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// createPartition is CREATE PARTITION p ON t.
func (d *ddl) createPartition(ctx context.Context, s *ast.CreatePartitionStmt) error {
	if s.Bounds != "" {
		clause := "FOR VALUES"
		if strings.EqualFold(s.Bounds, "default") {
			clause = "DEFAULT"
		}
		return sqlerr.Unsupported("%s in CREATE PARTITION", clause).At(s.NamePos)
	}
	if s.Options != "" {
		return sqlerr.Unsupported("WITH in CREATE PARTITION").At(s.NamePos)
	}
	table, err := d.lockTable(ctx, s.Table, storage.LockShareUpdateExclusive)
	if err != nil {
		return err
	}
	if s.Name == catalog.DefaultPartition {
		return sqlerr.New(sqlerr.ReservedName, "partition name %s is reserved", quoted(s.Name)).At(s.NamePos)
	}
	if err := d.lockName(ctx, table.Schema, s.Name); err != nil {
		return err
	}
	if d.catalog().Relation(table.Schema, s.Name) != nil {
		if s.IfNotExists {
			d.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(s.Name))
			return nil
		}
		return duplicateRelation(s.Name)
	}
	_, err = d.catalog().CreatePartition(ctx, table, s.Name)
	return err
}

// dropPartition is DROP PARTITION p ON t: its rows go with it.
func (d *ddl) dropPartition(ctx context.Context, s *ast.DropPartitionStmt) error {
	if s.IfExists {
		if rel, err := d.find(s.Table); err != nil || rel == nil {
			d.notice(sqlerr.SuccessfulCompletion, "relation %s does not exist, skipping", quoted(rangeName(s.Table)))
			return err
		}
	}
	table, err := d.lockTable(ctx, s.Table, storage.LockAccessExclusive)
	if err != nil {
		return err
	}
	if s.Name == catalog.DefaultPartition {
		return sqlerr.New(sqlerr.WrongObjectType, "the default partition of table %s cannot be dropped", quoted(table.Name)).At(s.NamePos)
	}
	p, ok := d.catalog().Relation(table.Schema, s.Name).(*catalog.Partition)
	if !ok || p.Table != table.OID {
		if s.IfExists {
			d.notice(sqlerr.SuccessfulCompletion, "partition %s of table %s does not exist, skipping", quoted(s.Name), quoted(table.Name))
			return nil
		}
		return sqlerr.New(sqlerr.UndefinedTable, "partition %s of table %s does not exist", quoted(s.Name), quoted(table.Name)).At(s.NamePos)
	}
	d.catalog().Drop(p.OID)
	return nil
}
