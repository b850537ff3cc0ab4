package executor

import (
	"context"
	"slices"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/typename"
	"quiver/sql/types"
)

// columnsMax is the most columns of a table.
const columnsMax = 1600

// createTable is CREATE TABLE.
func (d *ddl) createTable(ctx context.Context, s *ast.CreateTableStmt) error {
	if err := unsupportedTable(s); err != nil {
		return err
	}
	schema, err := d.creationSchema(s.Table)
	if err != nil {
		return err
	}
	if err := d.lockName(ctx, schema.OID, s.Table.Name); err != nil {
		return err
	}
	if d.catalog().Relation(schema.OID, s.Table.Name) != nil {
		if s.IfNotExists {
			d.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(s.Table.Name))
			if s.As != nil {
				d.x.affected = NothingCreated
			}
			return nil
		}
		return duplicateRelation(s.Table.Name)
	}
	if s.Parent != nil {
		return d.createPartitionOf(ctx, s, schema)
	}
	c := &tableCreation{ddl: d, stmt: s, table: &catalog.Table{
		Object: catalog.Object{Name: s.Table.Name}, Schema: schema.OID, Database: d.catalog().Database().OID, SchemaVersion: 1,
	}}
	if err := setTableOptions(c.table, &c.partitions, s.Options); err != nil {
		return err
	}
	if s.As != nil {
		return c.createAs(ctx)
	}
	return c.create(ctx)
}

// unsupportedTable answers for the clauses that wait for later issues.
func unsupportedTable(s *ast.CreateTableStmt) error {
	switch {
	case s.Unsupported != "":
		return sqlerr.Unsupported("%s", s.Unsupported).At(s.Table.Position())
	case s.Table.Persistence == 't':
		return sqlerr.New(sqlerr.FeatureNotSupported, "temporary tables are not supported").At(s.Table.Position())
	case s.Table.Persistence == 'u':
		return sqlerr.New(sqlerr.FeatureNotSupported, "unlogged tables are not supported").At(s.Table.Position())
	case s.OnCommit != 0:
		return sqlerr.New(sqlerr.InvalidTableDefinition, "ON COMMIT can only be used on temporary tables")
	}
	return nil
}

func duplicateRelation(name string) error {
	return sqlerr.New(sqlerr.DuplicateTable, "relation %s already exists", quoted(name))
}

// tableCreation gathers what one CREATE TABLE makes.
type tableCreation struct {
	*ddl
	stmt       *ast.CreateTableStmt
	table      *catalog.Table
	primaryKey *ast.Constraint
	sequences  []ownedSequence
	checks     []columnCheck
	defaults   []columnDefault
	// partitions is the parameter of that name, 0 when it was not given.
	partitions int
}

// ownedSequence is the sequence of a serial or identity column.
type ownedSequence struct {
	column  int
	typ     types.OID
	options []*ast.Option
	serial  bool
}

// columnCheck is a CHECK, written on a column or on the table (empty).
type columnCheck struct {
	column string
	def    *ast.Constraint
}

type columnDefault struct {
	column int
	def    *ast.Constraint
}

func (c *tableCreation) create(ctx context.Context) error {
	if len(c.stmt.Columns) > columnsMax {
		return sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", columnsMax)
	}
	for _, def := range c.stmt.Columns {
		if err := c.addColumn(def); err != nil {
			return err
		}
	}
	for _, k := range c.stmt.Constraints {
		if err := c.tableConstraint(k); err != nil {
			return err
		}
	}
	if err := c.addMeta(); err != nil {
		return err
	}
	if err := c.markPrimaryKey(); err != nil {
		return err
	}
	if err := c.partitionBy(); err != nil {
		return err
	}
	if c.primaryKey != nil {
		if err := checkPartitionedKey(c.table, c.primaryKey.Columns); err != nil {
			return err
		}
	}
	for _, def := range c.defaults {
		col := &c.table.Columns[def.column]
		text, err := c.x.env.Stored.Default(def.def.Expr, def.def.ExprText, col.Name, col.Type)
		if err != nil {
			return err
		}
		col.Default = text
	}
	return c.put(ctx)
}

