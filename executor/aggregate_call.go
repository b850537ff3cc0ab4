package executor

import (
	"context"
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// aggregateCall is a compiled aggregate call.
type aggregateCall struct {
	plan   *plan.AggregateCall
	args   []evaluator
	filter evaluator
	// order, for DISTINCT and ORDER BY: the ORDER BY items, then, for DISTINCT,
	// the arguments, so that equal ones come together.
	order   *keyEncoder
	argKeys *keyEncoder // over the argument columns, for DISTINCT
}

func (b *builder) compileAggregate(c *plan.AggregateCall) (*aggregateCall, error) {
	if c.Function.Aggregate == nil {
		return nil, sqlerr.Unsupported("aggregate function %s", c.Function.Name)
	}
	args, err := b.compileAll(c.Args)
	if err != nil {
		return nil, err
	}
	filter, err := b.compileOptional(c.Filter)
	if err != nil {
		return nil, err
	}
	out := &aggregateCall{plan: c, args: args, filter: filter}
	if !c.Distinct && len(c.OrderBy) == 0 {
		return out, nil
	}
	if out.order, err = b.compileKeys(c.OrderBy); err != nil {
		return nil, err
	}
	if c.Distinct {
		out.argKeys = &keyEncoder{}
		for i, arg := range c.Args {
			typ := arg.Type().Type()
			if typ.AppendKey == nil {
				return nil, noEquality(typ)
			}
			out.argKeys.items = append(out.argKeys.items, keyItem{e: columnEval(i), typ: typ})
		}
	}
	return out, nil
}

// callState is an aggregate call over the groups of one pass.
type callState struct {
	call *aggregateCall
	acc  funcs.Accumulator
	// sorter holds the arguments of DISTINCT and ORDER BY until all are known:
	// by group, then order.
	sorter *sorter
	rows   []int32
	groups []uint32
}

func (c *aggregateCall) newState(x *execution) (*callState, error) {
	acc, err := c.plan.Function.Aggregate(funcs.AggregateSpec{Args: c.plan.ArgTypes, Result: c.plan.T})
	if err != nil {
		return nil, err
	}
	s := &callState{call: c, acc: acc}
	if c.order != nil {
		s.sorter = &sorter{x: x}
	}
	return s, nil
}

func (s *callState) bytes() int64 {
	// What a sorter holds it spills by itself.
	return s.acc.Bytes()
}

func (s *callState) drop() {
	if s.sorter != nil {
		s.sorter.drop()
	}
}

// update adds the rows of a batch to their groups.
func (s *callState) update(x *execution, in *batch, groups []uint32, ngroups int) error {
	c := s.call
	if c.filter != nil {
		rows, err := evalCondition(x, c.filter, in, s.rows[:0])
		s.rows = rows
		if err != nil || len(rows) == 0 {
			return err
		}
		if len(rows) < in.rows {
			in = takeBatch(x.mem, in, rows)
			defer in.release()
			s.groups = s.groups[:0]
			for _, r := range rows {
				s.groups = append(s.groups, groups[r])
			}
			groups = s.groups
		}
	}
	args := make([]types.Vec, len(c.args))
	defer func() {
		for _, v := range args {
			if v.Array != nil {
				v.Array.Release()
			}
		}
	}()
	for i, e := range c.args {
		var err error
		if args[i], err = e.eval(x, in); err != nil {
			return err
		}
	}
	if s.sorter == nil {
		return s.acc.Update(x.c, groups, ngroups, args, in.rows)
	}
	return s.defers(x, in, groups, args)
}

// defers keeps the arguments of a batch, with their group, to be sorted.
func (s *callState) defers(x *execution, in *batch, groups []uint32, args []types.Vec) error {
	kept := &batch{rows: in.rows}
	for _, v := range args {
		if v.Const {
			kept.cols = append(kept.cols, repeat(x.mem, v.Array, in.rows))
		} else {
			v.Array.Retain()
			kept.cols = append(kept.cols, v.Array)
		}
	}
	order, err := s.call.order.encode(x, in)
	if err != nil {
		kept.release()
		return err
	}
	var args2 *keys
	if s.call.argKeys != nil {
		if args2, err = s.call.argKeys.encode(x, kept); err != nil {
			kept.release()
			return err
		}
	}
	k := &keys{}
	for i := range in.rows {
		k.data = binary.BigEndian.AppendUint32(k.data, groups[i])
		k.data = append(k.data, order.at(i)...)
		if args2 != nil {
			k.data = append(k.data, args2.at(i)...)
		}
		k.ends = append(k.ends, len(k.data))
	}
	kept.cols = append(kept.cols, groupColumn(x, groups))
	return s.sorter.add(kept, k)
}

// groupColumn carries group numbers through a sorter.
func groupColumn(x *execution, groups []uint32) arrow.Array {
	b := array.NewUint32Builder(x.mem)
	defer b.Release()
	b.AppendValues(groups, nil)
	return b.NewArray()
}

// result returns the value of each group; the caller releases it.
func (s *callState) result(ctx context.Context, x *execution, ngroups int) (arrow.Array, error) {
	if s.sorter != nil {
		if err := s.feedSorted(ctx, x, ngroups); err != nil {
			return nil, err
		}
	}
	return s.acc.Result(x.c, ngroups)
}

// feedSorted gives the accumulator what the sorter holds; with DISTINCT the
// first of each run of equal keys.
func (s *callState) feedSorted(ctx context.Context, x *execution, ngroups int) error {
	if err := s.sorter.finish(ctx); err != nil {
		return err
	}
	var last []byte
	first := true
	for {
		b, keys, err := s.sorter.next(ctx)
		if err != nil || b == nil {
			return err
		}
		if s.call.argKeys != nil {
			var rows []int32
			for i, key := range keys {
				if first || string(key) != string(last) {
					rows = append(rows, int32(i))
				}
				first, last = false, key
			}
			kept := takeBatch(x.mem, b, rows)
			b.release()
			b = kept
		}
		err = s.feed(x, b, ngroups)
		b.release()
		if err != nil {
			return err
		}
	}
}

func (s *callState) feed(x *execution, b *batch, ngroups int) error {
	if b.rows == 0 {
		return nil
	}
	last := len(b.cols) - 1
	args := make([]types.Vec, last)
	for i := range args {
		args[i] = types.Vec{Array: b.cols[i]}
	}
	groups := b.cols[last].(*array.Uint32).Uint32Values()
	return s.acc.Update(x.c, groups, ngroups, args, b.rows)
}
