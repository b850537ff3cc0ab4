package funcs

import (
	"math"
	"math/big"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/types"
)

func init() {
	aggregateOf("sum(int8)", func(s *bigSum, v int64) error { s.sum.add(v); s.n++; return nil }, (*bigSum).total)
	aggregateOf("avg(int8)", func(s *bigSum, v int64) error { s.sum.add(v); s.n++; return nil }, (*bigSum).mean)
	aggregateOf("avg(int4)", func(s *bigSum, v int32) error { s.sum.add(int64(v)); s.n++; return nil }, (*bigSum).mean)
	aggregateOf("avg(int2)", func(s *bigSum, v int16) error { s.sum.add(int64(v)); s.n++; return nil }, (*bigSum).mean)
	aggregate("sum(numeric)", func(AggregateSpec) (Accumulator, error) { return &numericFold{}, nil })
	aggregate("avg(numeric)", func(AggregateSpec) (Accumulator, error) { return &numericFold{mean: true}, nil })

	for _, v := range []struct {
		names      []string
		sample     bool
		root       bool
		ofFloat    func(s *moments) (float64, error)
		ofNumerics func(s *numericMoments) (types.Numeric, error)
	}{
		{[]string{"var_pop"}, false, false, nil, nil},
		{[]string{"var_samp", "variance"}, true, false, nil, nil},
		{[]string{"stddev_pop"}, false, true, nil, nil},
		{[]string{"stddev_samp", "stddev"}, true, true, nil, nil},
	} {
		ofNumeric := func(s *numericMoments) (types.Numeric, error) { return s.variance(v.sample, v.root) }
		ofFloat := func(s *moments) (float64, error) { return s.variance(v.sample, v.root) }
		for _, name := range v.names {
			aggregateOf(name+"(int2)", func(s *numericMoments, x int16) error { return s.add(types.NumericFromInt64(int64(x))) }, ofNumeric)
			aggregateOf(name+"(int4)", func(s *numericMoments, x int32) error { return s.add(types.NumericFromInt64(int64(x))) }, ofNumeric)
			aggregateOf(name+"(int8)", func(s *numericMoments, x int64) error { return s.add(types.NumericFromInt64(x)) }, ofNumeric)
			aggregateOf(name+"(numeric)", (*numericMoments).add, ofNumeric)
			aggregateOf(name+"(float4)", func(s *moments, x float32) error { return s.add(float64(x)) }, ofFloat)
			aggregateOf(name+"(float8)", (*moments).add, ofFloat)
		}
	}
	aggregateOf("avg(float4)", func(s *moments, x float32) error { return s.add(float64(x)) }, (*moments).mean)
	aggregateOf("avg(float8)", (*moments).add, (*moments).mean)

	for name, finish := range map[string]func(s *pairs) (float64, error){
		"corr": (*pairs).correlation, "covar_pop": (*pairs).covariancePop, "covar_samp": (*pairs).covarianceSample,
		"regr_avgx":      func(s *pairs) (float64, error) { return s.unlessEmpty(s.sx / s.n) },
		"regr_avgy":      func(s *pairs) (float64, error) { return s.unlessEmpty(s.sy / s.n) },
		"regr_sxx":       func(s *pairs) (float64, error) { return s.unlessEmpty(s.sxx) },
		"regr_syy":       func(s *pairs) (float64, error) { return s.unlessEmpty(s.syy) },
		"regr_sxy":       func(s *pairs) (float64, error) { return s.unlessEmpty(s.sxy) },
		"regr_slope":     (*pairs).slope,
		"regr_intercept": (*pairs).intercept,
		"regr_r2":        (*pairs).r2,
	} {
		aggregate(name+"(float8,float8)", func(AggregateSpec) (Accumulator, error) {
			return &pairFold[float64]{finish: finish}, nil
		})
	}
	aggregate("regr_count(float8,float8)", func(AggregateSpec) (Accumulator, error) {
		return &pairFold[int64]{finish: func(s *pairs) (int64, error) { return int64(s.n), nil }}, nil
	})
}

// bigSum adds int64 values exactly.
type bigSum struct {
	sum int128
	n   int64
}