// put writes the descriptors: the table, then what belongs to it.
func (c *tableCreation) put(ctx context.Context) error {
	oid, err := c.catalog().NewOID(ctx)
	if err != nil {
		return err
	}
	c.table.OID = oid
	for _, s := range c.sequences {
		if err := c.createOwnedSequence(ctx, c.table, s); err != nil {
			return err
		}
	}
	var index *catalog.Index
	if c.primaryKey != nil {
		if index, err = c.newPrimaryKey(ctx, c.table, c.primaryKey); err != nil {
			return err
		}
	}
	if err := c.catalog().CreateTable(ctx, c.table); err != nil {
		return err
	}
	if index != nil {
		if err := c.catalog().Put(index); err != nil {
			return err
		}
	}
	return c.addChecks(ctx, c.table.OID, c.checks)
}

// addColumn reads one column definition.
func (c *tableCreation) addColumn(def *ast.ColumnDef) error {
	if slices.ContainsFunc(c.table.Columns, func(other catalog.Column) bool { return other.Name == def.Name }) {
		return sqlerr.New(sqlerr.DuplicateColumn, "column %s specified more than once", quoted(def.Name))
	}
	col, err := c.newColumn(c.table.Name, def)
	if err != nil {
		return err
	}
	col.Number = int16(len(c.table.Columns) + 1)
	c.table.Columns = append(c.table.Columns, col.Column)
	at := len(c.table.Columns) - 1
	if col.sequence != nil {
		col.sequence.column = at
		c.sequences = append(c.sequences, *col.sequence)
	}
	if col.def != nil {
		c.defaults = append(c.defaults, columnDefault{at, col.def})
	}
	for _, k := range col.checks {
		c.checks = append(c.checks, columnCheck{def.Name, k})
	}
	if col.primaryKey != nil {
		return c.setPrimaryKey(col.primaryKey, []string{def.Name})
	}
	return nil
}

func (c *tableCreation) tableConstraint(k *ast.Constraint) error {
	switch k.Kind {
	case ast.ConstraintPrimaryKey:
		return c.setPrimaryKey(k, k.Columns)
	case ast.ConstraintCheck:
		c.checks = append(c.checks, columnCheck{"", k})
		return nil
	}
	return unsupportedConstraint(k)
}

func unsupportedConstraint(k *ast.Constraint) error {
	name := map[ast.ConstraintKind]string{
		ast.ConstraintUnique: "UNIQUE constraints are", ast.ConstraintForeignKey: "FOREIGN KEY constraints are",
		ast.ConstraintExclusion: "EXCLUDE constraints are", ast.ConstraintGenerated: "generated columns are",
	}[k.Kind]
	if name == "" {
		name = "this constraint is"
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "%s not supported", name).At(k.Position())
}

func (c *tableCreation) setPrimaryKey(k *ast.Constraint, columns []string) error {
	if c.primaryKey != nil {
		return multiplePrimaryKeys(c.table.Name).At(k.Position())
	}
	named := *k
	named.Columns = columns
	c.primaryKey = &named
	return nil
}

func multiplePrimaryKeys(table string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table %s are not allowed", quoted(table))
}

// markPrimaryKey makes the columns of the primary key NOT NULL.
func (c *tableCreation) markPrimaryKey() error {
	k := c.primaryKey
	if k == nil {
		return nil
	}
	if k.Deferrable {
		return sqlerr.New(sqlerr.FeatureNotSupported, "deferrable constraints are not supported").At(k.Position())
	}
	if len(k.Including) > 0 {
		return sqlerr.New(sqlerr.FeatureNotSupported, "INCLUDE is not supported").At(k.Position())
	}
	for i, name := range k.Columns {
		if slices.Contains(k.Columns[:i], name) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column %s appears twice in primary key constraint", quoted(name)).At(k.Position())
		}
		col := columnNamed(c.table, name)
		if col == nil {
			return sqlerr.New(sqlerr.UndefinedColumn, "column %s named in key does not exist", quoted(name)).At(k.Position())
		}
		if typ := col.Type.Type(); typ.Compare == nil || typ.AppendKey == nil {
			return sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method \"btree\"", typ.SQLName).
				WithHint("You must specify an operator class for the index or define a default operator class for the data type.")
		}
		col.NotNull = true
	}
	return nil
}

