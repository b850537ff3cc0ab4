package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// truth is a value of three-valued logic.
type truth byte

const (
	isFalse truth = iota
	isTrue
	isNull
)

// truthAt reads row i of a boolean vector; an untyped null is null.
func truthAt(v types.Vec, i int) truth {
	i = v.Row(i)
	a, ok := v.Array.(*array.Boolean)
	switch {
	case !ok || a.IsNull(i):
		return isNull
	case a.Value(i):
		return isTrue
	}
	return isFalse
}

// booleans builds a Boolean array of truths.
func booleans(mem memory.Allocator, truths []truth) arrow.Array {
	n := len(truths)
	values := newBuffer(mem, int(bitutil.BytesForBits(int64(n))))
	defer values.Release()
	clear(values.Bytes())
	nulls := 0
	for i, t := range truths {
		switch t {
		case isTrue:
			bitutil.SetBit(values.Bytes(), i)
		case isNull:
			nulls++
		}
	}
	var validity *memory.Buffer
	if nulls > 0 {
		validity = newBuffer(mem, int(bitutil.BytesForBits(int64(n))))
		defer validity.Release()
		clear(validity.Bytes())
		for i, t := range truths {
			if t != isNull {
				bitutil.SetBit(validity.Bytes(), i)
			}
		}
	}
	data := array.NewData(arrow.FixedWidthTypes.Boolean, n, []*memory.Buffer{validity, values}, nil, nulls, 0)
	defer data.Release()
	return array.NewBooleanData(data)
}

// connective is AND or OR: stop is the value that settles a row.
type connective struct {
	args []partial
	stop truth
	// nullStops: of a condition, for which null is as good as false, the
	// arguments after a null are not evaluated, so that they cannot fail.
	nullStops bool
}

// compileCondition compiles what only asks whether it is true.
func (b *builder) compileCondition(e plan.Expr) (evaluator, error) {
	ev, err := b.compile(e)
	if c, ok := ev.(*connective); ok && err == nil {
		c.nullStops = c.stop == isFalse
	}
	return ev, err
}

func (b *builder) compileBool(e *plan.Bool) (evaluator, error) {
	if e.Op == plan.Not {
		arg, err := b.compile(e.Args[0])
		return &notEval{arg}, err
	}
	args, err := b.compilePartials(e.Args)
	if err != nil {
		return nil, err
	}
	stop := isFalse
	if e.Op == plan.Or {
		stop = isTrue
	}
	return &connective{args: args, stop: stop}, nil
}

func (e *connective) eval(x *execution, in *batch) (types.Vec, error) {
	n := in.rows
	result := make([]truth, n)
	neutral := isTrue
	if e.stop == isTrue {
		neutral = isFalse
	}
	for i := range result {
		result[i] = neutral
	}
	open := allRows(n)
	constant := true // while each argument so far was one value for all rows
	for _, arg := range e.args {
		if len(open) == 0 {
			break
		}
		v, err := arg.eval(x, in, open)
		if err != nil {
			return types.Vec{}, err
		}
		constant = constant && v.Const
		still := open[:0]
		for k, row := range open {
			switch t := truthAt(v, k); t {
			case e.stop:
				result[row] = t
				continue
			case isNull:
				result[row] = isNull
				if e.nullStops {
					continue
				}
			}
			still = append(still, row)
		}
		open = still
		v.Array.Release()
	}
	if constant && n > 0 {
		return types.Vec{Array: booleans(x.mem, result[:1]), Const: true}, nil
	}
	return types.Vec{Array: booleans(x.mem, result)}, nil
}

type notEval struct{ arg evaluator }

func (e *notEval) eval(x *execution, in *batch) (types.Vec, error) {
	return mapTruths(x, e.arg, in, func(t truth) truth {
		switch t {
		case isTrue:
			return isFalse
		case isFalse:
			return isTrue
		}
		return isNull
	})
}

// mapTruths evaluates a boolean and maps each value.
func mapTruths(x *execution, arg evaluator, in *batch, f func(truth) truth) (types.Vec, error) {
	v, err := arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer v.Array.Release()
	n := in.rows
	if v.Const {
		n = 1
	}
	truths := make([]truth, n)
	for i := range truths {
		truths[i] = f(truthAt(v, i))
	}
	return types.Vec{Array: booleans(x.mem, truths), Const: v.Const}, nil
}

func (b *builder) compileIsBool(e *plan.IsBool) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	want := map[byte]truth{'t': isTrue, 'f': isFalse, 'u': isNull}[e.Value]
	return &isBoolEval{arg, want, e.Not}, nil
}

type isBoolEval struct {
	arg  evaluator
	want truth
	not  bool
}

func (e *isBoolEval) eval(x *execution, in *batch) (types.Vec, error) {
	return mapTruths(x, e.arg, in, func(t truth) truth { return truthOf((t == e.want) != e.not) })
}

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

func (b *builder) compileIsNull(e *plan.IsNull) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	return &isNullEval{arg, e.Not}, err
}

// isNullEval is IS [NOT] NULL. A row is null when all its fields are, and not
// null when none is.
type isNullEval struct {
	arg evaluator
	not bool
}

func (e *isNullEval) eval(x *execution, in *batch) (types.Vec, error) {
	v, err := e.arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer v.Array.Release()
	n := in.rows
	if v.Const {
		n = 1
	}
	truths := make([]truth, n)
	row, isRow := v.Array.(*array.Struct)
	isRow = isRow && isRecord(row)
	for i := range truths {
		if isRow && row.IsValid(i) {
			truths[i] = truthOf(fieldsNull(row, i, !e.not))
		} else {
			truths[i] = truthOf(v.Array.IsNull(i) != e.not)
		}
	}
	return types.Vec{Array: booleans(x.mem, truths), Const: v.Const}, nil
}

// fieldsNull says whether every field of row i is null (or, for null false,
// whether every one is not).
func fieldsNull(a *array.Struct, i int, null bool) bool {
	for f := range a.NumField() {
		if a.Field(f).IsNull(i) != null {
			return false
		}
	}
	return true
}

// isRecord tells a row value from an array, which is a struct too.
func isRecord(a *array.Struct) bool {
	dt := a.DataType().(*arrow.StructType)
	return dt.NumFields() != 2 || dt.Field(0).Name != "elements" || dt.Field(1).Name != "shape"
}

// distinctEval is IS [NOT] DISTINCT FROM.
type distinctEval struct {
	left, right evaluator
	equal       types.Kernel
	not         bool
}

func (b *builder) compileDistinct(e *plan.Distinct) (evaluator, error) {
	args, err := b.compileAll(e.Equal.Args)
	if err != nil {
		return nil, err
	}
	return &distinctEval{args[0], args[1], e.Equal.Function.Kernel, e.Not}, nil
}

func (e *distinctEval) eval(x *execution, in *batch) (types.Vec, error) {
	left, err := e.left.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer left.Array.Release()
	right, err := e.right.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer right.Array.Release()
	constant := left.Const && right.Const
	n := in.rows
	if constant {
		n = 1
	}
	equal, err := e.equal(x.c, []types.Vec{left, right}, n)
	if err != nil {
		return types.Vec{}, err
	}
	defer equal.Release()
	truths := make([]truth, n)
	for i := range truths {
		l, r := left.IsNull(i), right.IsNull(i)
		same := l && r
		if !l && !r {
			same = truthAt(types.Vec{Array: equal}, i) == isTrue
		}
		truths[i] = truthOf(same == e.not)
	}
	return types.Vec{Array: booleans(x.mem, truths), Const: constant}, nil
}
