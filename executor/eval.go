package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// evaluator is a compiled expression. eval computes it for every row of in; the
// caller owns the array of the result. A result with Const set has one value
// that stands for all rows. Evaluators hold scratch space and serve one
// goroutine; parallel scans compile one each.
type evaluator interface {
	eval(x *execution, in *batch) (types.Vec, error)
}

// compile turns a bound expression into an evaluator.
func (b *builder) compile(e plan.Expr) (evaluator, error) {
	switch e := e.(type) {
	case *plan.Const:
		return &constEval{e.Value}, nil
	case *plan.Column:
		return columnEval(e.Index), nil
	case *plan.Outer:
		return &outerEval{e.Depth, e.Index}, nil
	case *plan.Param:
		return paramEval(e.Number), nil
	case *plan.Call:
		return b.compileCall(e)
	case *plan.Cast:
		return b.compileCast(e)
	case *plan.ArrayCast:
		return b.compileArrayCast(e)
	case *plan.Bool:
		return b.compileBool(e)
	case *plan.IsNull:
		return b.compileIsNull(e)
	case *plan.IsBool:
		return b.compileIsBool(e)
	case *plan.Distinct:
		return b.compileDistinct(e)
	case *plan.InList:
		return b.compileInList(e)
	case *plan.AnyArray:
		return b.compileAnyArray(e)
	case *plan.Case:
		return b.compileCase(e)
	case *plan.Coalesce:
		return b.compileCoalesce(e)
	case *plan.MinMax:
		return b.compileMinMax(e)
	case *plan.NullIf:
		return b.compileNullIf(e)
	case *plan.Array:
		return b.compileArray(e)
	case *plan.Row:
		return b.compileRow(e)
	case *plan.RowCompare:
		return b.compileRowCompare(e)
	case *plan.Field:
		return b.compileField(e)
	case *plan.Subscript:
		return b.compileSubscript(e)
	case *plan.Subquery:
		return b.compileSubquery(e)
	}
	return nil, sqlerr.New(sqlerr.InternalError, "no evaluator for expression %T", e)
}

// compileAll compiles a list.
func (b *builder) compileAll(exprs []plan.Expr) ([]evaluator, error) {
	out := make([]evaluator, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = b.compile(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compileOptional compiles e, or returns nil for nil.
func (b *builder) compileOptional(e plan.Expr) (evaluator, error) {
	if e == nil {
		return nil, nil
	}
	return b.compile(e)
}

type constEval struct{ value arrow.Array }

func (e *constEval) eval(*execution, *batch) (types.Vec, error) {
	e.value.Retain()
	return types.Vec{Array: e.value, Const: true}, nil
}

type columnEval int

func (e columnEval) eval(_ *execution, in *batch) (types.Vec, error) {
	a := in.cols[e]
	a.Retain()
	return types.Vec{Array: a}, nil
}

type outerEval struct{ depth, index int }

func (e *outerEval) eval(x *execution, _ *batch) (types.Vec, error) {
	level := len(x.frames) - e.depth
	x.reached = min(x.reached, level)
	a := x.frames[level][e.index]
	a.Retain()
	return types.Vec{Array: a, Const: true}, nil
}

type paramEval int

func (e paramEval) eval(x *execution, _ *batch) (types.Vec, error) {
	if int(e) > len(x.params) {
		return types.Vec{}, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", int(e))
	}
	a := x.params[e-1]
	a.Retain()
	return types.Vec{Array: a, Const: true}, nil
}

// callEval applies a kernel. When every argument is one value for all rows and
// the function is not volatile, it is called for one row.
type callEval struct {
	kernel   types.Kernel
	volatile bool
	args     []evaluator
	vecs     []types.Vec
}

func (b *builder) compileCall(e *plan.Call) (evaluator, error) {
	if e.Function.Kernel == nil {
		if e.Function.Rows != nil {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "set-valued function called in context that cannot accept a set")
		}
		return nil, sqlerr.Unsupported("function %s here", e.Function.Name)
	}
	args, err := b.compileAll(e.Args)
	if err != nil {
		return nil, err
	}
	return newCall(e.Function, args), nil
}

func newCall(f *funcs.Function, args []evaluator) *callEval {
	return &callEval{kernel: f.Kernel, volatile: f.Volatility == funcs.Volatile, args: args, vecs: make([]types.Vec, len(args))}
}

func (e *callEval) eval(x *execution, in *batch) (types.Vec, error) {
	defer e.release()
	constant := !e.volatile
	for i, a := range e.args {
		v, err := a.eval(x, in)
		if err != nil {
			return types.Vec{}, err
		}
		e.vecs[i] = v
		constant = constant && v.Const
	}
	n := in.rows
	if constant {
		n = 1
	}
	out, err := e.kernel(x.c, e.vecs, n)
	if err != nil {
		return types.Vec{}, err
	}
	return types.Vec{Array: out, Const: constant}, nil
}

func (e *callEval) release() {
	for i := range e.vecs {
		if e.vecs[i].Array != nil {
			e.vecs[i].Array.Release()
			e.vecs[i] = types.Vec{}
		}
	}
}

// evalFull evaluates e to an array with a value a row.
func evalFull(x *execution, e evaluator, in *batch) (arrow.Array, error) {
	v, err := e.eval(x, in)
	if err != nil || !v.Const {
		return v.Array, err
	}
	defer v.Array.Release()
	return repeat(x.mem, v.Array, in.rows), nil
}

// evalFullAll evaluates a list of expressions.
func evalFullAll(x *execution, exprs []evaluator, in *batch) ([]arrow.Array, error) {
	out := make([]arrow.Array, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = evalFull(x, e, in); err != nil {
			releaseAll(out)
			return nil, err
		}
	}
	return out, nil
}

// oneRow is the input of expressions without columns.
var oneRow = &batch{rows: 1}

// evalOne evaluates an expression without columns to an array of length one.
func evalOne(x *execution, e evaluator) (arrow.Array, error) {
	v, err := e.eval(x, oneRow)
	return v.Array, err
}

// evalCondition appends to rows the indexes of the rows of in for which e is
// true.
func evalCondition(x *execution, e evaluator, in *batch, rows []int32) ([]int32, error) {
	v, err := e.eval(x, in)
	if err != nil {
		return nil, err
	}
	defer v.Array.Release()
	a, ok := v.Array.(*array.Boolean)
	if !ok { // an untyped null
		return rows, nil
	}
	if v.Const {
		if a.IsValid(0) && a.Value(0) {
			for i := range in.rows {
				rows = append(rows, int32(i))
			}
		}
		return rows, nil
	}
	nulls := a.NullN() > 0
	for i := range in.rows {
		if a.Value(i) && !(nulls && a.IsNull(i)) {
			rows = append(rows, int32(i))
		}
	}
	return rows, nil
}
