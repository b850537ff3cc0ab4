package executor

import (
	"context"
	"errors"
	"slices"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// attachPartition is ALTER TABLE … ATTACH PARTITION. Rows belong to the storage of
// their table, under which their ids are unique: those of the table attached are
// written anew.
func (d *ddl) attachPartition(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	if table.PartitionKey == nil {
		return tableNotPartitioned(table.Name)
	}
	rel, err := d.lockRelation(ctx, cmd.Partition, storage.LockAccessExclusive)
	if err != nil {
		return err
	}
	child, ok := rel.(*catalog.Table)
	switch {
	case rel == nil:
		return noRelation(cmd.Partition)
	case ok && child.OID == table.OID:
		return sqlerr.New(sqlerr.DuplicateTable, "circular inheritance not allowed").
			WithDetail("%s is already a child of %s.", quoted(child.Name), quoted(table.Name))
	case ok && child.PartitionKey != nil:
		return sqlerr.Unsupported("sub-partitioning")
	case !ok:
		if _, isPartition := rel.(*catalog.Partition); isPartition {
			return sqlerr.New(sqlerr.WrongObjectType, "%s is already a partition", quoted(rel.Head().Name))
		}
		return sqlerr.New(sqlerr.WrongObjectType, "%s is not a table", quoted(rel.Head().Name))
	case len(d.catalog().Partitions(child.OID)) > 1:
		return sqlerr.Unsupported("attaching a table that has partitions")
	}
	if err := matchColumns(table, child); err != nil {
		return err
	}
	c := &partitionCreation{ddl: d, table: table, name: child.Name, schema: child.Schema, bound: cmd.Bound}
	// The bound is looked at before anything is read.
	bound, err := d.bound(table, child.Name, cmd.Bound)
	if err != nil {
		return err
	}
	if err := c.replaceAutomatic(ctx); err != nil {
		return err
	}
	if err := d.checkBound(c.table, child.Name, bound, cmd.Bound); err != nil {
		return err
	}
	var rows spool
	rows.init(d.x)
	defer rows.drop()
	if err := d.readInOrder(ctx, c.table, child, &rows); err != nil {
		return err
	}
	d.catalog().DropTable(child.OID)
	p, err := c.add(ctx)
	if err != nil {
		return err
	}
	return d.fill(ctx, c.table, p, &rows)
}

func tableNotPartitioned(name string) error {
	return sqlerr.New(sqlerr.InvalidObjectDefinition, "table %s is not partitioned", quoted(name))
}

// matchColumns refuses a table whose columns are not those of the parent; their
// order may differ.
func matchColumns(table, child *catalog.Table) error {
	for _, c := range liveColumns(child) {
		if columnNamed(table, c.Name) == nil {
			return sqlerr.New(sqlerr.DatatypeMismatch, "table %s contains column %s not found in parent %s", quoted(child.Name), quoted(c.Name), quoted(table.Name)).
				WithDetail("The new partition may contain only the columns present in parent.")
		}
	}
	for _, c := range liveColumns(table) {
		own := columnNamed(child, c.Name)
		switch {
		case own == nil:
			return sqlerr.New(sqlerr.DatatypeMismatch, "child table is missing column %s", quoted(c.Name))
		case own.Type != c.Type:
			return sqlerr.New(sqlerr.DatatypeMismatch, "child table %s has different type for column %s", quoted(child.Name), quoted(c.Name))
		case c.NotNull && !own.NotNull:
			return sqlerr.New(sqlerr.DatatypeMismatch, "column %s in child table must be marked NOT NULL", quoted(c.Name))
		}
	}
	return nil
}

// readInOrder spools the rows of a relation with the columns of table.
func (d *ddl) readInOrder(ctx context.Context, table *catalog.Table, from catalog.Relation, into *spool) error {
	text := "SELECT "
	for i, c := range liveColumns(table) {
		if i > 0 {
			text += ", "
		}
		text += identifier(c.Name)
	}
	stmt, err := d.x.env.Replan(ctx, text+" FROM "+d.qualified(from.SchemaOID(), from.Head().Name))
	if err != nil {
		return err
	}
	var failed error
	err = d.runQuery(ctx, stmt, func(b *batch) {
		if failed == nil {
			failed = into.add(&batch{cols: retainAll(b.cols), rows: b.rows})
		}
	})
	return errors.Join(err, failed)
}

// fill writes spooled rows, which must belong there, to a partition, or with no
// partition to a table of one.
func (d *ddl) fill(ctx context.Context, table *catalog.Table, p *catalog.Partition, rows *spool) error {
	key, err := d.x.env.Stored.PartitionKey(table)
	if err != nil {
		return err
	}
	r, err := (&builder{x: d.x}).newRouter(table, nil, key)
	if err != nil {
		return err
	}
	columns := liveColumns(table)
	for {
		b, err := rows.takeNext()
		if err != nil || b == nil {
			return err
		}
		err = d.fillBatch(ctx, table, columns, p, r, b)
		b.release()
		if err != nil {
			return err
		}
	}
}

func (d *ddl) fillBatch(ctx context.Context, table *catalog.Table, columns []*catalog.Column, p *catalog.Partition, r *router, b *batch) error {
	for i, c := range columns {
		if err := conform(d.x.mem, &b.cols[i], c.Type); err != nil {
			return err
		}
	}
	partition := catalog.OID(0)
	if p != nil {
		partition = p.OID
		places, err := r.places(b)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(places, func(at *catalog.Partition) bool { return at == nil || at.OID != p.OID }) {
			return sqlerr.New(sqlerr.CheckViolation, "partition constraint of relation %s is violated by some row", quoted(p.Name)).
				WithTable(schemaNamed(d.catalog(), p.Schema), p.Name)
		}
	}
	_, _, err := d.x.env.Txn.Insert(ctx, table, partition, b.cols, false)
	return err
}

// detachPartition is ALTER TABLE … DETACH PARTITION: the partition becomes a table
// with the columns and checks of its parent, and its rows are written anew there.
func (d *ddl) detachPartition(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	if table.PartitionKey == nil {
		return tableNotPartitioned(table.Name)
	}
	rel, err := d.find(cmd.Partition)
	if err != nil {
		return err
	}
	p, ok := rel.(*catalog.Partition)
	switch {
	case rel == nil:
		return noRelation(cmd.Partition)
	case !ok || p.Table != table.OID:
		return sqlerr.New(sqlerr.UndefinedTable, "relation %s is not a partition of relation %s", quoted(rel.Head().Name), quoted(table.Name))
	}
	var rows spool
	rows.init(d.x)
	defer rows.drop()
	if err := d.readInOrder(ctx, table, p, &rows); err != nil {
		return err
	}
	d.catalog().Drop(p.OID)
	fresh, err := d.standAlone(ctx, table, p)
	if err != nil {
		return err
	}
	return d.fill(ctx, fresh, nil, &rows)
}

// standAlone makes the table that a detached partition becomes.
func (d *ddl) standAlone(ctx context.Context, table *catalog.Table, p *catalog.Partition) (*catalog.Table, error) {
	fresh := &catalog.Table{
		Object: catalog.Object{Name: p.Name, Comment: p.Comment}, Schema: p.Schema, Database: p.Database, SchemaVersion: 1,
		Shards: table.Shards, Options: p.Options,
	}
	var err error
	if fresh.OID, err = d.catalog().NewOID(ctx); err != nil {
		return nil, err
	}
	numbers := map[int16]int16{}
	for _, c := range liveColumns(table) {
		column := *c
		column.Number, column.Field, column.Missing = int16(len(fresh.Columns)+1), 0, nil
		column.Identity, column.Sequence = 0, 0 // those stay with the parent
		numbers[c.Number] = column.Number
		fresh.Columns = append(fresh.Columns, column)
	}
	var keys []string
	for _, k := range table.Constraints {
		switch k.Kind {
		case catalog.ConstraintPrimaryKey:
			for _, n := range k.Columns {
				keys = append(keys, columnByNumber(table, n).Name)
			}
		case catalog.ConstraintCheck:
			if k.OID, err = d.catalog().NewOID(ctx); err != nil {
				return nil, err
			}
			k.Columns = slices.Clone(k.Columns)
			for i, n := range k.Columns {
				k.Columns[i] = numbers[n]
			}
			fresh.Constraints = append(fresh.Constraints, k)
		}
	}
	var index *catalog.Index
	if keys != nil {
		if index, err = d.newPrimaryKey(ctx, fresh, &ast.Constraint{Kind: ast.ConstraintPrimaryKey, Columns: keys}); err != nil {
			return nil, err
		}
	}
	if err := d.catalog().CreateTable(ctx, fresh); err != nil {
		return nil, err
	}
	if index != nil {
		err = d.catalog().Put(index)
	}
	return fresh, err
}
