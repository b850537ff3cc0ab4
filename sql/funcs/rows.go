package funcs

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/types"
)

// rowsBatch is the rows that a set-returning function gives at once.
const rowsBatch = 1024

// sequence is a set-returning function of one column: next gives values until
// ok is false. An error null makes a null row.
type sequence[R any] struct {
	context *types.EvalContext
	next    func() (v R, ok bool, err error)
	done    bool
}

// Next returns the next batch.
func (s *sequence[R]) Next(ctx context.Context) ([]arrow.Array, error) {
	if err := ctx.Err(); err != nil || s.done {
		return nil, err
	}
	type row struct {
		value  R
		isNull bool
	}
	var rows []row
	for len(rows) < rowsBatch {
		v, ok, err := s.next()
		if err != nil && err != null {
			return nil, err
		}
		if !ok {
			s.done = true
			break
		}
		rows = append(rows, row{v, err == null})
	}
	if len(rows) == 0 {
		return nil, nil
	}
	a, err := fill(s.context, nil, len(rows), func(i int) (R, error) {
		if rows[i].isNull {
			return rows[i].value, null
		}
		return rows[i].value, nil
	})
	return []arrow.Array{a}, err
}

// items makes a sequence of a slice.
func items[R any](c *types.EvalContext, list []R) RowsIterator {
	k := 0
	return &sequence[R]{context: c, next: func() (v R, ok bool, err error) {
		if k == len(list) {
			return v, false, nil
		}
		k++
		return list[k-1], true, nil
	}}
}

// noRows is a set of no rows: what a strict function gives for a null.
type noRows struct{}

// Next returns the end.
func (noRows) Next(context.Context) ([]arrow.Array, error) { return nil, nil }

// rows registers a set-returning function; a strict one sees no nulls.
func rows(signature string, r RowsKernel) { Builtin(signature, Impl{Rows: strictRows(signature, r)}) }

// strictRows answers no rows for a null argument of a strict function.
func strictRows(signature string, r RowsKernel) RowsKernel {
	fact, _ := known.function(signature)
	if fact == nil || !fact.Strict {
		return r
	}
	return func(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
		if anyNull(args, 0) {
			return noRows{}, nil
		}
		return r(c, args)
	}
}

// rowsOf registers a set-returning function whose work depends on the types of
// the call.
func rowsOf(signature string, specialize func(call Signature) (RowsKernel, error)) {
	Builtin(signature, Impl{Specialize: func(call Signature) (Impl, error) {
		r, err := specialize(call)
		return Impl{Rows: strictRows(signature, r)}, err
	}})
}

// arraySlices hands out an array in batches, without copying.
type arraySlices struct {
	array      arrow.Array
	start, end int
}

// Next returns the next slice.
func (s *arraySlices) Next(ctx context.Context) ([]arrow.Array, error) {
	if err := ctx.Err(); err != nil || s.start >= s.end {
		return nil, err
	}
	n := min(rowsBatch, s.end-s.start)
	a := array.NewSlice(s.array, int64(s.start), int64(s.start+n))
	s.start += n
	return []arrow.Array{a}, nil
}
