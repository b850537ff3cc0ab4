package funcs

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	integers[int16, int16, int16]("int2", "int2")
	integers[int32, int32, int32]("int4", "int4")
	integers[int64, int64, int64]("int8", "int8")
	integers[int16, int32, int32]("int24", "int2,int4")
	integers[int32, int16, int32]("int42", "int4,int2")
	integers[int16, int64, int64]("int28", "int2,int8")
	integers[int64, int16, int64]("int82", "int8,int2")
	integers[int32, int64, int64]("int48", "int4,int8")
	integers[int64, int32, int64]("int84", "int8,int4")
	integerUnary[int16]("int2")
	integerUnary[int32]("int4")
	integerUnary[int64]("int8")

	floats[float32, float32, float32]("float4", "float4,float4")
	floats[float64, float64, float64]("float8", "float8,float8")
	floats[float32, float64, float64]("float48", "float4,float8")
	floats[float64, float32, float64]("float84", "float8,float4")
	floatUnary[float32]("float4")
	floatUnary[float64]("float8")
}

// integers registers + - * / and, for one type, % and the bit operators.
func integers[A, B, R integer](prefix, args string) {
	one := args == prefix
	if one {
		args += "," + args
	}
	kernel(prefix+"pl("+args+")", integerKernel[A, B, R]('+'))
	kernel(prefix+"mi("+args+")", integerKernel[A, B, R]('-'))
	kernel(prefix+"mul("+args+")", integerKernel[A, B, R]('*'))
	kernel(prefix+"div("+args+")", integerKernel[A, B, R]('/'))
	if one {
		kernels(prefix+"mod("+args+") mod("+args+")", integerKernel[A, B, R]('%'))
		kernel(prefix+"and("+args+")", Lift2(func(a, b R) R { return a & b }))
		kernel(prefix+"or("+args+")", Lift2(func(a, b R) R { return a | b }))
		kernel(prefix+"xor("+args+")", Lift2(func(a, b R) R { return a ^ b }))
		// The count is taken modulo the width, as the shift of x86 does.
		width := int32(unsafe.Sizeof(R(0))) * 8
		mask := max(width, 32) - 1
		kernel(prefix+"shl("+prefix+",int4)", Lift2(func(a R, n int32) R { return a << (n & mask) }))
		kernel(prefix+"shr("+prefix+",int4)", Lift2(func(a R, n int32) R { return a >> (n & mask) }))
	}
}

// integerUnary registers the prefix operators and abs.
func integerUnary[T int16 | int32 | int64](prefix string) {
	negate := Lift1E(func(a T) (T, error) {
		if a != 0 && a == -a {
			return 0, outOfRange[T]()
		}
		return -a, nil
	})
	kernel(prefix+"um("+prefix+")", negate)
	kernel(prefix+"up("+prefix+")", Lift1(func(a T) T { return a }))
	kernel(prefix+"not("+prefix+")", Lift1(func(a T) T { return ^a }))
	kernels(prefix+"abs("+prefix+") abs("+prefix+")", Lift1E(func(a T) (T, error) {
		if a >= 0 {
			return a, nil
		}
		if a == -a {
			return 0, outOfRange[T]()
		}
		return -a, nil
	}))
}

// outOfRange is Postgres' error for an integer result that does not fit.
func outOfRange[T integer]() error {
	name := "bigint"
	switch unsafe.Sizeof(T(0)) {
	case 2:
		name = "smallint"
	case 4:
		name = "integer"
	}
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", name)
}

func divisionByZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

