package funcs

import (
	"errors"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// null is what a lifted function returns instead of an error to make its
// result null.
var null = errors.New("null")

// Lift0 makes a kernel of a function of the context alone.
func Lift0[R any](f func(c *types.EvalContext) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, nil, n, func(int) (R, error) { return f(c) })
	}
}

// Lift1 makes a strict kernel of a function that cannot fail. Which Go type
// stands for which SQL type is said at input.
func Lift1[A, R any](f func(A) R) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a := open[A](args[0])
		return fill(c, args, n, func(i int) (R, error) { return f(a.get(i)), nil })
	}
}

// Lift1E is Lift1 for a function that may fail.
func Lift1E[A, R any](f func(A) (R, error)) types.Kernel {
	return Lift1C(func(_ *types.EvalContext, a A) (R, error) { return f(a) })
}

// Lift1C is Lift1 for a function that needs the context.
func Lift1C[A, R any](f func(*types.EvalContext, A) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a := open[A](args[0])
		return fill(c, args, n, func(i int) (R, error) { return f(c, a.get(i)) })
	}
}

// Lift2 is Lift1 for two arguments.
func Lift2[A, B, R any](f func(A, B) R) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[A](args[0]), open[B](args[1])
		return fill(c, args, n, func(i int) (R, error) { return f(a.get(i), b.get(i)), nil })
	}
}

// Lift2E is Lift2 for a function that may fail.
func Lift2E[A, B, R any](f func(A, B) (R, error)) types.Kernel {
	return Lift2C(func(_ *types.EvalContext, a A, b B) (R, error) { return f(a, b) })
}

// Lift2C is Lift2 for a function that needs the context.
func Lift2C[A, B, R any](f func(*types.EvalContext, A, B) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[A](args[0]), open[B](args[1])
		return fill(c, args, n, func(i int) (R, error) { return f(c, a.get(i), b.get(i)) })
	}
}

// Lift3 is Lift1 for three arguments.
func Lift3[A, B, C, R any](f func(A, B, C) R) types.Kernel {
	return Lift3C(func(_ *types.EvalContext, a A, b B, c C) (R, error) { return f(a, b, c), nil })
}

// Lift3E is Lift3 for a function that may fail.
func Lift3E[A, B, C, R any](f func(A, B, C) (R, error)) types.Kernel {
	return Lift3C(func(_ *types.EvalContext, a A, b B, c C) (R, error) { return f(a, b, c) })
}

// Lift3C is Lift3 for a function that needs the context.
func Lift3C[A, B, C, R any](f func(*types.EvalContext, A, B, C) (R, error)) types.Kernel {
	return func(ctx *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b, c := open[A](args[0]), open[B](args[1]), open[C](args[2])
		return fill(ctx, args, n, func(i int) (R, error) { return f(ctx, a.get(i), b.get(i), c.get(i)) })
	}
}

// Lift4E is Lift1E for four arguments.
func Lift4E[A, B, C, D, R any](f func(A, B, C, D) (R, error)) types.Kernel {
	return func(ctx *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b, c, d := open[A](args[0]), open[B](args[1]), open[C](args[2]), open[D](args[3])
		return fill(ctx, args, n, func(i int) (R, error) { return f(a.get(i), b.get(i), c.get(i), d.get(i)) })
	}
}

// fill builds a result of n rows: null where an argument is, else what f says.
// A call over constants alone is computed once and repeated, except for
// functions without arguments.
func fill[R any](c *types.EvalContext, args []types.Vec, n int, f func(i int) (R, error)) (arrow.Array, error) {
	o := newOutput[R](c.Mem, n)
	hasNulls := false
	for _, v := range args {
		hasNulls = hasNulls || v.Array.NullN() > 0
	}
	for i := range n {
		if hasNulls && anyNull(args, i) {
			o.null(i)
			continue
		}
		v, err := f(i)
		switch err {
		case nil:
			o.set(i, v)
		case null:
			o.null(i)
		default:
			o.abort()
			return nil, err
		}
	}
	return o.finish(), nil
}

// anyNull says whether an argument is null in row i.
func anyNull(args []types.Vec, i int) bool {
	for _, v := range args {
		if v.IsNull(i) {
			return true
		}
	}
	return false
}
