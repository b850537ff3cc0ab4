package executor

import (
	"context"

	"quiver/planner/plan"
)

func (b *builder) buildSetOp(n *plan.SetOp) (operator, error) {
	left, err := b.build(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := b.build(n.Right)
	if err != nil {
		return nil, err
	}
	keys, err := columnKeys(n.Left.Output())
	return &setOpOp{x: b.x, left: left, right: right, keys: keys, except: n.Except, all: n.All}, err
}

// setOpOp is INTERSECT and EXCEPT: the right rows are counted, the left ones
// pass or not by those counts. Without ALL each row passes once.
type setOpOp struct {
	x           *execution
	left, right operator
	keys        *keyEncoder
	except, all bool
	counts      map[string]int64
	opened      bool
	rows        []int32
	held        heldMemory // counts
}

// countedRowBytes is what a counted row takes beside its key.
const countedRowBytes = 64

func (o *setOpOp) open(context.Context) error { o.close(); return nil }

func (o *setOpOp) close() {
	if o.opened {
		o.left.close()
		o.opened = false
	}
	o.counts = nil
	o.held.release(o.x)
}

func (o *setOpOp) next(ctx context.Context) (*batch, error) {
	if o.counts == nil {
		o.counts = map[string]int64{}
		if err := drain(ctx, o.right, o.count); err != nil {
			return nil, err
		}
		o.opened = true
		if err := o.left.open(ctx); err != nil {
			return nil, err
		}
	}
	for {
		in, err := o.left.next(ctx)
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
			passes, err := o.passes(k.at(i))
			if err != nil {
				in.release()
				return nil, err
			}
			if passes {
				o.rows = append(o.rows, int32(i))
			}
		}
		out := takeBatch(o.x.mem, in, o.rows)
		in.release()
		if out.rows > 0 {
			return out, nil
		}
		out.release()
	}
}

func (o *setOpOp) count(b *batch) error {
	defer b.release()
	k, err := o.keys.encode(o.x, b)
	if err != nil {
		return err
	}
	for i := range b.rows {
		if n, known := o.counts[string(k.at(i))]; known {
			o.counts[string(k.at(i))] = n + 1
		} else if err := o.keep(k.at(i), 1); err != nil {
			return err
		}
	}
	return nil
}

// keep begins to count a row.
func (o *setOpOp) keep(key []byte, count int64) error {
	if err := o.held.grow(o.x, len(key)+countedRowBytes); err != nil {
		return err
	}
	o.counts[string(key)] = count
	return nil
}

// seenOnce marks, without ALL, a row that has passed.
const seenOnce = int64(-1)

func (o *setOpOp) passes(key []byte) (bool, error) {
	n, known := o.counts[string(key)]
	if o.all {
		if n > 0 {
			o.counts[string(key)] = n - 1
		}
		return (n > 0) != o.except, nil
	}
	if n == seenOnce || (n > 0) == o.except {
		return false, nil
	}
	if !known {
		return true, o.keep(key, seenOnce)
	}
	o.counts[string(key)] = seenOnce
	return true, nil
}
