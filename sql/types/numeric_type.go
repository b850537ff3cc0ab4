package types

import (
	"fmt"
	"math/big"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerNumeric() {
	define(&Type{
		OID: NumericOID, Name: "numeric", Len: -1, Align: 'i', Storage: 'm', Category: CategoryNumeric,
		Array: NumericArrayOID, ArrowType: always(arrowBytes), Stored: storedNumeric,
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return NumericAt(a, i).AppendText(dst)
		},
		ParseText: func(b array.Builder, s string, mod int32, _ *Format) error {
			n, err := ParseNumeric(s)
			if err == nil {
				n, err = n.Fit(mod)
			}
			if err == nil {
				AppendNumeric(b, n)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return NumericAt(a, i).appendBinary(dst)
		},
		ParseBinary: func(b array.Builder, data []byte, mod int32) error {
			n, err := parseNumericBinary(data)
			if err == nil {
				n, err = n.Fit(mod)
			}
			if err == nil {
				AppendNumeric(b, n)
			}
			return err
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return NumericAt(a, i).Cmp(NumericAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return NumericAt(a, i).AppendKey(dst)
		},
		ParseMod: parseNumericMod,
		FormatMod: func(mod int32) string {
			if mod < 4 {
				return ""
			}
			precision, scale := NumericMod(mod)
			return fmt.Sprintf("(%d,%d)", precision, scale)
		},
		Coerce: func(c *EvalContext, a arrow.Array, mod int32, _ bool) (arrow.Array, error) {
			if mod < 4 {
				a.Retain()
				return a, nil
			}
			return mapNumerics(c, a, func(n Numeric) (Numeric, error) { return n.Fit(mod) })
		},
	})
}

// NumericAt returns value i of a numeric array.
func NumericAt(a arrow.Array, i int) Numeric { return DecodeNumeric(a.(*array.Binary).Value(i)) }

// AppendNumeric appends n to a builder of numerics.
func AppendNumeric(b array.Builder, n Numeric) {
	var buf [64]byte
	b.(*array.BinaryBuilder).Append(n.Append(buf[:0]))
}

func mapNumerics(c *EvalContext, a arrow.Array, f func(Numeric) (Numeric, error)) (arrow.Array, error) {
	b := NewBuilder(Of(NumericOID), c.Mem)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		n, err := f(NumericAt(a, i))
		if err != nil {
			return nil, err
		}
		AppendNumeric(b, n)
	}
	return b.NewArray(), nil
}

// NumericMod splits the modifier of numeric(p,s), which must have one. A
// negative scale rounds before the point.
func NumericMod(mod int32) (precision, scale int32) {
	m := mod - 4
	return m >> 16 & 0xffff, (m&0x7ff ^ 1024) - 1024
}

// NumericTypmod makes the modifier of numeric(precision, scale).
func NumericTypmod(precision, scale int32) int32 { return precision<<16 | scale&0x7ff + 4 }

func parseNumericMod(args []string) (int32, error) {
	mods, err := modInts(args)
	switch {
	case err != nil:
		return 0, err
	case len(mods) != 1 && len(mods) != 2:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid NUMERIC type modifier")
	case mods[0] < 1 || mods[0] > numericPrecisionMax:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "NUMERIC precision %d must be between 1 and %d", mods[0], numericPrecisionMax)
	case len(mods) == 1:
		return NumericTypmod(mods[0], 0), nil
	case mods[1] < -1000 || mods[1] > 1000:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "NUMERIC scale %d must be between -1000 and 1000", mods[1])
	}
	return NumericTypmod(mods[0], mods[1]), nil
}

