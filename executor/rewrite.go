package executor

import (
	"context"
	"errors"
	"strings"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// rewriting writes every row of a table anew, in the shape of another
// descriptor. The table is locked against everybody. Its partitions get new
// storage ids, as by TRUNCATE, so what was there goes once nobody reads it.
type rewriting struct {
	d          *ddl
	old, fresh *catalog.Table
	// sources has what columns of fresh, by number, take their values from: the
	// text of an expression over old. The others keep theirs.
	sources map[int16]string
	// put makes fresh the descriptor of the table.
	put func() error
}

// rewrite runs r: the rows are read by the descriptor of before and kept aside
// until that of after is there.
func (d *ddl) rewrite(ctx context.Context, r rewriting) error {
	r.d = d
	partitions := d.catalog().Partitions(r.old.OID)
	kept := make([]spool, len(partitions))
	for i, p := range partitions {
		kept[i].init(d.x)
		defer kept[i].drop()
		if err := r.read(ctx, p, &kept[i]); err != nil {
			return err
		}
	}
	if err := r.put(); err != nil {
		return err
	}
	if err := d.catalog().Truncate(ctx, r.old.OID); err != nil {
		return err
	}
	table := d.catalog().Table(r.old.OID)
	for i, p := range partitions {
		if err := r.write(ctx, table, p, &kept[i]); err != nil {
			return err
		}
	}
	return nil
}

// read spools the new rows of one partition.
func (r *rewriting) read(ctx context.Context, p *catalog.Partition, into *spool) error {
	stmt, err := r.plan(ctx, p)
	if err != nil {
		return err
	}
	columns := liveColumns(r.fresh)
	var failed error
	err = r.d.runQuery(ctx, stmt, func(b *batch) {
		if failed == nil {
			failed = r.keep(columns, b, into)
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// keep adds a batch, which it borrows, to a spool.
func (r *rewriting) keep(columns []*catalog.Column, b *batch, into *spool) error {
	rows := &batch{cols: retainAll(b.cols), rows: b.rows}
	for i, c := range columns {
		err := conform(r.d.x.mem, &rows.cols[i], c.Type)
		if err == nil && c.NotNull && rows.cols[i].NullN() > 0 {
			err = r.d.containsNulls(r.fresh, c.Name)
		}
		if err != nil {
			rows.release()
			return err
		}
	}
	return into.add(rows)
}

// plan reads what the live columns of fresh are made of from one partition, cast
// to their types as an assignment does.
func (r *rewriting) plan(ctx context.Context, p *catalog.Partition) (*plan.Statement, error) {
	columns := liveColumns(r.fresh)
	list := make([]string, len(columns))
	for i, c := range columns {
		if text, ok := r.sources[c.Number]; ok {
			list[i] = "(" + text + ")"
			continue
		}
		list[i] = identifier(columnByNumber(r.old, c.Number).Name)
	}
	// The fields of a table without columns are none.
	stmt, err := r.d.x.env.Replan(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+r.d.qualified(r.old.Schema, r.old.Name))
	if err != nil {
		return nil, withoutPosition(err)
	}
	rows, err := onePartition(stmt.Root, p)
	if err != nil {
		return nil, err
	}
	return assigning(stmt, rows, columns), nil
}

// assigning is a statement that casts rows, which come as those of stmt, to the types
// of columns as an assignment does.
func assigning(stmt *plan.Statement, rows plan.Node, columns []*catalog.Column) *plan.Statement {
	exprs := make([]plan.Expr, len(columns))
	shape := make([]plan.OutputColumn, len(columns))
	for i, c := range columns {
		shape[i] = stmt.Columns[i]
		exprs[i] = assigned(&plan.Column{Typed: plan.Typed{T: shape[i].Type}, Index: i}, c.Type)
		shape[i].Type = c.Type
	}
	root := &plan.Project{Unary: plan.Unary{Base: plan.Base{Columns: shape}, Input: rows}, Exprs: exprs}
	return &plan.Statement{Root: root, Tag: stmt.Tag, Columns: shape, ReadOnly: stmt.ReadOnly, Stamp: stmt.Stamp, Tables: stmt.Tables, Failure: stmt.Failure}
}

// onePartition is a plan of a table's rows, which may be shared, that reads one
// partition.
func onePartition(n plan.Node, p *catalog.Partition) (plan.Node, error) {
	switch n := n.(type) {
	case *plan.Scan:
		out := *n
		out.Partitions = []*catalog.Partition{p}
		return &out, nil
	case *plan.Project:
		input, err := onePartition(n.Input, p)
		out := *n
		out.Input = input
		return &out, err
	case *plan.ProjectSet:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "set-returning functions are not allowed in transform expressions")
	}
	return nil, sqlerr.New(sqlerr.InternalError, "no way to rewrite a table by %T", n)
}

// write inserts the rows kept of a partition.
func (r *rewriting) write(ctx context.Context, table *catalog.Table, p *catalog.Partition, from *spool) error {
	for {
		b, err := from.takeNext()
		if err != nil || b == nil {
			return err
		}
		_, _, err = r.d.x.env.Txn.Insert(ctx, table, p.OID, b.cols, false)
		b.release()
		if err != nil {
			return r.d.notUnique(err)
		}
	}
}

// notUnique is the answer when the rows that are there have one key twice.
func (d *ddl) notUnique(err error) error {
	var e *storage.UniqueError
	if !errors.As(err, &e) {
		return err
	}
	var names, values []string
	for i, c := range e.Index.Columns {
		names = append(names, columnByNumber(e.Table, c.Number).Name)
		values = append(values, string(e.Types[i].Type().AppendText(nil, e.Key[i], 0, d.x.c.Format)))
	}
	// Not wrapped: what is said of statements that insert is not said of this.
	return sqlerr.New(sqlerr.UniqueViolation, "could not create unique index %s", quoted(e.Index.Name)).
		WithDetail("Key (%s)=(%s) is duplicated.", strings.Join(names, ", "), strings.Join(values, ", ")).
		WithTable(schemaName(d.x, e.Table), e.Table.Name).WithConstraint(e.Index.Name)
}

// withoutPosition is an error of a text that the client has not written.
func withoutPosition(err error) error {
	var e *sqlerr.Error
	if !errors.As(err, &e) || e.Position == 0 {
		return err
	}
	at := *e
	at.Position = 0
	return &at
}

// assignable says whether values of a type are taken for a column of another
// without being asked to be.
func assignable(from, to types.T) bool {
	if from.OID == to.OID || from.OID == types.UnknownOID || to.Type().Category == types.CategoryString {
		return true
	}
	if c := types.FindCast(from.OID, to.OID); c != nil {
		return c.Context != types.CastExplicit
	}
	a, b := from.Type(), to.Type()
	return isArray(a) && isArray(b) && assignable(types.Of(a.Elem), types.Of(b.Elem))
}

func isArray(t *types.Type) bool {
	return t.Category == types.CategoryArray && t.Elem != 0 && t.Len == -1
}

// assigned casts an expression to the type of a column, as INSERT does;
// assignable has said that it may.
func assigned(e plan.Expr, to types.T) plan.Expr {
	from := e.Type()
	cast := types.FindCast(from.OID, to.OID)
	typed := plan.Typed{T: to}
	switch {
	case from == to || from.OID == to.OID && to.Mod < 0:
		return e
	case from.OID == to.OID:
		return &plan.Cast{Typed: typed, Arg: e, Cast: cast, Implicit: true}
	case cast != nil:
		return &plan.Cast{Typed: typed, Arg: e, Cast: cast, Implicit: true}
	case isArray(from.Type()) && isArray(to.Type()):
		elem := types.T{OID: to.Type().Elem, Mod: to.Mod}
		item := &plan.Column{Typed: plan.Typed{T: types.Of(from.Type().Elem)}}
		return &plan.ArrayCast{Typed: typed, Arg: e, Elem: assigned(item, elem), Implicit: true}
	}
	return &plan.Cast{Typed: typed, Arg: e, ViaText: true, Implicit: true}
}
