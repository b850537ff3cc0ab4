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

// windowOp computes window functions: it sorts its input by partition and order,
// gathers one partition at a time and adds a column for each call.
type windowOp struct {
	x                *execution
	input            operator
	partition, order *keyEncoder
	calls            []*windowCall
	sorter           *sorter
	filled           bool
	ahead            *batch // sorted rows of which a part is taken
	at               int
	out              *batch // the partition at hand with its results
	outAt            int
	held             heldMemory // the partition's keys, peers and frames
}

// windowRowBytes is what a row of the partition at hand takes in lists of rows.
const windowRowBytes = 48

func (o *windowOp) open(ctx context.Context) error {
	o.close()
	o.sorter = &sorter{x: o.x}
	return o.input.open(ctx)
}

func (o *windowOp) close() {
	o.input.close()
	if o.sorter != nil {
		o.sorter.drop()
		o.sorter = nil
	}
	for _, b := range []*batch{o.ahead, o.out} {
		if b != nil {
			b.release()
		}
	}
	o.ahead, o.out, o.filled = nil, nil, false
}

func (o *windowOp) next(ctx context.Context) (*batch, error) {
	if !o.filled {
		o.filled = true
		if err := o.sorter.fill(ctx, o.input, o.sortKeys); err != nil {
			return nil, err
		}
	}
	if o.out != nil && o.outAt == o.out.rows {
		o.out.release()
		o.out = nil
	}
	if o.out == nil {
		part, err := o.nextPartition(ctx)
		if err != nil || part == nil {
			return nil, err
		}
		o.out, o.outAt = part, 0
		if err := o.compute(ctx); err != nil {
			return nil, err
		}
	}
	from := o.outAt
	o.outAt = min(from+batchRows, o.out.rows)
	return o.out.slice(from, o.outAt), nil
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

// nextPartition gathers the rows of the next partition; nil at the end.
func (o *windowOp) nextPartition(ctx context.Context) (*batch, error) {
	var parts []*batch
	defer func() {
		for _, p := range parts {
			p.release()
		}
	}()
	var key []byte
	for {
		if o.ahead == nil {
			b, _, err := o.sorter.next(ctx)
			if err != nil {
				return nil, err
			}
			if b == nil {
				break
			}
			o.ahead, o.at = b, 0
		}
		k, err := o.partition.encode(o.x, o.ahead)
		if err != nil {
			return nil, err
		}
		if parts == nil {
			key = append(key, k.at(o.at)...)
		}
		end := o.at
		for end < o.ahead.rows && string(k.at(end)) == string(key) {
			end++
		}
		if end > o.at {
			parts = append(parts, o.ahead.slice(o.at, end))
		}
		o.at = end
		if end < o.ahead.rows {
			break
		}
		o.ahead.release()
		o.ahead = nil
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return concatBatches(o.x.mem, parts)
}

// compute adds the results of the calls to the partition at hand.
func (o *windowOp) compute(ctx context.Context) error {
	rows := &funcs.WindowRows{N: o.out.rows}
	defer o.held.release(o.x)
	if err := o.held.grow(o.x, o.out.rows*windowRowBytes); err != nil {
		return err
	}
	k, err := o.order.encode(o.x, o.out)
	if err != nil {
		return err
	}
	if err := o.held.grow(o.x, len(k.data)); err != nil {
		return err
	}
	rows.PeerStart, rows.PeerEnd = peers(k, o.out.rows)
	in := &batch{cols: o.out.cols, rows: o.out.rows}
	for _, c := range o.calls {
		a, err := c.compute(ctx, o.x, in, *rows)
		if err != nil {
			return err
		}
		o.out.cols = append(o.out.cols, a)
	}
	return nil
}

// peers bounds the runs of rows with equal keys.
func peers(k *keys, n int) (start, end []int32) {
	start, end = make([]int32, n), make([]int32, n)
	for i := 0; i < n; {
		j := i + 1
		for j < n && string(k.at(j)) == string(k.at(i)) {
			j++
		}
		for r := i; r < j; r++ {
			start[r], end[r] = int32(i), int32(j)
		}
		i = j
	}
	return start, end
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

// compute returns the call's column for one partition.
func (c *windowCall) compute(ctx context.Context, x *execution, in *batch, rows funcs.WindowRows) (arrow.Array, error) {
	if err := c.frame.set(x, &rows); err != nil {
		return nil, err
	}
	rows.Args = make([]types.Vec, len(c.args))
	defer func() {
		for _, v := range rows.Args {
			if v.Array != nil {
				v.Array.Release()
			}
		}
	}()
	for i, e := range c.args {
		var err error
		if rows.Args[i], err = e.eval(x, in); err != nil {
			return nil, err
		}
	}
	if c.plan.Function.Window != nil {
		return c.plan.Function.Window(x.c, &rows)
	}
	a := &windowAggregate{x: x, call: c, rows: &rows}
	if c.filter != nil {
		kept, err := evalCondition(x, c.filter, in, nil)
		if err != nil {
			return nil, err
		}
		a.filtered = make([]bool, in.rows)
		for _, r := range kept {
			a.filtered[r] = true
		}
	}
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
