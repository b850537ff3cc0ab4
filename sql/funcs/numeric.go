package funcs

import (
	"math"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Limits of results, from Postgres' numeric.c.
const (
	numericSignificantMin = 16   // NUMERIC_MIN_SIG_DIGITS
	numericDisplayMax     = 1000 // NUMERIC_MAX_DISPLAY_SCALE
	numericResultMax      = 2000 // NUMERIC_MAX_RESULT_SCALE
	log10e                = 0.434294481903252
)

func init() {
	kernel("numeric_add(numeric,numeric)", Lift2E(types.Numeric.Add))
	kernel("numeric_sub(numeric,numeric)", Lift2E(types.Numeric.Sub))
	kernel("numeric_mul(numeric,numeric)", Lift2E(types.Numeric.Mul))
	kernel("numeric_div(numeric,numeric)", Lift2E(types.Numeric.Div))
	kernels("numeric_mod(numeric,numeric) mod(numeric,numeric)", Lift2E(types.Numeric.Mod))
	kernels("numeric_div_trunc(numeric,numeric) div(numeric,numeric)", Lift2E(types.Numeric.QuoInt))
	kernel("numeric_uminus(numeric)", Lift1(types.Numeric.Neg))
	kernel("numeric_uplus(numeric)", Lift1(func(n types.Numeric) types.Numeric { return n }))
	kernels("numeric_abs(numeric) abs(numeric)", Lift1(types.Numeric.Abs))
	kernel("round(numeric,int4)", Lift2(func(n types.Numeric, scale int32) types.Numeric { return n.Round(clampScale(scale)) }))
	kernel("round(numeric)", Lift1(func(n types.Numeric) types.Numeric { return n.Round(0) }))
	kernel("trunc(numeric,int4)", Lift2(func(n types.Numeric, scale int32) types.Numeric { return n.Trunc(clampScale(scale)) }))
	kernel("trunc(numeric)", Lift1(func(n types.Numeric) types.Numeric { return n.Trunc(0) }))
	kernels("ceil(numeric) ceiling(numeric)", Lift1(types.Numeric.Ceil))
	kernel("floor(numeric)", Lift1(types.Numeric.Floor))
	kernel("sign(numeric)", Lift1(func(n types.Numeric) types.Numeric {
		if n.IsNaN() {
			return n
		}
		return types.NumericFromInt64(int64(n.Sign()))
	}))
	kernel("scale(numeric)", Lift1E(func(n types.Numeric) (int32, error) { return n.Scale(), nullUnlessFinite(n) }))
	kernel("min_scale(numeric)", Lift1E(func(n types.Numeric) (int32, error) { return n.MinScale(), nullUnlessFinite(n) }))
	kernel("trim_scale(numeric)", Lift1(types.Numeric.TrimScale))
	kernels("numeric_sqrt(numeric) sqrt(numeric)", Lift1E(numericSqrt))
	kernels("numeric_exp(numeric) exp(numeric)", Lift1E(numericExp))
	kernels("numeric_ln(numeric) ln(numeric)", Lift1E(numericLn))
	kernels("numeric_log(numeric,numeric) log(numeric,numeric)", Lift2E(numericLog))
	kernels("log(numeric) log10(numeric)", Lift1E(func(n types.Numeric) (types.Numeric, error) {
		return numericLog(types.NumericFromInt64(10), n)
	}))
	kernels("numeric_power(numeric,numeric) power(numeric,numeric) pow(numeric,numeric)", Lift2E(numericPower))
	kernel("gcd(numeric,numeric)", Lift2(func(n, m types.Numeric) types.Numeric {
		if !n.IsFinite() || !m.IsFinite() {
			return types.NumericNaN
		}
		x, y, scale := alignNumerics(n, m)
		return types.NewNumericBig(new(big.Int).GCD(nil, nil, x.Abs(x), y.Abs(y)), scale)
	}))
	kernel("lcm(numeric,numeric)", Lift2(func(n, m types.Numeric) types.Numeric {
		if !n.IsFinite() || !m.IsFinite() {
			return types.NumericNaN
		}
		x, y, scale := alignNumerics(n, m)
		x.Abs(x)
		y.Abs(y)
		if x.Sign() == 0 || y.Sign() == 0 {
			return types.NewNumeric(0, scale)
		}
		gcd := new(big.Int).GCD(nil, nil, x, y)
		return types.NewNumericBig(x.Mul(x.Quo(x, gcd), y), scale)
	}))
	kernel("factorial(int8)", Lift1E(func(n int64) (types.Numeric, error) {
		if n < 0 {
			return types.Numeric{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "factorial of a negative number is undefined")
		}
		if n > 32177 {
			return types.Numeric{}, errNumericOverflow()
		}
		return types.NewNumericBig(new(big.Int).MulRange(1, n), 0), nil
	}))
}

func nullUnlessFinite(n types.Numeric) error {
	if n.IsFinite() {
		return nil
	}
	return null
}

// clampScale keeps a scale within what round and trunc respect.
func clampScale(scale int32) int32 { return max(min(scale, numericResultMax), -numericResultMax) }

// displayScale keeps a result scale within what is shown and not below least.
func displayScale(scale int, least ...types.Numeric) int32 {
	for _, n := range least {
		scale = max(scale, int(n.Scale()))
	}
	return int32(max(0, min(scale, numericDisplayMax)))
}

func errNumericOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
}

