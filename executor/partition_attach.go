package executor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// attachPartition is ALTER TABLE … ATTACH PARTITION. The rows stay where they are if
// they are laid out as those of the table; otherwise they are written anew.
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
	if err := d.matchChecks(table, child); err != nil {
		return err
	}
	if err := d.refuseOwn(table, child); err != nil {
		return err
	}
	// What the rows were before they came is not to be read as rows of the partition:
	// they may have lain within other bounds, and those written anew have no past.
	kept := &catalog.Partition{Options: ofAttached(table, child), TruncatedAt: catalog.TruncatedByCommit}
	c := &partitionCreation{ddl: d, table: table, name: child.Name, schema: child.Schema, bound: cmd.Bound, kept: kept}
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
	if own := d.catalog().Partitions(child.OID)[0]; d.laidOutAlike(c.table, child) && !d.x.env.Txn.Wrote(own) {
		return c.adopt(ctx, child, own)
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

// adopt makes the rows of a table, which lie in its one partition, those of the
// partition to be made.
func (c *partitionCreation) adopt(ctx context.Context, child *catalog.Table, own *catalog.Partition) (err error) {
	c.catalog().DropTable(child.OID)
	c.kept.Storage = own.Storage
	// Fields that the rows have of columns dropped from child are given to no column.
	if child.NextField > c.table.NextField {
		if c.table, err = c.update(c.table, func(t *catalog.Table) { t.NextField = child.NextField }); err != nil {
			return err
		}
	}
	p, err := c.add(ctx)
	if err != nil {
		return err
	}
	belong, err := c.allBelong(ctx, c.table, p)
	if err == nil && !belong {
		err = c.violatesBound(p)
	}
	return err
}

func (d *ddl) violatesBound(p *catalog.Partition) error {
	return sqlerr.New(sqlerr.CheckViolation, "partition constraint of relation %s is violated by some row", quoted(p.Name)).
		WithTable(schemaNamed(d.catalog(), p.Schema), p.Name)
}

// laidOutAlike says whether rows of child can be read as rows of table: the columns
// are kept in the same fields, the keys are made of the same columns, and what child
// has besides is of no column of table.
func (d *ddl) laidOutAlike(table, child *catalog.Table) bool {
	if table.Shards != child.Shards || !slices.Equal(d.keyFields(table), d.keyFields(child)) {
		return false
	}
	of := map[catalog.FieldID]string{}
	for _, c := range liveColumns(table) {
		of[c.Field] = c.Name
		for _, f := range c.Former {
			of[f.Field] = c.Name
		}
		own := columnNamed(child, c.Name)
		if own.Field != c.Field || !slices.Equal(own.Former, c.Former) || (own.Missing == nil) != (c.Missing == nil) || c.Missing != nil && *c.Missing != *own.Missing {
			return false
		}
	}
	return !slices.ContainsFunc(child.Columns, func(c catalog.Column) bool { return c.Dropped() && of[c.Field] != "" })
}

// keyFields are the fields of the primary key, in its order.
func (d *ddl) keyFields(table *catalog.Table) []catalog.FieldID {
	return fieldsOf(primaryKeyColumns(d.catalog(), table))
}

// matchChecks refuses a table without the checks of the parent.
func (d *ddl) matchChecks(table, child *catalog.Table) error {
	byName := slices.SortedFunc(slices.Values(table.Constraints), func(a, b catalog.Constraint) int { return strings.Compare(a.Name, b.Name) })
	for _, k := range byName {
		if k.Kind != catalog.ConstraintCheck {
			continue
		}
		at := slices.IndexFunc(child.Constraints, func(own catalog.Constraint) bool { return own.Kind == k.Kind && own.Name == k.Name })
		switch {
		case at < 0:
			return sqlerr.New(sqlerr.DatatypeMismatch, "child table is missing constraint %s", quoted(k.Name))
		case child.Constraints[at].Expr != k.Expr:
			return sqlerr.New(sqlerr.DatatypeMismatch, "child table %s has different definition for check constraint %s", quoted(child.Name), quoted(k.Name))
		}
	}
	return nil
}

// refuseOwn refuses a table with defaults, constraints or indexes that the parent has
// not: a partition has none of its own, and they must not be lost without a word.
func (d *ddl) refuseOwn(table, child *catalog.Table) error {
	refuse := func(what, name string) error {
		return sqlerr.Unsupported("%s of a partition's own", what).
			WithDetail("Table %s has %s, which %s has not.", quoted(child.Name), name, quoted(table.Name)).
			WithHint("Drop it, or give it to %s first.", quoted(table.Name))
	}
	for _, own := range liveColumns(child) {
		c := columnNamed(table, own.Name)
		switch {
		case own.Identity != 0:
			return refuse("an identity column", "identity column "+quoted(own.Name))
		case own.Default != "" && own.Default != c.Default:
			return refuse("a default", "a default of column "+quoted(own.Name))
		case own.NotNull && !c.NotNull:
			return refuse("NOT NULL", "column "+quoted(own.Name)+" marked NOT NULL")
		}
	}
	for _, k := range child.Constraints {
		if !slices.ContainsFunc(table.Constraints, func(of catalog.Constraint) bool { return sameConstraint(table, of, child, k) }) {
			return refuse("a constraint", "constraint "+quoted(k.Name))
		}
	}
	indexes := d.catalog().Indexes(table.OID)
	for _, x := range d.catalog().Indexes(child.OID) {
		if !x.Primary && !slices.ContainsFunc(indexes, func(of *catalog.Index) bool { return sameIndex(table, of, child, x) }) {
			return refuse("an index", "index "+quoted(x.Name))
		}
	}
	return nil
}

// sameConstraint says whether a constraint of one table says what one of another does.
func sameConstraint(table *catalog.Table, k catalog.Constraint, other *catalog.Table, of catalog.Constraint) bool {
	if k.Kind != of.Kind {
		return false
	}
	if k.Kind == catalog.ConstraintCheck {
		return k.Name == of.Name // matchChecks has compared them
	}
	return sameColumns(table, k.Columns, other, of.Columns)
}

// sameIndex says whether an index of one table is what one of another is.
func sameIndex(table *catalog.Table, x *catalog.Index, other *catalog.Table, of *catalog.Index) bool {
	return x.Method == of.Method && x.Predicate == of.Predicate && x.Unique == of.Unique &&
		slices.EqualFunc(x.Columns, of.Columns, func(a, b catalog.IndexColumn) bool {
			return a.Opclass == b.Opclass && a.Expr == b.Expr && (a.Number == 0) == (b.Number == 0) &&
				(a.Number == 0 || columnByNumber(table, a.Number).Name == columnByNumber(other, b.Number).Name)
		})
}

// sameColumns says whether columns of two tables have the same names.
func sameColumns(table *catalog.Table, columns []int16, other *catalog.Table, of []int16) bool {
	return slices.EqualFunc(columns, of, func(a, b int16) bool {
		return columnByNumber(table, a).Name == columnByNumber(other, b).Name
	})
}

// ofPartition are the options of a table that a partition may have.
func ofPartition(o catalog.StorageOptions) catalog.StorageOptions {
	for _, p := range tableParameters {
		if p.ofTable {
			o.ResetParameter(p.name)
		}
	}
	o.ConsistencyLevel, o.DynamicFields = "", false
	return o
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
			return d.violatesBound(p)
		}
	}
	_, _, err := d.x.env.Txn.Insert(ctx, table, partition, b.cols, false)
	return err
}

