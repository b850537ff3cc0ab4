package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
)

func (b *builder) buildNestedLoop(n *plan.NestedLoop) (operator, error) {
	left, err := b.build(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := b.build(n.Right)
	if err != nil {
		return nil, err
	}
	cond, err := b.compileOptional(n.Cond)
	if err != nil {
		return nil, err
	}
	j := join{x: b.x, kind: n.Kind, cond: cond, leftTypes: typesOf(n.Left.Output()), rightTypes: typesOf(n.Right.Output())}
	if !n.Lateral {
		o := &nestedLoopOp{x: b.x, left: left, right: right, join: j}
		o.prune, err = b.newJoinPruning(n.JoinPrunings)
		return o, err
	}
	o := &lateralOp{x: b.x, left: left, right: right, join: j}
	if n.Search != nil && b.search != nil && b.search.node == n.Search {
		o.batch = &searchBatch{x: b.x, search: b.search}
	}
	o.args, err = b.compileAll(n.Args)
	return o, err
}

// nestedLoopOp compares every left row with every right row. The right side is
// kept, beyond the memory of an operator in a file, and read once for each left
// batch.
type nestedLoopOp struct {
	x           *execution
	left, right operator
	join        join
	prune       joinPruning
	opened      bool // left
	kept        bool
	spool       spool
	// matched says, by number of the right row, what RIGHT and FULL need.
	matched []bool
	in      *batch // the left batch at hand
	hits    []bool // left rows with a partner
	reader  *spoolReader
	probe   *probe
	base    int // number of the first row of the right batch at hand
	tail    *spoolReader
	side    joinSide
}

func (o *nestedLoopOp) open(context.Context) error { o.close(); return nil }

func (o *nestedLoopOp) close() {
	if o.opened {
		o.left.close()
		o.opened = false
	}
	o.right.close()
	o.prune.drop()
	o.dropLeft()
	if o.tail != nil {
		o.tail.close()
		o.tail = nil
	}
	o.spool.drop()
	o.kept, o.matched = false, nil
}

func (o *nestedLoopOp) dropLeft() {
	o.dropSide()
	if o.reader != nil {
		o.reader.close()
		o.reader = nil
	}
	if o.in != nil {
		o.in.release()
		o.in = nil
	}
}

func (o *nestedLoopOp) dropSide() {
	if o.probe != nil {
		o.probe.drop()
		o.probe = nil
	}
	if o.side.rows != nil {
		o.side.rows.release()
	}
	o.side = joinSide{}
}

// keepsRight: kinds that must know which right rows found a partner.
func (o *nestedLoopOp) keepsRight() bool {
	return o.join.kind == plan.JoinRight || o.join.kind == plan.JoinFull
}

func (o *nestedLoopOp) next(ctx context.Context) (*batch, error) {
	if !o.kept {
		o.kept = true
		if err := o.start(ctx); err != nil {
			return nil, err
		}
	}
	for o.tail == nil {
		if o.in == nil {
			in, err := o.nextLeft(ctx)
			if err != nil {
				return nil, err
			}
			if in == nil {
				o.tail, o.base = o.spool.reader(), 0
				break
			}
			o.in, o.hits = in, make([]bool, in.rows)
			o.reader, o.base = o.spool.reader(), 0
		}
		b, err := o.step(ctx)
		if err != nil || b != nil {
			return b, err
		}
	}
	return o.unmatched()
}

// start keeps the right side and opens the left one, in the order that lets one
// leave out partitions of the other.
func (o *nestedLoopOp) start(ctx context.Context) error {
	o.spool.init(o.x)
	if o.prune.readsAhead() {
		o.opened = true
		if err := o.left.open(ctx); err != nil {
			return err
		}
		if err := o.prune.readAhead(func() (*batch, error) { return o.left.next(ctx) }); err != nil {
			return err
		}
	}
	if err := drain(ctx, o.right, o.spool.add); err != nil {
		return err
	}
	if o.keepsRight() {
		o.matched = make([]bool, o.spool.rows)
	}
	if o.opened {
		return nil
	}
	if o.spool.file == nil {
		if err := o.prune.left.learn(o.spool.batches...); err != nil {
			return err
		}
	}
	o.opened = true
	return o.left.open(ctx)
}

// nextLeft is the next batch of the left side.
func (o *nestedLoopOp) nextLeft(ctx context.Context) (*batch, error) {
	if b := o.prune.next(); b != nil {
		return b, nil
	}
	return o.left.next(ctx)
}

// step goes on with the left batch at hand: joins it with the next right batch,
// or, after the last, yields its rows that wait for that.
func (o *nestedLoopOp) step(ctx context.Context) (*batch, error) {
	if o.probe != nil {
		b, err := o.probe.next(ctx)
		if err != nil || b != nil {
			return b, err
		}
		o.endSide()
		return nil, nil
	}
	right, err := o.reader.next()
	if err != nil {
		return nil, err
	}
	if right != nil {
		o.side = joinSide{rows: right}
		if o.matched != nil {
			o.side.matched = make([]bool, right.rows)
		}
		o.probe = newProbe(&o.join, &batch{cols: retainAll(o.in.cols), rows: o.in.rows}, &o.side)
		o.probe.flushed = true // of one right batch only
		o.probe.pairs = crossPairs(o.in.rows, right.rows)
		return nil, nil
	}
	last := newProbe(&o.join, &batch{cols: retainAll(o.in.cols), rows: o.in.rows}, &o.side)
	last.matched = o.hits
	last.leftNull = func(int) bool { return false }
	out := last.flush()
	last.drop()
	o.dropLeft()
	return out, nil
}

// endSide notes what found a partner in the right batch at hand.
func (o *nestedLoopOp) endSide() {
	for i, m := range o.probe.matched {
		o.hits[i] = o.hits[i] || m
	}
	for i, m := range o.side.matched {
		o.matched[o.base+i] = o.matched[o.base+i] || m
	}
	o.base += o.side.rows.rows
	o.dropSide()
}

// unmatched yields the right rows without a partner.
func (o *nestedLoopOp) unmatched() (*batch, error) {
	if !o.keepsRight() {
		return nil, nil
	}
	for {
		right, err := o.tail.next()
		if err != nil || right == nil {
			return nil, err
		}
		side := joinSide{rows: right, matched: o.matched[o.base : o.base+right.rows]}
		o.base += right.rows
		// A batch of the spool has at most as many rows as one of the result.
		b, err := o.join.allUnmatchedRight(&side)
		right.release()
		if err != nil || b != nil {
			return b, err
		}
	}
}

// crossPairs walks all pairs, left rows outermost.
func crossPairs(lefts, rights int) pairSource {
	l, r := 0, 0
	return func(max int, ls, rs []int32) ([]int32, []int32) {
		for l < lefts && len(ls) < max {
			ls, rs = append(ls, int32(l)), append(rs, int32(r))
			if r++; r == rights {
				l, r = l+1, 0
			}
		}
		return ls, rs
	}
}

// lateralOp runs the right side anew for each left row.
type lateralOp struct {
	x           *execution
	left, right operator
	join        join
	args        []evaluator
	in          *batch
	row         int
	argValues   *batch
	opened      bool // right, for row
	hit         bool
	frame       frame
	// batch, when not nil, searches for many left rows at once.
	batch *searchBatch
}

func (o *lateralOp) open(ctx context.Context) error {
	o.close()
	return o.left.open(ctx)
}

func (o *lateralOp) close() {
	o.closeRight()
	o.dropIn()
	o.left.close()
	if o.batch != nil {
		o.batch.end()
	}
}

func (o *lateralOp) dropIn() {
	if o.in != nil {
		o.in.release()
		o.in = nil
	}
	if o.argValues != nil {
		o.argValues.release()
		o.argValues = nil
	}
	if o.batch != nil {
		o.batch.drop()
	}
}

// rowFrame is the values of a left row that the right side reads.
func (o *lateralOp) rowFrame(row int) frame {
	f := make(frame, len(o.argValues.cols))
	for i, c := range o.argValues.cols {
		f[i] = array.NewSlice(c, int64(row), int64(row+1))
	}
	return f
}

func (o *lateralOp) closeRight() {
	if o.opened {
		o.x.push(o.frame)
		o.right.close()
		o.x.pop()
		o.opened = false
	}
	releaseAll(o.frame)
	o.frame = nil
}

func (o *lateralOp) next(ctx context.Context) (*batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if o.in == nil {
			in, err := o.left.next(ctx)
			if err != nil || in == nil {
				return nil, err
			}
			o.in, o.row = in, 0
			args, err := evalFullAll(o.x, o.args, in)
			if err != nil {
				return nil, err
			}
			o.argValues = &batch{cols: args, rows: in.rows}
		}
		if o.row == o.in.rows {
			o.dropIn()
			continue
		}
		b, err := o.joinRow(ctx)
		if err != nil || b != nil {
			return b, err
		}
	}
}