func alignNumerics(n, m types.Numeric) (x, y *big.Int, scale int32) {
	scale = max(n.Scale(), m.Scale())
	return n.Round(scale).Coefficient(), m.Round(scale).Coefficient(), scale
}

// pow10 is 10^n.
func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// decimal turns a finite n into apd's form.
func decimal(n types.Numeric) *apd.Decimal {
	d := apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(n.Coefficient()), -n.Scale())
	return d
}

// fromDecimal rounds d to scale.
func fromDecimal(d *apd.Decimal, scale int32) types.Numeric {
	coefficient := d.Coeff.MathBigInt()
	if d.Negative {
		coefficient.Neg(coefficient)
	}
	if d.Exponent > 0 {
		coefficient.Mul(coefficient, pow10(int(d.Exponent)))
		return types.NewNumericBig(coefficient, 0).Round(scale)
	}
	if -d.Exponent > 16383 {
		// More digits than a numeric has: too small to matter beyond the scale.
		shift := -d.Exponent - 16383
		coefficient.Quo(coefficient, pow10(int(shift)))
		return types.NewNumericBig(coefficient, 16383).Round(scale)
	}
	return types.NewNumericBig(coefficient, -d.Exponent).Round(scale)
}

// decimalContext computes with so many digits.
func decimalContext(digits int) *apd.Context {
	return &apd.Context{Precision: uint32(max(digits, 20)), MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
}

// weight10000 is the weight of the first base-10,000 digit, in which Postgres
// computes, and the first two of these digits as one number with its decimal
// weight.
func weight10000(n types.Numeric) (weight int, digits float64, decimalWeight int) {
	c := n.Coefficient()
	c.Abs(c)
	text := c.String()
	if text == "0" {
		return 0, 0, 0
	}
	whole := len(text) - int(n.Scale())
	weight = (whole - 1) / 4
	if whole-1 < 0 && (whole-1)%4 != 0 {
		weight--
	}
	lead := whole - 4*weight // decimal digits in the first base digit
	take := lead
	decimalWeight = 4 * weight
	if len(text) > lead {
		take += 4
		decimalWeight -= 4
	}
	for k := range take {
		digits *= 10
		if k < len(text) {
			digits += float64(text[k] - '0')
		}
	}
	return weight, digits, decimalWeight
}

func numericSqrt(n types.Numeric) (types.Numeric, error) {
	switch {
	case n.IsNaN():
		return n, nil
	case n.Sign() < 0:
		return n, sqlerr.New(sqlerr.InvalidArgumentForPowerFunction, "cannot take square root of a negative number")
	case n.IsInf():
		return n, nil
	}
	weight, _, _ := weight10000(n)
	return sqrtAt(n, displayScale(numericSignificantMin-((weight+1)*4/2-1), n)), nil
}

// sqrtAt is the root of n ≥ 0, rounded at scale.
func sqrtAt(n types.Numeric, scale int32) types.Numeric {
	// √(c/10^s) = √(c·10^(2d-s)) / 10^d, with one digit more than asked for.
	d := scale + 1
	shift := 2*d - n.Scale()
	c := n.Coefficient()
	if shift >= 0 {
		c.Mul(c, pow10(int(shift)))
	} else {
		c.Quo(c, pow10(int(-shift)))
	}
	return types.NewNumericBig(c.Sqrt(c), d).Round(scale)
}

// toFloat is n as float64, 0 and infinities where it does not fit.
func toFloat(n types.Numeric) float64 {
	f, _ := decimal(n).Float64()
	return f
}

func numericExp(n types.Numeric) (types.Numeric, error) {
	switch {
	case n.IsNaN():
		return n, nil
	case n.IsInf() && n.Sign() < 0:
		return types.NumericFromInt64(0), nil
	case n.IsInf():
		return n, nil
	}
	weight := max(-numericResultMax, min(toFloat(n)*log10e, numericResultMax))
	return expAt(n, displayScale(numericSignificantMin-int(weight), n))
}

// expAt is e^n rounded at scale.
func expAt(n types.Numeric, scale int32) (types.Numeric, error) {
	value := toFloat(n)
	switch {
	case value >= numericResultMax*3:
		return n, errNumericOverflow()
	case value <= -numericResultMax*3:
		return types.NewNumeric(0, scale), nil
	}
	digits := int(scale) + max(0, int(value*log10e)) + 12
	var d apd.Decimal
	if _, err := decimalContext(digits).Exp(&d, decimal(n)); err != nil {
		return n, sqlerr.Wrap(err, sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return fromDecimal(&d, scale), nil
}

// lnWeight estimates the decimal weight of ln(n): estimate_ln_dweight.
func lnWeight(n types.Numeric) int {
	if n.Sign() <= 0 {
		return 0
	}
	if n.Cmp(types.NewNumeric(9, 1)) >= 0 && n.Cmp(types.NewNumeric(11, 1)) <= 0 {
		x, err := n.Sub(types.NumericFromInt64(1))
		if err != nil || x.Sign() == 0 {
			return 0
		}
		weight, digits, decimalWeight := weight10000(x)
		// The first base digit alone.
		if decimalWeight < 4*weight {
			digits = math.Floor(digits / 10000)
		}
		return weight*4 + int(math.Log10(digits))
	}
	_, digits, decimalWeight := weight10000(n)
	return int(math.Log10(math.Abs(math.Log(digits) + float64(decimalWeight)*2.302585092994046)))
}

// lnDecimal is ln(n) for n > 0 with so many digits after the point.
func lnDecimal(n types.Numeric, scale int) (*apd.Decimal, error) {
	var d apd.Decimal
	if _, err := decimalContext(scale+12).Ln(&d, decimal(n)); err != nil {
		return nil, sqlerr.Wrap(err, sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return &d, nil
}

func checkLogarithm(n types.Numeric) error {
	switch {
	case n.IsNaN():
		return nil
	case n.Sign() == 0:
		return sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of zero")
	case n.Sign() < 0:
		return sqlerr.New(sqlerr.InvalidArgumentForLogarithm, "cannot take logarithm of a negative number")
	}
	return nil
}

func numericLn(n types.Numeric) (types.Numeric, error) {
	if err := checkLogarithm(n); err != nil || !n.IsFinite() {
		return n, err
	}
	scale := displayScale(numericSignificantMin-lnWeight(n), n)
	d, err := lnDecimal(n, int(scale)+8)
	if err != nil {
		return n, err
	}
	return fromDecimal(d, scale), nil
}

func numericLog(base, n types.Numeric) (types.Numeric, error) {
	if base.IsNaN() || n.IsNaN() {
		return types.NumericNaN, nil
	}
	for _, x := range []types.Numeric{base, n} {
		if err := checkLogarithm(x); err != nil {
			return x, err
		}
	}
	switch {
	case base.IsInf() && n.IsInf():
		return types.NumericNaN, nil
	case base.IsInf():
		return types.NumericFromInt64(0), nil
	case n.IsInf():
		return n, nil
	}
	scale := displayScale(numericSignificantMin-(lnWeight(n)-lnWeight(base)), base, n)
	digits := int(scale) + 20
	num, err := lnDecimal(n, digits)
	if err != nil {
		return n, err
	}
	den, err := lnDecimal(base, digits)
	if err != nil {
		return n, err
	}
	if den.IsZero() {
		return n, divisionByZero()
	}
	var q apd.Decimal
	if _, err := decimalContext(digits).Quo(&q, num, den); err != nil {
		return n, sqlerr.Wrap(err, sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return fromDecimal(&q, scale), nil
}

func numericPower(base, exponent types.Numeric) (types.Numeric, error) {
	one := types.NumericFromInt64(1)
	if !base.IsFinite() || !exponent.IsFinite() {
		return powerSpecial(base, exponent)
	}
	if base.Sign() == 0 && exponent.Sign() < 0 {
		return base, sqlerr.New(sqlerr.InvalidArgumentForPowerFunction, "zero raised to a negative power is undefined")
	}
	whole := exponent.Trunc(0).Cmp(exponent) == 0
	if base.Sign() < 0 && !whole {
		return base, errComplexPower()
	}
	if whole {
		if e := exponent.Trunc(0).Coefficient(); e.IsInt64() && int64(int32(e.Int64())) == e.Int64() {
			return powerInteger(base, int(e.Int64()), displayScale(numericSignificantMin, base))
		}
	}
	if base.Sign() == 0 {
		return types.NewNumeric(0, numericSignificantMin), nil
	}
	negative := base.Sign() < 0 && exponent.Trunc(0).Coefficient().Bit(0) == 1
	magnitude := base.Abs()
	if magnitude.Cmp(one) == 0 {
		return one.Round(displayScale(numericSignificantMin, base, exponent)), nil
	}
	rough, err := lnDecimal(magnitude, 20)
	if err != nil {
		return base, err
	}
	product := new(apd.Decimal)
	if _, err := decimalContext(40).Mul(product, rough, decimal(exponent)); err != nil {
		return base, errNumericOverflow()
	}
	value, _ := product.Float64()
	if math.Abs(value) > numericResultMax*3.01 {
		if value > 0 {
			return base, errNumericOverflow()
		}
		return types.NewNumeric(0, numericDisplayMax), nil
	}
	scale := displayScale(numericSignificantMin-int(value*log10e), base, exponent)
	digits := int(scale) + max(0, int(value*log10e)) + 20
	precise, err := lnDecimal(magnitude, digits)
	if err != nil {
		return base, err
	}
	ctx := decimalContext(digits + 10)
	if _, err := ctx.Mul(product, precise, decimal(exponent)); err != nil {
		return base, errNumericOverflow()
	}
	if _, err := ctx.Exp(product, product); err != nil {
		return base, errNumericOverflow()
	}
	result := fromDecimal(product, scale)
	if negative {
		result = result.Neg()
	}
	return result, nil
}

func errComplexPower() error {
	return sqlerr.New(sqlerr.InvalidArgumentForPowerFunction, "a negative number raised to a non-integer power yields a complex result")
}

// powerInteger is base^exponent rounded at scale.
func powerInteger(base types.Numeric, exponent int, scale int32) (types.Numeric, error) {
	if base.Sign() == 0 {
		if exponent == 0 {
			return types.NumericFromInt64(1).Round(scale), nil
		}
		return types.NewNumeric(0, scale), nil
	}
	_, digits, decimalWeight := weight10000(base)
	weight := float64(exponent) * (math.Log10(digits) + float64(decimalWeight))
	switch {
	case weight > 131072+1:
		return base, errNumericOverflow()
	case weight+1 < -float64(scale):
		return types.NewNumeric(0, scale), nil
	}
	// The significant digits of the result, and some more for the rounding of
	// every multiplication.
	ctx := decimalContext(int(max(weight, 0)) + int(scale) + 20)
	result, factor := apd.New(1, 0), decimal(base)
	for n := absInt(exponent); n > 0; n >>= 1 {
		if n&1 == 1 {
			if _, err := ctx.Mul(result, result, factor); err != nil {
				return base, errNumericOverflow()
			}
		}
		if n > 1 {
			if _, err := ctx.Mul(factor, factor, factor); err != nil {
				return base, errNumericOverflow()
			}
		}
	}
	if exponent < 0 {
		if _, err := ctx.Quo(result, apd.New(1, 0), result); err != nil {
			return base, errNumericOverflow()
		}
	}
	n := fromDecimal(result, scale)
	if weight, _, _ := weight10000(n); weight*4 >= 131072 {
		return base, errNumericOverflow()
	}
	return n, nil
}

func absInt(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

// powerSpecial handles NaN and infinities as the C function pow does.
func powerSpecial(base, exponent types.Numeric) (types.Numeric, error) {
	one, zero := types.NumericFromInt64(1), types.NumericFromInt64(0)
	isOne := base.IsFinite() && base.Cmp(one) == 0
	switch {
	case base.IsNaN():
		if exponent.IsFinite() && exponent.Sign() == 0 {
			return one, nil
		}
		return base, nil
	case exponent.IsNaN():
		if isOne {
			return one, nil
		}
		return exponent, nil
	case exponent.IsInf():
		size := base.Abs().Cmp(one)
		switch {
		case isOne, base.IsFinite() && base.Sign() < 0 && size == 0:
			return one, nil
		case base.IsFinite() && base.Sign() == 0 && exponent.Sign() < 0:
			return base, sqlerr.New(sqlerr.InvalidArgumentForPowerFunction, "zero raised to a negative power is undefined")
		case (size > 0) == (exponent.Sign() > 0):
			return types.NumericPosInf, nil
		}
		return zero, nil
	}
	// The base is infinite, the exponent a number.
	switch {
	case exponent.Sign() == 0:
		return one, nil
	case base.Sign() < 0 && exponent.Trunc(0).Cmp(exponent) != 0:
		return base, errComplexPower()
	case exponent.Sign() < 0:
		return zero, nil
	case base.Sign() < 0 && exponent.Trunc(0).Coefficient().Bit(0) == 1:
		return base, nil
	}
	return types.NumericPosInf, nil
}