// detachPartition is ALTER TABLE … DETACH PARTITION: the partition becomes a table
// with the columns, checks and indexes of its parent, which takes over its rows. Those
// that this transaction has changed are written anew.
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
	if !d.x.env.Txn.Wrote(p) {
		d.catalog().Drop(p.OID)
		fresh, err := d.standAlone(ctx, table, p)
		if err != nil {
			return err
		}
		own := *d.catalog().Partitions(fresh.OID)[0]
		own.Storage, own.TruncatedAt = p.Storage, p.TruncatedAt
		return d.catalog().Put(&own)
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
	own := *d.catalog().Partitions(fresh.OID)[0]
	own.TruncatedAt = catalog.TruncatedByCommit
	if err := d.catalog().Put(&own); err != nil {
		return err
	}
	return d.fill(ctx, fresh, nil, &rows)
}

// ofAttached are the options of a table that becomes a partition of another one: those
// that are the same there are the other's again.
func ofAttached(table, child *catalog.Table) catalog.StorageOptions {
	o := ofPartition(child.Options)
	for _, p := range tableParameters {
		value, said := o.Parameter(p.name)
		if of, ok := table.Options.Parameter(p.name); said && ok && of == value {
			o.ResetParameter(p.name)
			if p.reset != nil {
				p.reset(&parameterTarget{options: &o})
			}
		}
	}
	return o
}

// ofDetached are the options of a partition of table with those that it had from it.
func ofDetached(table *catalog.Table, p *catalog.Partition) catalog.StorageOptions {
	inherited := ofPartition(table.Options)
	o := p.Options.Over(inherited)
	for _, parameter := range tableParameters {
		value, said := inherited.Parameter(parameter.name)
		if _, own := o.Parameter(parameter.name); said && !own && parameter.apply != nil {
			o.SetParameter(parameter.name, value)
		}
	}
	return o
}

// standAlone makes the table that a detached partition becomes.
func (d *ddl) standAlone(ctx context.Context, table *catalog.Table, p *catalog.Partition) (*catalog.Table, error) {
	fresh := &catalog.Table{
		Object: catalog.Object{Name: p.Name, Comment: p.Comment}, Schema: p.Schema, Database: p.Database, SchemaVersion: 1,
		Shards: table.Shards, Options: ofDetached(table, p), NextField: table.NextField,
	}
	if table.Options.DynamicFields { // the hidden column comes along
		fresh.Options.DynamicFields = true
		fresh.Options.SetParameter("dynamic_fields", "on")
	}
	var err error
	if fresh.OID, err = d.catalog().NewOID(ctx); err != nil {
		return nil, err
	}
	numbers := map[int16]int16{}
	for _, c := range liveColumns(table) {
		column := *c
		column.Number = int16(len(fresh.Columns) + 1)
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
		if err := d.catalog().Put(index); err != nil {
			return nil, err
		}
	}
	for _, x := range d.catalog().Indexes(table.OID) {
		if x.Primary {
			continue
		}
		if err := d.copyIndex(ctx, x, table, fresh, numbers); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// copyIndex gives a table an index like one of another, numbers being its columns by
// theirs. The storage is the same: what segments have of the one is of the other.
func (d *ddl) copyIndex(ctx context.Context, x *catalog.Index, from, to *catalog.Table, numbers map[int16]int16) (err error) {
	own := *x
	if own.OID, err = d.catalog().NewOID(ctx); err != nil {
		return err
	}
	own.Table, own.Schema, own.Comment = to.OID, to.Schema, ""
	own.Columns = slices.Clone(x.Columns)
	column := ""
	for i := range own.Columns {
		c := &own.Columns[i]
		if i == 0 {
			if column = c.Name; c.Number != 0 {
				column = columnByNumber(from, c.Number).Name
			}
		}
		c.Number = numbers[c.Number] // 0 of an expression
	}
	own.Name = d.relationName(to.Schema, to.Name, column, "idx")
	return d.catalog().Put(&own)
}
