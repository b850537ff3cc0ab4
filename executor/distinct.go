package executor

import (
	"context"

	"quiver/planner/plan"
)

func (b *builder) buildDistinct(n *plan.DistinctRows) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	if n.On != nil {
		keys, err := b.compileGroupKeys(n.On)
		return &distinctOnOp{x: b.x, input: input, keys: keys}, err
	}
	keys, err := columnKeys(n.Columns)
	return &distinctOp{x: b.x, input: input, set: rowSet{keys: keys}}, err
}

// distinctOnOp keeps the first row of each run of equal keys: its input is
// sorted by them.
type distinctOnOp struct {
	x     *execution
	input operator
	keys  *keyEncoder
	last  []byte
	any   bool
	rows  []int32
}

func (o *distinctOnOp) open(ctx context.Context) error {
	o.any = false
	return o.input.open(ctx)
}

func (o *distinctOnOp) close() { o.input.close() }

func (o *distinctOnOp) next(ctx context.Context) (*batch, error) {
	for {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return nil, err
		}
		k, err := o.keys.encode(o.x, in)
		if err != nil {
			in.release()
			return nil, err
		}
		o.rows = o.rows[:0]
		for i := range in.rows {
			key := k.at(i)
			if !o.any || string(key) != string(o.last) {
				o.rows = append(o.rows, int32(i))
				o.last, o.any = append(o.last[:0], key...), true
			}
		}
		if len(o.rows) == in.rows {
			return in, nil
		}
		out := takeBatch(o.x.mem, in, o.rows)
		in.release()
		if out.rows > 0 {
			return out, nil
		}
		out.release()
	}
}

// distinctOp drops repeated rows by a hash set. Once the set is as large as an
// operator may be, rows that are not in it go to partition files by the hash of
// their key, to be treated one partition after the other.
type distinctOp struct {
	x       *execution
	input   operator
	set     rowSet
	parts   *partitions
	pending []*spillFile
	depth   []int
	reader  *spillFile
	level   int
}

func (o *distinctOp) open(ctx context.Context) error {
	o.close()
	o.set.reset()
	return o.input.open(ctx)
}

func (o *distinctOp) close() {
	o.input.close()
	if o.parts != nil {
		o.parts.drop()
		o.parts = nil
	}
	for _, f := range o.pending {
		f.close()
	}
	if o.reader != nil {
		o.reader.close()
	}
	o.pending, o.depth, o.reader, o.level = nil, nil, nil, 0
	o.set.seen = nil
}

func (o *distinctOp) next(ctx context.Context) (*batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, err := o.read(ctx)
		if err != nil {
			return nil, err
		}
		if in == nil {
			more, err := o.nextPartition()
			if err != nil || !more {
				return nil, err
			}
			continue
		}
		out, err := o.keep(in)
		if err != nil || out != nil {
			return out, err
		}
	}
}

func (o *distinctOp) read(ctx context.Context) (*batch, error) {
	if o.reader != nil {
		return o.reader.read()
	}
	return o.input.next(ctx)
}

// nextPartition goes on with rows put aside; false at the end.
func (o *distinctOp) nextPartition() (bool, error) {
	if o.parts != nil {
		files, err := o.parts.finish()
		if err != nil {
			return false, err
		}
		for _, f := range files {
			o.pending = append(o.pending, f)
			o.depth = append(o.depth, o.level+1)
		}
		o.parts = nil
	}
	if o.reader != nil {
		o.reader.close()
		o.reader = nil
	}
	if len(o.pending) == 0 {
		return false, nil
	}
	last := len(o.pending) - 1
	o.reader, o.level = o.pending[last], o.depth[last]
	o.pending, o.depth = o.pending[:last], o.depth[:last]
	o.set.reset()
	return true, nil
}

// keep takes over in and returns its rows not seen before; nil for none.
func (o *distinctOp) keep(in *batch) (*batch, error) {
	if o.set.bytes <= o.x.env.WorkMem || o.level >= partitionDepthMax {
		return o.set.keepNew(o.x, in)
	}
	defer in.release()
	k, err := o.set.keys.encode(o.x, in)
	if err != nil {
		return nil, err
	}
	if o.parts == nil {
		o.parts = newPartitions(o.x)
	}
	for i := range in.rows {
		key := k.at(i)
		if _, seen := o.set.seen[string(key)]; !seen {
			o.parts.route(i, key)
		}
	}
	return nil, o.parts.write(in)
}
