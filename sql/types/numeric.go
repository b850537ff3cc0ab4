package types

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"quiver/sql/sqlerr"
)

// Limits of numeric, from Postgres' numeric.c.
const (
	numericScaleMax     = 16383  // digits after the point
	numericWholeMax     = 131072 // digits before it
	numericPrecisionMax = 1000   // p of numeric(p,s)
	numericDivScaleMax  = 1000   // scale of a quotient
	numericSigDigitsMin = 16     // significant digits of a quotient
)

// Numeric is a value of type numeric: coefficient × 10^-scale, NaN or ±Infinity.
// The scale counts the digits shown after the point: 1.0 and 1.00 are equal and
// print differently. A Numeric is not changed once made; the zero value is 0.
type Numeric struct {
	kind  numericKind
	scale int32
	small int64    // the coefficient, unless big is set
	big   *big.Int // a coefficient beyond int64; never changed
}

type numericKind byte

const (
	numericFinite numericKind = iota
	numericNaN
	numericPosInf
	numericNegInf
)

// The special values of numeric.
var (
	NumericNaN    = Numeric{kind: numericNaN}
	NumericPosInf = Numeric{kind: numericPosInf}
	NumericNegInf = Numeric{kind: numericNegInf}
)

// NumericFromInt64 returns v with scale 0.
func NumericFromInt64(v int64) Numeric { return Numeric{small: v} }

// NewNumeric returns coefficient × 10^-scale for a scale in 0 to 16383.
func NewNumeric(coefficient int64, scale int32) Numeric {
	return Numeric{small: coefficient, scale: scale}
}

// NewNumericBig is NewNumeric for a coefficient of any size, which it keeps.
func NewNumericBig(coefficient *big.Int, scale int32) Numeric {
	if coefficient.IsInt64() {
		return Numeric{small: coefficient.Int64(), scale: scale}
	}
	return Numeric{big: coefficient, scale: scale}
}

// IsNaN says whether n is NaN.
func (n Numeric) IsNaN() bool { return n.kind == numericNaN }

// IsInf says whether n is an infinity.
func (n Numeric) IsInf() bool { return n.kind == numericPosInf || n.kind == numericNegInf }

// IsFinite says whether n is a number.
func (n Numeric) IsFinite() bool { return n.kind == numericFinite }

// Scale is the number of digits after the point.
func (n Numeric) Scale() int32 { return n.scale }

// Coefficient returns the coefficient of a finite n as a new big.Int.
func (n Numeric) Coefficient() *big.Int {
	if n.big != nil {
		return new(big.Int).Set(n.big)
	}
	return big.NewInt(n.small)
}

// coef is Coefficient without a copy; callers must not change it.
func (n Numeric) coef() *big.Int {
	if n.big != nil {
		return n.big
	}
	return big.NewInt(n.small)
}

// Sign is -1, 0 or 1; 1 for NaN.
func (n Numeric) Sign() int {
	switch {
	case n.kind == numericNegInf:
		return -1
	case n.kind != numericFinite:
		return 1
	case n.big != nil:
		return n.big.Sign()
	case n.small < 0:
		return -1
	case n.small > 0:
		return 1
	}
	return 0
}

// The stored form is one byte for a special value; otherwise the scale, two
// bytes little endian, and then either exactly eight bytes, the coefficient as
// int64 little endian, or for larger coefficients a sign byte (1: negative) and
// the magnitude, at least eight bytes big endian. One value of one scale has
// one form.

// Append appends the stored form.
func (n Numeric) Append(dst []byte) []byte {
	if n.kind != numericFinite {
		return append(dst, byte(n.kind))
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(n.scale))
	if n.big == nil {
		return binary.LittleEndian.AppendUint64(dst, uint64(n.small))
	}
	dst = append(dst, boolByte(n.big.Sign() < 0))
	return append(dst, n.big.Bytes()...)
}

// DecodeNumeric reads the stored form, which only this package makes.
func DecodeNumeric(v []byte) Numeric {
	switch {
	case len(v) == 10:
		return Numeric{scale: int32(binary.LittleEndian.Uint16(v)), small: int64(binary.LittleEndian.Uint64(v[2:]))}
	case len(v) < 10:
		return Numeric{kind: numericKind(v[0])}
	}
	c := new(big.Int).SetBytes(v[3:])
	if v[2] != 0 {
		c.Neg(c)
	}
	return Numeric{scale: int32(binary.LittleEndian.Uint16(v)), big: c}
}

