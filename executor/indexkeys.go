package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/types"
	"quiver/storage"
)

// NewIndexKeys makes what storage computes the keys of an index with, outside
// any statement: its expressions are immutable, so they ask nothing of one.
func NewIndexKeys(key *plan.IndexKey) (storage.IndexKeys, error) { return newIndexKeys(key) }

func newIndexKeys(key *plan.IndexKey) (*indexKeys, error) {
	k := &indexKeys{key: key}
	k.make = k.compile
	return k, k.fill()
}

// keyEvaluators serve one goroutine at a time.
type keyEvaluators struct {
	x              execution
	key, predicate evaluator // predicate is nil for none
}

// indexKeys is a storage.IndexKeys.
type indexKeys struct {
	key *plan.IndexKey
	pool[*keyEvaluators]
}

func (k *indexKeys) compile() (_ *keyEvaluators, err error) {
	e := &keyEvaluators{}
	b := &builder{x: &e.x}
	if e.key, err = b.compile(k.key.Key); err != nil {
		return nil, err
	}
	e.predicate, err = b.compileOptional(k.key.Predicate)
	return e, err
}

// Fields are the columns that Eval reads.
func (k *indexKeys) Fields() []catalog.FieldID { return k.key.Fields }

// Eval computes the keys of the rows of keep for which the predicate is true,
// and clears the bits of the others.
func (k *indexKeys) Eval(ctx context.Context, columns []arrow.Array, rows int, keep storage.Bitmap) (arrow.Array, error) {
	e, err := k.acquire()
	if err != nil {
		return nil, err
	}
	defer k.giveBack(e)
	mem := memory.DefaultAllocator
	e.x.mem = mem
	e.x.c = &types.EvalContext{Ctx: ctx, Mem: mem, Format: types.DefaultFormat()}
	at := setBits(nil, keep, rows)
	in := &batch{cols: columns, rows: rows}
	if len(at) < rows {
		in = takeRows(mem, columns, at)
		defer in.release()
	}
	if e.predicate != nil {
		passing, err := evalCondition(&e.x, e.predicate, in, nil)
		if err != nil {
			return nil, err
		}
		if len(passing) < in.rows {
			clear(keep)
			kept := make([]int32, len(passing))
			for i, p := range passing {
				kept[i] = at[p]
				bitutil.SetBit(keep, int(kept[i]))
			}
			narrowed := takeRows(mem, in.cols, passing)
			defer narrowed.release()
			in, at = narrowed, kept
		}
	}
	out, err := evalFull(&e.x, e.key, in)
	if err != nil || len(at) == rows {
		return out, err
	}
	defer out.Release()
	return scatter(mem, out, at, rows), nil
}

// takeRows copies rows of columns.
func takeRows(mem memory.Allocator, columns []arrow.Array, at []int32) *batch {
	out := &batch{cols: make([]arrow.Array, len(columns)), rows: len(at)}
	for i, c := range columns {
		out.cols[i] = take(mem, c, at)
	}
	return out
}

// scatter puts values at their places among nulls.
func scatter(mem memory.Allocator, values arrow.Array, at []int32, rows int) arrow.Array {
	null := array.MakeArrayOfNull(mem, values.DataType(), 1)
	defer null.Release()
	both, err := array.Concatenate([]arrow.Array{values, null}, mem)
	if err != nil {
		panic(err) // two arrays of one type
	}
	defer both.Release()
	from := make([]int32, rows)
	for i := range from {
		from[i] = int32(len(at))
	}
	for i, place := range at {
		from[place] = int32(i)
	}
	return take(mem, both, from)
}

// keyScanner makes of a scanner's batches, which have the columns of an index
// key and the row ids, batches of the key and the row ids: what a search over an
// expression compares.
type keyScanner struct {
	storage.Scanner
	keys   *indexKeys
	schema *arrow.Schema
}

// Next computes the key of the visible rows.
func (s *keyScanner) Next(ctx context.Context) (*storage.Batch, error) {
	in, err := s.Scanner.Next(ctx)
	if err != nil || in == nil {
		return nil, err
	}
	defer in.Record.Release()
	n := int(in.Record.NumRows())
	last := len(s.keys.key.Fields)
	keep := make(storage.Bitmap, bitutil.BytesForBits(int64(n)))
	for i := range n {
		if in.Visible.Get(i) {
			bitutil.SetBit(keep, i)
		}
	}
	key, err := s.keys.Eval(ctx, in.Record.Columns()[:last], n, keep)
	if err != nil {
		return nil, err
	}
	defer key.Release()
	ids := in.Record.Column(last)
	if s.schema == nil {
		s.schema = arrow.NewSchema([]arrow.Field{{Name: "key", Type: key.DataType(), Nullable: true}, {Name: "row", Type: ids.DataType()}}, nil)
	}
	rec := array.NewRecord(s.schema, []arrow.Array{key, ids}, int64(n))
	return &storage.Batch{Record: rec, Visible: in.Visible, Kept: in.Kept}, nil
}
