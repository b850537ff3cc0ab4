package types

import (
	"math/big"

	"quiver/sql/sqlerr"
)

// Arithmetic as in Postgres' numeric.c: results and scales are the same.

// Neg returns -n.
func (n Numeric) Neg() Numeric {
	switch n.kind {
	case numericPosInf:
		return NumericNegInf
	case numericNegInf:
		return NumericPosInf
	case numericNaN:
		return n
	}
	return NewNumericBig(new(big.Int).Neg(n.coef()), n.scale)
}

// Abs returns |n|.
func (n Numeric) Abs() Numeric {
	if n.Sign() < 0 {
		return n.Neg()
	}
	return n
}

// checked refuses results that numeric cannot hold (22003).
func (n Numeric) checked() (Numeric, error) {
	if n.kind == numericFinite && n.big != nil && n.digits()-int(n.scale) > numericWholeMax {
		return n, errNumericOverflow()
	}
	return n, nil
}

// Add returns n + m.
func (n Numeric) Add(m Numeric) (Numeric, error) {
	if n.kind != numericFinite || m.kind != numericFinite {
		return addSpecial(n, m), nil
	}
	if n.big == nil && m.big == nil && n.scale == m.scale {
		if sum := n.small + m.small; (sum > n.small) == (m.small > 0) {
			return Numeric{small: sum, scale: n.scale}, nil
		}
	}
	x, y, scale := align(n, m)
	return NewNumericBig(new(big.Int).Add(x, y), scale).checked()
}

// addSpecial adds when one of n and m is no number: Infinity - Infinity is NaN.
func addSpecial(n, m Numeric) Numeric {
	switch {
	case n.kind == numericNaN || m.kind == numericNaN:
		return NumericNaN
	case n.kind == numericFinite:
		return m
	case m.kind == numericFinite || n.kind == m.kind:
		return n
	}
	return NumericNaN
}

// Sub returns n - m.
func (n Numeric) Sub(m Numeric) (Numeric, error) { return n.Add(m.Neg()) }

// Mul returns n · m; the scale is the sum of both.
func (n Numeric) Mul(m Numeric) (Numeric, error) {
	if n.kind != numericFinite || m.kind != numericFinite {
		return mulSpecial(n, m), nil
	}
	scale := n.scale + m.scale
	if n.big == nil && m.big == nil && scale <= numericScaleMax {
		if v, ok := mulInt64(n.small, m.small); ok {
			return Numeric{small: v, scale: scale}, nil
		}
	}
	product := NewNumericBig(new(big.Int).Mul(n.coef(), m.coef()), scale)
	if scale > numericScaleMax {
		product = product.Round(numericScaleMax)
	}
	return product.checked()
}

// mulSpecial multiplies when one of n and m is no number: Infinity · 0 is NaN.
func mulSpecial(n, m Numeric) Numeric {
	sign := n.Sign() * m.Sign()
	switch {
	case n.kind == numericNaN || m.kind == numericNaN || sign == 0:
		return NumericNaN
	case sign < 0:
		return NumericNegInf
	}
	return NumericPosInf
}

// errDivisionByZero is 22012.
func errDivisionByZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

// Div returns n / m with the scale that Postgres chooses: at least 16
// significant digits.
func (n Numeric) Div(m Numeric) (Numeric, error) {
	if n.kind != numericFinite || m.kind != numericFinite {
		return divSpecial(n, m)
	}
	if m.Sign() == 0 {
		return Numeric{}, errDivisionByZero()
	}
	return divRound(n, m, divScale(n, m)).checked()
}

func divSpecial(n, m Numeric) (Numeric, error) {
	switch {
	case n.kind == numericNaN || m.kind == numericNaN:
		return NumericNaN, nil
	case n.IsInf() && m.IsInf():
		return NumericNaN, nil
	case m.IsInf():
		return Numeric{}, nil
	case m.Sign() == 0:
		return Numeric{}, errDivisionByZero()
	}
	return mulSpecial(n, m), nil
}

// divScale is select_div_scale.
func divScale(n, m Numeric) int32 {
	weightN, firstN := n.leading()
	weightM, firstM := m.leading()
	weight := weightN - weightM
	if firstN <= firstM {
		weight--
	}
	scale := int32(numericSigDigitsMin - weight*4)
	return min(max(scale, n.scale, m.scale, 0), numericDivScaleMax)
}

// leading returns the weight and the value of the first base-10,000 digit.
func (n Numeric) leading() (weight int, first uint16) {
	if n.Sign() == 0 {
		return 0, 0
	}
	d := n.digits()
	whole := d - int(n.scale)
	weight = floorDiv(whole-1, 4)
	lead := whole - 4*weight
	if n.big == nil {
		v := absInt64(n.small)
		for ; d > lead; d-- {
			v /= 10
		}
		for ; d < lead; d++ {
			v *= 10
		}
		return weight, uint16(v)
	}
	// A big coefficient has more than four digits.
	top := new(big.Int).Quo(n.big, pow10(d-lead))
	return weight, uint16(absInt64(top.Int64()))
}

