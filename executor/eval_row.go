package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// rowEval is ROW(…): a struct with fields f1, f2, ….
type rowEval struct {
	items  []evaluator
	fields []arrow.Field
}

func (b *builder) compileRow(e *plan.Row) (evaluator, error) {
	items, err := b.compileAll(e.Items)
	if err != nil {
		return nil, err
	}
	t := e.T
	if names, _ := types.RecordFields(t); len(names) != len(items) {
		t = recordOf(e.Items)
	}
	// The fields carry their SQL types, which the text form is written by.
	return &rowEval{items, t.Arrow().(*arrow.StructType).Fields()}, nil
}

// recordOf is the type of a row with fields f1, f2, ….
func recordOf(items []plan.Expr) types.T {
	names, fields := make([]string, len(items)), make([]types.T, len(items))
	for i, item := range items {
		names[i], fields[i] = fieldName(i), item.Type()
	}
	return types.RecordOf(names, fields)
}

func (e *rowEval) eval(x *execution, in *batch) (types.Vec, error) {
	cols, err := evalFullAll(x, e.items, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer releaseAll(cols)
	return types.Vec{Array: structOf(e.fields, cols, in.rows)}, nil
}

// structOf makes a struct array without nulls of its columns.
func structOf(fields []arrow.Field, cols []arrow.Array, n int) arrow.Array {
	typed := make([]arrow.Field, len(fields))
	children := make([]arrow.ArrayData, len(cols))
	for i, c := range cols {
		typed[i] = fields[i]
		typed[i].Type = c.DataType()
		children[i] = c.Data()
	}
	data := array.NewData(arrow.StructOf(typed...), n, []*memory.Buffer{nil}, children, 0, 0)
	defer data.Release()
	return array.NewStructData(data)
}

// fieldEval is (composite).field.
type fieldEval struct {
	arg   evaluator
	index int
	t     types.T
}

func (b *builder) compileField(e *plan.Field) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	return &fieldEval{arg, e.Index, e.T}, err
}

func (e *fieldEval) eval(x *execution, in *batch) (types.Vec, error) {
	v, err := e.arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer v.Array.Release()
	s, ok := v.Array.(*array.Struct)
	if !ok {
		return types.Vec{Array: nullArray(x.mem, arrowType(e.t), v.Array.Len()), Const: v.Const}, nil
	}
	f := s.Field(e.index)
	if s.NullN() == 0 {
		f.Retain()
		return types.Vec{Array: f, Const: v.Const}, nil
	}
	from := allRows(s.Len())
	for i := range from {
		if s.IsNull(i) {
			from[i] = noRow
		}
	}
	return types.Vec{Array: take(x.mem, f, from), Const: v.Const}, nil
}

// rowCompareEval compares two rows item by item.
type rowCompareEval struct {
	op          string
	left, right []evaluator
	equal, less []types.Kernel
}

func (b *builder) compileRowCompare(e *plan.RowCompare) (evaluator, error) {
	left, err := b.compileAll(e.Left)
	if err != nil {
		return nil, err
	}
	right, err := b.compileAll(e.Right)
	if err != nil {
		return nil, err
	}
	c := &rowCompareEval{op: e.Op, left: left, right: right}
	for _, f := range e.Equal {
		c.equal = append(c.equal, f.Function.Kernel)
	}
	for _, f := range e.Less {
		c.less = append(c.less, f.Function.Kernel)
	}
	return c, nil
}

func (e *rowCompareEval) eval(x *execution, in *batch) (types.Vec, error) {
	truths := make([]truth, in.rows)
	// open says which rows have equal items so far.
	open := make([]bool, in.rows)
	for i := range open {
		open[i] = true
		truths[i] = truthOf(e.op == "=" || e.op == "<=" || e.op == ">=")
	}
	for k := range e.left {
		if err := e.item(x, in, k, truths, open); err != nil {
			return types.Vec{}, err
		}
	}
	return types.Vec{Array: booleans(x.mem, truths)}, nil
}

// item compares item k of both rows and settles rows whose items differ.
func (e *rowCompareEval) item(x *execution, in *batch, k int, truths []truth, open []bool) error {
	left, err := evalFull(x, e.left[k], in)
	if err != nil {
		return err
	}
	defer left.Release()
	right, err := evalFull(x, e.right[k], in)
	if err != nil {
		return err
	}
	defer right.Release()
	pair := []types.Vec{{Array: left}, {Array: right}}
	equal, err := e.equal[k](x.c, pair, in.rows)
	if err != nil {
		return err
	}
	defer equal.Release()
	var less arrow.Array
	if e.op != "=" && e.op != "<>" {
		if less, err = e.less[k](x.c, pair, in.rows); err != nil {
			return err
		}
		defer less.Release()
	}
	for i := range truths {
		if !open[i] {
			continue
		}
		switch truthAt(types.Vec{Array: equal}, i) {
		case isTrue:
			continue
		case isNull:
			truths[i] = isNull
			// = and <> may still be settled by a later pair that differs.
			open[i] = e.op == "=" || e.op == "<>"
			continue
		}
		open[i] = false
		switch e.op {
		case "=":
			truths[i] = isFalse
		case "<>":
			truths[i] = isTrue
		default:
			isLess := truthAt(types.Vec{Array: less}, i) == isTrue
			truths[i] = truthOf(isLess == (e.op[0] == '<'))
		}
	}
	return nil
}
