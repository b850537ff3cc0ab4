package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// createAlias is CREATE ALIAS a FOR t.
func (d *ddl) createAlias(ctx context.Context, s *ast.CreateAliasStmt) error {
	schema, err := d.creationSchema(s.Alias)
	if err != nil {
		return err
	}
	// The table cannot be dropped before this commits.
	table, err := d.lockTable(ctx, s.Table, storage.LockAccessShare)
	if err != nil {
		return err
	}
	if err := d.lockName(ctx, schema.OID, s.Alias.Name); err != nil {
		return err
	}
	if d.catalog().Relation(schema.OID, s.Alias.Name) != nil {
		if s.IfNotExists {
			d.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(s.Alias.Name))
			return nil
		}
		return duplicateRelation(s.Alias.Name)
	}
	oid, err := d.catalog().NewOID(ctx)
	if err != nil {
		return err
	}
	return d.catalog().CreateAlias(oid, schema, s.Alias.Name, table)
}

// alterAlias is ALTER ALIAS a FOR t. Statements take no lock on an alias: each
// follows it as its view of the catalog has it, so whatever commits with the
// switch is seen with it, and nobody waits.
func (d *ddl) alterAlias(ctx context.Context, s *ast.AlterAliasStmt) error {
	alias, err := d.lockAlias(ctx, s.Alias)
	if err != nil {
		return err
	}
	if alias == nil {
		return d.noAlias(s.Alias, s.IfExists)
	}
	table, err := d.lockTable(ctx, s.Table, storage.LockAccessShare)
	if err != nil {
		return err
	}
	fresh := *alias
	fresh.Table = table.OID
	return d.catalog().Put(&fresh)
}

// dropAliases is DROP ALIAS a, ….
func (d *ddl) dropAliases(ctx context.Context, s *ast.DropAliasStmt) error {
	for _, r := range s.Aliases {
		alias, err := d.lockAlias(ctx, r)
		if err != nil {
			return err
		}
		if alias == nil {
			if err := d.noAlias(r, s.IfExists); err != nil {
				return err
			}
			continue
		}
		d.catalog().Drop(alias.OID)
	}
	return nil
}

// lockAlias looks an alias up and keeps others from changing it; nil when the
// name is not there or another relation's.
func (d *ddl) lockAlias(ctx context.Context, r *ast.RangeVar) (*catalog.Alias, error) {
	for {
		rel, err := d.named(r)
		alias, ok := rel.(*catalog.Alias)
		if !ok || err != nil {
			return nil, err
		}
		if err := d.x.env.Txn.LockTable(ctx, alias.OID, storage.LockAccessExclusive, storage.WaitBlock); err != nil {
			return nil, err
		}
		d.catalog().Refresh()
		again, err := d.named(r)
		if err != nil {
			return nil, err
		}
		if again, ok := again.(*catalog.Alias); ok && again.OID == alias.OID {
			return again, nil
		}
	}
}

// noAlias answers for a name that is no alias.
func (d *ddl) noAlias(r *ast.RangeVar, ifExists bool) error {
	rel, err := d.named(r)
	if err != nil {
		return err
	}
	if rel != nil {
		return sqlerr.New(sqlerr.WrongObjectType, "%s is not an alias", quoted(rel.Head().Name))
	}
	if !ifExists {
		return sqlerr.New(sqlerr.UndefinedTable, "alias %s does not exist", quoted(rangeName(r)))
	}
	d.notice(sqlerr.SuccessfulCompletion, "alias %s does not exist, skipping", quoted(rangeName(r)))
	return nil
}

// renameAlias is ALTER TABLE a RENAME TO, which is about the alias itself as it is
// for a view.
func (d *ddl) renameAlias(ctx context.Context, alias *catalog.Alias, name string) error {
	if err := d.lockName(ctx, alias.Schema, name); err != nil {
		return err
	}
	if d.catalog().Relation(alias.Schema, name) != nil {
		return duplicateRelation(name)
	}
	fresh := *alias
	fresh.Name = name
	return d.catalog().Put(&fresh)
}

// dependentAliases answers for the aliases of a table that is to be dropped: they
// go with it by CASCADE alone.
func (d *ddl) dependentAliases(table *catalog.Table, cascade bool) error {
	aliases := d.catalog().Aliases(table.OID)
	if len(aliases) == 0 {
		return nil
	}
	if !cascade {
		detail := ""
		for i, a := range aliases {
			if i > 0 {
				detail += "\n"
			}
			detail += "alias " + a.Name + " depends on table " + table.Name
		}
		return dependents("table "+table.Name, detail)
	}
	if len(aliases) == 1 {
		d.notice(sqlerr.SuccessfulCompletion, "drop cascades to alias %s", aliases[0].Name)
	} else {
		d.notice(sqlerr.SuccessfulCompletion, "drop cascades to %d other objects", len(aliases))
	}
	return nil
}