func (s *int128) numeric() types.Numeric {
	v := new(big.Int).SetInt64(s.hi)
	v.Lsh(v, 64)
	return types.NewNumericBig(v.Add(v, new(big.Int).SetUint64(s.lo)), 0)
}

func (s *bigSum) total() (types.Numeric, error) {
	if s.n == 0 {
		return types.Numeric{}, null
	}
	return s.sum.numeric(), nil
}

func (s *bigSum) mean() (types.Numeric, error) {
	sum, err := s.total()
	if err != nil {
		return sum, err
	}
	return sum.Div(types.NumericFromInt64(s.n))
}

// numericFold is the accumulator of sum and avg of numerics, which reads their
// stored form.
type numericFold struct {
	states []types.NumericSum
	mean   bool
}

func (f *numericFold) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	f.states = grown(f.states, ngroups)
	a := args[0].Array.(*array.Binary)
	offsets, bytes := types.NumericBytes(a)
	nulls := a.NullN() > 0
	for i := range n {
		row := args[0].Row(i)
		if nulls && a.IsNull(row) {
			continue
		}
		if err := f.states[groups[i]].Add(bytes[offsets[row]:offsets[row+1]]); err != nil {
			return err
		}
	}
	return nil
}

func (f *numericFold) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	f.states = grown(f.states, ngroups)
	return fill(c, nil, ngroups, func(i int) (types.Numeric, error) {
		s := &f.states[i]
		if s.Count == 0 {
			return types.Numeric{}, null
		}
		sum, err := s.Total()
		if err != nil || !f.mean {
			return sum, err
		}
		return sum.Div(types.NumericFromInt64(s.Count))
	})
}

func (f *numericFold) Bytes() int64 {
	return int64(cap(f.states)) * int64(unsafe.Sizeof(types.NumericSum{}))
}

// numericMoments are count, Σx and Σx², exactly.
type numericMoments struct {
	n         int64
	sum, sum2 types.Numeric
}

func (s *numericMoments) add(v types.Numeric) error {
	s.n++
	square, err := v.Mul(v)
	if err != nil {
		return err
	}
	if s.sum, err = s.sum.Add(v); err != nil {
		return err
	}
	s.sum2, err = s.sum2.Add(square)
	return err
}

// variance is (nΣx² - (Σx)²) / n², or over n(n-1) for a sample.
func (s *numericMoments) variance(sample, root bool) (types.Numeric, error) {
	if s.n == 0 || sample && s.n == 1 {
		return types.Numeric{}, null
	}
	if !s.sum.IsFinite() || !s.sum2.IsFinite() {
		return types.NumericNaN, nil
	}
	count := types.NumericFromInt64(s.n)
	others := count
	if sample {
		others = types.NumericFromInt64(s.n - 1)
	}
	left, err := count.Mul(s.sum2)
	if err != nil {
		return left, err
	}
	right, err := s.sum.Mul(s.sum)
	if err != nil {
		return right, err
	}
	numerator, err := left.Sub(right)
	if err != nil || numerator.Sign() <= 0 {
		return types.Numeric{}, err
	}
	divisor, err := count.Mul(others)
	if err != nil {
		return divisor, err
	}
	v, err := numerator.Div(divisor)
	if err != nil || !root {
		return v, err
	}
	return sqrtAt(v, v.Scale()), nil
}

// moments are count, sum and sum of squared deviations by the method of Youngs
// and Cramer, as Postgres computes them.
type moments struct{ n, sx, sxx float64 }

func (s *moments) add(x float64) error {
	old := s.sx
	s.n++
	s.sx += x
	if s.n > 1 {
		d := x*s.n - s.sx
		s.sxx += d * d / (s.n * (s.n - 1))
		if math.IsInf(s.sx, 0) || math.IsInf(s.sxx, 0) {
			if !math.IsInf(old, 0) && !math.IsInf(x, 0) {
				return floatOverflow()
			}
			s.sxx = math.NaN()
		}
	} else if math.IsNaN(x) || math.IsInf(x, 0) {
		s.sxx = math.NaN()
	}
	return nil
}