// pow10Int64 are the powers of ten within int64.
var pow10Int64 = func() (p [19]int64) {
	v := int64(1)
	for i := range p {
		p[i] = v
		v *= 10
	}
	return p
}()

// pow10 returns 10^n.
func pow10(n int) *big.Int {
	if n < len(pow10Int64) {
		return big.NewInt(pow10Int64[n])
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// mulPow10 returns v·10^n if it fits.
func mulPow10(v int64, n int) (int64, bool) {
	if v == 0 {
		return 0, true
	}
	if n >= len(pow10Int64) {
		return 0, false
	}
	return mulInt64(v, pow10Int64[n])
}

// mulInt64 returns x·y if it fits.
func mulInt64(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(absInt64(x), absInt64(y))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func absInt64(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// digits is the number of decimal digits of the coefficient; 0 for 0.
func (n Numeric) digits() int {
	if n.big != nil {
		return decimalDigits(n.big)
	}
	v, d := absInt64(n.small), 0
	for ; v > 0; v /= 10 {
		d++
	}
	return d
}

// decimalDigits counts the decimal digits of v ≠ 0.
func decimalDigits(v *big.Int) int {
	// log10(2) ≈ 0.30103: the estimate is short by at most one.
	d := int(float64(v.BitLen()-1) * 0.30102999566398119)
	if v.CmpAbs(pow10(d)) >= 0 {
		d++
	}
	if v.CmpAbs(pow10(d)) >= 0 {
		d++
	}
	return d
}

// ParseNumeric reads a numeric as numeric_in does (22P02, 22003).
func ParseNumeric(s string) (Numeric, error) {
	t := trimSpace(s)
	if n, ok := parseSpecialNumeric(t); ok {
		return n, nil
	}
	d := scanDecimal(t)
	if d.end == 0 || d.end != len(t) {
		return Numeric{}, invalidText("numeric", s)
	}
	if !d.long && d.mantissa <= math.MaxInt64 && d.exponent <= 0 && d.exponent >= -numericScaleMax {
		v := int64(d.mantissa)
		if d.negative {
			v = -v
		}
		return Numeric{small: v, scale: int32(-d.exponent)}, nil
	}
	return parseLongNumeric(t, d)
}

func parseSpecialNumeric(t string) (Numeric, bool) {
	switch {
	case t == "" || t[0] <= '9' && t[0] != '+' && t[0] != '-':
		return Numeric{}, false
	case strings.EqualFold(t, "nan"):
		return NumericNaN, true
	}
	negative := t[0] == '-'
	if t[0] == '+' || t[0] == '-' {
		t = t[1:]
	}
	if !strings.EqualFold(t, "infinity") && !strings.EqualFold(t, "inf") {
		return Numeric{}, false
	}
	if negative {
		return NumericNegInf, true
	}
	return NumericPosInf, true
}

// parseLongNumeric reads what scanDecimal found but could not hold.
func parseLongNumeric(t string, d decimal) (Numeric, error) {
	if e := strings.IndexAny(t, "eE"); e >= 0 {
		t = t[:e]
	}
	if t[0] == '+' || t[0] == '-' {
		t = t[1:]
	}
	digits := strings.TrimLeft(strings.Replace(t, ".", "", 1), "0")
	scale := max(-d.exponent, 0)
	if scale > numericScaleMax || digits != "" && len(digits)+d.exponent > numericWholeMax {
		return Numeric{}, errNumericOverflow()
	}
	if digits == "" {
		return Numeric{scale: int32(scale)}, nil
	}
	if d.exponent > 0 {
		digits += strings.Repeat("0", d.exponent)
	}
	c, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return Numeric{}, invalidText("numeric", t)
	}
	if d.negative {
		c.Neg(c)
	}
	return NewNumericBig(c, int32(scale)), nil
}

func errNumericOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
}

// String is the text form.
func (n Numeric) String() string { return string(n.AppendText(nil)) }

// AppendText appends the text form as numeric_out does.
func (n Numeric) AppendText(dst []byte) []byte {
	switch n.kind {
	case numericNaN:
		return append(dst, "NaN"...)
	case numericPosInf:
		return append(dst, "Infinity"...)
	case numericNegInf:
		return append(dst, "-Infinity"...)
	}
	if n.Sign() < 0 {
		dst = append(dst, '-')
	}
	start := len(dst)
	if n.big != nil {
		dst = new(big.Int).Abs(n.big).Append(dst, 10)
	} else {
		dst = strconv.AppendUint(dst, absInt64(n.small), 10)
	}
	scale := int(n.scale)
	if scale == 0 {
		return dst
	}
	// At least one digit stands before the point.
	if missing := scale + 1 - (len(dst) - start); missing > 0 {
		digits := len(dst) - start
		dst = append(dst, make([]byte, missing)...)
		copy(dst[start+missing:], dst[start:start+digits])
		for k := range missing {
			dst[start+k] = '0'
		}
	}
	dst = append(dst, 0)
	point := len(dst) - 1 - scale
	copy(dst[point+1:], dst[point:len(dst)-1])
	dst[point] = '.'
	return dst
}

// Cmp orders numerics: -Infinity, the numbers, Infinity, NaN. Scale does not
// matter.
func (n Numeric) Cmp(m Numeric) int {
	if n.kind != numericFinite || m.kind != numericFinite {
		return numericRank(n.kind) - numericRank(m.kind)
	}
	if n.big == nil && m.big == nil {
		x, y, ok := n.small, m.small, true
		switch {
		case n.scale < m.scale:
			x, ok = mulPow10(x, int(m.scale-n.scale))
		case n.scale > m.scale:
			y, ok = mulPow10(y, int(n.scale-m.scale))
		}
		if ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	if s, t := n.Sign(), m.Sign(); s != t {
		return s - t
	}
	x, y, _ := align(n, m)
	return x.Cmp(y)
}

// numericRank orders the kinds of values.
func numericRank(k numericKind) int {
	switch k {
	case numericNegInf:
		return -1
	case numericPosInf:
		return 1
	case numericNaN:
		return 2
	}
	return 0
}

// align returns the coefficients of n and m over their greater scale. They are
// not to be changed.
func align(n, m Numeric) (x, y *big.Int, scale int32) {
	x, y = n.coef(), m.coef()
	switch {
	case n.scale < m.scale:
		x = new(big.Int).Mul(x, pow10(int(m.scale-n.scale)))
	case n.scale > m.scale:
		y = new(big.Int).Mul(y, pow10(int(n.scale-m.scale)))
	}
	return x, y, max(n.scale, m.scale)
}

// Key bytes of the classes of values, in order.
const (
	numericKeyNegInf   = 1
	numericKeyNegative = 2
	numericKeyZero     = 3
	numericKeyPositive = 4
	numericKeyPosInf   = 5
	numericKeyNaN      = 6
)

// AppendKey appends the order-preserving key: the class, then for a number
// 0.d₁d₂… × 10^e the exponent e and its digits, two a byte from 1 to 100, and
// 0 at the end; all of that inverted for negative numbers.
func (n Numeric) AppendKey(dst []byte) []byte {
	switch n.kind {
	case numericNaN:
		return append(dst, numericKeyNaN)
	case numericPosInf:
		return append(dst, numericKeyPosInf)
	case numericNegInf:
		return append(dst, numericKeyNegInf)
	}
	sign := n.Sign()
	if sign == 0 {
		return append(dst, numericKeyZero)
	}
	var buf [40]byte
	var digits []byte
	if n.big != nil {
		digits = new(big.Int).Abs(n.big).Append(buf[:0], 10)
	} else {
		digits = strconv.AppendUint(buf[:0], absInt64(n.small), 10)
	}
	exponent := int32(len(digits)) - n.scale
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	class := byte(numericKeyPositive)
	if sign < 0 {
		class = numericKeyNegative
	}
	dst = append(dst, class)
	start := len(dst)
	dst = keyInt32(dst, exponent)
	for k := 0; k < len(digits); k += 2 {
		pair := (digits[k] - '0') * 10
		if k+1 < len(digits) {
			pair += digits[k+1] - '0'
		}
		dst = append(dst, pair+1)
	}
	dst = append(dst, 0)
	if sign < 0 {
		for k := start; k < len(dst); k++ {
			dst[k] = ^dst[k]
		}
	}
	return dst
}
