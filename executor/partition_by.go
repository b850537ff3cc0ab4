package executor

import (
	"reflect"
	"slices"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// partitionColumnsMax is the most columns of a partition key.
const partitionColumnsMax = 32

// partitionBy is PARTITION BY of a table that is being created.
func (c *tableCreation) partitionBy() error {
	spec := c.stmt.PartitionBy
	if spec == nil {
		if c.partitions != 0 {
			return sqlerr.New(sqlerr.InvalidObjectDefinition, "parameter \"partitions\" needs PARTITION BY HASH")
		}
		return nil
	}
	key := &catalog.PartitionKey{Strategy: spec.Strategy}
	switch {
	case len(spec.Keys) > partitionColumnsMax:
		return sqlerr.New(sqlerr.TooManyColumns, "cannot partition using more than %d columns", partitionColumnsMax).At(spec.Position())
	case spec.Strategy == catalog.PartitionByList && len(spec.Keys) > 1:
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot use \"list\" partition strategy with more than one column")
	case spec.Strategy != catalog.PartitionByHash && c.partitions != 0:
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "parameter \"partitions\" needs PARTITION BY HASH")
	}
	for _, elem := range spec.Keys {
		column, err := c.partitionColumn(spec, elem)
		if err != nil {
			return err
		}
		key.Columns = append(key.Columns, *column)
	}
	if spec.Strategy == catalog.PartitionByHash {
		key.Automatic, key.Fixed = catalog.AutomaticPartitions, c.partitions != 0
		if key.Fixed {
			key.Automatic = c.partitions
		}
	}
	c.table.PartitionKey = key
	return nil
}

// partitionColumn reads an element of PARTITION BY.
func (c *tableCreation) partitionColumn(spec *ast.PartitionSpec, elem *ast.PartitionElem) (*catalog.PartitionKeyColumn, error) {
	out := &catalog.PartitionKeyColumn{}
	switch {
	case len(elem.Opclass) > 0:
		return nil, sqlerr.Unsupported("an operator class in PARTITION BY").At(elem.Position())
	case len(elem.Collation) > 0:
		return nil, sqlerr.Unsupported("COLLATE in PARTITION BY").At(elem.Position())
	case elem.Expr == nil:
		col := columnNamed(c.table, elem.Name)
		if col == nil {
			if slices.Contains(catalog.SystemColumns, elem.Name) {
				return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot use system column %s in partition key", quoted(elem.Name)).At(elem.Position())
			}
			return nil, noKeyColumn(elem.Name, elem.Position())
		}
		out.Number, out.Type = col.Number, col.Type
	default:
		if err := c.noDynamicKey(elem); err != nil {
			return nil, err
		}
		e, text, err := c.x.env.Stored.PartitionExpr(elem.Expr, elem.ExprText, c.table)
		switch {
		case err != nil:
			return nil, err
		case !immutable(e):
			return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "functions in partition key expression must be marked IMMUTABLE")
		case len(columnsNamed(elem.Expr, c.table)) == 0:
			return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot use constant expression as partition key")
		}
		out.Expr, out.Type = text, types.Of(e.Type().OID)
		for _, name := range columnsNamed(elem.Expr, c.table) {
			out.Uses = append(out.Uses, columnNamed(c.table, name).Number)
		}
	}
	if typ := out.Type.Type(); typ.Compare == nil || typ.AppendKey == nil {
		method := "btree"
		if spec.Strategy == catalog.PartitionByHash {
			method = "hash"
		}
		return nil, sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method %s", typ.SQLName, quoted(method)).
			WithHint("You must specify a %s operator class or define a default %s operator class for the data type.", method, method)
	}
	return out, nil
}

// noDynamicKey refuses an expression of a partition key over dynamic fields, which a
// row may lack.
func (c *tableCreation) noDynamicKey(elem *ast.PartitionElem) error {
	if !c.table.Options.DynamicFields {
		return nil
	}
	var err error
	visitNodes(reflect.ValueOf(elem.Expr), func(n any) {
		ref, ok := n.(*ast.ColumnRef)
		if !ok || err != nil || len(ref.Names) == 0 {
			return
		}
		if name := ref.Names[len(ref.Names)-1]; columnNamed(c.table, name) == nil {
			err = noKeyColumn(name, ref.Position())
		}
	})
	return err
}

func noKeyColumn(name string, pos int) error {
	return sqlerr.New(sqlerr.UndefinedColumn, "column %s named in partition key does not exist", quoted(name)).At(pos)
}

// checkPartitionedKey refuses a primary key that does not hold the partition key:
// equal keys could not be seen in another partition. A table whose automatic
// partitions were asked for looks into all of them, as one does whose partitions
// are named by INSERT.
func checkPartitionedKey(table *catalog.Table, columns []string) error {
	key := table.PartitionKey
	if key == nil || key.Fixed {
		return nil
	}
	for _, part := range key.Columns {
		if part.Number == 0 {
			return sqlerr.New(sqlerr.FeatureNotSupported, "unsupported PRIMARY KEY constraint with partition key definition").
				WithDetail("PRIMARY KEY constraints cannot be used when partition keys include expressions.")
		}
		if name := columnByNumber(table, part.Number).Name; !slices.Contains(columns, name) {
			return sqlerr.New(sqlerr.FeatureNotSupported, "unique constraint on partitioned table must include all partitioning columns").
				WithDetail("PRIMARY KEY constraint on table %s lacks column %s which is part of the partition key.", quoted(table.Name), quoted(name))
		}
	}
	return nil
}

// checkKeyColumn refuses to drop or alter a column that the partition key is made
// of.
func checkKeyColumn(table *catalog.Table, col *catalog.Column, what string) error {
	if table.PartitionKey == nil {
		return nil
	}
	for _, k := range table.PartitionKey.Columns {
		if k.Number == col.Number || slices.Contains(k.Uses, col.Number) {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot %s column %s because it is part of the partition key of relation %s", what, quoted(col.Name), quoted(table.Name))
		}
	}
	return nil
}
