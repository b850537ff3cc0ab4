package executor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// createPartition is CREATE PARTITION p ON t.
func (d *ddl) createPartition(ctx context.Context, s *ast.CreatePartitionStmt) error {
	table, err := d.lockTable(ctx, s.Table, storage.LockShareUpdateExclusive)
	if err != nil {
		return err
	}
	c := &partitionCreation{ddl: d, table: table, name: s.Name, schema: table.Schema, bound: s.Bound, options: s.Options, ifNotExists: s.IfNotExists}
	own := schemaName(d.x, table)
	switch {
	case s.Schema != "" && s.Schema != own:
		return sqlerr.Unsupported("a partition in schema %s of a table in schema %s", quoted(s.Schema), quoted(own)).At(s.NamePos)
	case s.Name == catalog.DefaultPartition:
		return sqlerr.New(sqlerr.ReservedName, "partition name %s is reserved", quoted(s.Name)).At(s.NamePos)
	case s.Bound == nil && table.PartitionKey != nil:
		return sqlerr.New(sqlerr.InvalidTableDefinition, "a partition of the partitioned table %s needs FOR VALUES or DEFAULT", quoted(table.Name)).At(s.NamePos)
	}
	return c.create(ctx)
}

// createPartitionOf is CREATE TABLE p PARTITION OF t.
func (d *ddl) createPartitionOf(ctx context.Context, s *ast.CreateTableStmt, schema *catalog.Schema) error {
	if s.PartitionBy != nil {
		return sqlerr.Unsupported("sub-partitioning").At(s.PartitionBy.Position())
	}
	rel, err := d.lockRelation(ctx, s.Parent, storage.LockShareUpdateExclusive)
	if err != nil {
		return err
	}
	switch rel := rel.(type) {
	case nil:
		return noRelation(s.Parent)
	case *catalog.Table:
		c := &partitionCreation{ddl: d, table: rel, name: s.Table.Name, schema: schema.OID, bound: s.Bound, options: s.Options, ifNotExists: s.IfNotExists}
		return c.create(ctx)
	case *catalog.Virtual:
		return isSystemCatalog(rel.Name)
	}
	return notPartitioned(rel.Head().Name)
}

func notPartitioned(name string) error {
	return sqlerr.New(sqlerr.InvalidObjectDefinition, "%s is not partitioned", quoted(name))
}

// partitionCreation makes one partition of a table that is locked.
type partitionCreation struct {
	*ddl
	table       *catalog.Table
	name        string
	schema      catalog.OID
	bound       *ast.PartitionBound // nil: the partition takes the rows that name it
	options     []*ast.Option
	ifNotExists bool
	// kept is what the partition has of a table that becomes it; nil for nothing.
	kept *catalog.Partition
}

func (c *partitionCreation) create(ctx context.Context) error {
	if err := c.lockName(ctx, c.schema, c.name); err != nil {
		return err
	}
	if c.catalog().Relation(c.schema, c.name) != nil {
		if c.ifNotExists {
			c.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(c.name))
			return nil
		}
		return duplicateRelation(c.name)
	}
	_, err := c.add(ctx)
	return err
}

// add checks the bound and puts the partition.
func (c *partitionCreation) add(ctx context.Context) (*catalog.Partition, error) {
	p := &catalog.Partition{}
	if c.kept != nil {
		*p = *c.kept
	}
	p.Name, p.Schema = c.name, c.schema
	if err := partitionParameters.set(&parameterTarget{options: &p.Options}, c.options, true); err != nil {
		return nil, err
	}
	if c.bound == nil {
		return p, c.catalog().AddPartition(ctx, c.table, p)
	}
	if c.table.PartitionKey == nil {
		return nil, notPartitioned(c.table.Name)
	}
	var err error
	if p.Bound, err = c.ddl.bound(c.table, c.name, c.bound); err != nil {
		return nil, err
	}
	if err := c.replaceAutomatic(ctx); err != nil {
		return nil, err
	}
	if err := c.checkBound(c.table, c.name, p.Bound, c.bound); err != nil {
		return nil, err
	}
	other := c.catalog().DefaultOf(c.table.OID)
	if err := c.catalog().AddPartition(ctx, c.table, p); err != nil {
		return nil, err
	}
	if other != nil {
		err = c.checkDefault(ctx, other)
	}
	return p, err
}

