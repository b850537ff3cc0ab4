package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// number is a Go type that an Arrow array of fixed width holds.
type number interface {
	int16 | int32 | int64 | uint32 | uint64 | float32 | float64
}

// once runs kernel over one row when its argument is a constant and repeats
// the result.
func once(kernel Kernel) Kernel {
	return func(c *EvalContext, args []Vec, n int) (arrow.Array, error) {
		if !args[0].Const || n == 1 {
			return kernel(c, args, n)
		}
		one, err := kernel(c, args, 1)
		if err != nil {
			return nil, err
		}
		defer one.Release()
		return ConstArray(one, 0, n, c.Mem), nil
	}
}

// castNumbers makes a kernel between arrays of numbers; f is called for values
// that are not null.
func castNumbers[S, D number](target arrow.DataType, f func(S) (D, error)) Kernel {
	return once(func(c *EvalContext, args []Vec, n int) (arrow.Array, error) {
		a := args[0].Array
		in := arrow.GetValues[S](a.Data(), 1)
		buf := memory.NewResizableBuffer(c.Mem)
		defer buf.Release()
		buf.Resize(n * target.(arrow.FixedWidthDataType).Bytes())
		out := arrow.GetData[D](buf.Bytes())
		nulls := a.NullN() > 0
		for i := range n {
			if nulls && a.IsNull(i) {
				out[i] = 0
				continue
			}
			v, err := f(in[i])
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		data := array.NewData(target, n, []*memory.Buffer{validity(a), buf}, nil, a.NullN(), 0)
		defer data.Release()
		return array.MakeFromData(data), nil
	})
}

// castValues makes a kernel that appends, for each value that is not null, what
// f makes of it.
func castValues(target OID, f func(c *EvalContext, b array.Builder, a arrow.Array, i int) error) Kernel {
	return once(func(c *EvalContext, args []Vec, n int) (arrow.Array, error) {
		b := NewBuilder(Of(target), c.Mem)
		defer b.Release()
		b.Reserve(n)
		a := args[0].Array
		for i := range n {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			if err := f(c, b, a, i); err != nil {
				return nil, err
			}
		}
		return b.NewArray(), nil
	})
}

// castStrings is castValues from a type held as strings to another.
func castStrings(target OID, f func(string) string) Kernel {
	return castValues(target, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		b.(*array.StringBuilder).Append(f(stringAt(a, i)))
		return nil
	})
}

// identity is the kernel of a length coercion, whose work Type.Coerce does.
func identity(c *EvalContext, args []Vec, n int) (arrow.Array, error) {
	if args[0].Const && n != 1 {
		return ConstArray(args[0].Array, 0, n, c.Mem), nil
	}
	args[0].Array.Retain()
	return args[0].Array, nil
}

// CastViaText converts by the output function of source and the input function
// of target, as casts to and from strings without a row in pg_cast do. Fitting
// to target's modifier is left to Type.Coerce.
func CastViaText(c *EvalContext, v Vec, n int, source, target T) (arrow.Array, error) {
	from, to := source.Type(), target.Type()
	var buf []byte
	return once(func(c *EvalContext, args []Vec, n int) (arrow.Array, error) {
		// Record shapes apart, no input function needs the modifier.
		b := NewBuilder(Of(target.OID), c.Mem)
		defer b.Release()
		b.Reserve(n)
		a := args[0].Array
		for i := range n {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			buf = from.AppendText(buf[:0], a, i, c.Format)
			if err := to.ParseText(b, string(buf), NoMod, c.Format); err != nil {
				return nil, err
			}
		}
		return b.NewArray(), nil
	})(c, []Vec{v}, n)
}
