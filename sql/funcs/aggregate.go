package funcs

import (
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// aggregate registers an aggregate under several signatures, separated by
// blanks.
func aggregate(signatures string, start func(spec AggregateSpec) (Accumulator, error)) {
	for _, signature := range fields(signatures) {
		Builtin(signature, Impl{Aggregate: start})
	}
}

// aggregateOf registers an aggregate that folds the non-null values of its one
// argument into a state S a group. finish may answer null.
func aggregateOf[A, S, R any](signatures string, fold func(s *S, v A) error, finish func(s *S) (R, error)) {
	aggregate(signatures, func(AggregateSpec) (Accumulator, error) {
		return &folded[A, S, R]{fold: fold, finish: finish}, nil
	})
}

// folded is the accumulator of aggregateOf.
type folded[A, S, R any] struct {
	states []S
	fold   func(s *S, v A) error
	finish func(s *S) (R, error)
}

func (f *folded[A, S, R]) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	f.states = grown(f.states, ngroups)
	x := open[A](args[0])
	nulls := args[0].Array.NullN() > 0
	for i := range n {
		if nulls && x.isNull(i) {
			continue
		}
		if err := f.fold(&f.states[groups[i]], x.get(i)); err != nil {
			return err
		}
	}
	return nil
}

func (f *folded[A, S, R]) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	f.states = grown(f.states, ngroups)
	return fill(c, nil, ngroups, func(i int) (R, error) { return f.finish(&f.states[i]) })
}

func (f *folded[A, S, R]) Bytes() int64 {
	var s S
	return int64(cap(f.states)) * int64(unsafe.Sizeof(s))
}

// grown lengthens s to n zero values at least.
func grown[S any](s []S, n int) []S {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n]
	}
	t := make([]S, n, max(n, 2*cap(s)))
	copy(t, s)
	return t
}
