package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/types"
)

func (b *builder) buildFunctionScan(n *plan.FunctionScan) (operator, error) {
	o := &functionScanOp{x: b.x, ordinality: n.Ordinality}
	at := 0
	for i, c := range n.Calls {
		width := max(len(c.Function.Columns), 1)
		if i == len(n.Calls)-1 { // whatever is left, for functions of records
			width = len(n.Columns) - at
			if n.Ordinality {
				width--
			}
		}
		var columns []types.T
		for _, out := range n.Columns[at : at+width] {
			columns = append(columns, out.Type)
		}
		at += width
		call, err := b.compileSetCall(c, columns)
		if err != nil {
			return nil, err
		}
		o.calls = append(o.calls, call)
	}
	return o, nil
}

// functionScanOp yields the rows of functions in FROM, several side by side.
type functionScanOp struct {
	x          *execution
	calls      []*setCall
	ordinality bool
	running    []*setRows
	started    bool
	ordinal    int64
}

func (o *functionScanOp) open(context.Context) error { o.close(); return nil }

func (o *functionScanOp) close() {
	dropCalls(o.running)
	o.running, o.started, o.ordinal = nil, false, 0
}

func (o *functionScanOp) next(ctx context.Context) (*batch, error) {
	if !o.started {
		o.started = true
		for _, c := range o.calls {
			s, err := c.start(o.x, oneRow)
			if err != nil {
				return nil, err
			}
			o.running = append(o.running, s)
		}
	}
	n, err := nextTogether(ctx, o.running)
	if err != nil || n == 0 {
		return nil, err
	}
	out := &batch{rows: n}
	for _, s := range o.running {
		if out.cols, err = s.take(out.cols, n); err != nil {
			out.release()
			return nil, err
		}
	}
	if o.ordinality {
		out.cols = append(out.cols, o.ordinals(n))
	}
	return out, nil
}

func (o *functionScanOp) ordinals(n int) arrow.Array {
	b := array.NewInt64Builder(o.x.mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		o.ordinal++
		b.Append(o.ordinal)
	}
	return b.NewArray()
}