func columnNamed(table *catalog.Table, name string) *catalog.Column {
	for i := range table.Columns {
		if c := &table.Columns[i]; c.Name == name && !c.Dropped() {
			return c
		}
	}
	return nil
}

// newPrimaryKey makes the index of a primary key and its constraint.
func (d *ddl) newPrimaryKey(ctx context.Context, table *catalog.Table, k *ast.Constraint) (*catalog.Index, error) {
	name := k.Name
	if name == "" {
		name = d.relationName(table.Schema, table.Name, "", "pkey")
	} else if err := d.lockName(ctx, table.Schema, name); err != nil {
		return nil, err
	} else if d.catalog().Relation(table.Schema, name) != nil || name == table.Name {
		return nil, duplicateRelation(name)
	}
	oid, err := d.catalog().NewOID(ctx)
	if err != nil {
		return nil, err
	}
	constraint, err := d.catalog().NewOID(ctx)
	if err != nil {
		return nil, err
	}
	index := &catalog.Index{
		Object: catalog.Object{OID: oid, Name: name}, Schema: table.Schema, Database: table.Database,
		Table: table.OID, Method: "btree", Unique: true, Primary: true,
	}
	var numbers []int16
	for _, column := range k.Columns {
		number := columnNamed(table, column).Number
		numbers = append(numbers, number)
		index.Columns = append(index.Columns, catalog.IndexColumn{Number: number})
	}
	table.PrimaryKey = oid
	table.Constraints = append(table.Constraints, catalog.Constraint{
		OID: constraint, Name: name, Kind: catalog.ConstraintPrimaryKey, Columns: numbers, Index: oid,
	})
	return index, nil
}

// newColumn is a column definition read.
type newColumn struct {
	catalog.Column
	sequence   *ownedSequence
	def        *ast.Constraint
	checks     []*ast.Constraint
	primaryKey *ast.Constraint
}

var serialTypes = map[string]types.OID{
	"serial": types.Int4OID, "serial4": types.Int4OID, "bigserial": types.Int8OID, "serial8": types.Int8OID,
	"smallserial": types.Int2OID, "serial2": types.Int2OID,
}

// newColumn reads a column definition of CREATE TABLE or ADD COLUMN.
func (d *ddl) newColumn(table string, def *ast.ColumnDef) (*newColumn, error) {
	if slices.Contains(catalog.SystemColumns, def.Name) {
		return nil, sqlerr.New(sqlerr.DuplicateColumn, "column name %s conflicts with a system column name", quoted(def.Name))
	}
	col := &newColumn{Column: catalog.Column{Name: def.Name, State: catalog.StatePublic}}
	if err := col.readType(def); err != nil {
		return nil, err
	}
	// The first of NULL and NOT NULL that is written; a second may not differ.
	var nullness *ast.Constraint
	if col.sequence != nil {
		nullness = &ast.Constraint{Kind: ast.ConstraintNotNull}
		col.NotNull = true
	}
	for _, k := range def.Constraints {
		if k.Deferrable {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "deferrable constraints are not supported").At(k.Position())
		}
		switch k.Kind {
		case ast.ConstraintNull, ast.ConstraintNotNull:
			if nullness != nil && nullness.Kind != k.Kind {
				return nil, conflictingNull(def.Name, table, k)
			}
			nullness = k
			col.NotNull = col.NotNull || k.Kind == ast.ConstraintNotNull
		case ast.ConstraintDefault:
			if err := col.setDefault(table, k); err != nil {
				return nil, err
			}
		case ast.ConstraintIdentity:
			if err := col.setIdentity(table, k); err != nil {
				return nil, err
			}
			if nullness != nil && nullness.Kind == ast.ConstraintNull {
				return nil, conflictingNull(def.Name, table, k)
			}
			nullness = &ast.Constraint{Kind: ast.ConstraintNotNull}
		case ast.ConstraintCheck:
			col.checks = append(col.checks, k)
		case ast.ConstraintPrimaryKey:
			if col.primaryKey != nil {
				return nil, multiplePrimaryKeys(table).At(k.Position())
			}
			col.primaryKey = k
		default:
			return nil, unsupportedConstraint(k)
		}
	}
	return col, nil
}

