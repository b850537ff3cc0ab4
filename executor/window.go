package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func (b *builder) buildWindow(n *plan.Window) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	o := &windowOp{x: b.x, input: input}
	first := n.Calls[0]
	if o.partition, err = b.compileGroupKeys(first.PartitionBy); err != nil {
		return nil, err
	}
	if o.order, err = b.compileKeys(first.OrderBy); err != nil {
		return nil, err
	}
	for _, c := range n.Calls {
		call, err := b.compileWindowCall(c)
		if err != nil {
			return nil, err
		}
		o.calls = append(o.calls, call)
	}
	return o, nil
}

// windowOp computes window functions: it sorts its input by partition and order and
// adds a column for each call.
type windowOp struct {
	x                *execution
	input            operator
	partition, order *keyEncoder
	calls            []*windowCall
	sorter           *sorter
	filled           bool
	stream           windowStream
	places           []int // of the calls among the columns that stream adds
}

func (o *windowOp) open(ctx context.Context) error {
	o.close()
	o.sorter = &sorter{x: o.x}
	if err := o.stages(); err != nil {
		return err
	}
	return o.input.open(ctx)
}

// stages puts each call into the stage that its level needs, or all into one for
// whole partitions.
func (o *windowOp) stages() error {
	o.stream = sortedStream{o.sorter}
	levels := make([][]int, atLength+1)
	for i, c := range o.calls {
		level, err := c.level(o.x)
		if err != nil {
			return err
		}
		levels[level] = append(levels[level], i)
	}
	marks := windowMarks{partition: o.partition, order: o.order}
	if len(levels[atLength]) > 0 {
		o.stream = &partitionStage{x: o.x, input: o.stream, marks: marks, calls: o.calls}
		o.places = nil
		for i := range o.calls {
			o.places = append(o.places, i)
		}
		return nil
	}
	o.places = make([]int, len(o.calls))
	added := 0
	place := func(call int) *windowCall {
		o.places[call] = added
		added++
		return o.calls[call]
	}
	passing := &passingStage{x: o.x, input: o.stream, marks: marks}
	for _, i := range levels[atRow] {
		if c := o.calls[i]; c.plan.Function.Window != nil && c.plan.Function.Name != "last_value" {
			passing.calls = append(passing.calls, &passingCall{windowCall: place(i)})
		}
	}
	if len(passing.calls) > 0 {
		o.stream = passing
	}
	for level := atRow; level < atLength; level++ {
		unit := &unitStage{x: o.x, input: o.stream, marks: marks, level: level}
		for _, i := range levels[level] {
			if c := o.calls[i]; level != atRow || c.plan.Function.Window == nil || c.plan.Function.Name == "last_value" {
				unit.calls = append(unit.calls, &unitCall{windowCall: place(i)})
			}
		}
		if len(unit.calls) > 0 {
			o.stream = unit
		}
	}
	return nil
}

func (o *windowOp) close() {
	o.input.close()
	if o.stream != nil {
		o.stream.drop()
		o.stream = nil
	}
	if o.sorter != nil {
		o.sorter.drop()
		o.sorter = nil
	}
	o.filled = false
}

func (o *windowOp) next(ctx context.Context) (*batch, error) {
	if !o.filled {
		o.filled = true
		if err := o.sorter.fill(ctx, o.input, o.sortKeys); err != nil {
			return nil, err
		}
	}
	b, err := o.stream.next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	added := b.cols[len(b.cols)-len(o.calls):]
	ordered := make([]arrow.Array, len(added))
	for call, place := range o.places {
		ordered[call] = added[place]
	}
	copy(added, ordered)
	return b, nil
}

func (o *windowOp) sortKeys(in *batch) (*keys, error) {
	partition, err := o.partition.encode(o.x, in)
	if err != nil {
		return nil, err
	}
	order, err := o.order.encode(o.x, in)
	if err != nil {
		return nil, err
	}
	k := &keys{}
	for i := range in.rows {
		k.data = append(append(k.data, partition.at(i)...), order.at(i)...)
		k.ends = append(k.ends, len(k.data))
	}
	return k, nil
}

// windowCall is a compiled window function.
type windowCall struct {
	plan   *plan.WindowCall
	args   []evaluator
	filter evaluator
	frame  frameBounds
}

func (b *builder) compileWindowCall(c *plan.WindowCall) (*windowCall, error) {
	if c.Function.Window == nil && c.Function.Aggregate == nil {
		return nil, sqlerr.Unsupported("window function %s", c.Function.Name)
	}
	args, err := b.compileAll(c.Args)
	if err != nil {
		return nil, err
	}
	filter, err := b.compileOptional(c.Filter)
	if err != nil {
		return nil, err
	}
	frame, err := b.compileFrame(c)
	return &windowCall{c, args, filter, frame}, err
}

