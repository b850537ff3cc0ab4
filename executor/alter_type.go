package executor

import (
	"context"
	"reflect"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// alterType is ALTER COLUMN … TYPE. A type that has all values of the old one
// is a change of the descriptor alone: rows that are there are read through it.
// Any other rewrites the table.
func (d *ddl) alterType(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	if slices.Contains(catalog.SystemColumns, cmd.Name) {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter system column %s", quoted(cmd.Name))
	}
	col := columnNamed(table, cmd.Name)
	if col == nil {
		return noColumn(cmd.Name, table.Name)
	}
	if err := refuseMeta(table, col); err != nil {
		return err
	}
	if err := checkKeyColumn(table, col, "alter"); err != nil {
		return err
	}
	def := newColumn{Column: catalog.Column{Name: cmd.Name}}
	if err := def.readType(&ast.ColumnDef{Pos: cmd.Pos, Name: cmd.Name, Type: cmd.Type}); err != nil {
		return err
	}
	if def.sequence != nil {
		return sqlerr.New(sqlerr.UndefinedObject, "type %s does not exist", quoted(cmd.Type.Names[0])).At(cmd.Type.Position())
	}
	c := &retype{ddl: d, table: table, col: *col, to: def.Type, using: cmd.UsingText}
	if err := c.check(ctx, cmd); err != nil {
		return err
	}
	return c.run(ctx)
}

// retype is one ALTER COLUMN … TYPE.
type retype struct {
	*ddl
	table *catalog.Table
	col   catalog.Column // as it was
	to    types.T
	using string // the text of USING, "" for none
	// fallback is the default of the column under its new type.
	fallback string
}

// check answers for what the change would break.
func (c *retype) check(ctx context.Context, cmd *ast.AlterTableCmd) error {
	if err := c.checkSource(ctx, cmd); err != nil {
		return err
	}
	if c.col.Identity != 0 && !slices.Contains([]types.OID{types.Int2OID, types.Int4OID, types.Int8OID}, c.to.OID) {
		return sqlerr.New(sqlerr.InvalidParameterValue, "identity column type must be smallint, integer, or bigint")
	}
	if c.keyed() && (c.to.Type().Compare == nil || c.to.Type().AppendKey == nil) {
		return sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method \"btree\"", c.to.Type().SQLName).
			WithHint("You must specify an operator class for the index or define a default operator class for the data type.")
	}
	return c.castDefault()
}

// checkSource answers for values that cannot become those of the new type.
func (c *retype) checkSource(ctx context.Context, cmd *ast.AlterTableCmd) error {
	if c.using == "" {
		if !assignable(c.col.Type, c.to) {
			return sqlerr.New(sqlerr.DatatypeMismatch, "column %s cannot be cast automatically to type %s", quoted(c.col.Name), formatType(c.to)).
				WithHint("You might need to specify \"USING %s::%s\".", identifier(c.col.Name), formatType(c.to))
		}
		return nil
	}
	var subquery *ast.SubLink
	visitNodes(reflect.ValueOf(cmd.Using), func(n any) {
		if s, ok := n.(*ast.SubLink); ok && subquery == nil {
			subquery = s
		}
	})
	if subquery != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in transform expression").At(subquery.Position())
	}
	stmt, err := c.x.env.Replan(ctx, "SELECT ("+c.using+") FROM "+c.qualified(c.table.Schema, c.table.Name))
	if err != nil {
		return withoutPosition(err)
	}
	if !assignable(stmt.Columns[0].Type, c.to) {
		return sqlerr.New(sqlerr.DatatypeMismatch, "result of USING clause for column %s cannot be cast automatically to type %s", quoted(c.col.Name), formatType(c.to)).
			WithHint("You might need to add an explicit cast.")
	}
	return nil
}

// castDefault brings the default to the new type.
func (c *retype) castDefault() error {
	if c.col.Default == "" {
		return nil
	}
	if !assignable(c.col.Type, c.to) {
		return sqlerr.New(sqlerr.DatatypeMismatch, "default for column %s cannot be cast automatically to type %s", quoted(c.col.Name), formatType(c.to))
	}
	e, err := parsed(c.col.Default)
	if err != nil {
		return err
	}
	c.fallback, err = c.x.env.Stored.Default(e, c.col.Default, c.col.Name, c.to)
	return withoutPosition(err)
}

// parsed reads the text of an expression that the catalog keeps.
func parsed(text string) (ast.Expr, error) {
	stmts, err := parse.Parse("SELECT (" + text + ")")
	if err != nil {
		return nil, err
	}
	return stmts[0].Stmt.(*ast.SelectStmt).Targets[0].Value, nil
}

// keyed says whether the column is one of the primary key.
func (c *retype) keyed() bool {
	return slices.ContainsFunc(primaryKeyColumns(c.catalog(), c.table), func(k *catalog.Column) bool { return k.Number == c.col.Number })
}

