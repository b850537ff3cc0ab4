package funcs

import (
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	for _, args := range []string{"int4,int4,int4", "int4,int4"} {
		rows("generate_series("+args+")", integerSeries[int32])
	}
	for _, args := range []string{"int8,int8,int8", "int8,int8"} {
		rows("generate_series("+args+")", integerSeries[int64])
	}
	for _, args := range []string{"numeric,numeric,numeric", "numeric,numeric"} {
		rows("generate_series("+args+")", numericSeries)
	}
	for _, args := range []string{"anyarray,int4,bool", "anyarray,int4"} {
		rows("generate_subscripts("+args+")", generateSubscripts)
	}
	rowsOf("unnest(anyarray)", func(call Signature) (RowsKernel, error) {
		return func(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
			v := types.ArrayAt(args[0].Array, args[0].Row(0))
			// The batches hold on to the elements; the argument itself may go.
			return &arraySlices{array: v.Elements, start: v.Start, end: v.End}, nil
		}, nil
	})
}

func errZeroStep() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
}

func integerSeries[T int32 | int64](c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
	value := func(k int) T { x := open[T](args[k]); return x.get(0) }
	current, stop, step := value(0), value(1), T(1)
	if len(args) == 3 {
		step = value(2)
	}
	if step == 0 {
		return nil, errZeroStep()
	}
	done := false
	return &sequence[T]{context: c, next: func() (T, bool, error) {
		if done || step > 0 && current > stop || step < 0 && current < stop {
			return 0, false, nil
		}
		v := current
		current += step
		// A step over the end of the type is the end of the series.
		done = (current > v) != (step > 0)
		return v, true, nil
	}}, nil
}

func numericSeries(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
	value := func(k int) types.Numeric { return types.NumericAt(args[k].Array, args[k].Row(0)) }
	current, stop, step := value(0), value(1), types.NumericFromInt64(1)
	if len(args) == 3 {
		step = value(2)
	}
	for k, name := range []string{"start", "stop", "step size"} {
		n := []types.Numeric{current, stop, step}[k]
		if n.IsNaN() {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s value cannot be NaN", name)
		}
		if n.IsInf() {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s value cannot be infinity", name)
		}
	}
	sign := step.Sign()
	if sign == 0 {
		return nil, errZeroStep()
	}
	return &sequence[types.Numeric]{context: c, next: func() (v types.Numeric, ok bool, err error) {
		if current.Cmp(stop)*sign > 0 {
			return v, false, nil
		}
		v = current
		current, err = current.Add(step)
		return v, true, err
	}}, nil
}

// generateSubscripts counts through a dimension of an array.
func generateSubscripts(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
	v := types.ArrayAt(args[0].Array, args[0].Row(0))
	dimension := open[int32](args[1])
	k := int(dimension.get(0)) - 1
	if k < 0 || k >= v.NDims() {
		return noRows{}, nil
	}
	first, last, step := v.Lower(k), v.Lower(k)+v.Dim(k)-1, 1
	if len(args) == 3 {
		if reverse := open[bool](args[2]); reverse.get(0) {
			first, last, step = last, first, -1
		}
	}
	current := first - step
	return &sequence[int32]{context: c, next: func() (int32, bool, error) {
		if current == last {
			return 0, false, nil
		}
		current += step
		return int32(current), true, nil
	}}, nil
}