// filtered says of each row whether FILTER lets it pass; nil without FILTER.
func (c *windowCall) filtered(x *execution, in *batch) ([]bool, error) {
	if c.filter == nil {
		return nil, nil
	}
	kept, err := evalCondition(x, c.filter, in, nil)
	if err != nil {
		return nil, err
	}
	filtered := make([]bool, in.rows)
	for _, r := range kept {
		filtered[r] = true
	}
	return filtered, nil
}

// compute returns the call's column for one partition.
func (c *windowCall) compute(ctx context.Context, x *execution, rows funcs.WindowRows, args []types.Vec, filtered []bool) (arrow.Array, error) {
	if err := c.frame.set(x, &rows); err != nil {
		return nil, err
	}
	rows.Args = args
	if c.plan.Function.Window != nil {
		return c.plan.Function.Window(x.c, &rows)
	}
	a := &windowAggregate{x: x, call: c, rows: &rows, filtered: filtered}
	return a.compute(ctx)
}

// windowAggregate computes an aggregate over the frames of a partition.
type windowAggregate struct {
	x        *execution
	call     *windowCall
	rows     *funcs.WindowRows
	filtered []bool // rows that FILTER lets pass; nil: all
}

func (a *windowAggregate) start() (funcs.Accumulator, error) {
	return a.call.plan.Function.Aggregate(funcs.AggregateSpec{Args: a.call.plan.ArgTypes, Result: a.call.plan.T})
}

func (a *windowAggregate) compute(ctx context.Context) (arrow.Array, error) {
	growing := true // frames that only grow at their end: one accumulator
	for i := range a.rows.N {
		if a.rows.FrameStart[i] != 0 || i > 0 && a.rows.FrameEnd[i] < a.rows.FrameEnd[i-1] {
			growing = false
			break
		}
	}
	if growing {
		return a.running(ctx)
	}
	return a.eachFrame(ctx)
}

// running adds rows to one accumulator and takes its value where the frame ends.
func (a *windowAggregate) running(ctx context.Context) (arrow.Array, error) {
	acc, err := a.start()
	if err != nil {
		return nil, err
	}
	var values []arrow.Array
	defer func() { releaseAll(values) }()
	from := make([]int32, a.rows.N)
	added := int32(0)
	for i := range from {
		end := a.rows.FrameEnd[i]
		if i == 0 || end > added {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := a.add(acc, span(added, end), nil, 1); err != nil {
				return nil, err
			}
			added = max(added, end)
			v, err := acc.Result(a.x.c, 1)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		from[i] = int32(len(values) - 1)
	}
	all, err := concat(a.x.mem, values)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	return take(a.x.mem, all, from), nil
}

// span lists the rows from…to-1.
func span(from, to int32) []int32 {
	var rows []int32
	for r := from; r < to; r++ {
		rows = append(rows, r)
	}
	return rows
}

// eachFrame makes a group of each row's frame, a block of rows at a time.
func (a *windowAggregate) eachFrame(ctx context.Context) (arrow.Array, error) {
	const block = 256
	var values []arrow.Array
	defer func() { releaseAll(values) }()
	for first := 0; first < a.rows.N; first += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		acc, err := a.start()
		if err != nil {
			return nil, err
		}
		n := min(block, a.rows.N-first)
		for i := range n {
			frame := span(a.rows.FrameStart[first+i], a.rows.FrameEnd[first+i])
			groups := make([]uint32, len(frame))
			for k := range groups {
				groups[k] = uint32(i)
			}
			if err := a.add(acc, frame, groups, n); err != nil {
				return nil, err
			}
		}
		v, err := acc.Result(a.x.c, n)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return concat(a.x.mem, values)
}

// add gives rows of the partition to an accumulator; groups nil is group 0.
func (a *windowAggregate) add(acc funcs.Accumulator, rows []int32, groups []uint32, ngroups int) error {
	if a.filtered != nil {
		kept := rows[:0]
		for _, r := range rows {
			if a.filtered[r] {
				kept = append(kept, r)
			}
		}
		rows = kept
	}
	if len(rows) == 0 {
		return nil
	}
	if groups == nil {
		groups = make([]uint32, len(rows))
	}
	args := make([]types.Vec, len(a.rows.Args))
	defer func() {
		for _, v := range args {
			v.Array.Release()
		}
	}()
	for i, v := range a.rows.Args {
		if v.Const {
			v.Array.Retain()
			args[i] = v
		} else {
			args[i] = types.Vec{Array: take(a.x.mem, v.Array, rows)}
		}
	}
	return acc.Update(a.x.c, groups[:len(rows)], ngroups, args, len(rows))
}
