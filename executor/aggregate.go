package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/types"
)

func (b *builder) buildAggregate(n *plan.Aggregate) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	o := &aggregateOp{x: b.x, input: input, sets: n.Sets, groups: len(n.Groups)}
	for _, g := range n.Groups {
		o.types = append(o.types, g.Type())
	}
	if o.keys, err = b.compileGroupKeys(n.Groups); err != nil {
		return nil, err
	}
	for _, call := range n.Calls {
		c, err := b.compileAggregate(call)
		if err != nil {
			return nil, err
		}
		o.calls = append(o.calls, c)
	}
	return o, nil
}

// aggregateOp groups its input by a hash table. When that outgrows the memory of
// an operator it takes no more groups: the rows of others go to partition files
// by the hash of their key, each of which is aggregated by itself afterwards.
type aggregateOp struct {
	x      *execution
	input  operator
	keys   *keyEncoder
	types  []types.T
	groups int
	calls  []*aggregateCall
	sets   [][]int

	spooled spool // the input, for grouping sets
	set     int
	pass    *aggregatePass
	pending []pendingInput
	started bool
}

// pendingInput is rows put aside, and how often they were.
type pendingInput struct {
	file  *spillFile
	level int
}

func (o *aggregateOp) open(ctx context.Context) error {
	o.close()
	return o.input.open(ctx)
}

func (o *aggregateOp) close() {
	o.input.close()
	o.spooled.drop()
	if o.pass != nil {
		o.pass.drop()
		o.pass = nil
	}
	for _, p := range o.pending {
		p.file.close()
	}
	o.pending, o.started, o.set = nil, false, 0
}

func (o *aggregateOp) next(ctx context.Context) (*batch, error) {
	for {
		if o.pass == nil {
			more, err := o.nextPass(ctx)
			if err != nil || !more {
				return nil, err
			}
		}
		b, err := o.pass.output(ctx)
		if err != nil || b != nil {
			return b, err
		}
		o.pass.drop()
		o.pass = nil
	}
}

// nextPass aggregates the next input: the operator's own, a partition put aside,
// or the input once more for another grouping set.
func (o *aggregateOp) nextPass(ctx context.Context) (bool, error) {
	if n := len(o.pending); n > 0 {
		p := o.pending[n-1]
		o.pending = o.pending[:n-1]
		defer p.file.close()
		r, err := p.file.reader()
		if err != nil {
			return false, err
		}
		return true, o.run(ctx, func() (*batch, error) { return r.read() }, p.level, false)
	}
	if o.sets == nil {
		if o.started {
			return false, nil
		}
		o.started = true
		return true, o.run(ctx, func() (*batch, error) { return o.input.next(ctx) }, 0, true)
	}
	if !o.started {
		o.started = true
		o.spooled.init(o.x)
		for {
			in, err := o.input.next(ctx)
			if err != nil {
				return false, err
			}
			if in == nil {
				break
			}
			if err := o.spooled.add(in); err != nil {
				return false, err
			}
		}
	} else {
		o.set++
	}
	if o.set == len(o.sets) {
		return false, nil
	}
	r := o.spooled.reader()
	defer r.close()
	return true, o.run(ctx, r.next, 0, true)
}

// run aggregates one input. whole says that it is all of the rows, so that
// without GROUP BY there is a group even over none.
func (o *aggregateOp) run(ctx context.Context, read func() (*batch, error), level int, whole bool) error {
	p := &aggregatePass{op: o, level: level, table: groupTable{keys: o.keysOfSet()}}
	o.pass = p
	if err := p.begin(whole); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		in, err := read()
		if err != nil {
			return err
		}
		if in == nil {
			break
		}
		err = p.consume(in)
		in.release()
		if err != nil {
			return err
		}
	}
	if p.parts != nil {
		files, err := p.parts.finish()
		if err != nil {
			return err
		}
		for _, f := range files {
			o.pending = append(o.pending, pendingInput{f, level + 1})
		}
		p.parts = nil
	}
	return nil
}

// members lists the grouping expressions of the set at hand.
func (o *aggregateOp) members() []int {
	if o.sets != nil {
		return o.sets[o.set]
	}
	all := make([]int, o.groups)
	for i := range all {
		all[i] = i
	}
	return all
}

func (o *aggregateOp) keysOfSet() *keyEncoder {
	enc := &keyEncoder{}
	for _, i := range o.members() {
		enc.items = append(enc.items, o.keys.items[i])
	}
	return enc
}

