package funcs

import (
	"math"
	"math/rand/v2"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernels("round(float8) dround(float8)", Lift1(math.RoundToEven))
	kernels("trunc(float8) dtrunc(float8)", Lift1(math.Trunc))
	kernels("ceil(float8) ceiling(float8)", Lift1(math.Ceil))
	kernel("floor(float8)", Lift1(math.Floor))
	kernel("sign(float8)", Lift1(func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return 0
	}))
	kernels("sqrt(float8) dsqrt(float8)", Lift1E(func(x float64) (float64, error) {
		if x < 0 {
			return 0, sqlerr.New(sqlerr.InvalidArgumentForPowerFunction, "cannot take square root of a negative number")
		}
		return math.Sqrt(x), nil
	}))
	kernels("cbrt(float8) dcbrt(float8)", Lift1(math.Cbrt))
	kernels("power(float8,float8) pow(float8,float8) dpow(float8,float8)", Lift2E(power))
	kernels("exp(float8) dexp(float8)", Lift1E(func(x float64) (float64, error) { return ranged(math.Exp(x), x, !math.IsInf(x, 0)) }))
	kernels("ln(float8) dlog1(float8)", Lift1E(logarithm(math.Log)))
	kernels("log(float8) log10(float8) dlog10(float8)", Lift1E(logarithm(math.Log10)))
	kernel("degrees(float8)", Lift1E(func(x float64) (float64, error) { return floatOp('/', x, math.Pi/180) }))
	kernel("radians(float8)", Lift1(func(x float64) float64 { return x * (math.Pi / 180) }))
	kernel("pi()", Lift0(func(*types.EvalContext) (float64, error) { return math.Pi, nil }))
	kernel("random()", randomKernel)
	kernel("setseed(float8)", setSeed)
	trigonometry()
	kernel("gcd(int4,int4)", Lift2E(gcd[int32]))
	kernel("gcd(int8,int8)", Lift2E(gcd[int64]))
	kernel("lcm(int4,int4)", Lift2E(lcm[int32]))
	kernel("lcm(int8,int8)", Lift2E(lcm[int64]))
	kernel("width_bucket(float8,float8,float8,int4)", Lift4E(widthBucket))
	kernel("width_bucket(numeric,numeric,numeric,int4)", Lift4E(widthBucketNumeric))
	specialized("width_bucket(anycompatible,anycompatiblearray)", widthBucketArray)
}

// ranged refuses a result that left the range of float8 though the argument
// was within.
func ranged(v, x float64, finite bool) (float64, error) {
	switch {
	case math.IsInf(v, 0) && finite:
		return 0, floatOverflow()
	case v == 0 && finite && x != 0:
		return 0, floatUnderflow()
	}
	return v, nil
}

func logarithm(log func(float64) float64) func(x float64) (float64, error) {
	return func(x float64) (float64, error) {
		switch {
		case x == 0:
			return 0, sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of zero")
		case x < 0:
			return 0, sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of a negative number")
		}
		return log(x), nil
	}
}

func power(x, y float64) (float64, error) {
	switch {
	case x == 0 && y < 0:
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPowerFunction, "zero raised to a negative power is undefined")
	case x < 0 && math.Floor(y) != y && !math.IsNaN(y):
		return 0, errComplexPower()
	}
	v := math.Pow(x, y)
	finite := !math.IsInf(x, 0) && !math.IsInf(y, 0)
	return ranged(v, x, finite)
}

