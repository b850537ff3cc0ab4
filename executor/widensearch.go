package executor

import (
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/explain"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/vector"
)

func (b *builder) buildWidenSearch(n *plan.WidenSearch) (operator, error) {
	outer := b.wide
	b.wide = nil
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	o := &widenSearchOp{x: b.x, input: input, search: b.wide}
	b.wide = outer
	if o.search == nil {
		return nil, sqlerr.New(sqlerr.InternalError, "no vector search to widen")
	}
	if o.bounds, err = b.compileBounds(n.Limit, n.Offset); err != nil {
		return nil, err
	}
	o.ties, err = b.compileOptional(n.Ties)
	return o, err
}

// widenSearchOp runs its input with a search for ever more rows, until the input
// yields as many as are wanted.
type widenSearchOp struct {
	x      *execution
	input  operator
	search *vectorSearchOp
	bounds bounds
	// ties, if not nil, is the distance: rows as far as the last wanted are, too.
	ties   evaluator
	rounds int64
	rows   []*batch
	done   bool
	// streams: so many rows are as far as each other that all are handed on, as they come.
	streams bool
}

// Each round finds widenFactor as many rows as the one before, the first
// widenFirst as many as are wanted; beyond one of widenShare rows, all of them.
const (
	widenFirst  = 4
	widenFactor = 4
	widenShare  = 8
	// tiesMost is how many rows are kept to see whether the last ones are as far as
	// each other.
	tiesMost = 4096
)

func (o *widenSearchOp) open(context.Context) error { o.close(); return nil }

func (o *widenSearchOp) close() {
	o.drop()
	o.input.close()
	o.search.wanted, o.search.kept = 0, false
	o.search.close()
	o.done, o.streams = false, false
}

func (o *widenSearchOp) drop() {
	for _, b := range o.rows {
		b.release()
	}
	o.rows = nil
}

func (o *widenSearchOp) next(ctx context.Context) (*batch, error) {
	if !o.done {
		o.done = true
		if err := o.run(ctx); err != nil {
			return nil, err
		}
	}
	if o.streams {
		return o.input.next(ctx)
	}
	if len(o.rows) == 0 {
		return nil, nil
	}
	b := o.rows[0]
	o.rows = o.rows[1:]
	return b, nil
}

func (o *widenSearchOp) run(ctx context.Context) error {
	count, offset, err := o.bounds.evaluate(o.x)
	if err != nil {
		return err
	}
	wanted := int(min(total(count, offset), math.MaxInt32))
	if wanted == 0 {
		return nil
	}
	if err := o.search.searcher.open(ctx, 1); err != nil {
		return err
	}
	for found := max(wanted, 8) * widenFirst; ; found *= widenFactor {
		o.rounds++
		if found > o.search.searcher.rows/widenShare {
			found = max(o.search.searcher.rows, 1)
		}
		most := o.search.searcher.tuplesMost()
		if most > 0 {
			found = min(found, max(most, wanted))
		}
		if o.ties != nil && found > max(tiesMost, wanted*widenFirst) && most == 0 {
			o.search.wanted, o.search.complete, o.search.kept = max(o.search.searcher.rows, 1), false, true
			o.streams = true
			return o.input.open(ctx)
		}
		o.search.wanted, o.search.complete, o.search.kept = found, false, true
		n := 0
		err := drain(ctx, o.input, func(b *batch) error {
			n += b.rows
			o.rows = append(o.rows, b)
			return nil
		})
		if err != nil {
			return err
		}
		enough := n >= wanted
		if enough && o.ties != nil {
			if enough, err = o.beyond(wanted, n); err != nil {
				return err
			}
		}
		if enough || o.search.complete || found >= o.search.searcher.rows || most > 0 && found >= most {
			return nil
		}
		o.drop()
	}
}

// beyond says whether the last of n rows is farther than the last one wanted.
func (o *widenSearchOp) beyond(wanted, n int) (bool, error) {
	distance := func(row int) (d float64, null bool, err error) {
		for _, b := range o.rows {
			if row >= b.rows {
				row -= b.rows
				continue
			}
			a, err := evalFull(o.x, o.ties, b)
			if err != nil {
				return 0, false, err
			}
			defer a.Release()
			return a.(*array.Float64).Value(row), a.IsNull(row), nil
		}
		return 0, true, nil
	}
	at, none, err := distance(wanted - 1)
	if err != nil || none {
		return false, err // rows without a distance are as far as each other
	}
	last, none, err := distance(n - 1)
	return none || vector.Compare(last, at) > 0, err
}

func (o *widenSearchOp) figures() []explain.Detail {
	return []explain.Detail{{Name: "Rounds", Value: fmt.Sprint(o.rounds)}}
}

func (o *widenSearchOp) resetFigures() { o.rounds = 0 }
