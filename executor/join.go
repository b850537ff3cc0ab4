package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// join is what hash joins and nested loops share: what becomes of pairs of rows
// and of rows without a partner.
type join struct {
	x                     *execution
	kind                  plan.JoinKind
	cond                  evaluator // over [left…, right…]; nil: all pairs
	leftTypes, rightTypes []types.T
}

// joinSide is the kept right side.
type joinSide struct {
	rows    *batch // nil: none
	matched []bool // for RIGHT and FULL
	at      int    // unmatched rows handed out
}

// pairSource appends pairs (left row, right row) until there are max of them or
// no more come.
type pairSource func(max int, lefts, rights []int32) ([]int32, []int32)

// probe joins one left batch.
type probe struct {
	j        *join
	left     *batch
	side     *joinSide
	pairs    pairSource
	matched  []bool
	leftNull func(row int) bool // for NOT IN: the left side is null
	ended    bool
	flushed  bool
	l, r     []int32
}

// newProbe takes over left.
func newProbe(j *join, left *batch, side *joinSide) *probe {
	return &probe{j: j, left: left, side: side, matched: make([]bool, left.rows)}
}

func (p *probe) drop() { p.left.release() }

// next returns the next joined rows of the batch; nil at its end.
func (p *probe) next(ctx context.Context) (*batch, error) {
	for !p.ended {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.l, p.r = p.pairs(batchRows, p.l[:0], p.r[:0])
		p.ended = len(p.l) < batchRows
		if len(p.l) == 0 {
			break
		}
		b, err := p.joinPairs()
		if err != nil || b != nil {
			return b, err
		}
	}
	if p.flushed {
		return nil, nil
	}
	p.flushed = true
	return p.flush(), nil
}

// joinPairs applies the condition to the pairs at hand and returns those to
// yield; nil for none.
func (p *probe) joinPairs() (*batch, error) {
	var out *batch
	if p.j.cond != nil || p.yieldsPairs() {
		out = p.combine(p.l, p.r)
	}
	lefts, rights := p.l, p.r
	if p.j.cond != nil {
		rows, err := evalCondition(p.j.x, p.j.cond, out, nil)
		if err != nil {
			out.release()
			return nil, err
		}
		if len(rows) < len(p.l) {
			kept := takeBatch(p.j.x.mem, out, rows)
			out.release()
			out = kept
			for k, r := range rows {
				lefts[k], rights[k] = lefts[r], rights[r]
			}
			lefts, rights = lefts[:len(rows)], rights[:len(rows)]
		}
	}
	for k, l := range lefts {
		p.matched[l] = true
		if p.side.matched != nil {
			p.side.matched[rights[k]] = true
		}
	}
	if out == nil {
		return nil, nil
	}
	if !p.yieldsPairs() || out.rows == 0 {
		out.release()
		return nil, nil
	}
	return out, nil
}

// yieldsPairs: semi and anti joins yield left rows only.
func (p *probe) yieldsPairs() bool {
	switch p.j.kind {
	case plan.JoinSemi, plan.JoinAnti, plan.JoinAntiNull:
		return false
	}
	return true
}

func (p *probe) combine(lefts, rights []int32) *batch {
	mem := p.j.x.mem
	out := &batch{rows: len(lefts), cols: make([]arrow.Array, 0, len(p.left.cols)+len(p.j.rightTypes))}
	for _, c := range p.left.cols {
		out.cols = append(out.cols, take(mem, c, lefts))
	}
	for _, c := range p.side.rows.cols {
		out.cols = append(out.cols, take(mem, c, rights))
	}
	return out
}

// flush returns the rows that the left batch yields once all its pairs are
// known; nil for none.
func (p *probe) flush() *batch {
	var rows []int32
	for i, m := range p.matched {
		var yield bool
		switch p.j.kind {
		case plan.JoinLeft, plan.JoinFull, plan.JoinAnti:
			yield = !m
		case plan.JoinAntiNull:
			yield = !m && !p.leftNull(i)
		case plan.JoinSemi:
			yield = m
		}
		if yield {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	out := takeBatch(p.j.x.mem, p.left, rows)
	if p.yieldsPairs() {
		out.cols = append(out.cols, nullColumns(p.j.x, p.j.rightTypes, len(rows))...)
	}
	return out
}

// unmatchedRight returns, a batch at a time, the right rows that nothing
// matched, for RIGHT and FULL joins.
func (j *join) unmatchedRight(side *joinSide) (*batch, error) {
	if j.kind != plan.JoinRight && j.kind != plan.JoinFull || side.rows == nil {
		return nil, nil
	}
	var rows []int32
	for ; side.at < side.rows.rows && len(rows) < batchRows; side.at++ {
		if !side.matched[side.at] {
			rows = append(rows, int32(side.at))
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	right := takeBatch(j.x.mem, side.rows, rows)
	return &batch{rows: len(rows), cols: append(nullColumns(j.x, j.leftTypes, len(rows)), right.cols...)}, nil
}

// allUnmatchedRight returns the right rows of one batch that nothing matched.
func (j *join) allUnmatchedRight(side *joinSide) (*batch, error) {
	var rows []int32
	for i, m := range side.matched {
		if !m {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	right := takeBatch(j.x.mem, side.rows, rows)
	return &batch{rows: len(rows), cols: append(nullColumns(j.x, j.leftTypes, len(rows)), right.cols...)}, nil
}

// joinAll joins the pairs of a single left row with one right batch.
func (p *probe) joinAll() (*batch, error) {
	p.l, p.r = p.pairs(p.side.rows.rows, p.l[:0], p.r[:0])
	return p.joinPairs()
}
