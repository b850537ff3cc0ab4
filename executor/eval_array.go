package executor

import (
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// arrayEval is ARRAY[…].
type arrayEval struct {
	items  []evaluator
	nested bool
	t      types.T
}

func (b *builder) compileArray(e *plan.Array) (evaluator, error) {
	items, err := b.compileAll(e.Items)
	return &arrayEval{items, e.Nested, e.T}, err
}

func (e *arrayEval) eval(x *execution, in *batch) (types.Vec, error) {
	vecs := make([]types.Vec, 0, len(e.items))
	defer func() {
		for _, v := range vecs {
			v.Array.Release()
		}
	}()
	constant := true
	for _, item := range e.items {
		v, err := item.eval(x, in)
		if err != nil {
			return types.Vec{}, err
		}
		vecs = append(vecs, v)
		constant = constant && v.Const
	}
	n := in.rows
	if constant {
		n = 1
	}
	b := array.NewBuilder(x.mem, arrowType(e.t))
	defer b.Release()
	b.Reserve(n)
	for i := range n {
		elements := types.BeginArray(b)
		if !e.nested {
			for _, v := range vecs {
				types.AppendFrom(elements, v.Array, v.Row(i))
			}
			types.FinishArray(b, nil)
			continue
		}
		shape, err := appendStacked(elements, vecs, i)
		if err != nil {
			return types.Vec{}, err
		}
		types.FinishArray(b, shape)
	}
	return types.Vec{Array: b.NewArray(), Const: constant}, nil
}

// appendStacked appends the elements of arrays of equal shape, row by row, and
// returns the shape with one dimension more.
func appendStacked(elements array.Builder, vecs []types.Vec, i int) ([]byte, error) {
	var dims, lower []int
	for k, v := range vecs {
		var d, l []int
		if !v.IsNull(i) {
			view := types.ArrayAt(v.Array, v.Row(i))
			for j := range view.NDims() {
				d, l = append(d, view.Dim(j)), append(l, view.Lower(j))
			}
			for j := view.Start; j < view.End; j++ {
				types.AppendFrom(elements, view.Elements, j)
			}
		}
		if k == 0 {
			dims, lower = d, l
		} else if !equalInts(d, dims) || !equalInts(l, lower) {
			return nil, sqlerr.New(sqlerr.ArraySubscriptError, "multidimensional arrays must have array expressions with matching dimensions")
		}
	}
	if len(dims) == 0 { // of empty arrays: empty
		return nil, nil
	}
	return types.ArrayShape(append([]int{len(vecs)}, dims...), append([]int{1}, lower...)), nil
}

func equalInts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// arrayCastEval casts the elements of arrays, all at once.
type arrayCastEval struct {
	arg, elem evaluator
	t         types.T
}

func (b *builder) compileArrayCast(e *plan.ArrayCast) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	elem, err := b.compile(e.Elem)
	return &arrayCastEval{arg, elem, e.T}, err
}

func (e *arrayCastEval) eval(x *execution, in *batch) (types.Vec, error) {
	v, err := e.arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer v.Array.Release()
	s, ok := v.Array.(*array.Struct)
	if !ok {
		return types.Vec{Array: nullArray(x.mem, arrowType(e.t), v.Array.Len()), Const: v.Const}, nil
	}
	// Gather the elements of the rows that are there, so that a sliced input
	// does not cast what lies outside.
	rows := s.Len()
	var from []int32
	for i := range rows {
		if s.IsValid(i) {
			start, end := elementRange(s, i)
			for k := start; k < end; k++ {
				from = append(from, int32(k))
			}
		}
	}
	elems := take(x.mem, elementsOf(s), from)
	defer elems.Release()
	cast, err := evalFull(x, e.elem, &batch{cols: []arrow.Array{elems}, rows: len(from)})
	if err != nil {
		return types.Vec{}, err
	}
	defer cast.Release()
	b := array.NewBuilder(x.mem, arrowType(e.t))
	defer b.Release()
	at := 0
	for i := range rows {
		if s.IsNull(i) {
			b.AppendNull()
			continue
		}
		view := types.ArrayAt(s, i)
		to := types.BeginArray(b)
		for range view.Len() {
			types.AppendFrom(to, cast, at)
			at++
		}
		types.FinishArray(b, view.Shape())
	}
	return types.Vec{Array: b.NewArray(), Const: v.Const}, nil
}

// subscriptEval is a[i][j] and a[l:u].
type subscriptEval struct {
	arg          evaluator
	index        []evaluator
	slice        bool
	lower, upper []evaluator // nil entries: no bound written
	t            types.T
}

func (b *builder) compileSubscript(e *plan.Subscript) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	s := &subscriptEval{arg: arg, slice: e.Slice, t: e.T}
	if s.index, err = b.compileAll(e.Index); err != nil {
		return nil, err
	}
	if s.lower, err = b.compileBoundList(e.Lower); err != nil {
		return nil, err
	}
	s.upper, err = b.compileBoundList(e.Upper)
	return s, err
}