// readType resolves the column's type; serial is an integer with a sequence.
func (col *newColumn) readType(def *ast.ColumnDef) error {
	if len(def.Type.Names) == 1 {
		if oid, ok := serialTypes[def.Type.Names[0]]; ok {
			if len(def.Type.ArrayBounds) > 0 {
				return sqlerr.New(sqlerr.FeatureNotSupported, "array of serial is not implemented").At(def.Type.Position())
			}
			col.Type = types.Of(oid)
			col.sequence = &ownedSequence{typ: oid, serial: true}
			return nil
		}
	}
	t, err := typename.Resolve(def.Type)
	if err != nil {
		return err
	}
	typ := t.Type()
	switch {
	case typ.Kind == 'p' || t.OID == types.UnknownOID:
		return sqlerr.New(sqlerr.InvalidTableDefinition, "column %s has pseudo-type %s", quoted(def.Name), typ.SQLName)
	case len(def.Collation) > 0 && typ.Category != types.CategoryString:
		return sqlerr.New(sqlerr.DatatypeMismatch, "collations are not supported by type %s", typ.SQLName).At(def.Position())
	case len(def.Collation) > 0 && !slices.Contains([]string{"C", "POSIX", "default", "ucs_basic"}, def.Collation[len(def.Collation)-1]):
		return sqlerr.Unsupported("collation %s", typename.Quoted(def.Collation)).At(def.Position())
	}
	col.Type = t
	col.Compression, err = columnCompression(typ, def.Compression)
	return err
}

func conflictingNull(column, table string, k *ast.Constraint) error {
	return sqlerr.New(sqlerr.SyntaxError, "conflicting NULL/NOT NULL declarations for column %s of table %s", quoted(column), quoted(table)).At(k.Position())
}

func (col *newColumn) setDefault(table string, k *ast.Constraint) error {
	switch {
	case col.Identity != 0:
		return bothDefaultAndIdentity(col.Name, table, k)
	case col.def != nil || col.sequence != nil:
		return sqlerr.New(sqlerr.SyntaxError, "multiple default values specified for column %s of table %s", quoted(col.Name), quoted(table)).At(k.Position())
	}
	col.def = k
	return nil
}

func bothDefaultAndIdentity(column, table string, k *ast.Constraint) error {
	return sqlerr.New(sqlerr.SyntaxError, "both default and identity specified for column %s of table %s", quoted(column), quoted(table)).At(k.Position())
}

func (col *newColumn) setIdentity(table string, k *ast.Constraint) error {
	switch {
	case col.Identity != 0:
		return sqlerr.New(sqlerr.SyntaxError, "multiple identity specifications for column %s of table %s", quoted(col.Name), quoted(table)).At(k.Position())
	case col.def != nil || col.sequence != nil:
		return bothDefaultAndIdentity(col.Name, table, k)
	case col.Type.OID != types.Int2OID && col.Type.OID != types.Int4OID && col.Type.OID != types.Int8OID:
		return sqlerr.New(sqlerr.InvalidParameterValue, "identity column type must be smallint, integer, or bigint")
	}
	col.Identity = 'd'
	if k.Always {
		col.Identity = 'a'
	}
	col.NotNull = true
	col.sequence = &ownedSequence{typ: col.Type.OID, options: k.SequenceOptions}
	return nil
}