func trigonometry() {
	errRange := func() error { return sqlerr.New(sqlerr.NumericValueOutOfRange, "input is out of range") }
	// bounded checks the argument of a function that is not defined everywhere.
	bounded := func(ok func(x float64) bool, f func(float64) float64) func(x float64) (float64, error) {
		return func(x float64) (float64, error) {
			if math.IsNaN(x) {
				return x, nil
			}
			if !ok(x) {
				return 0, errRange()
			}
			return f(x), nil
		}
	}
	finite := func(x float64) bool { return !math.IsInf(x, 0) }
	unit := func(x float64) bool { return x >= -1 && x <= 1 }
	kernel("sin(float8)", Lift1E(bounded(finite, math.Sin)))
	kernel("cos(float8)", Lift1E(bounded(finite, math.Cos)))
	kernel("tan(float8)", Lift1E(bounded(finite, math.Tan)))
	kernel("cot(float8)", Lift1E(bounded(finite, func(x float64) float64 { return 1 / math.Tan(x) })))
	kernel("asin(float8)", Lift1E(bounded(unit, math.Asin)))
	kernel("acos(float8)", Lift1E(bounded(unit, math.Acos)))
	kernel("atan(float8)", Lift1(math.Atan))
	kernel("atan2(float8,float8)", Lift2(math.Atan2))
	kernel("sinh(float8)", Lift1(math.Sinh))
	kernel("cosh(float8)", Lift1(math.Cosh))
	kernel("tanh(float8)", Lift1(math.Tanh))
	kernel("asinh(float8)", Lift1(math.Asinh))
	kernel("acosh(float8)", Lift1E(bounded(func(x float64) bool { return x >= 1 }, math.Acosh)))
	kernel("atanh(float8)", Lift1E(bounded(unit, math.Atanh)))
	kernel("sind(float8)", Lift1E(bounded(finite, sinDegrees)))
	kernel("cosd(float8)", Lift1E(bounded(finite, cosDegrees)))
	kernel("tand(float8)", Lift1E(bounded(finite, tanDegrees)))
	kernel("cotd(float8)", Lift1E(bounded(finite, cotDegrees)))
	kernel("asind(float8)", Lift1E(bounded(unit, func(x float64) float64 { return inverseDegrees(math.Asin(x)) })))
	kernel("acosd(float8)", Lift1E(bounded(unit, func(x float64) float64 { return inverseDegrees(math.Acos(x)) })))
	kernel("atand(float8)", Lift1(func(x float64) float64 { return inverseDegrees(math.Atan(x)) }))
	kernel("atan2d(float8,float8)", Lift2(func(y, x float64) float64 { return inverseDegrees(math.Atan2(y, x)) }))
}

// Functions of degrees are exact at the multiples of 30 and 45: sines up to 30
// and cosines up to 60 degrees are scaled so that their ends come out right.

// radiansPerDegree is a variable so that products with it are rounded as at run
// time.
var radiansPerDegree = math.Pi / 180

func sinTo30(x float64) float64 {
	return math.Sin(x*radiansPerDegree) / math.Sin(30*radiansPerDegree) / 2
}

func cosTo60(x float64) float64 {
	return 1 - (1-math.Cos(x*radiansPerDegree))/(1-math.Cos(60*radiansPerDegree))/2
}

// sinQuadrant is the sine of 0 to 90 degrees.
func sinQuadrant(x float64) float64 {
	if x <= 30 {
		return sinTo30(x)
	}
	return cosTo60(90 - x)
}

func cosQuadrant(x float64) float64 {
	if x <= 60 {
		return cosTo60(x)
	}
	return sinTo30(90 - x)
}

// quadrant brings an angle to 0 to 90 degrees; sin and cos are the signs that
// the functions get.
func quadrant(x float64) (angle, sin, cos float64) {
	x, sin, cos = math.Mod(x, 360), 1, 1
	if x < 0 {
		x, sin = -x, -sin
	}
	if x > 180 {
		x, sin = 360-x, -sin
	}
	if x > 90 {
		x, cos = 180-x, -cos
	}
	return x, sin, cos
}

func sinDegrees(x float64) float64 {
	angle, sign, _ := quadrant(x)
	return sign * sinQuadrant(angle)
}

func cosDegrees(x float64) float64 {
	angle, _, sign := quadrant(x)
	return sign * cosQuadrant(angle)
}

func tanDegrees(x float64) float64 {
	angle, sin, cos := quadrant(x)
	return sin * cos * (sinQuadrant(angle) / cosQuadrant(angle) / (sinQuadrant(45) / cosQuadrant(45)))
}

func cotDegrees(x float64) float64 {
	angle, sin, cos := quadrant(x)
	return sin * cos * (cosQuadrant(angle) / sinQuadrant(angle) / (cosQuadrant(45) / sinQuadrant(45)))
}

// inverseDegrees turns radians into degrees, exact where the angle is a whole
// multiple of 15.
func inverseDegrees(radians float64) float64 {
	d := radians * (180 / math.Pi)
	if whole := math.Round(d/15) * 15; math.Abs(d-whole) < 1e-13 {
		return whole
	}
	return d
}

func randomKernel(c *types.EvalContext, _ []types.Vec, n int) (arrow.Array, error) {
	next := rand.Float64
	if session, ok := c.Session.(Randomizer); ok {
		next = session.Random
	}
	return fill(c, nil, n, func(int) (float64, error) { return next(), nil })
}

func setSeed(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
	seed := open[float64](args[0])
	session, ok := c.Session.(Randomizer)
	for i := range n {
		if seed.isNull(i) {
			continue
		}
		v := seed.get(i)
		if !(v >= -1 && v <= 1) {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "setseed parameter %g is out of allowed range [-1,1]", v)
		}
		if !ok {
			return nil, sqlerr.Unsupported("setseed in this context")
		}
		session.SetSeed(v)
	}
	return types.NullArray(types.Of(types.VoidOID), c.Mem, n), nil
}

