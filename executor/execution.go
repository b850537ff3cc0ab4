package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/storage"
)

// execution is what the operators and evaluators of one running statement
// share. Operators keep a pointer to it from build on; its contents change with
// each Start, so that an operator tree can be used again.
type execution struct {
	env *Env
	c   *types.EvalContext
	mem memory.Allocator
	// params are env's; filters read them while a function runs under another env.
	params []arrow.Array
	// frames are the rows of enclosing queries, innermost last: what
	// plan.Outer reads.
	frames []frame
	// reached is the lowest frame that an expression has read: what tells a
	// subquery whether its answer depends on rows further out.
	reached int
	// ctes are the WITH queries in scope, by id.
	ctes map[int]*cteRun
	// virtuals are the virtual relations computed so far.
	virtuals map[*catalog.Virtual]arrow.Record
	// affected is the count of the command tag.
	affected int64
	// recheck, when set, replaces the rows of one table's scan: the re-check of
	// an updated row (recheck.go).
	recheck *recheckRow
	// latest is a snapshot of the newest state, opened on first use.
	latest storage.Snapshot
}

// frame is one row of an enclosing query: arrays of length one.
type frame []arrow.Array

// push enters a subquery run for a row and returns what ends it.
func (x *execution) push(f frame) { x.frames = append(x.frames, f) }

func (x *execution) pop() { x.frames = x.frames[:len(x.frames)-1] }

// snapshot returns the statement's snapshot.
func (x *execution) snapshot() storage.Snapshot { return x.env.Snapshot }

// latestSnapshot opens, once, a snapshot of the newest state.
func (x *execution) latestSnapshot(ctx context.Context) (storage.Snapshot, error) {
	if x.latest == nil {
		s, err := x.env.Txn.LatestSnapshot(ctx)
		if err != nil {
			return nil, err
		}
		x.latest = s
	}
	return x.latest, nil
}

// dropLatest closes the newest-state snapshot: the next use opens another.
func (x *execution) dropLatest() {
	if x.latest != nil {
		x.latest.Close()
		x.latest = nil
	}
}

func (x *execution) catalog() *catalog.Txn { return x.env.Txn.Catalog() }

// view is the catalog to read: the transaction's, or that of a statement which
// needs no transaction.
func (x *execution) view() catalog.View {
	if x.env.Txn != nil {
		return x.env.Txn.Catalog().Snapshot()
	}
	return x.c.Catalog.(catalog.View)
}

func (x *execution) reset() {
	x.dropLatest()
	x.env, x.c, x.mem = nil, nil, nil
	x.frames = x.frames[:0]
	clear(x.ctes)
	for _, rec := range x.virtuals {
		rec.Release()
	}
	clear(x.virtuals)
	x.affected = 0
	x.recheck = nil
}
