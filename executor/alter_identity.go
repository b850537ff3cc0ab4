package executor

import (
	"context"
	"slices"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// addIdentity is ALTER COLUMN … ADD GENERATED … AS IDENTITY: rows that are there
// keep their values.
func (d *ddl) addIdentity(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	col := columnNamed(table, cmd.Name)
	state := func(format string) error {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, format, quoted(cmd.Name), quoted(table.Name))
	}
	switch {
	case col == nil:
		return noColumn(cmd.Name, table.Name)
	case !slices.Contains([]types.OID{types.Int2OID, types.Int4OID, types.Int8OID}, col.Type.OID):
		return sqlerr.New(sqlerr.InvalidParameterValue, "identity column type must be smallint, integer, or bigint")
	case !col.NotNull:
		return state("column %s of relation %s must be declared NOT NULL before identity can be added")
	case col.Identity != 0:
		return state("column %s of relation %s is already an identity column")
	case col.Default != "":
		return state("column %s of relation %s already has a default value")
	}
	fresh := *table
	fresh.Columns = slices.Clone(table.Columns)
	at := slices.IndexFunc(fresh.Columns, func(c catalog.Column) bool { return c.Number == col.Number })
	fresh.Columns[at].Identity = 'd'
	if cmd.Constraint.Always {
		fresh.Columns[at].Identity = 'a'
	}
	owned := ownedSequence{column: at, typ: col.Type.OID, options: cmd.Constraint.SequenceOptions}
	if err := d.createOwnedSequence(ctx, &fresh, owned); err != nil {
		return err
	}
	return d.catalog().Put(&fresh)
}

// setIdentity is ALTER COLUMN … RESTART, SET GENERATED and SET of an option of the
// column's sequence.
func (d *ddl) setIdentity(ctx context.Context, table *catalog.Table, cmd *ast.AlterTableCmd) error {
	if slices.Contains(catalog.SystemColumns, cmd.Name) {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter system column %s", quoted(cmd.Name))
	}
	col := columnNamed(table, cmd.Name)
	switch {
	case col == nil:
		return noColumn(cmd.Name, table.Name)
	case col.Identity == 0:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "column %s of relation %s is not an identity column", quoted(col.Name), quoted(table.Name))
	}
	identity := byte(0)
	var options []*ast.Option
	for _, o := range cmd.Options {
		switch {
		case o.Name == "sequence_name":
			return sqlerr.New(sqlerr.SyntaxError, "invalid sequence option SEQUENCE NAME").At(o.Position())
		case o.Name != "generated":
			options = append(options, o)
		case identity != 0:
			return sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options")
		default:
			kind, err := optionInt(o)
			if err != nil {
				return err
			}
			identity = byte(*kind) // a or d, as pg_attribute has it
		}
	}
	if len(options) > 0 {
		if err := d.x.env.Txn.LockTable(ctx, col.Sequence, storage.LockShareRowExclusive, storage.WaitBlock); err != nil {
			return err
		}
		d.catalog().Refresh()
		sequence, ok := d.catalog().RelationByOID(col.Sequence).(*catalog.Sequence)
		if !ok {
			return sqlerr.New(sqlerr.InternalError, "no owned sequence found")
		}
		if err := d.changeSequence(ctx, sequence, options); err != nil {
			return err
		}
	}
	if identity == 0 {
		return nil
	}
	_, err := d.update(table, func(t *catalog.Table) { columnNamed(t, cmd.Name).Identity = identity })
	return err
}

// dropIdentity is ALTER COLUMN … DROP IDENTITY.
func (d *ddl) dropIdentity(table *catalog.Table, cmd *ast.AlterTableCmd) error {
	col := columnNamed(table, cmd.Name)
	switch {
	case col == nil:
		return noColumn(cmd.Name, table.Name)
	case col.Identity == 0 && cmd.IfExists:
		d.notice(sqlerr.SuccessfulCompletion, "column %s of relation %s is not an identity column, skipping", quoted(col.Name), quoted(table.Name))
		return nil
	case col.Identity == 0:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "column %s of relation %s is not an identity column", quoted(col.Name), quoted(table.Name))
	}
	sequence := col.Sequence
	_, err := d.update(table, func(t *catalog.Table) {
		c := columnNamed(t, cmd.Name)
		c.Identity, c.Sequence = 0, 0
	})
	d.catalog().Drop(sequence)
	return err
}