// Fit rounds n to numeric(p,s) and fails with 22003 when it needs more digits.
// A mod without p and s lets n be.
func (n Numeric) Fit(mod int32) (Numeric, error) {
	if mod < 4 || n.kind == numericNaN {
		return n, nil
	}
	precision, scale := NumericMod(mod)
	overflow := sqlerr.New
	if n.kind != numericFinite {
		return n, overflow(sqlerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d cannot hold an infinite value.", precision, scale)
	}
	n = n.Round(scale)
	// With 10^whole the smallest value that does not fit.
	whole := int(precision - scale)
	if n.Sign() != 0 && n.digits()-int(n.scale) > whole {
		limit := "1"
		if whole != 0 {
			limit = fmt.Sprintf("10^%d", whole)
		}
		return n, overflow(sqlerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d must round to an absolute value less than %s.", precision, scale, limit)
	}
	return n, nil
}

// Numeric's binary form: the number of base 10,000 digits, the weight of the
// first, the sign word, the scale, the digits; all 16 bits.
const (
	numericSignNegative = 0x4000
	numericSignNaN      = 0xC000
	numericSignPosInf   = 0xD000
	numericSignNegInf   = 0xF000
)

func (n Numeric) appendBinary(dst []byte) []byte {
	special := func(sign uint16, scale uint16) []byte {
		dst = appendUint32(dst, 0)
		return appendUint16(appendUint16(dst, sign), scale)
	}
	switch n.kind {
	case numericNaN:
		return special(numericSignNaN, 0)
	case numericPosInf:
		return special(numericSignPosInf, 0x20)
	case numericNegInf:
		return special(numericSignNegInf, 0x20)
	}
	digits, weight := n.base10000()
	sign := uint16(0)
	if n.Sign() < 0 {
		sign = numericSignNegative
	}
	dst = appendUint16(dst, uint16(len(digits)))
	dst = appendUint16(dst, uint16(int16(weight)))
	dst = appendUint16(dst, sign)
	dst = appendUint16(dst, uint16(n.scale))
	for _, d := range digits {
		dst = appendUint16(dst, d)
	}
	return dst
}

// base10000 gives the digits of |n| in base 10,000 without zeros at either end,
// and the power of 10,000 of the first.
func (n Numeric) base10000() (digits []uint16, weight int) {
	if n.Sign() == 0 {
		return nil, 0
	}
	text := new(big.Int).Abs(n.coef()).Append(nil, 10)
	// Digits before the point; the first group takes what is over groups of 4.
	whole := len(text) - int(n.scale)
	weight = floorDiv(whole-1, 4)
	lead := whole - 4*weight // 1 to 4
	for k := lead - 4; k < len(text); k += 4 {
		d := uint16(0)
		for j := k; j < k+4; j++ {
			d *= 10
			if j >= 0 && j < len(text) {
				d += uint16(text[j] - '0')
			}
		}
		digits = append(digits, d)
	}
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	return digits, weight
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func parseNumericBinary(data []byte) (Numeric, error) {
	invalid := func(what string) (Numeric, error) {
		return Numeric{}, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "invalid %s in external \"numeric\" value", what)
	}
	c := cursor{data: data}
	count, weight, sign, scale := int(c.uint16()), int(c.int16()), c.uint16(), int(c.uint16())
	if c.bad {
		return Numeric{}, errInsufficientData()
	}
	switch sign {
	case 0, numericSignNegative:
	case numericSignNaN:
		return NumericNaN, nil
	case numericSignPosInf:
		return NumericPosInf, nil
	case numericSignNegInf:
		return NumericNegInf, nil
	default:
		return invalid("sign")
	}
	if scale > numericScaleMax {
		return invalid("scale")
	}
	// Gather the digits as decimal text: big.Int reads that in less than
	// quadratic time.
	text := make([]byte, 0, 4*count)
	for range count {
		d := c.uint16()
		if c.bad {
			return Numeric{}, errInsufficientData()
		}
		if d > 9999 {
			return invalid("digit")
		}
		text = append(text, '0'+byte(d/1000), '0'+byte(d/100%10), '0'+byte(d/10%10), '0'+byte(d%10))
	}
	if err := c.done(); err != nil {
		return Numeric{}, err
	}
	coefficient := new(big.Int)
	if len(text) > 0 {
		coefficient.SetString(string(text), 10)
	}
	if coefficient.Sign() != 0 && 4*(weight+1) > numericWholeMax {
		return Numeric{}, errNumericOverflow()
	}
	// The digits are coefficient × 10^-have; cut or extend them to scale.
	have := 4 * (count - 1 - weight)
	switch {
	case coefficient.Sign() == 0:
	case have < scale:
		coefficient.Mul(coefficient, pow10(scale-have))
	case have > scale:
		if have-scale > len(text) {
			coefficient.SetInt64(0)
		} else {
			coefficient.Quo(coefficient, pow10(have-scale))
		}
	}
	if sign == numericSignNegative {
		coefficient.Neg(coefficient)
	}
	return NewNumericBig(coefficient, int32(scale)), nil
}
