package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// inListEval is IN over constants, by a hash of their keys.
type inListEval struct {
	arg     evaluator
	typ     *types.Type
	keys    map[string]struct{}
	ints    map[int64]struct{} // instead of keys, for integers
	hasNull bool
	negate  bool
	scratch []byte
}

func (b *builder) compileInList(e *plan.InList) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	typ := e.Arg.Type().Type()
	if typ.AppendKey == nil {
		return nil, noEquality(typ)
	}
	in := &inListEval{arg: arg, typ: typ, negate: e.Negate}
	ints, isInt := integersOf(e.Values)
	if isInt {
		in.ints = make(map[int64]struct{}, e.Values.Len())
	} else {
		in.keys = make(map[string]struct{}, e.Values.Len())
	}
	for i := range e.Values.Len() {
		switch {
		case e.Values.IsNull(i):
			in.hasNull = true
		case isInt:
			in.ints[ints(i)] = struct{}{}
		default:
			in.keys[string(typ.AppendKey(nil, e.Values, i))] = struct{}{}
		}
	}
	return in, nil
}

// integersOf returns a reader of integer-like arrays.
func integersOf(a arrow.Array) (func(int) int64, bool) {
	switch a := a.(type) {
	case *array.Int16:
		v := a.Int16Values()
		return func(i int) int64 { return int64(v[i]) }, true
	case *array.Int32:
		v := a.Int32Values()
		return func(i int) int64 { return int64(v[i]) }, true
	case *array.Int64:
		v := a.Int64Values()
		return func(i int) int64 { return v[i] }, true
	case *array.Uint32:
		v := a.Uint32Values()
		return func(i int) int64 { return int64(v[i]) }, true
	case *array.Date32:
		v := a.Date32Values()
		return func(i int) int64 { return int64(v[i]) }, true
	case *array.Timestamp:
		v := a.TimestampValues()
		return func(i int) int64 { return int64(v[i]) }, true
	}
	return nil, false
}

func (e *inListEval) eval(x *execution, in *batch) (types.Vec, error) {
	v, err := e.arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer v.Array.Release()
	n := in.rows
	if v.Const {
		n = 1
	}
	ints, _ := integersOf(v.Array)
	truths := make([]truth, n)
	for i := range truths {
		if v.Array.IsNull(i) {
			truths[i] = isNull
			continue
		}
		var found bool
		if e.ints != nil && ints != nil {
			_, found = e.ints[ints(i)]
		} else {
			e.scratch = e.typ.AppendKey(e.scratch[:0], v.Array, i)
			_, found = e.keys[string(e.scratch)]
		}
		switch {
		case found:
			truths[i] = truthOf(!e.negate)
		case e.hasNull:
			truths[i] = isNull
		default:
			truths[i] = truthOf(e.negate)
		}
	}
	return types.Vec{Array: booleans(x.mem, truths), Const: v.Const}, nil
}

// anyArrayEval is left OP ANY|ALL (array): the operator is called once for the
// pairs of many rows.
type anyArrayEval struct {
	left, array evaluator
	op          evaluator // over [left, element]
	all         bool
}

func (b *builder) compileAnyArray(e *plan.AnyArray) (evaluator, error) {
	left, err := b.compile(e.Left)
	if err != nil {
		return nil, err
	}
	arr, err := b.compile(e.Array)
	if err != nil {
		return nil, err
	}
	op, err := b.compile(e.Op)
	return &anyArrayEval{left, arr, op, e.All}, err
}

func (e *anyArrayEval) eval(x *execution, in *batch) (types.Vec, error) {
	left, err := e.left.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer left.Array.Release()
	arrays, err := e.array.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer arrays.Array.Release()
	constant := left.Const && arrays.Const
	n := in.rows
	if constant {
		n = 1
	}
	truths := make([]truth, n)
	var lefts, elems, owner []int32
	flush := func() error {
		if len(owner) == 0 {
			return nil
		}
		err := e.pairs(x, left.Array, arrays.Array, lefts, elems, owner, truths)
		lefts, elems, owner = lefts[:0], elems[:0], owner[:0]
		return err
	}
	for i := range truths {
		if arrays.IsNull(i) {
			truths[i] = isNull
			continue
		}
		truths[i] = truthOf(e.all)
		start, end := elementRange(arrays.Array, arrays.Row(i))
		for k := start; k < end; k++ {
			lefts = append(lefts, int32(left.Row(i)))
			elems = append(elems, int32(k))
			owner = append(owner, int32(i))
		}
		if len(owner) >= 4*batchRows {
			if err := flush(); err != nil {
				return types.Vec{}, err
			}
		}
	}
	if err := flush(); err != nil {
		return types.Vec{}, err
	}
	return types.Vec{Array: booleans(x.mem, truths), Const: constant}, nil
}

// pairs compares left and element pairs and folds the answers into truths.
func (e *anyArrayEval) pairs(x *execution, left, arrays arrow.Array, lefts, elems, owner []int32, truths []truth) error {
	in := &batch{rows: len(owner), cols: []arrow.Array{
		take(x.mem, left, lefts), take(x.mem, elementsOf(arrays), elems),
	}}
	defer in.release()
	v, err := e.op.eval(x, in)
	if err != nil {
		return err
	}
	defer v.Array.Release()
	for k, i := range owner {
		switch t := truthAt(v, k); {
		case t == isNull && truths[i] == truthOf(e.all):
			truths[i] = isNull
		case t == truthOf(!e.all):
			truths[i] = t
		}
	}
	return nil
}

// elementsOf is the array of elements below an array-typed (or vector) array.
func elementsOf(a arrow.Array) arrow.Array {
	switch a := a.(type) {
	case *array.Struct:
		return a.Field(0).(*array.List).ListValues()
	case array.ListLike:
		return a.ListValues()
	}
	return nil
}

// elementRange is where the elements of value i lie in elementsOf.
func elementRange(a arrow.Array, i int) (start, end int64) {
	switch a := a.(type) {
	case *array.Struct:
		return a.Field(0).(*array.List).ValueOffsets(i)
	case array.ListLike:
		return a.ValueOffsets(i)
	}
	return 0, 0
}
