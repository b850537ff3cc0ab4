package executor

import (
	"context"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// router finds the partitions that new rows of a partitioned table belong to.
type router struct {
	x     *execution
	table *catalog.Table
	// only is the partition that the statement names: rows may go nowhere else.
	only *catalog.Partition
	key  []evaluator
	kind []*types.Type
}

// newRouter compiles the partition key of a modification; nil without one.
func (b *builder) newRouter(table *catalog.Table, only *catalog.Partition, key []plan.Expr) (*router, error) {
	if key == nil {
		return nil, nil
	}
	r := &router{x: b.x, table: table, only: only}
	for _, e := range key {
		ev, err := b.compile(e)
		if err != nil {
			return nil, err
		}
		r.key, r.kind = append(r.key, ev), append(r.kind, e.Type().Type())
	}
	return r, nil
}

// route returns the partition of each row of a batch of the table's live columns.
func (r *router) route(rows *batch) ([]*catalog.Partition, error) {
	values, err := r.values(rows)
	defer releaseVecs(values)
	if err != nil {
		return nil, err
	}
	place := r.placement()
	out := make([]*catalog.Partition, rows.rows)
	for row := range out {
		p := place.Of(values, row)
		switch {
		case r.only != nil && (p == nil || p.OID != r.only.OID):
			return nil, r.violation(rows, row)
		case p == nil:
			return nil, r.noPartition(values, row)
		}
		out[row] = p
	}
	return out, nil
}

// places is route without errors: nil where there is no partition.
func (r *router) places(rows *batch) ([]*catalog.Partition, error) {
	values, err := r.values(rows)
	defer releaseVecs(values)
	if err != nil {
		return nil, err
	}
	place := r.placement()
	out := make([]*catalog.Partition, rows.rows)
	for row := range out {
		out[row] = place.Of(values, row)
	}
	return out, nil
}

func (r *router) placement() *plan.Placement {
	return &plan.Placement{View: r.x.catalog(), Table: r.table, Types: r.kind}
}

// values computes the partition key of rows; the caller releases it, after an error
// too.
func (r *router) values(rows *batch) ([]types.Vec, error) {
	values := make([]types.Vec, len(r.key))
	for i, e := range r.key {
		var err error
		if values[i], err = e.eval(r.x, rows); err != nil {
			return values, err
		}
	}
	return values, nil
}

func releaseVecs(values []types.Vec) {
	for _, v := range values {
		if v.Array != nil {
			v.Array.Release()
		}
	}
}

func (r *router) violation(rows *batch, row int) error {
	return sqlerr.New(sqlerr.CheckViolation, "new row for relation %s violates partition constraint", quoted(r.only.Name)).
		WithDetail("%s", failingRow(r.x, liveColumns(r.table), rows.cols, row)).
		WithTable(schemaNamed(r.x.catalog(), r.only.Schema), r.only.Name)
}

func (r *router) noPartition(values []types.Vec, row int) error {
	var names, texts []string
	for i, c := range r.table.PartitionKey.Columns {
		if c.Number != 0 {
			names = append(names, identifier(columnByNumber(r.table, c.Number).Name))
		} else {
			names = append(names, c.Expr)
		}
		if values[i].IsNull(row) {
			texts = append(texts, "null")
		} else {
			texts = append(texts, string(r.kind[i].AppendText(nil, values[i].Array, values[i].Row(row), r.x.c.Format)))
		}
	}
	return sqlerr.New(sqlerr.CheckViolation, "no partition of relation %s found for row", quoted(r.table.Name)).
		WithDetail("Partition key of the failing row contains (%s) = (%s).", strings.Join(names, ", "), strings.Join(texts, ", ")).
		WithTable(schemaName(r.x, r.table), r.table.Name)
}

func schemaNamed(view catalog.View, oid catalog.OID) string {
	if s := view.SchemaByOID(oid); s != nil {
		return s.Name
	}
	return ""
}

// put inserts rows where they belong.
func (o *insertOp) put(ctx context.Context, rows *batch, onConflict bool) ([]storage.RowID, []storage.UniqueConflict, error) {
	if o.router == nil {
		return o.x.env.Txn.Insert(ctx, o.table, o.partition, rows.cols, onConflict)
	}
	each, err := o.router.route(rows)
	if err != nil {
		return nil, nil, err
	}
	return o.x.env.Txn.InsertInto(ctx, o.table, each, rows.cols, onConflict)
}

// replace updates rows, which move to where they belong; with no router they stay.
func (r *router) replace(ctx context.Context, x *execution, table *catalog.Table, ids []storage.RowID, cols []arrow.Array) ([]storage.RowID, error) {
	if r == nil {
		return x.env.Txn.Update(ctx, table, ids, cols)
	}
	each, err := r.route(&batch{cols: cols, rows: len(ids)})
	if err != nil {
		return nil, err
	}
	return x.env.Txn.UpdateInto(ctx, table, ids, each, cols)
}
