package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func (b *builder) buildProjectSet(n *plan.ProjectSet) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	o := &projectSetOp{x: b.x, input: input}
	for i, e := range n.Exprs {
		var item projectSetItem
		if n.Sets[i] {
			call, ok := e.(*plan.Call)
			if !ok {
				return nil, sqlerr.New(sqlerr.InternalError, "set-returning expression %T is no call", e)
			}
			item.set, err = b.compileSetCall(call, []types.T{e.Type()})
		} else {
			item.plain, err = b.compile(e)
		}
		if err != nil {
			return nil, err
		}
		o.items = append(o.items, item)
	}
	return o, nil
}

// projectSetOp computes a select list with set-returning functions: each input
// row yields as many rows as the longest of them.
type projectSetOp struct {
	x       *execution
	input   operator
	items   []projectSetItem
	in      *batch
	row     int
	one     *batch // the row at hand
	running []*setRows
	plain   []arrow.Array // the plain items of that row
}

type projectSetItem struct {
	plain evaluator
	set   *setCall
}

func (o *projectSetOp) open(ctx context.Context) error {
	o.close()
	return o.input.open(ctx)
}

func (o *projectSetOp) close() {
	o.endRow()
	if o.in != nil {
		o.in.release()
		o.in = nil
	}
	o.input.close()
}

func (o *projectSetOp) endRow() {
	dropCalls(o.running)
	releaseAll(o.plain)
	if o.one != nil {
		o.one.release()
	}
	o.one, o.running, o.plain = nil, nil, nil
}

// next gathers the short results of many rows to a batch of some size.
func (o *projectSetOp) next(ctx context.Context) (*batch, error) {
	var parts []*batch
	defer func() {
		for _, p := range parts {
			p.release()
		}
	}()
	rows := 0
	for rows < batchRows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, more, err := o.step(ctx)
		if err != nil {
			return nil, err
		}
		if b != nil {
			parts = append(parts, b)
			rows += b.rows
		}
		if !more {
			break
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return concatBatches(o.x.mem, parts)
}

// step yields rows of the input row at hand, or moves to the next; more is false
// at the end of the input.
func (o *projectSetOp) step(ctx context.Context) (out *batch, more bool, err error) {
	if o.one == nil {
		if o.in == nil {
			if o.in, err = o.input.next(ctx); err != nil || o.in == nil {
				return nil, false, err
			}
			o.row = 0
		}
		if err := o.startRow(); err != nil {
			return nil, false, err
		}
	}
	n, err := nextTogether(ctx, o.running)
	if err != nil {
		return nil, false, err
	}
	if n == 0 {
		o.endRow()
		if o.row++; o.row == o.in.rows {
			o.in.release()
			o.in = nil
		}
		return nil, true, nil
	}
	out = &batch{rows: n}
	plain, set := 0, 0
	for _, item := range o.items {
		if item.set == nil {
			out.cols = append(out.cols, repeat(o.x.mem, o.plain[plain], n))
			plain++
			continue
		}
		if out.cols, err = o.running[set].take(out.cols, n); err != nil {
			out.release()
			return nil, false, err
		}
		set++
	}
	return out, true, nil
}

func (o *projectSetOp) startRow() error {
	o.one = &batch{rows: 1}
	for _, c := range o.in.cols {
		if c == nil {
			o.one.cols = append(o.one.cols, nil)
			continue
		}
		o.one.cols = append(o.one.cols, array.NewSlice(c, int64(o.row), int64(o.row+1)))
	}
	for _, item := range o.items {
		if item.set == nil {
			a, err := evalFull(o.x, item.plain, o.one)
			if err != nil {
				return err
			}
			o.plain = append(o.plain, a)
			continue
		}
		s, err := item.set.start(o.x, o.one)
		if err != nil {
			return err
		}
		o.running = append(o.running, s)
	}
	return nil
}