func (c *retype) run(ctx context.Context) error {
	if c.using == "" && c.col.Type == c.to {
		return nil
	}
	fresh := *c.table
	fresh.Columns, fresh.Constraints = slices.Clone(c.table.Columns), slices.Clone(c.table.Constraints)
	col := columnByNumber(&fresh, c.col.Number)
	col.Type, col.Default, col.Storage = c.to, c.fallback, 0
	fresh.SchemaVersion++
	if err := c.checkIndexes(&fresh); err != nil {
		return err
	}
	if err := c.bindChecks(&fresh); err != nil {
		return err
	}
	keeps := c.using == "" && widens(c.col.Type, c.to)
	switch {
	case keeps && sameForm(c.col.Type, c.to) && (!c.keyed() || c.col.Type.OID == c.to.OID):
		return c.catalog().Put(&fresh)
	case keeps && !c.keyed():
		return c.widen(ctx, &fresh, col)
	}
	col.Field = fresh.NextField
	fresh.NextField++
	col.Former, col.Missing = nil, nil
	source := c.using
	if source == "" {
		source = identifier(c.col.Name)
	}
	err := c.rewrite(ctx, rewriting{
		old: c.table, fresh: &fresh, sources: map[int16]string{col.Number: source},
		put: func() error { return c.catalog().Put(&fresh) },
	})
	if err != nil {
		return err
	}
	return c.checkRows(ctx, c.catalog().Table(fresh.OID))
}

// widen gives the column a field of the new type; rows that are there keep the
// old one, and are read through the descriptor.
func (c *retype) widen(ctx context.Context, fresh *catalog.Table, col *catalog.Column) error {
	col.Former = append([]catalog.FormerField{{Field: col.Field, Type: c.col.Type}}, c.col.Former...)
	col.Field = fresh.NextField
	fresh.NextField++
	if col.Missing != nil {
		text := "SELECT " + literal(*col.Missing) + "::" + formatType(c.col.Type) + "::" + formatType(c.to)
		stmt, err := c.x.env.Replan(ctx, text)
		if err != nil {
			return err
		}
		err = c.runQuery(ctx, stmt, func(b *batch) {
			value := string(c.to.Type().AppendText(nil, b.cols[0], 0, types.DefaultFormat()))
			col.Missing = &value
		})
		if err != nil {
			return err
		}
	}
	return c.catalog().Put(fresh)
}

// checkIndexes answers for vector indexes that could not be built on the new
// type.
func (c *retype) checkIndexes(fresh *catalog.Table) error {
	for _, index := range c.catalog().Indexes(c.table.OID) {
		class := index.VectorOpclass()
		uses, err := indexUses(c.table, index, &c.col)
		if err != nil {
			return err
		}
		if class == nil || !uses {
			continue
		}
		if index.Columns[0].Number != c.col.Number {
			return sqlerr.Unsupported("altering the type of a column that the expression or the condition of index %s uses", quoted(index.Name))
		}
		if c.to.OID != c.col.Type.OID {
			return sqlerr.New(sqlerr.DatatypeMismatch, "operator class %s does not accept data type %s", quoted(index.Columns[0].Opclass), formatType(c.to))
		}
		if err := checkVectorIndex(fresh, index); err != nil {
			return err
		}
	}
	return nil
}

// bindChecks binds the CHECK constraints over the column anew.
func (c *retype) bindChecks(fresh *catalog.Table) error {
	for i := range fresh.Constraints {
		k := &fresh.Constraints[i]
		if k.Kind != catalog.ConstraintCheck || !slices.Contains(k.Columns, c.col.Number) {
			continue
		}
		e, err := parsed(k.Expr)
		if err != nil {
			return err
		}
		if k.Expr, err = c.x.env.Stored.Check(e, k.Expr, fresh); err != nil {
			return withoutPosition(err)
		}
	}
	return nil
}

// checkRows holds the new values against the CHECK constraints.
func (c *retype) checkRows(ctx context.Context, table *catalog.Table) error {
	for _, k := range table.Constraints {
		if k.Kind != catalog.ConstraintCheck || !slices.Contains(k.Columns, c.col.Number) {
			continue
		}
		if err := c.satisfied(ctx, table, k.Name, k.Expr); err != nil {
			return err
		}
	}
	return nil
}

// widens says whether every value of a type is one of another, printed alike but
// for what the type itself prints.
func widens(from, to types.T) bool {
	switch from.OID {
	case types.Int2OID:
		return to.OID == types.Int4OID || to.OID == types.Int8OID
	case types.Int4OID:
		return to.OID == types.Int8OID
	case types.Float4OID:
		return to.OID == types.Float8OID
	case types.VarcharOID:
		return to.OID == types.TextOID || to.OID == types.VarcharOID && longer(from, to)
	case types.TextOID:
		return to.OID == types.VarcharOID && to.Mod < 0
	case types.NumericOID:
		if to.OID != types.NumericOID || to.Mod < 0 || from.Mod < 0 {
			return to.OID == types.NumericOID && to.Mod < 0
		}
		precision, scale := types.NumericMod(from.Mod)
		wider, same := types.NumericMod(to.Mod)
		return same == scale && wider >= precision
	case types.VarbitOID, types.TimestampOID, types.TimestamptzOID, types.TimeOID, types.TimetzOID:
		return to.OID == from.OID && longer(from, to)
	case types.VectorOID, types.HalfvecOID, types.SparsevecOID:
		return to.OID == from.OID && to.Mod < 0
	}
	return false
}

func longer(from, to types.T) bool { return to.Mod < 0 || from.Mod >= 0 && to.Mod >= from.Mod }

// sameForm says whether the values of two types are held alike.
func sameForm(a, b types.T) bool { return arrow.TypeEqual(a.StorageArrow(), b.StorageArrow()) }