// integerKernel computes in the wider type. It calculates null rows along and
// looks at nulls only when a row fails.
func integerKernel[A, B, R integer](op byte) types.Kernel {
	calculate := integerOp[R](op)
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[A](args[0]), open[B](args[1])
		o := newOutput[R](c.Mem, n)
		switch op {
		case '+':
			for i := range n {
				x, y := R(a.values[i&a.mask]), R(b.values[i&b.mask])
				s := x + y
				if (x^s)&(y^s) < 0 && !anyNull(args, i) {
					o.abort()
					return nil, outOfRange[R]()
				}
				o.values[i] = s
			}
		case '-':
			for i := range n {
				x, y := R(a.values[i&a.mask]), R(b.values[i&b.mask])
				s := x - y
				if (x^y)&(x^s) < 0 && !anyNull(args, i) {
					o.abort()
					return nil, outOfRange[R]()
				}
				o.values[i] = s
			}
		default:
			for i := range n {
				v, err := calculate(R(a.values[i&a.mask]), R(b.values[i&b.mask]))
				if err != nil && !anyNull(args, i) {
					o.abort()
					return nil, err
				}
				o.values[i] = v
			}
		}
		o.setNulls(args)
		return o.finish(), nil
	}
}

// integerOp is *, / or % of one pair.
func integerOp[R integer](op byte) func(x, y R) (R, error) {
	switch op {
	case '*':
		return multiply[R]
	case '/':
		return divide[R]
	}
	return modulo[R]
}

func multiply[R integer](x, y R) (R, error) {
	p := x * y
	if unsafe.Sizeof(p) < 8 {
		if int64(p) != int64(x)*int64(y) {
			return 0, outOfRange[R]()
		}
		return p, nil
	}
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	// The signed high word must be the sign extension of the low one.
	if x < 0 {
		hi -= uint64(y)
	}
	if y < 0 {
		hi -= uint64(x)
	}
	if int64(hi) != int64(lo)>>63 {
		return 0, outOfRange[R]()
	}
	return p, nil
}

func divide[R integer](x, y R) (R, error) {
	switch {
	case y == 0:
		return 0, divisionByZero()
	case y+1 == 0 && x != 0 && x == -x:
		return 0, outOfRange[R]()
	}
	return x / y, nil
}

func modulo[R integer](x, y R) (R, error) {
	switch {
	case y == 0:
		return 0, divisionByZero()
	case y+1 == 0:
		return 0, nil
	}
	return x % y, nil
}

// floats registers + - * / of a pair of types.
func floats[A, B, R float](prefix, args string) {
	kernel(prefix+"pl("+args+")", floatKernel[A, B, R]('+'))
	kernel(prefix+"mi("+args+")", floatKernel[A, B, R]('-'))
	kernel(prefix+"mul("+args+")", floatKernel[A, B, R]('*'))
	kernel(prefix+"div("+args+")", floatKernel[A, B, R]('/'))
}

func floatUnary[T float](prefix string) {
	kernel(prefix+"um("+prefix+")", Lift1(func(a T) T { return -a }))
	kernel(prefix+"up("+prefix+")", Lift1(func(a T) T { return a }))
	kernels(prefix+"abs("+prefix+") abs("+prefix+")", Lift1(func(a T) T { return T(math.Abs(float64(a))) }))
}

func floatKernel[A, B, R float](op byte) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[A](args[0]), open[B](args[1])
		o := newOutput[R](c.Mem, n)
		for i := range n {
			x, y := R(a.values[i&a.mask]), R(b.values[i&b.mask])
			v, err := floatOp(op, x, y)
			if err != nil && !anyNull(args, i) {
				o.abort()
				return nil, err
			}
			o.values[i] = v
		}
		o.setNulls(args)
		return o.finish(), nil
	}
}

func floatOp[R float](op byte, x, y R) (v R, err error) {
	switch op {
	case '+':
		v = x + y
	case '-':
		v = x - y
	case '*':
		v = x * y
		if v == 0 && x != 0 && y != 0 {
			return 0, floatUnderflow()
		}
	case '/':
		if y == 0 && x == x {
			return 0, divisionByZero()
		}
		v = x / y
		if v == 0 && x != 0 && !isInf(y) {
			return 0, floatUnderflow()
		}
	}
	if isInf(v) && !isInf(x) && !isInf(y) {
		return 0, floatOverflow()
	}
	return v, nil
}

func isInf[R float](v R) bool { return math.IsInf(float64(v), 0) }

func floatOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
}

func floatUnderflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
}