func gcd[T int32 | int64](x, y T) (T, error) {
	for y != 0 {
		if y == -1 { // x % -1 may trap
			return 1, nil
		}
		x, y = y, x%y
	}
	if x < 0 {
		x = -x
		if x < 0 {
			return 0, outOfRange[T]()
		}
	}
	return x, nil
}

func lcm[T int32 | int64](x, y T) (T, error) {
	if x == 0 || y == 0 {
		return 0, nil
	}
	d, err := gcd(x, y)
	if err != nil {
		return 0, err
	}
	v, err := multiply(x/d, y)
	if err != nil {
		return 0, err
	}
	if v < 0 {
		v = -v
		if v < 0 {
			return 0, outOfRange[T]()
		}
	}
	return v, nil
}

func errBucket(text string) error {
	return sqlerr.New(invalidWidthBucket, "%s", text)
}

// invalidWidthBucket is invalid_argument_for_width_bucket_function.
const invalidWidthBucket sqlerr.Code = "2201G"

func widthBucket(x, low, high float64, count int32) (int32, error) {
	switch {
	case count <= 0:
		return 0, errBucket("count must be greater than zero")
	case math.IsNaN(x) || math.IsNaN(low) || math.IsNaN(high):
		return 0, errBucket("operand, lower bound, and upper bound cannot be NaN")
	case math.IsInf(low, 0) || math.IsInf(high, 0):
		return 0, errBucket("lower and upper bounds must be finite")
	case low == high:
		return 0, errBucket("lower bound cannot equal upper bound")
	}
	descending := low > high
	if descending {
		x, low, high = -x, -low, -high
	}
	switch {
	case x < low:
		return 0, nil
	case x >= high:
		if count == math.MaxInt32 {
			return 0, outOfRange[int32]()
		}
		return count + 1, nil
	}
	// Halved, so that the differences cannot overflow.
	bucket := int32(float64(count) * ((x/2 - low/2) / (high/2 - low/2)))
	return min(bucket, count-1) + 1, nil
}

func widthBucketNumeric(x, low, high types.Numeric, count int32) (int32, error) {
	switch {
	case count <= 0:
		return 0, errBucket("count must be greater than zero")
	case x.IsNaN() || low.IsNaN() || high.IsNaN():
		return 0, errBucket("operand, lower bound, and upper bound cannot be NaN")
	case low.IsInf() || high.IsInf():
		return 0, errBucket("lower and upper bounds must be finite")
	case low.Cmp(high) == 0:
		return 0, errBucket("lower bound cannot equal upper bound")
	}
	if low.Cmp(high) > 0 {
		x, low, high = x.Neg(), low.Neg(), high.Neg()
	}
	switch {
	case x.Cmp(low) < 0:
		return 0, nil
	case x.Cmp(high) >= 0:
		if count == math.MaxInt32 {
			return 0, outOfRange[int32]()
		}
		return count + 1, nil
	}
	offset, err := x.Sub(low)
	if err != nil {
		return 0, err
	}
	width, err := high.Sub(low)
	if err != nil {
		return 0, err
	}
	if offset, err = offset.Mul(types.NumericFromInt64(int64(count))); err != nil {
		return 0, err
	}
	bucket, err := offset.QuoInt(width)
	if err != nil {
		return 0, err
	}
	return int32(bucket.Coefficient().Int64()) + 1, nil
}

// widthBucketArray finds the bucket of a value among ascending lower bounds.
func widthBucketArray(call Signature) (types.Kernel, error) {
	compare := call.Args[0].Type().Compare
	if compare == nil {
		return nil, errNoOrder(call.Args[0])
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (int32, error) {
			view := types.ArrayAt(args[1].Array, args[1].Row(i))
			if view.NDims() > 1 {
				return 0, sqlerr.New(sqlerr.ArraySubscriptError, "thresholds must be one-dimensional array")
			}
			low, high := view.Start, view.End
			for low < high {
				middle := (low + high) / 2
				if view.Elements.IsNull(middle) {
					return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "thresholds array must not contain NULLs")
				}
				if compare(args[0].Array, args[0].Row(i), view.Elements, middle) < 0 {
					high = middle
				} else {
					low = middle + 1
				}
			}
			return int32(low - view.Start), nil
		})
	}, nil
}

// errNoOrder is Postgres' error for a type without a btree operator class.
func errNoOrder(t types.T) error {
	return sqlerr.New(sqlerr.UndefinedFunction, "could not identify a comparison function for type %s", typeName(t.OID))
}
