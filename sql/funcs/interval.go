package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

func init() {
	kernel("interval_pl(interval,interval)", Lift2E(types.Interval.Add))
	kernel("interval_mi(interval,interval)", Lift2E(types.Interval.Sub))
	kernel("interval_um(interval)", Lift1E(types.Interval.Neg))
	kernel("interval_mul(interval,float8)", Lift2E(types.Interval.Mul))
	kernel("mul_d_interval(float8,interval)", Lift2E(func(f float64, v types.Interval) (types.Interval, error) { return v.Mul(f) }))
	kernel("interval_div(interval,float8)", Lift2E(types.Interval.Div))
	kernel("justify_hours(interval)", Lift1E(types.Interval.JustifyHours))
	kernel("justify_days(interval)", Lift1E(types.Interval.JustifyDays))
	kernel("justify_interval(interval)", Lift1E(types.Interval.JustifyInterval))
	kernel("pg_sleep_for(interval)", func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		spans := open[types.Interval](args[0])
		for i := range n {
			if spans.isNull(i) {
				continue
			}
			if err := sleep(c, toFloat(spans.get(i).Seconds())); err != nil {
				return nil, err
			}
		}
		return types.NullArray(types.Of(types.VoidOID), c.Mem, n), nil
	})
	aggregateOf("sum(interval)", (*intervalSum).add, func(s *intervalSum) (types.Interval, error) { return s.sum, nullIf(s.n == 0) })
	aggregateOf("avg(interval)", (*intervalSum).add, func(s *intervalSum) (types.Interval, error) {
		if s.n == 0 {
			return s.sum, null
		}
		return s.sum.Div(float64(s.n))
	})
}

type intervalSum struct {
	sum types.Interval
	n   int64
}

func (s *intervalSum) add(v types.Interval) (err error) {
	s.n++
	s.sum, err = s.sum.Add(v)
	return err
}
