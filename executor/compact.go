package executor

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage/jobs"
	"quiver/storage/objstore"
)

func init() {
	maintain := func(oid types.OID, name, argument string, arg, result types.OID, run func(x *execution, ctx context.Context, arg int64) (int64, error)) {
		funcs.Register(&funcs.Function{
			OID: oid, Schema: "quiver", Name: name, Kind: funcs.KindFunction,
			Args: []types.OID{arg}, ArgNames: []string{argument}, Result: result, Volatility: funcs.Volatile, Strict: true,
			Impl: funcs.Impl{Kernel: func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
				return maintainRows(c, args[0], types.Of(result), n, run)
			}},
		})
	}
	maintain(flushOID, "flush", "table", types.RegclassOID, types.VoidOID, (*execution).flush)
	maintain(compactOID, "compact", "table", types.RegclassOID, types.Int8OID, (*execution).compact)
	maintain(warmOID, "warm", "relation", types.RegclassOID, types.Int8OID, (*execution).warm)
	maintain(waitOID, "wait", "job", types.Int8OID, types.VoidOID, (*execution).waitJob)
}

// maintainRows calls run for every argument that is not null.
func maintainRows(c *types.EvalContext, arg types.Vec, result types.T, n int, run func(x *execution, ctx context.Context, arg int64) (int64, error)) (arrow.Array, error) {
	x, err := executionOf(c)
	if err != nil {
		return nil, err
	}
	if x.env.Engine == nil {
		return nil, sqlerr.Unsupported("maintenance in this process")
	}
	b := array.NewInt64Builder(c.Mem)
	defer b.Release()
	for i := range n {
		if arg.IsNull(i) {
			b.AppendNull()
			continue
		}
		var value int64
		switch a := arg.Array.(type) {
		case *array.Uint32:
			value = int64(a.Value(arg.Row(i)))
		case *array.Int64:
			value = a.Value(arg.Row(i))
		}
		out, err := run(x, c.Ctx, value)
		if err != nil {
			if c.Ctx.Err() != nil {
				err = context.Cause(c.Ctx)
			}
			return nil, err
		}
		b.Append(out)
	}
	if result.OID == types.VoidOID {
		return types.NullArray(result, c.Mem, n), nil
	}
	return b.NewArray(), nil
}

// stored finds a table, or a partition and the table that it is of.
func (x *execution) stored(oid int64) (name string, table, partition catalog.StorageID, err error) {
	view := x.view()
	switch rel := catalog.Follow(view, view.RelationByOID(types.OID(oid))).(type) {
	case nil:
		return "", 0, 0, sqlerr.New(sqlerr.UndefinedTable, "relation with OID %d does not exist", oid)
	case *catalog.Table:
		return rel.Name, rel.Storage, 0, nil
	case *catalog.Partition:
		return rel.Name, view.Table(rel.Table).Storage, rel.Storage, nil
	default:
		return "", 0, 0, sqlerr.New(sqlerr.WrongObjectType, "%s is not a table or partition", quoted(rel.Head().Name))
	}
}

// changesStorage refuses a function that does what CHECKPOINT or VACUUM does, where those
// are refused.
func (x *execution) changesStorage(function string) error {
	if x.env.Sessions == nil {
		return nil
	}
	return x.env.Sessions.WritesRefused(function)
}

// flush is quiver.flush(table).
func (x *execution) flush(ctx context.Context, oid int64) (int64, error) {
	if err := x.changesStorage("quiver.flush()"); err != nil {
		return 0, err
	}
	_, table, partition, err := x.stored(oid)
	if err != nil {
		return 0, err
	}
	return 0, x.env.Engine.Flush(ctx, table, partition)
}

// compact is quiver.compact(table), the number of a background job.
func (x *execution) compact(_ context.Context, oid int64) (int64, error) {
	if err := x.changesStorage("quiver.compact()"); err != nil {
		return 0, err
	}
	name, table, partition, err := x.stored(oid)
	if err != nil {
		return 0, err
	}
	return x.env.Engine.Compact(name, table, partition), nil
}

// warm is quiver.warm(relation), of a table, a partition or a vector index: the
// bytes that are in the cache then.
func (x *execution) warm(ctx context.Context, oid int64) (int64, error) {
	view := x.view()
	if index, ok := view.RelationByOID(types.OID(oid)).(*catalog.Index); ok && index.Storage != 0 {
		return x.env.Engine.Warm(ctx, index.Name, view.Table(index.Table).Storage, 0, index.Storage)
	}
	name, table, partition, err := x.stored(oid)
	if err != nil {
		return 0, err
	}
	return x.env.Engine.Warm(ctx, name, table, partition, 0)
}

// waitJob is quiver.wait(job).
func (x *execution) waitJob(ctx context.Context, job int64) (int64, error) {
	err := x.env.Engine.WaitJob(ctx, job)
	switch {
	case errors.Is(err, jobs.ErrUnknownJob):
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "job %d does not exist", job)
	case err != nil && ctx.Err() == nil:
		code := sqlerr.InternalError
		if errors.Is(err, objstore.ErrUnavailable) {
			code = sqlerr.IOError
		}
		return 0, sqlerr.Wrap(err, code, "job %d failed and will be repeated: %v", job, err).
			WithHint("quiver.jobs shows its attempts.")
	}
	return 0, err
}
