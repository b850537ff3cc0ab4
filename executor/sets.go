package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// setCall is a compiled call of a function in FROM, or of a set-returning one in
// a select list.
type setCall struct {
	function *funcs.Function
	args     []evaluator
	types    []types.T // of the result columns
}

// compileSetCall compiles a call whose result columns have the given types.
func (b *builder) compileSetCall(c *plan.Call, columns []types.T) (*setCall, error) {
	if c.Function.Rows == nil && c.Function.Kernel == nil {
		return nil, sqlerr.Unsupported("function %s in FROM", c.Function.Name)
	}
	args, err := b.compileAll(c.Args)
	return &setCall{c.Function, args, columns}, err
}

// start calls the function for one row of in.
func (c *setCall) start(x *execution, in *batch) (*setRows, error) {
	args := make([]types.Vec, len(c.args))
	defer func() {
		for _, v := range args {
			if v.Array != nil {
				v.Array.Release()
			}
		}
	}()
	null := false
	for i, e := range c.args {
		v, err := e.eval(x, in)
		if err != nil {
			return nil, err
		}
		v.Const = true // in has one row
		args[i] = v
		null = null || v.Array.IsNull(0)
	}
	rows := &setRows{x: x, types: c.types}
	switch {
	case c.function.Rows == nil:
		a, err := c.function.Kernel(x.c, args, 1)
		if err != nil {
			return nil, err
		}
		rows.held = spread(a, len(c.types))
		rows.ended = true
	case c.function.Strict && null:
		rows.ended = true
	default:
		// The iterator may read its arguments later.
		rows.args = slices.Clone(args)
		for _, v := range rows.args {
			v.Array.Retain()
		}
		it, err := c.function.Rows(x.c, rows.args)
		if err != nil {
			rows.drop()
			return nil, err
		}
		rows.it = it
	}
	return rows, nil
}

// spread takes over a and returns it as n columns: a row value as its fields.
func spread(a arrow.Array, n int) []arrow.Array {
	s, ok := a.(*array.Struct)
	if n == 1 || !ok || s.NumField() != n {
		return []arrow.Array{a}
	}
	defer a.Release()
	out := make([]arrow.Array, n)
	for i := range out {
		out[i] = s.Field(i)
		out[i].Retain()
	}
	return out
}

// setRows is one running call.
type setRows struct {
	x     *execution
	types []types.T
	args  []types.Vec
	it    funcs.RowsIterator
	held  []arrow.Array // not yet taken
	at    int
	ended bool
}

// fill makes rows available, if there are any left.
func (s *setRows) fill(ctx context.Context) error {
	for !s.ended && s.available() == 0 {
		releaseAll(s.held)
		cols, err := s.it.Next(ctx)
		if err != nil {
			s.held = nil
			return err
		}
		s.held, s.at = cols, 0
		s.ended = cols == nil
	}
	return nil
}

func (s *setRows) available() int {
	if len(s.held) == 0 {
		return 0
	}
	return s.held[0].Len() - s.at
}

// take appends n rows to cols, padded with nulls.
func (s *setRows) take(cols []arrow.Array, n int) ([]arrow.Array, error) {
	have := min(n, s.available())
	for c, t := range s.types {
		switch {
		case have == 0:
			cols = append(cols, nullArray(s.x.mem, arrowType(t), n))
		case have == n:
			cols = append(cols, array.NewSlice(s.held[c], int64(s.at), int64(s.at+n)))
		default:
			part := array.NewSlice(s.held[c], int64(s.at), int64(s.at+have))
			pad := nullArray(s.x.mem, part.DataType(), n-have)
			a, err := concat(s.x.mem, []arrow.Array{part, pad})
			part.Release()
			pad.Release()
			if err != nil {
				return cols, err
			}
			cols = append(cols, a)
		}
	}
	s.at += have
	return cols, nil
}

func (s *setRows) drop() {
	releaseAll(s.held)
	s.held = nil
	for _, v := range s.args {
		v.Array.Release()
	}
	s.args = nil
}

// nextTogether is how many rows several calls yield next, side by side: as many
// as the shortest has at hand of those that have not ended, for the others are
// padded. 0 when all have ended.
func nextTogether(ctx context.Context, calls []*setRows) (int, error) {
	n := 0
	for _, s := range calls {
		if err := s.fill(ctx); err != nil {
			return 0, err
		}
		if have := s.available(); have > 0 && (n == 0 || have < n) {
			n = have
		}
	}
	return min(n, 4*batchRows), nil
}

func dropCalls(calls []*setRows) {
	for _, s := range calls {
		s.drop()
	}
}
