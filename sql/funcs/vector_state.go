package funcs

import (
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// The support functions of avg over vectors, by which users of pgvector combine
// averages of their own. A state is a float8[]: the number of vectors, then the
// sum of each element; {0} is the empty one.
func init() {
	for typeName, row := range map[string]func(v types.Vec, i int) []float32{
		"vector":  func(v types.Vec, i int) []float32 { return types.VectorAt(v.Array, v.Row(i)) },
		"halfvec": func(v types.Vec, i int) []float32 { return widen(nil, types.HalfvecAt(v.Array, v.Row(i))) },
	} {
		accum, combine, avg := typeName+"_accum", typeName+"_combine", typeName+"_avg"
		kernel(accum+"(_float8,"+typeName+")", stateKernel(func(args []types.Vec, i int) ([]float64, error) {
			state, err := vectorStateAt(args[0], i, accum)
			if err != nil {
				return nil, err
			}
			return accumulateVector(state, row(args[1], i))
		}))
		kernel(combine+"(_float8,_float8)", stateKernel(func(args []types.Vec, i int) ([]float64, error) {
			// Both go by the name of the function for vectors, as in pgvector.
			a, err := vectorStateAt(args[0], i, "vector_combine")
			if err != nil {
				return nil, err
			}
			b, err := vectorStateAt(args[1], i, "vector_combine")
			if err != nil {
				return nil, err
			}
			return combineVectors(a, b)
		}))
		if typeName == "vector" {
			kernel(avg+"(_float8)", averageKernel(avg, func(v []float32) ([]float32, error) { return v, types.CheckVector(v, types.NoMod) }))
			continue
		}
		kernel(avg+"(_float8)", averageKernel(avg, func(v []float32) ([]types.Half, error) {
			h, err := types.HalfvecOf(v)
			if err != nil {
				return nil, err
			}
			return h, types.CheckHalfvec(h, types.NoMod)
		}))
	}
}

// vectorStateAt reads the state of a row for the function named.
func vectorStateAt(v types.Vec, i int, function string) ([]float64, error) {
	view := types.ArrayAt(v.Array, v.Row(i))
	elements := view.Elements.(*array.Float64)
	fits := view.NDims() == 1
	for k := view.Start; fits && k < view.End; k++ {
		fits = elements.IsValid(k)
	}
	if !fits {
		return nil, sqlerr.New(sqlerr.InternalError, "%s: expected state array", function)
	}
	return elements.Float64Values()[view.Start:view.End], nil
}

func errExpectedDimensions(want, got int) error {
	return sqlerr.New(sqlerr.DataException, "expected %d dimensions, not %d", want, got)
}

func accumulateVector(state []float64, v []float32) ([]float64, error) {
	out := make([]float64, 1+len(v))
	out[0] = state[0] + 1
	sums := state[1:]
	if len(sums) == 0 {
		sums = make([]float64, len(v))
	} else if len(sums) != len(v) {
		return nil, errExpectedDimensions(len(sums), len(v))
	}
	for k, x := range v {
		if out[1+k] = sums[k] + float64(x); math.IsInf(out[1+k], 0) {
			return nil, floatOverflow()
		}
	}
	return out, nil
}

// combineVectors adds two states; one without sums adds none.
func combineVectors(a, b []float64) ([]float64, error) {
	sums, more := a[1:], b[1:]
	if len(sums) == 0 {
		sums, more = more, nil
	}
	if err := checkStateDimensions(len(sums)); err != nil {
		return nil, err
	}
	if len(more) > 0 && len(more) != len(sums) {
		return nil, errExpectedDimensions(len(sums), len(more))
	}
	out := append([]float64{a[0] + b[0]}, sums...)
	for k, x := range more {
		if out[1+k] += x; math.IsInf(out[1+k], 0) {
			return nil, floatOverflow()
		}
	}
	return out, nil
}

// dimensionsMax bounds vectors of all kinds that list their elements.
const dimensionsMax = 16000

func checkStateDimensions(n int) error {
	if n > dimensionsMax {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "vector cannot have more than %d dimensions", dimensionsMax)
	}
	return nil
}

// stateKernel makes a strict kernel of a function whose result is a state.
func stateKernel(f func(args []types.Vec, i int) ([]float64, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		b := types.NewBuilder(types.Of(types.Float8ArrayOID), c.Mem)
		defer b.Release()
		for i := range n {
			if anyNull(args, i) {
				b.AppendNull()
				continue
			}
			state, err := f(args, i)
			if err != nil {
				return nil, err
			}
			types.BeginArray(b).(*array.Float64Builder).AppendValues(state, nil)
			types.FinishArray(b, nil)
		}
		return b.NewArray(), nil
	}
}

// averageKernel makes the kernel of a state's average: null of an empty one.
func averageKernel[R any](function string, result func([]float32) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (none R, err error) {
			state, err := vectorStateAt(args[0], i, function)
			if err != nil {
				return none, err
			}
			if state[0] == 0 {
				return none, null
			}
			v := make([]float32, len(state)-1)
			for k, sum := range state[1:] {
				v[k] = float32(sum / state[0])
			}
			return result(v)
		})
	}
}