// joinRow goes on with the left row at hand; nil with the row moved on when it
// yields nothing more.
func (o *lateralOp) joinRow(ctx context.Context) (*batch, error) {
	right, err := o.rightNext(ctx)
	if err != nil {
		return nil, err
	}
	left := o.in.slice(o.row, o.row+1)
	side := &joinSide{rows: right}
	p := newProbe(&o.join, left, side)
	defer p.drop()
	if right == nil {
		o.closeRight()
		o.row++
		p.matched[0] = o.hit
		p.leftNull = func(int) bool { return false }
		return p.flush(), nil
	}
	defer right.release()
	p.flushed = true
	p.pairs = crossPairs(1, right.rows)
	out, err := p.joinAll()
	o.hit = o.hit || p.matched[0]
	if err == nil && o.hit && !p.yieldsPairs() { // one partner is enough
		o.closeRight()
		o.row++
		return p.flush(), nil
	}
	return out, err
}

// rightNext pulls the right side with the left row's values in scope.
func (o *lateralOp) rightNext(ctx context.Context) (*batch, error) {
	if !o.opened {
		if o.batch != nil {
			if err := o.batch.prime(ctx, o); err != nil {
				return nil, err
			}
		}
		o.frame = o.rowFrame(o.row)
		o.hit = false
	}
	o.x.push(o.frame)
	defer o.x.pop()
	if !o.opened {
		o.opened = true
		if err := o.right.open(ctx); err != nil {
			return nil, err
		}
	}
	return o.right.next(ctx)
}
