package funcs

import (
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

func init() {
	aggregate("count() count(any)", func(AggregateSpec) (Accumulator, error) { return &counter{}, nil })
	aggregate("sum(int2)", startSum[int16, int64])
	aggregate("sum(int4)", startSum[int32, int64])
	aggregate("sum(float4)", startSum[float32, float32])
	aggregate("sum(float8)", startSum[float64, float64])

	all := seen[bool]{value: true}
	aggregateOf("bool_and(bool) every(bool)", func(s *seen[bool], v bool) error {
		if !s.ok {
			*s = all
		}
		s.ok, s.value = true, s.value && v
		return nil
	}, (*seen[bool]).result)
	aggregateOf("bool_or(bool)", func(s *seen[bool], v bool) error {
		s.ok, s.value = true, s.value || v
		return nil
	}, (*seen[bool]).result)
	bitAggregates[int16]("int2")
	bitAggregates[int32]("int4")
	bitAggregates[int64]("int8")
}

// seen is a value that may be missing: the state of an aggregate that is null
// over no rows.
type seen[T any] struct {
	value T
	ok    bool
}

func (s *seen[T]) result() (T, error) {
	if !s.ok {
		return s.value, null
	}
	return s.value, nil
}

func bitAggregates[T int16 | int32 | int64](name string) {
	combine := func(f func(a, b T) T) func(s *seen[T], v T) error {
		return func(s *seen[T], v T) error {
			if s.ok {
				v = f(s.value, v)
			}
			s.value, s.ok = v, true
			return nil
		}
	}
	aggregateOf("bit_and("+name+")", combine(func(a, b T) T { return a & b }), (*seen[T]).result)
	aggregateOf("bit_or("+name+")", combine(func(a, b T) T { return a | b }), (*seen[T]).result)
	aggregateOf("bit_xor("+name+")", combine(func(a, b T) T { return a ^ b }), (*seen[T]).result)
}

// counter counts rows, or the non-null values of its argument.
type counter struct{ counts []int64 }

func (a *counter) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	a.counts = grown(a.counts, ngroups)
	if len(args) == 0 || args[0].Array.NullN() == 0 {
		if ngroups == 1 {
			a.counts[0] += int64(n)
			return nil
		}
		for _, g := range groups[:n] {
			a.counts[g]++
		}
		return nil
	}
	for i, g := range groups[:n] {
		if !args[0].IsNull(i) {
			a.counts[g]++
		}
	}
	return nil
}

func (a *counter) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	a.counts = grown(a.counts, ngroups)
	o := newOutput[int64](c.Mem, ngroups)
	copy(o.values, a.counts)
	return o.finish(), nil
}

func (a *counter) Bytes() int64 { return int64(cap(a.counts)) * 8 }

// summer adds up small integers in int64, or floats in their own precision.
type summer[A, R int16 | int32 | int64 | float32 | float64] struct {
	sums []seen[R]
}

func startSum[A, R int16 | int32 | int64 | float32 | float64](AggregateSpec) (Accumulator, error) {
	return &summer[A, R]{}, nil
}

func (a *summer[A, R]) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	a.sums = grown(a.sums, ngroups)
	x := open[A](args[0])
	nulls := args[0].Array.NullN() > 0
	if ngroups == 1 && !nulls && n > 0 && len(x.values) >= n {
		return a.addAll(x.values[:n])
	}
	for i := range n {
		if nulls && x.isNull(i) {
			continue
		}
		s := &a.sums[groups[i]]
		v := R(x.values[i&x.mask])
		sum := s.value + v
		if overflowed(s.value, v, sum) {
			return overflowOf(sum)
		}
		s.value, s.ok = sum, true
	}
	return nil
}

// addAll adds values to the only group.
func (a *summer[A, R]) addAll(values []A) error {
	s := &a.sums[0]
	sum := s.value
	for _, v := range values {
		before := sum
		if sum += R(v); sum-sum != 0 || wraps(before, R(v), sum) {
			if overflowed(before, R(v), sum) {
				return overflowOf(sum)
			}
		}
	}
	s.value, s.ok = sum, true
	return nil
}

// wraps says of integers whether a + b = sum left their range; of floats it may say
// anything, for they differ from themselves (sum-sum) where they leave theirs.
func wraps[R int16 | int32 | int64 | float32 | float64](a, b, sum R) bool {
	return (a < 0) == (b < 0) && (sum < 0) != (a < 0)
}

// overflowed says whether a + b = sum is wrong: a wrapped integer, or an
// infinity from finite floats.
func overflowed[R int16 | int32 | int64 | float32 | float64](a, b, sum R) bool {
	half := R(1)
	half /= 2
	if half == 0 { // an integer type
		return wraps(a, b, sum)
	}
	return isInf(float64(sum)) && !isInf(float64(a)) && !isInf(float64(b))
}

func overflowOf[R int16 | int32 | int64 | float32 | float64](v R) error {
	switch any(v).(type) {
	case float32, float64:
		return floatOverflow()
	}
	return outOfRange[int64]()
}

func (a *summer[A, R]) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	a.sums = grown(a.sums, ngroups)
	return fill(c, nil, ngroups, func(i int) (R, error) { return a.sums[i].result() })
}

func (a *summer[A, R]) Bytes() int64 { return int64(cap(a.sums)) * 16 }

// int128 is a sum of int64 that cannot overflow in practice.
type int128 struct {
	hi int64
	lo uint64
}

func (s *int128) add(v int64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(v), 0)
	s.hi += v>>63 + int64(carry)
}