// aggregatePass is one hash table's worth of aggregation.
type aggregatePass struct {
	op     *aggregateOp
	level  int
	table  groupTable
	states []*callState
	single bool // no GROUP BY: one group
	full   bool
	parts  *partitions
	out    *batch
	at     int
	done   bool
	groups []uint32
}

func (p *aggregatePass) begin(whole bool) error {
	p.table.reset()
	if len(p.table.keys.items) == 0 {
		p.single = true
		if whole {
			p.table.n = 1
		}
	}
	for _, c := range p.op.calls {
		s, err := c.newState(p.op.x)
		if err != nil {
			return err
		}
		p.states = append(p.states, s)
	}
	return nil
}

// consume adds a batch to its groups.
func (p *aggregatePass) consume(in *batch) error {
	x := p.op.x
	if cap(p.groups) < in.rows {
		p.groups = make([]uint32, max(in.rows, batchRows))
	}
	groups := p.groups[:in.rows]
	clear(groups)
	if !p.single {
		cols := make([]types.Vec, len(p.table.keys.items))
		defer func() {
			for _, v := range cols {
				if v.Array != nil {
					v.Array.Release()
				}
			}
		}()
		for i, item := range p.table.keys.items {
			var err error
			if cols[i], err = item.e.eval(x, in); err != nil {
				return err
			}
		}
		p.table.assign(x, cols, in.rows, groups, p.full)
		if p.full {
			kept, err := p.putAside(in, cols, groups)
			if err != nil || kept == nil {
				return err
			}
			if kept != in {
				defer kept.release()
			}
			in, groups = kept, p.groups[:kept.rows]
		}
	}
	for _, s := range p.states {
		if err := s.update(x, in, groups, p.table.n); err != nil {
			return err
		}
	}
	p.full = p.full || !p.single && p.level < partitionDepthMax && p.bytes() > x.env.WorkMem
	return nil
}

func (p *aggregatePass) bytes() int64 {
	total := p.table.bytes
	for _, s := range p.states {
		total += s.bytes()
	}
	return total
}

// putAside sends the rows without a group to partition files and returns the
// others, nil for none; their groups are moved to the front.
func (p *aggregatePass) putAside(in *batch, cols []types.Vec, groups []uint32) (*batch, error) {
	var kept []int32
	var away []int
	for i, g := range groups {
		if g == noGroup {
			away = append(away, i)
		} else {
			groups[len(kept)] = g
			kept = append(kept, int32(i))
		}
	}
	if len(away) == 0 {
		return in, nil
	}
	if p.parts == nil {
		p.parts = newPartitions(p.op.x)
	}
	k := p.table.keys.encodeVecs(cols, in.rows)
	for _, i := range away {
		p.parts.route(i, k.at(i))
	}
	if err := p.parts.write(in); err != nil {
		return nil, err
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return takeBatch(p.op.x.mem, in, kept), nil
}

// output yields the groups, a batch at a time.
func (p *aggregatePass) output(ctx context.Context) (*batch, error) {
	if !p.done {
		p.done = true
		if err := p.result(ctx); err != nil {
			return nil, err
		}
	}
	if p.out == nil || p.at >= p.out.rows {
		return nil, nil
	}
	from := p.at
	p.at = min(from+batchRows, p.out.rows)
	return p.out.slice(from, p.at), nil
}

// result computes the output columns of all groups of the table.
func (p *aggregatePass) result(ctx context.Context) error {
	x, o := p.op.x, p.op
	n := p.table.n
	if n == 0 {
		return nil
	}
	out := &batch{cols: make([]arrow.Array, 0, o.groups+len(o.calls)+1), rows: n}
	p.out = out
	values, err := p.table.columns(x)
	if err != nil {
		return err
	}
	byGroup := make([]arrow.Array, o.groups)
	for k, i := range o.members() {
		byGroup[i] = values[k]
	}
	for i, a := range byGroup {
		if a == nil {
			a = nullArray(x.mem, arrowType(o.types[i]), n)
		}
		out.cols = append(out.cols, a)
	}
	for _, s := range p.states {
		a, err := s.result(ctx, x, n)
		if err != nil {
			return err
		}
		out.cols = append(out.cols, a)
	}
	if o.sets != nil {
		b := array.NewInt32Builder(x.mem)
		defer b.Release()
		for range n {
			b.Append(int32(o.set))
		}
		out.cols = append(out.cols, b.NewArray())
	}
	return nil
}

func (p *aggregatePass) drop() {
	p.table.drop()
	for _, s := range p.states {
		s.drop()
	}
	if p.parts != nil {
		p.parts.drop()
		p.parts = nil
	}
	if p.out != nil {
		p.out.release()
		p.out = nil
	}
}
