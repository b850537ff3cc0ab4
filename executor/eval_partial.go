package executor

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// partial evaluates an expression for some rows of a batch only: CASE, AND, OR
// and COALESCE must not touch rows that earlier parts have settled (the guard of
// x <> 0 AND 1/x > 2). Of those rows just the columns that it reads are copied.
type partial struct {
	e       evaluator
	columns []int
}

func (b *builder) compilePartial(e plan.Expr) (partial, error) {
	ev, err := b.compile(e)
	if err != nil {
		return partial{}, err
	}
	return partial{ev, columnsOf(e)}, nil
}

func (b *builder) compilePartials(exprs []plan.Expr) ([]partial, error) {
	out := make([]partial, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = b.compilePartial(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// eval evaluates p for rows of in (ascending); value k of the result belongs to
// rows[k].
func (p partial) eval(x *execution, in *batch, rows []int32) (types.Vec, error) {
	if len(rows) == in.rows {
		return p.e.eval(x, in)
	}
	sub := &batch{cols: make([]arrow.Array, len(in.cols)), rows: len(rows)}
	defer sub.release()
	for _, c := range p.columns {
		sub.cols[c] = take(x.mem, in.cols[c], rows)
	}
	return p.e.eval(x, sub)
}

// allRows returns 0…n-1.
func allRows(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// columnsOf lists the input columns that an expression reads, ascending.
func columnsOf(exprs ...plan.Expr) []int {
	seen := map[int]bool{}
	for _, e := range exprs {
		walkExpr(e, func(e plan.Expr) {
			if c, ok := e.(*plan.Column); ok {
				seen[c.Index] = true
			}
		})
	}
	out := make([]int, 0, len(seen))
	for c := range seen {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

// walkExpr calls visit for e and for every expression below it over the same
// input row: it does not enter the element expressions of array operations nor
// the plans and tests of subqueries.
func walkExpr(e plan.Expr, visit func(plan.Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, c := range plan.Children(e) {
		walkExpr(c, visit)
	}
}