// replaceAutomatic drops the automatic partitions of a table, as long as they are
// empty, before the first one that is made.
func (c *partitionCreation) replaceAutomatic(ctx context.Context) error {
	key := c.table.PartitionKey
	if key.Automatic == 0 {
		return nil
	}
	if key.Fixed {
		return sqlerr.New(sqlerr.WrongObjectType, "table %s has automatic partitions", quoted(c.table.Name)).
			WithHint("Create a table without the parameter \"partitions\" to make partitions one by one.")
	}
	if err := c.x.env.Txn.LockTable(ctx, c.table.OID, storage.LockAccessExclusive, storage.WaitBlock); err != nil {
		return err
	}
	filled, err := c.hasRows(ctx, c.table)
	if err != nil {
		return err
	}
	if filled {
		return sqlerr.New(sqlerr.ObjectInUse, "the automatic partitions of table %s have rows", quoted(c.table.Name)).
			WithHint("Partitions are made one by one only while the table is empty.")
	}
	for _, p := range c.catalog().Partitions(c.table.OID) {
		c.catalog().Drop(p.OID)
	}
	c.table, err = c.update(c.table, func(t *catalog.Table) {
		explicit := *key
		explicit.Automatic = 0
		t.PartitionKey = &explicit
	})
	return err
}

// checkDefault refuses a new partition that takes rows which lie in the default
// one. Writers are kept away meanwhile.
func (c *partitionCreation) checkDefault(ctx context.Context, other *catalog.Partition) error {
	if err := c.x.env.Txn.LockTable(ctx, c.table.OID, storage.LockAccessExclusive, storage.WaitBlock); err != nil {
		return err
	}
	stays, err := c.allBelong(ctx, c.table, other)
	if err != nil || stays {
		return err
	}
	return sqlerr.New(sqlerr.CheckViolation, "updated partition constraint for default partition %s would be violated by some row", quoted(other.Name)).
		WithTable(schemaNamed(c.catalog(), other.Schema), other.Name)
}

// allBelong says whether the rows of a partition belong to it.
func (d *ddl) allBelong(ctx context.Context, table *catalog.Table, p *catalog.Partition) (bool, error) {
	stmt, err := d.x.env.Replan(ctx, "SELECT "+partitionKeyColumns(table)+" FROM "+d.qualified(p.Schema, p.Name))
	if err != nil {
		return false, err
	}
	key, err := d.x.env.Stored.PartitionKey(table)
	if err != nil {
		return false, err
	}
	r, err := (&builder{x: d.x}).newRouter(table, nil, key)
	if err != nil {
		return false, err
	}
	belong := true
	var failed error
	err = d.runQuery(ctx, stmt, func(b *batch) {
		places, err := r.places(b)
		if err != nil {
			failed = err
		}
		for _, place := range places {
			belong = belong && place != nil && place.OID == p.OID
		}
	})
	return belong, errors.Join(err, failed)
}

// partitionKeyColumns is a select list of a table's columns, nulls in place of those
// that its partition key does not need.
func partitionKeyColumns(table *catalog.Table) string {
	list := make([]string, 0, len(table.Columns))
	for _, c := range liveColumns(table) {
		needed := slices.ContainsFunc(table.PartitionKey.Columns, func(k catalog.PartitionKeyColumn) bool {
			return k.Number == c.Number || slices.Contains(k.Uses, c.Number)
		})
		if needed {
			list = append(list, identifier(c.Name))
		} else {
			list = append(list, "NULL::"+types.FormatType(c.Type))
		}
	}
	return strings.Join(list, ", ")
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
	schema := d.catalog().SchemaByOID(table.Schema)
	if s.Schema != "" {
		schema = d.catalog().SchemaByName(s.Schema)
	}
	var p *catalog.Partition
	ok := false
	if schema != nil {
		p, ok = d.catalog().Relation(schema.OID, s.Name).(*catalog.Partition)
	}
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