func (s *moments) mean() (float64, error) {
	if s.n == 0 {
		return 0, null
	}
	return s.sx / s.n, nil
}

func (s *moments) variance(sample, root bool) (float64, error) {
	divisor := s.n
	if sample {
		divisor--
	}
	if divisor <= 0 {
		return 0, null
	}
	v := s.sxx / divisor
	if root {
		v = math.Sqrt(v)
	}
	return v, nil
}

// pairs are the moments of two variables and their product.
type pairs struct{ n, sx, sxx, sy, syy, sxy float64 }

func (s *pairs) add(y, x float64) error {
	old := *s
	s.n++
	s.sx += x
	s.sy += y
	if s.n > 1 {
		dx, dy := x*s.n-s.sx, y*s.n-s.sy
		scale := 1 / (s.n * old.n)
		s.sxx += dx * dx * scale
		s.syy += dy * dy * scale
		s.sxy += dx * dy * scale
		if isInf(s.sx) || isInf(s.sxx) || isInf(s.sy) || isInf(s.syy) || isInf(s.sxy) {
			if (isInf(s.sx) || isInf(s.sxx)) && !isInf(old.sx) && !isInf(x) ||
				(isInf(s.sy) || isInf(s.syy)) && !isInf(old.sy) && !isInf(y) ||
				isInf(s.sxy) && !isInf(old.sx) && !isInf(x) && !isInf(old.sy) && !isInf(y) {
				return floatOverflow()
			}
			if isInf(s.sxx) {
				s.sxx = math.NaN()
			}
			if isInf(s.syy) {
				s.syy = math.NaN()
			}
			if isInf(s.sxy) {
				s.sxy = math.NaN()
			}
		}
		return nil
	}
	if math.IsNaN(x) || isInf(x) {
		s.sxx, s.sxy = math.NaN(), math.NaN()
	}
	if math.IsNaN(y) || isInf(y) {
		s.syy, s.sxy = math.NaN(), math.NaN()
	}
	return nil
}

func (s *pairs) unlessEmpty(v float64) (float64, error) {
	if s.n < 1 {
		return 0, null
	}
	return v, nil
}

func (s *pairs) correlation() (float64, error) {
	if s.n < 1 || s.sxx == 0 || s.syy == 0 {
		return 0, null
	}
	return s.sxy / math.Sqrt(s.sxx*s.syy), nil
}

func (s *pairs) covariancePop() (float64, error) { return s.unlessEmpty(s.sxy / s.n) }

func (s *pairs) covarianceSample() (float64, error) {
	if s.n < 2 {
		return 0, null
	}
	return s.sxy / (s.n - 1), nil
}

func (s *pairs) slope() (float64, error) {
	if s.n < 1 || s.sxx == 0 {
		return 0, null
	}
	return s.sxy / s.sxx, nil
}

func (s *pairs) intercept() (float64, error) {
	if s.n < 1 || s.sxx == 0 {
		return 0, null
	}
	return (s.sy - s.sx*s.sxy/s.sxx) / s.n, nil
}

func (s *pairs) r2() (float64, error) {
	switch {
	case s.n < 1 || s.sxx == 0:
		return 0, null
	case s.syy == 0:
		return 1, nil
	}
	return s.sxy * s.sxy / (s.sxx * s.syy), nil
}

// pairFold is the accumulator of the regression aggregates, f(y, x).
type pairFold[R any] struct {
	states []pairs
	finish func(s *pairs) (R, error)
}

func (f *pairFold[R]) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	f.states = grown(f.states, ngroups)
	y, x := open[float64](args[0]), open[float64](args[1])
	for i := range n {
		if anyNull(args, i) {
			continue
		}
		if err := f.states[groups[i]].add(y.get(i), x.get(i)); err != nil {
			return err
		}
	}
	return nil
}

func (f *pairFold[R]) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	f.states = grown(f.states, ngroups)
	return fill(c, nil, ngroups, func(i int) (R, error) { return f.finish(&f.states[i]) })
}

func (f *pairFold[R]) Bytes() int64 { return int64(cap(f.states)) * 48 }