// divRound divides finite numbers, rounding half away from zero at scale.
func divRound(n, m Numeric, scale int32) Numeric {
	shift := int(scale) + int(m.scale) - int(n.scale)
	if n.big == nil && m.big == nil && shift >= 0 {
		if x, ok := mulPow10(n.small, shift); ok {
			return Numeric{small: divHalfAway(x, m.small), scale: scale}
		}
	}
	x, y := n.coef(), m.coef()
	if shift >= 0 {
		x = new(big.Int).Mul(x, pow10(shift))
	} else {
		y = new(big.Int).Mul(y, pow10(-shift))
	}
	return NewNumericBig(divHalfAwayBig(x, y), scale)
}

func divHalfAway(x, y int64) int64 {
	q, r := x/y, x%y
	// Twice the remainder, compared without overflow.
	if ar, ay := absInt64(r), absInt64(y); ar >= ay-ar {
		if (x < 0) == (y < 0) {
			q++
		} else {
			q--
		}
	}
	return q
}

func divHalfAwayBig(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Lsh(r, 1).CmpAbs(y) >= 0 {
		if (x.Sign() < 0) == (y.Sign() < 0) {
			q.Add(q, big.NewInt(1))
		} else {
			q.Sub(q, big.NewInt(1))
		}
	}
	return q
}

// QuoInt returns n / m cut to a whole number (the function div).
func (n Numeric) QuoInt(m Numeric) (Numeric, error) {
	if n.kind != numericFinite || m.kind != numericFinite {
		return divSpecial(n, m)
	}
	if m.Sign() == 0 {
		return Numeric{}, errDivisionByZero()
	}
	x, y, _ := align(n, m)
	return NewNumericBig(new(big.Int).Quo(x, y), 0).checked()
}

// Mod returns the remainder of n / m, with the sign of n.
func (n Numeric) Mod(m Numeric) (Numeric, error) {
	switch {
	case n.kind == numericNaN || m.kind == numericNaN:
		return NumericNaN, nil
	case n.IsInf():
		if m.kind == numericFinite && m.Sign() == 0 {
			return Numeric{}, errDivisionByZero()
		}
		return NumericNaN, nil
	case m.IsInf():
		return n, nil
	case m.Sign() == 0:
		return Numeric{}, errDivisionByZero()
	}
	if n.big == nil && m.big == nil && n.scale == m.scale {
		return Numeric{small: n.small % m.small, scale: n.scale}, nil
	}
	x, y, scale := align(n, m)
	return NewNumericBig(new(big.Int).Rem(x, y), scale), nil
}

// Round rounds half away from zero to scale digits after the point; a negative
// scale rounds before the point. A larger scale adds zeros.
func (n Numeric) Round(scale int32) Numeric {
	return n.rescale(scale, divHalfAwayBig)
}

// Trunc cuts to scale digits after the point, or before it.
func (n Numeric) Trunc(scale int32) Numeric {
	return n.rescale(scale, func(x, y *big.Int) *big.Int { return new(big.Int).Quo(x, y) })
}

// Floor returns the greatest whole number not above n.
func (n Numeric) Floor() Numeric {
	// Div rounds towards minus infinity for a positive divisor.
	return n.rescale(0, func(x, y *big.Int) *big.Int { return new(big.Int).Div(x, y) })
}

// Ceil returns the least whole number not below n.
func (n Numeric) Ceil() Numeric { return n.Neg().Floor().Neg() }

// rescale gives n the scale, dividing with div where digits are lost.
func (n Numeric) rescale(scale int32, div func(x, y *big.Int) *big.Int) Numeric {
	if n.kind != numericFinite || scale == n.scale {
		return n
	}
	scale = min(scale, numericScaleMax)
	if scale > n.scale {
		if v, ok := mulPow10(n.small, int(scale-n.scale)); ok && n.big == nil {
			return Numeric{small: v, scale: scale}
		}
		return NewNumericBig(new(big.Int).Mul(n.coef(), pow10(int(scale-n.scale))), scale)
	}
	lost := int(n.scale - scale)
	if lost > numericWholeMax+numericScaleMax {
		return Numeric{}
	}
	c := div(n.coef(), pow10(lost))
	if scale < 0 {
		c.Mul(c, pow10(int(-scale)))
		scale = 0
	}
	return NewNumericBig(c, scale)
}

// TrimScale removes zeros at the end of the fraction.
func (n Numeric) TrimScale() Numeric { return n.Round(n.MinScale()) }

// MinScale is the least scale that holds n without loss.
func (n Numeric) MinScale() int32 {
	if n.kind != numericFinite || n.Sign() == 0 {
		return 0
	}
	c, scale, ten, r := n.Coefficient(), n.scale, big.NewInt(10), new(big.Int)
	for scale > 0 {
		q, _ := new(big.Int).QuoRem(c, ten, r)
		if r.Sign() != 0 {
			break
		}
		c, scale = q, scale-1
	}
	return scale
}
