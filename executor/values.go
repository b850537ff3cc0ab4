package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/types"
)

func (b *builder) buildValues(n *plan.Values) (operator, error) {
	if n.Literals != nil {
		return newLiterals(b.x, n), nil
	}
	rows := make([][]evaluator, len(n.Rows))
	for i, r := range n.Rows {
		var err error
		if rows[i], err = b.compileAll(r); err != nil {
			return nil, err
		}
	}
	return &valuesOp{x: b.x, rows: rows, columns: len(n.Columns)}, nil
}

// valuesOp yields rows of expressions.
type valuesOp struct {
	x       *execution
	rows    [][]evaluator
	columns int
	at      int
}

func (o *valuesOp) open(context.Context) error { o.at = 0; return nil }
func (o *valuesOp) close()                     {}

func (o *valuesOp) next(context.Context) (*batch, error) {
	n := min(batchRows, len(o.rows)-o.at)
	if n == 0 {
		return nil, nil
	}
	rows := o.rows[o.at : o.at+n]
	o.at += n
	if n == 1 {
		cols, err := evalFullAll(o.x, rows[0], oneRow)
		if err != nil {
			return nil, err
		}
		return &batch{cols: cols, rows: 1}, nil
	}
	// Row by row: the expressions of a row are evaluated in order, as the
	// volatile ones among them (nextval) expect.
	cells := make([][]arrow.Array, o.columns)
	defer func() {
		for _, c := range cells {
			releaseAll(c)
		}
	}()
	for _, row := range rows {
		for c, e := range row {
			a, err := evalOne(o.x, e)
			if err != nil {
				return nil, err
			}
			cells[c] = append(cells[c], a)
		}
	}
	out := &batch{cols: make([]arrow.Array, o.columns), rows: n}
	for c := range out.cols {
		var err error
		if out.cols[c], err = concat(o.x.mem, cells[c]); err != nil {
			out.release()
			return nil, err
		}
	}
	return out, nil
}

// literalsOp reads the flat literals of a large INSERT … VALUES with the input
// functions of the target types.
type literalsOp struct {
	x      *execution
	values *ast.ValuesRows
	types  []types.T
	rows   int
	at     int
}

func newLiterals(x *execution, n *plan.Values) *literalsOp {
	o := &literalsOp{x: x, values: n.Literals, rows: len(n.Literals.Texts) / n.Literals.Columns}
	for _, c := range n.Columns {
		o.types = append(o.types, c.Type)
	}
	return o
}

func (o *literalsOp) open(context.Context) error { o.at = 0; return nil }
func (o *literalsOp) close()                     {}

func (o *literalsOp) next(context.Context) (*batch, error) {
	n := min(batchRows, o.rows-o.at)
	if n == 0 {
		return nil, nil
	}
	out := &batch{cols: make([]arrow.Array, len(o.types)), rows: n}
	for c := range o.types {
		var err error
		if out.cols[c], err = o.column(c, n); err != nil {
			out.release()
			return nil, err
		}
	}
	o.at += n
	return out, nil
}

func (o *literalsOp) column(c, n int) (arrow.Array, error) {
	t := o.types[c]
	typ := t.Type()
	b := array.NewBuilder(o.x.mem, typ.ArrowType(t.Mod))
	defer b.Release()
	b.Reserve(n)
	for i := o.at; i < o.at+n; i++ {
		item := i*o.values.Columns + c
		if o.values.Kinds[item] == ast.ConstNull {
			b.AppendNull()
			continue
		}
		if err := typ.ParseText(b, o.values.Texts[item], t.Mod, o.x.c.Format); err != nil {
			return nil, positioned(err, int(o.values.Pos[item]))
		}
	}
	return b.NewArray(), nil
}
