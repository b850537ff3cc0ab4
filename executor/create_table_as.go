package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// createAs is CREATE TABLE AS: a table of the query's columns, filled with its
// rows.
func (c *tableCreation) createAs(ctx context.Context) error {
	if c.query == nil {
		return sqlerr.New(sqlerr.InternalError, "CREATE TABLE AS was planned without its query")
	}
	if len(c.stmt.AsColumns) > len(c.queryColumns) {
		return sqlerr.New(sqlerr.SyntaxError, "too many column names were specified")
	}
	for i, out := range c.queryColumns {
		name := out.Name
		if i < len(c.stmt.AsColumns) {
			name = c.stmt.AsColumns[i]
		}
		if columnNamed(c.table, name) != nil {
			return sqlerr.New(sqlerr.DuplicateColumn, "column %s specified more than once", quoted(name))
		}
		t := out.Type
		if t.OID == types.UnknownOID {
			t = types.Of(types.TextOID)
		}
		if t.Type().Kind == 'p' {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "column %s has pseudo-type %s", quoted(name), t.Type().SQLName)
		}
		c.table.Columns = append(c.table.Columns, catalog.Column{
			Number: int16(i + 1), Name: name, Type: t, State: catalog.StatePublic,
		})
	}
	if err := c.addMeta(); err != nil {
		return err
	}
	if err := c.put(ctx); err != nil {
		return err
	}
	if !c.stmt.WithData {
		return nil
	}
	table := c.catalog().Table(c.table.OID)
	return drain(ctx, c.query, func(b *batch) error { return c.fill(ctx, table, b) })
}

// fill inserts a batch of the query, which it takes over.
func (c *tableCreation) fill(ctx context.Context, table *catalog.Table, b *batch) error {
	defer b.release()
	for i := range b.cols {
		if err := conform(c.x.mem, &b.cols[i], table.Columns[i].Type); err != nil {
			return err
		}
	}
	if len(b.cols) < len(table.Columns) { // the hidden one
		b.cols = append(b.cols, nullArray(c.x.mem, arrowType(types.Of(types.JSONBOID)), b.rows))
	}
	if _, _, err := c.x.env.Txn.Insert(ctx, table, 0, b.cols, false); err != nil {
		return err
	}
	c.x.affected += int64(b.rows)
	return nil
}