func (b *builder) compileBoundList(exprs []plan.Expr) ([]evaluator, error) {
	out := make([]evaluator, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = b.compileOptional(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *subscriptEval) eval(x *execution, in *batch) (types.Vec, error) {
	arg, err := evalFull(x, e.arg, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer arg.Release()
	if _, ok := arg.(*array.Struct); !ok {
		return types.Vec{Array: nullArray(x.mem, arrowType(e.t), in.rows)}, nil
	}
	if e.slice {
		return e.slices(x, in, arg)
	}
	index, err := evalInts(x, e.index, in)
	if err != nil {
		return types.Vec{}, err
	}
	from := make([]int32, in.rows)
	for i := range from {
		from[i] = noRow
		if arg.IsNull(i) {
			continue
		}
		view := types.ArrayAt(arg, i)
		if at, ok := elementAt(view, index, i); ok {
			from[i] = int32(at)
		}
	}
	return types.Vec{Array: take(x.mem, elementsOf(arg), from)}, nil
}

// elementAt is the position of an element; false outside the bounds, with a
// null subscript and with the wrong number of them.
func elementAt(view types.ArrayView, index []intColumn, row int) (int, bool) {
	if len(index) != view.NDims() {
		return 0, false
	}
	at := 0
	for k, c := range index {
		if c.null[row] {
			return 0, false
		}
		offset := c.values[row] - int64(view.Lower(k))
		if offset < 0 || offset >= int64(view.Dim(k)) {
			return 0, false
		}
		at = at*view.Dim(k) + int(offset)
	}
	return view.Start + at, true
}

// intColumn is a column of integers read out.
type intColumn struct {
	values []int64
	null   []bool
}

func evalInts(x *execution, exprs []evaluator, in *batch) ([]intColumn, error) {
	out := make([]intColumn, len(exprs))
	for k, e := range exprs {
		if e == nil {
			continue
		}
		a, err := evalFull(x, e, in)
		if err != nil {
			return nil, err
		}
		read, ok := integersOf(a)
		out[k] = intColumn{make([]int64, in.rows), make([]bool, in.rows)}
		for i := range in.rows {
			if out[k].null[i] = !ok || a.IsNull(i); !out[k].null[i] {
				out[k].values[i] = read(i)
			}
		}
		a.Release()
	}
	return out, nil
}

// slices cuts sub-arrays; their lower bounds are 1.
func (e *subscriptEval) slices(x *execution, in *batch, arg arrow.Array) (types.Vec, error) {
	lower, err := evalInts(x, e.lower, in)
	if err != nil {
		return types.Vec{}, err
	}
	upper, err := evalInts(x, e.upper, in)
	if err != nil {
		return types.Vec{}, err
	}
	b := array.NewBuilder(x.mem, arrowType(e.t))
	defer b.Release()
	for i := range in.rows {
		if arg.IsNull(i) || anyNull(lower, i) || anyNull(upper, i) {
			b.AppendNull()
			continue
		}
		appendSlice(b, types.ArrayAt(arg, i), lower, upper, i)
	}
	return types.Vec{Array: b.NewArray()}, nil
}

func anyNull(columns []intColumn, row int) bool {
	for _, c := range columns {
		if c.null != nil && c.null[row] {
			return true
		}
	}
	return false
}

func appendSlice(b array.Builder, view types.ArrayView, lower, upper []intColumn, row int) {
	n := view.NDims()
	from, dims, ones := make([]int, n), make([]int, n), make([]int, n)
	empty := n == 0 || len(lower) > n
	for k := range n {
		lo, hi := int64(view.Lower(k)), int64(view.Lower(k)+view.Dim(k)-1)
		if k < len(lower) && lower[k].values != nil {
			lo = max(lo, lower[k].values[row])
		}
		if k < len(upper) && upper[k].values != nil {
			hi = min(hi, upper[k].values[row])
		}
		if lo > hi {
			empty = true
			break
		}
		from[k], dims[k], ones[k] = int(lo)-view.Lower(k), int(hi-lo)+1, 1
	}
	to := types.BeginArray(b)
	if empty {
		types.FinishArray(b, nil)
		return
	}
	appendBox(to, view, from, dims, 0, 0)
	types.FinishArray(b, types.ArrayShape(dims, ones))
}

// appendBox appends the elements of a box, row by row.
func appendBox(to array.Builder, view types.ArrayView, from, dims []int, k, at int) {
	if k == len(dims) {
		types.AppendFrom(to, view.Elements, view.Start+at)
		return
	}
	for j := range dims[k] {
		appendBox(to, view, from, dims, k+1, at*view.Dim(k)+from[k]+j)
	}
}

// fieldName is the name of field i of an anonymous row.
func fieldName(i int) string { return "f" + strconv.Itoa(i+1) }
