package executor

import (
	"context"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// hiddenMeta is the column that keeps dynamic fields.
func hiddenMeta(number int) catalog.Column {
	return catalog.Column{
		Number: int16(number), Name: catalog.MetaColumn, Type: types.Of(types.JSONBOID), State: catalog.StatePublic, Hidden: true,
	}
}

// addMeta gives a new table with dynamic fields the column that keeps them.
func (c *tableCreation) addMeta() error {
	if !c.table.Options.DynamicFields {
		return nil
	}
	if columnNamed(c.table, catalog.MetaColumn) != nil {
		return sqlerr.New(sqlerr.DuplicateColumn, "column name %s conflicts with the column of dynamic fields", quoted(catalog.MetaColumn))
	}
	c.table.Columns = append(c.table.Columns, hiddenMeta(len(c.table.Columns)+1))
	return nil
}

// ensureMeta is addMeta of a table that is there; switched off, the column stays
// with what it has.
func ensureMeta(t *catalog.Table) error {
	if !t.Options.DynamicFields {
		return nil
	}
	if c := columnNamed(t, catalog.MetaColumn); c != nil {
		if c.Hidden {
			return nil
		}
		return sqlerr.New(sqlerr.DuplicateColumn, "column name %s conflicts with the column of dynamic fields", quoted(catalog.MetaColumn))
	}
	if len(t.Columns) >= columnsMax {
		return sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", columnsMax)
	}
	c := hiddenMeta(len(t.Columns) + 1)
	c.Field = t.NextField
	t.NextField++
	t.SchemaVersion++
	t.Columns = append(t.Columns, c)
	return nil
}

// takeOver is what a new column takes its values from, by number, where rows have
// a dynamic field of its name: the fields leave the hidden column. nil: no row has
// one. fallback is the text of the column's default, "" for none.
func (d *ddl) takeOver(ctx context.Context, table *catalog.Table, column *catalog.Column, fallback string) (map[int16]string, error) {
	meta := columnNamed(table, catalog.MetaColumn)
	if meta == nil || !meta.Hidden {
		return nil, nil
	}
	name, key := identifier(meta.Name), literal(column.Name)+"::text"
	if err := d.refuseUsedField(table, column.Name); err != nil {
		return nil, err
	}
	found, err := d.anyRow(ctx, "SELECT 1 FROM "+d.qualified(table.Schema, table.Name)+" WHERE "+name+" ? "+key+" LIMIT 1")
	if err != nil || !found {
		return nil, err
	}
	operator := " ->> "
	if column.Type.OID == types.JSONBOID || column.Type.OID == types.JSONOID {
		operator = " -> "
	}
	// The modifier is left to the assignment: a cast to varchar(3) would cut.
	value := "(" + name + operator + key + ")::" + bareType(column.Type)
	if fallback == "" {
		fallback = "NULL"
	}
	return map[int16]string{
		column.Number: "CASE WHEN " + name + " ? " + key + " THEN " + value + " ELSE " + fallback + " END",
		meta.Number:   "CASE WHEN " + name + " - " + key + " <> '{}' THEN " + name + " - " + key + " END",
	}, nil
}

// refuseUsedField refuses a column that takes over a dynamic field which a CHECK
// constraint or an index uses: they would go on by the hidden column, where the field
// is not any more.
func (d *ddl) refuseUsedField(table *catalog.Table, field string) error {
	uses := func(expr string) bool {
		name, key := identifier(catalog.MetaColumn), literal(field)
		return strings.Contains(expr, name+" ->> "+key) || strings.Contains(expr, name+" -> "+key)
	}
	refuse := func(what string) error {
		return sqlerr.Unsupported("a column that takes over dynamic field %s, which %s uses,", quoted(field), what).
			WithHint("Drop it, add the column, and create it again.")
	}
	for _, k := range table.Constraints {
		if uses(k.Expr) {
			return refuse("constraint " + quoted(k.Name))
		}
	}
	for _, x := range d.catalog().Indexes(table.OID) {
		if uses(x.Predicate) || slices.ContainsFunc(x.Columns, func(c catalog.IndexColumn) bool { return uses(c.Expr) }) {
			return refuse("index " + quoted(x.Name))
		}
	}
	return nil
}

// refuseMeta answers for statements that would take the hidden column away.
func refuseMeta(table *catalog.Table, c *catalog.Column) error {
	if !c.Hidden {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidTableDefinition, "column %s keeps the dynamic fields of relation %s", quoted(c.Name), quoted(table.Name))
}
