package executor

import (
	"context"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// alterTable is ALTER TABLE, as far as it changes descriptors alone.
func (d *ddl) alterTable(ctx context.Context, s *ast.AlterTableStmt) error {
	rel, err := d.lockRelation(ctx, s.Table, alterLock(s.Commands))
	if err != nil {
		return err
	}
	if rel == nil {
		return d.noSuchRelation(s.Table, s.IfExists)
	}
	table, ok := rel.(*catalog.Table)
	if _, system := rel.(*catalog.Virtual); system {
		return isSystemCatalog(rel.Head().Name)
	}
	if index, isIndex := rel.(*catalog.Index); isIndex {
		return d.alterIndex(ctx, index, s)
	}
	if s.Kind == ast.ObjectIndex {
		return notAnIndex(rel.Head().Name)
	}
	switch r := rel.(type) {
	case *catalog.Partition:
		return d.alterPartition(r, s)
	case *catalog.Sequence:
		return alterOnSequence(r, s)
	}
	if !ok {
		return sqlerr.Unsupported("ALTER TABLE on %s", quoted(rel.Head().Name))
	}
	for _, cmd := range s.Commands {
		if err := d.alterCommand(ctx, d.catalog().Table(table.OID), cmd); err != nil {
			return err
		}
	}
	return nil
}

// alterPartition is ALTER TABLE on a partition: its storage parameters alone are
// its own.
func (d *ddl) alterPartition(p *catalog.Partition, s *ast.AlterTableStmt) error {
	for _, cmd := range s.Commands {
		if cmd.Action != ast.AlterSetOptions && cmd.Action != ast.AlterResetOptions {
			return sqlerr.Unsupported("ALTER TABLE on a partition")
		}
		if err := d.alterPartitionOptions(p, cmd); err != nil {
			return err
		}
		p = d.catalog().Relation(p.Schema, p.Name).(*catalog.Partition)
	}
	return nil
}

// alterOnSequence answers for ALTER TABLE on a sequence.
func alterOnSequence(sequence *catalog.Sequence, s *ast.AlterTableStmt) error {
	names := map[ast.AlterTableAction]string{
		ast.AlterSetOptions: "SET", ast.AlterResetOptions: "RESET", ast.AlterAddColumn: "ADD COLUMN", ast.AlterDropColumn: "DROP COLUMN",
		ast.AlterAddConstraint: "ADD CONSTRAINT", ast.AlterSetCompression: "ALTER COLUMN ... SET COMPRESSION",
		ast.AlterSetIdentity: "ALTER COLUMN ... SET",
	}
	if name := names[s.Commands[0].Action]; name != "" {
		return sqlerr.New(sqlerr.WrongObjectType, "ALTER action %s cannot be performed on relation %s", name, quoted(sequence.Name)).
			WithDetail("This operation is not supported for sequences.")
	}
	return sqlerr.Unsupported("ALTER TABLE on %s", quoted(sequence.Name))
}

// noSuchRelation answers for a name that is not there.
func (d *ddl) noSuchRelation(r *ast.RangeVar, ifExists bool) error {
	if !ifExists {
		return noRelation(r)
	}
	d.notice(sqlerr.SuccessfulCompletion, "relation %s does not exist, skipping", quoted(rangeName(r)))
	return nil
}

func (d *ddl) alterCommand(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	switch cmd.Action {
	case ast.AlterAddColumn:
		return d.addColumn(ctx, table, cmd)
	case ast.AlterDropColumn:
		return d.dropColumn(ctx, table, cmd)
	case ast.AlterAddConstraint:
		return d.addConstraint(ctx, table, cmd.Constraint)
	case ast.AlterDropConstraint:
		return d.dropConstraint(ctx, table, cmd)
	case ast.AlterSetDefault, ast.AlterDropDefault, ast.AlterSetNotNull, ast.AlterDropNotNull:
		return d.alterColumn(ctx, table, cmd)
	case ast.AlterSetStorage:
		return d.setColumnStorage(table, cmd)
	case ast.AlterSetOptions, ast.AlterResetOptions:
		return d.alterTableOptions(table, cmd)
	case ast.AlterSetCompression:
		return d.setColumnCompression(table, cmd)
	case ast.AlterColumnType:
		return d.alterType(ctx, table, cmd)
	case ast.AlterAttachPartition:
		return d.attachPartition(ctx, table, cmd)
	case ast.AlterDetachPartition:
		return d.detachPartition(ctx, table, cmd)
	case ast.AlterSetSchema:
		return sqlerr.Unsupported("ALTER TABLE SET SCHEMA")
	case ast.AlterOwner:
		return sqlerr.Unsupported("ALTER TABLE OWNER TO")
	case ast.AlterAddIdentity:
		return d.addIdentity(ctx, table, cmd)
	case ast.AlterDropIdentity:
		return d.dropIdentity(table, cmd)
	case ast.AlterSetIdentity:
		return d.setIdentity(ctx, table, cmd)
	}
	return sqlerr.Unsupported("%s", cmd.Other).At(cmd.Position())
}

// addColumn is ADD COLUMN: rows that are there read the default as it is now.
func (d *ddl) addColumn(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	def := cmd.Column
	if columnNamed(table, def.Name) != nil {
		if cmd.IfExists {
			d.notice(sqlerr.DuplicateColumn, "column %s of relation %s already exists, skipping", quoted(def.Name), quoted(table.Name))
			return nil
		}
		return duplicateColumn(def.Name, table.Name)
	}
	if len(table.Columns) >= columnsMax {
		return sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", columnsMax)
	}
	col, err := d.newColumn(table.Name, def)
	if err != nil {
		return err
	}
	if col.primaryKey != nil && table.PrimaryKey != 0 {
		return multiplePrimaryKeys(table.Name).At(col.primaryKey.Position())
	}
	col.Number = int16(len(table.Columns) + 1)
	col.Field = table.NextField
	fresh := *table
	fresh.Columns = append(slices.Clone(table.Columns), col.Column)
	fresh.NextField++
	fresh.SchemaVersion++
	if err := d.fillColumn(ctx, table, &fresh, col); err != nil {
		return err
	}
	for _, k := range col.checks {
		if err := d.addCheckConstraint(ctx, d.catalog().Table(fresh.OID), columnCheck{col.Name, k}); err != nil {
			return err
		}
	}
	if col.primaryKey != nil {
		k := *col.primaryKey
		k.Columns = []string{col.Name}
		return d.addPrimaryKey(ctx, d.catalog().Table(fresh.OID), &k)
	}
	return nil
}

// fillColumn puts fresh, which has a new column at the end: rows that are there
// read its default as it is now, or are rewritten where each has its own.
func (d *ddl) fillColumn(ctx context.Context, table, fresh *catalog.Table, col *newColumn) error {
	filled, err := d.hasRows(ctx, table)
	if err != nil {
		return err
	}
	last := len(fresh.Columns) - 1
	if col.sequence != nil {
		col.sequence.column = last
		if err := d.createOwnedSequence(ctx, fresh, *col.sequence); err != nil {
			return err
		}
	}
	column := &fresh.Columns[last]
	if col.def != nil {
		if column.Default, err = d.x.env.Stored.Default(col.def.Expr, col.def.ExprText, col.Name, col.Type); err != nil {
			return err
		}
	}
	source, each := column.Default, col.sequence != nil
	if column.Identity != 0 {
		source = d.nextvalText(d.catalog().RelationByOID(column.Sequence).(*catalog.Sequence))
	}
	if source != "" && !each {
		if column.Missing, each, err = d.missingValue(ctx, column); err != nil {
			return err
		}
	}
	if !filled { // what is read of the past has the default, too
		return d.catalog().Put(fresh)
	}
	sources, err := d.takeOver(ctx, table, column, source)
	if err != nil {
		return err
	}
	if sources == nil && each {
		sources = map[int16]string{column.Number: source}
	}
	if sources != nil {
		column.Missing = nil
		return d.rewrite(ctx, rewriting{
			old: table, fresh: fresh, sources: sources,
			put: func() error { return d.catalog().Put(fresh) },
		})
	}
	if (column.NotNull || col.primaryKey != nil) && column.Missing == nil {
		return d.containsNulls(table, column.Name)
	}
	return d.catalog().Put(fresh)
}

func duplicateColumn(column, table string) error {
	return sqlerr.New(sqlerr.DuplicateColumn, "column %s of relation %s already exists", quoted(column), quoted(table))
}

func (d *ddl) containsNulls(table *catalog.Table, column string) error {
	return sqlerr.New(sqlerr.NotNullViolation, "column %s of relation %s contains null values", quoted(column), quoted(table.Name)).
		WithTable(schemaName(d.x, table), table.Name).WithColumn(column)
}

// missingValue evaluates a default for the rows that are there. each says that it
// may differ from row to row.
func (d *ddl) missingValue(ctx context.Context, col *catalog.Column) (value *string, each bool, err error) {
	stmt, err := d.x.env.Replan(ctx, "SELECT CAST(("+col.Default+") AS "+bareType(col.Type)+")")
	if err != nil {
		return nil, false, err
	}
	if volatileNode(stmt.Root) {
		return nil, true, nil
	}
	err = d.runQuery(ctx, assigning(stmt, stmt.Root, []*catalog.Column{col}), func(b *batch) {
		if b.cols[0].IsValid(0) {
			text := string(col.Type.Type().AppendText(nil, b.cols[0], 0, types.DefaultFormat()))
			value = &text
		}
	})
	return value, false, err
}

// dropColumn is DROP COLUMN: the column keeps its place, the constraints over it
// go.
func (d *ddl) dropColumn(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	col := columnNamed(table, cmd.Name)
	if col == nil {
		if cmd.IfExists {
			d.notice(sqlerr.SuccessfulCompletion, "column %s of relation %s does not exist, skipping", quoted(cmd.Name), quoted(table.Name))
			return nil
		}
		return noColumn(cmd.Name, table.Name)
	}
	if err := refuseMeta(table, col); err != nil {
		return err
	}
	if err := checkKeyColumn(table, col, "drop"); err != nil {
		return err
	}
	for _, key := range primaryKeyColumns(d.catalog(), table) {
		if key.Number == col.Number {
			if err := d.dropPrimaryKey(ctx, table); err != nil {
				return err
			}
			table = d.catalog().Table(table.OID)
			break
		}
	}
	for _, s := range d.catalog().OwnedSequences(table.OID) {
		if s.OwnerColumn == col.Number {
			d.catalog().Drop(s.OID)
		}
	}
	number := col.Number
	if err := d.dropColumnIndexes(table, col); err != nil {
		return err
	}
	_, err := d.update(table, func(t *catalog.Table) {
		for i := range t.Columns {
			if c := &t.Columns[i]; c.Number == number {
				c.State, c.NotNull, c.Default, c.Identity, c.Sequence = catalog.StateAbsent, false, "", 0, 0
			}
		}
		t.Constraints = slices.DeleteFunc(t.Constraints, func(k catalog.Constraint) bool { return slices.Contains(k.Columns, number) })
		t.SchemaVersion++
	})
	return err
}

// addConstraint is ADD CONSTRAINT of a CHECK or of a primary key.
func (d *ddl) addConstraint(ctx context.Context, table *catalog.Table, k *ast.Constraint) error {
	switch k.Kind {
	case ast.ConstraintCheck:
		return d.addCheckConstraint(ctx, table, columnCheck{"", k})
	case ast.ConstraintPrimaryKey:
		return d.addPrimaryKey(ctx, table, k)
	}
	return unsupportedConstraint(k)
}

// addCheckConstraint adds a CHECK that the rows that are there must satisfy.
func (d *ddl) addCheckConstraint(ctx context.Context, table *catalog.Table, k columnCheck) error {
	if k.def.NotValid {
		return sqlerr.Unsupported("NOT VALID").At(k.def.Position())
	}
	for _, c := range table.Constraints {
		if c.Name == k.def.Name {
			return sqlerr.New(sqlerr.DuplicateObject, "constraint %s for relation %s already exists", quoted(k.def.Name), quoted(table.Name))
		}
	}
	if err := d.addCheck(ctx, table, k); err != nil {
		return err
	}
	constraints := d.catalog().Table(table.OID).Constraints
	return d.satisfied(ctx, table, constraints[len(constraints)-1].Name, k.def.ExprText)
}

// satisfied answers for rows that a CHECK constraint does not allow.
func (d *ddl) satisfied(ctx context.Context, table *catalog.Table, name, check string) error {
	violated, err := d.anyRow(ctx, "SELECT 1 FROM "+d.qualified(table.Schema, table.Name)+" WHERE NOT ("+check+") LIMIT 1")
	if err != nil || !violated {
		return err
	}
	return sqlerr.New(sqlerr.CheckViolation, "check constraint %s of relation %s is violated by some row", quoted(name), quoted(table.Name)).
		WithTable(schemaName(d.x, table), table.Name).WithConstraint(name)
}

func (d *ddl) addPrimaryKey(ctx context.Context, table *catalog.Table, k *ast.Constraint) error {
	if table.PrimaryKey != 0 {
		return multiplePrimaryKeys(table.Name).At(k.Position())
	}
	if err := checkPartitionedKey(table, k.Columns); err != nil {
		return err
	}
	fresh := *table
	fresh.Columns, fresh.Constraints = slices.Clone(table.Columns), slices.Clone(table.Constraints)
	c := &tableCreation{ddl: d, table: &fresh, primaryKey: k}
	if err := c.markPrimaryKey(); err != nil {
		return err
	}
	index, err := d.newPrimaryKey(ctx, &fresh, k)
	if err != nil {
		return err
	}
	fresh.SchemaVersion++
	// Segments are made for the key they have: the table begins anew.
	return d.rewrite(ctx, rewriting{old: table, fresh: &fresh, put: func() error {
		if err := d.catalog().Put(&fresh); err != nil {
			return err
		}
		return d.catalog().Put(index)
	}})
}

// dropPrimaryKey drops the constraint with its index. Its columns stay NOT NULL.
func (d *ddl) dropPrimaryKey(ctx context.Context, table *catalog.Table) error {
	fresh := *table
	fresh.PrimaryKey = 0
	fresh.Constraints = slices.DeleteFunc(slices.Clone(table.Constraints), func(k catalog.Constraint) bool { return k.Kind == catalog.ConstraintPrimaryKey })
	fresh.SchemaVersion++
	return d.rewrite(ctx, rewriting{old: table, fresh: &fresh, put: func() error {
		d.catalog().Drop(table.PrimaryKey)
		return d.catalog().Put(&fresh)
	}})
}

func (d *ddl) dropConstraint(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	at := slices.IndexFunc(table.Constraints, func(k catalog.Constraint) bool { return k.Name == cmd.Name })
	if at < 0 {
		if cmd.IfExists {
			d.notice(sqlerr.SuccessfulCompletion, "constraint %s of relation %s does not exist, skipping", quoted(cmd.Name), quoted(table.Name))
			return nil
		}
		return sqlerr.New(sqlerr.UndefinedObject, "constraint %s of relation %s does not exist", quoted(cmd.Name), quoted(table.Name))
	}
	if table.Constraints[at].Kind == catalog.ConstraintPrimaryKey {
		return d.dropPrimaryKey(ctx, table)
	}
	_, err := d.update(table, func(t *catalog.Table) { t.Constraints = slices.Delete(t.Constraints, at, at+1) })
	return err
}

// alterColumn is SET or DROP of DEFAULT and NOT NULL.
func (d *ddl) alterColumn(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	col := columnNamed(table, cmd.Name)
	if col == nil {
		return noColumn(cmd.Name, table.Name)
	}
	change := func(f func(*catalog.Column)) error {
		_, err := d.update(table, func(t *catalog.Table) { f(columnNamed(t, cmd.Name)) })
		return err
	}
	if col.Identity != 0 && cmd.Action != ast.AlterSetNotNull {
		return sqlerr.New(sqlerr.SyntaxError, "column %s of relation %s is an identity column", quoted(col.Name), quoted(table.Name))
	}
	switch cmd.Action {
	case ast.AlterSetDefault:
		text, err := d.x.env.Stored.Default(cmd.Default, cmd.DefaultText, col.Name, col.Type)
		if err != nil {
			return err
		}
		return change(func(c *catalog.Column) { c.Default = text })
	case ast.AlterDropDefault:
		return change(func(c *catalog.Column) { c.Default = "" })
	case ast.AlterDropNotNull:
		for _, key := range primaryKeyColumns(d.catalog(), table) {
			if key.Number == col.Number {
				return sqlerr.New(sqlerr.InvalidTableDefinition, "column %s is in a primary key", quoted(col.Name))
			}
		}
		return change(func(c *catalog.Column) { c.NotNull = false })
	}
	nulls, err := d.anyRow(ctx, "SELECT 1 FROM "+d.qualified(table.Schema, table.Name)+" WHERE "+identifier(col.Name)+" IS NULL LIMIT 1")
	if err != nil {
		return err
	}
	if nulls {
		return d.containsNulls(table, col.Name)
	}
	return change(func(c *catalog.Column) { c.NotNull = true })
}

// storageModes are the words of SET STORAGE, as pg_attribute has them.
var storageModes = map[string]byte{"plain": 'p', "external": 'e', "extended": 'x', "main": 'm'}

// setColumnStorage is ALTER COLUMN SET STORAGE. Columns are kept the same way
// whatever it says; catalogs and dumps repeat it.
func (d *ddl) setColumnStorage(table *catalog.Table, cmd *ast.AlterTableCmd) error {
	mode, ok := storageModes[strings.ToLower(cmd.Storage)]
	if !ok {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid storage type %s", quoted(cmd.Storage))
	}
	col := columnNamed(table, cmd.Name)
	if col == nil {
		return noColumn(cmd.Name, table.Name)
	}
	if t := types.ByOID(col.Type.OID); t.Len != -1 && mode != 'p' {
		return sqlerr.New(sqlerr.FeatureNotSupported, "column data type %s can only have storage PLAIN", t.SQLName)
	}
	_, err := d.update(table, func(t *catalog.Table) { columnNamed(t, cmd.Name).Storage = mode })
	return err
}
