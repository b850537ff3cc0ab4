package types

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerFloats() {
	define(&Type{
		OID: Float4OID, Name: "float4", SQLName: "real", Len: 4, ByVal: true, Align: 'i', Storage: 'p',
		Category: CategoryNumeric, Array: Float4ArrayOID, ArrowType: always(arrow.PrimitiveTypes.Float32),
		AppendText: func(dst []byte, a arrow.Array, i int, f *Format) []byte {
			return AppendFloat32(dst, a.(*array.Float32).Value(i), f.ExtraFloatDigits)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseFloat32(s)
			if err == nil {
				b.(*array.Float32Builder).Append(v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint32(dst, math.Float32bits(canonical(a.(*array.Float32).Value(i))))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := math.Float32frombits(c.uint32())
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Float32Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return compareFloat(float64(a.(*array.Float32).Value(i)), float64(b.(*array.Float32).Value(j)))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyFloat32(dst, a.(*array.Float32).Value(i))
		},
	})
	define(&Type{
		OID: Float8OID, Name: "float8", SQLName: "double precision", Len: 8, ByVal: true, Align: 'd', Storage: 'p',
		Category: CategoryNumeric, Preferred: true, Array: Float8ArrayOID, ArrowType: always(arrow.PrimitiveTypes.Float64),
		AppendText: func(dst []byte, a arrow.Array, i int, f *Format) []byte {
			return AppendFloat64(dst, a.(*array.Float64).Value(i), f.ExtraFloatDigits)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseFloat64(s)
			if err == nil {
				b.(*array.Float64Builder).Append(v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint64(dst, math.Float64bits(canonical(a.(*array.Float64).Value(i))))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := math.Float64frombits(c.uint64())
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Float64Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return compareFloat(a.(*array.Float64).Value(i), b.(*array.Float64).Value(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyFloat64(dst, a.(*array.Float64).Value(i))
		},
	})
}

// quietNaN is the NaN that C and Postgres know; math.NaN has another payload.
var quietNaN = math.Float64frombits(0x7ff8 << 48)

// canonical makes every NaN the same.
func canonical[F float32 | float64](v F) F {
	if v != v {
		return F(quietNaN)
	}
	return v
}

// compareFloat orders as Postgres does: NaN is equal to itself and greatest.
func compareFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case x == x:
		return -1 // only y is NaN
	case y == y:
		return 1
	}
	return 0
}

// AppendFloat32 appends v as float4out does: the shortest digits that give v
// back when extraDigits is above 0, 6+extraDigits significant digits otherwise.
func AppendFloat32(dst []byte, v float32, extraDigits int) []byte {
	if extraDigits > 0 {
		switch {
		case v != v, math.IsInf(float64(v), 0):
			return appendSpecialFloat(dst, float64(v))
		}
		if out, ok := appendSmallInteger(dst, v); ok {
			return out
		}
		out := strconv.AppendFloat(dst, float64(v), 'g', -1, 32)
		if abs := math.Abs(float64(v)); abs >= 1<<24 && abs < 1e20 && isMidpoint(viewString(out[len(dst):]), float64(v), 32) {
			return appendInside(dst, float64(v), 32)
		}
		return out
	}
	return appendFloatDigits(dst, float64(v), 6+extraDigits)
}

// appendSmallInteger prints whole numbers of up to six digits, which vectors
// often hold, without the general algorithm.
func appendSmallInteger(dst []byte, v float32) ([]byte, bool) {
	n := int32(v)
	if v > -1e6 && v < 1e6 && float32(n) == v && (n != 0 || math.Float32bits(v) == 0) {
		return strconv.AppendInt(dst, int64(n), 10), true
	}
	return dst, false
}

// AppendFloat64 is AppendFloat32 for float8, with 15+extraDigits digits.
func AppendFloat64(dst []byte, v float64, extraDigits int) []byte {
	if extraDigits <= 0 {
		return appendFloatDigits(dst, v, 15+extraDigits)
	}
	switch abs := math.Abs(v); {
	case v != v, math.IsInf(v, 0):
		return appendSpecialFloat(dst, v)
	case abs >= 1e-4 && abs < 1e15 || v == 0:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	out := strconv.AppendFloat(dst, v, 'e', -1, 64)
	if abs := math.Abs(v); abs >= 1<<53 && abs < 1e40 && isMidpoint(viewString(out[len(dst):]), v, 64) {
		return appendInside(dst, v, 64)
	}
	return out
}

// isMidpoint says whether text, the shortest decimal that is read as v, lies
// exactly between v and a neighbour. Reading rounds such a tie to v when its
// last bit is 0, so that Go prints it; Postgres wants digits that no tie rule
// decides. Only numbers beyond the exact integers can have so short a midpoint.
func isMidpoint(text string, v float64, width int) bool {
	exact, _, err := big.ParseFloat(text, 10, 256, big.ToNearestEven)
	if err != nil {
		return false
	}
	for _, side := range [...]float64{math.Inf(1), math.Inf(-1)} {
		neighbour := math.Nextafter(v, side)
		if width == 32 {
			neighbour = float64(math.Nextafter32(float32(v), float32(side)))
		}
		sum := new(big.Float).SetPrec(256).SetFloat64(v)
		sum.Add(sum, new(big.Float).SetFloat64(neighbour))
		if sum.Cmp(new(big.Float).Add(exact, exact)) == 0 {
			return true
		}
	}
	return false
}

// appendInside appends the shortest digits that are nearer to v than to any
// other number.
func appendInside(dst []byte, v float64, width int) []byte {
	for digits := 2; ; digits++ {
		out := strconv.AppendFloat(dst, v, 'e', digits-1, width)
		text := viewString(out[len(dst):])
		if back, err := strconv.ParseFloat(text, width); digits >= 17 || err == nil && back == v && !isMidpoint(text, v, width) {
			return out
		}
	}
}

// viewString is a string over b without a copy; it must not outlive b's
// content.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func appendFloatDigits(dst []byte, v float64, digits int) []byte {
	if v != v || math.IsInf(v, 0) {
		return appendSpecialFloat(dst, v)
	}
	return strconv.AppendFloat(dst, v, 'g', max(digits, 1), 64)
}

func appendSpecialFloat(dst []byte, v float64) []byte {
	switch {
	case v != v:
		return append(dst, "NaN"...)
	case v > 0:
		return append(dst, "Infinity"...)
	}
	return append(dst, "-Infinity"...)
}

// ParseFloat32 reads a float4 as float4in does (22P02, 22003).
func ParseFloat32(s string) (float32, error) {
	t := trimSpace(s)
	v, n, outcome := scanFloat32(t)
	switch {
	case n == 0 || n != len(t):
		return 0, invalidText("real", s)
	case outcome != inRange:
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type real", t)
	}
	return v, nil
}

// ParseFloat64 reads a float8 as float8in does (22P02, 22003).
func ParseFloat64(s string) (float64, error) {
	t := trimSpace(s)
	v, n, outcome := scanFloat64(t)
	switch {
	case n == 0 || n != len(t):
		return 0, invalidText("double precision", s)
	case outcome != inRange:
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type double precision", t)
	}
	return v, nil
}

// rangeOutcome says whether a spelled number fits its type.
type rangeOutcome byte

const (
	inRange   rangeOutcome = iota
	overflows              // too large: the value is ±Inf
	underflow              // not zero, yet rounded to zero
)

// exactPowers are the powers of ten that a float64 holds exactly.
var exactPowers = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal is the longest decimal number at the start of a string:
// mantissa × 10^exponent, or more than 19 digits.
type decimal struct {
	mantissa uint64
	exponent int
	negative bool
	long     bool // the mantissa misses digits
	end      int  // bytes read; 0 when there is no number
}

// scanDecimal finds the longest [sign] digits [. digits] [e [sign] digits] at
// the start of s.
func scanDecimal(s string) (d decimal) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		d.negative = s[i] == '-'
		i++
	}
	start := i
	m := uint64(0)
	for i < len(s) {
		c := s[i] - '0'
		if c > 9 {
			break
		}
		m = m*10 + uint64(c)
		i++
	}
	digits := i - start
	if i < len(s) && s[i] == '.' {
		point := i
		i++
		for i < len(s) {
			c := s[i] - '0'
			if c > 9 {
				break
			}
			m = m*10 + uint64(c)
			i++
		}
		d.exponent = point + 1 - i
		digits += i - point - 1
	}
	if digits == 0 {
		return decimal{}
	}
	d.mantissa, d.end = m, i
	if digits > 19 {
		d.long = true
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		d.scanExponent(s, i+1)
	}
	return d
}

// scanExponent reads the digits after an e; without digits the e is no part of
// the number.
func (d *decimal) scanExponent(s string, i int) {
	negative := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		negative = s[i] == '-'
		i++
	}
	start, e := i, 0
	for i < len(s) && s[i]-'0' <= 9 {
		if e < 100000000 {
			e = e*10 + int(s[i]-'0')
		}
		i++
	}
	if i == start {
		return
	}
	if negative {
		e = -e
	}
	d.exponent += e
	d.end = i
}

// exactFloat64 is the correctly rounded value when mantissa and power of ten
// are both exact in float64, so that one rounding happens.
func (d *decimal) exactFloat64() (float64, bool) {
	if d.long || d.mantissa>>53 != 0 {
		return 0, false
	}
	v := float64(d.mantissa)
	switch {
	case d.exponent == 0:
	case d.exponent < 0 && d.exponent >= -22:
		v /= exactPowers[-d.exponent]
	case d.exponent > 0 && d.exponent <= 22:
		v *= exactPowers[d.exponent]
	default:
		return 0, false
	}
	if d.negative {
		v = -v
	}
	return v, true
}

// scanFloat32 reads the longest float at the start of s as strtof does and says
// how many bytes it took, 0 for none.
func scanFloat32(s string) (v float32, n int, outcome rangeOutcome) {
	d := scanDecimal(s)
	if d.end == 0 || d.end <= 2 && isHexMark(s, d.end) {
		odd, n, outcome := scanOddFloat(s, 32)
		return float32(odd), n, outcome
	}
	if v, ok := d.exactFloat64(); ok {
		// Rounding twice errs only where the float64 lies exactly between two
		// float32, and below the normal range, where fewer bits are kept.
		const tail = 1<<29 - 1
		abs := math.Abs(v)
		if b := math.Float64bits(v); b&tail != 1<<28 && abs <= math.MaxFloat32 && (abs >= 0x1p-126 || abs == 0) {
			return float32(v), d.end, inRange
		}
	}
	v64, _ := strconv.ParseFloat(s[:d.end], 32)
	return float32(v64), d.end, judge(v64, allZero(s[:d.end]))
}

// scanFloat64 is scanFloat32 for float8.
func scanFloat64(s string) (v float64, n int, outcome rangeOutcome) {
	d := scanDecimal(s)
	if d.end == 0 || d.end <= 2 && isHexMark(s, d.end) {
		return scanOddFloat(s, 64)
	}
	if v, ok := d.exactFloat64(); ok {
		return v, d.end, inRange
	}
	v, _ = strconv.ParseFloat(s[:d.end], 64)
	return v, d.end, judge(v, allZero(s[:d.end]))
}

// isHexMark says whether the lone digit before s[i] and s[i] are 0x.
func isHexMark(s string, i int) bool {
	return i < len(s) && s[i]|0x20 == 'x' && s[i-1] == '0' && (i == 1 || s[0] == '-' || s[0] == '+')
}

// allZero says whether a spelled number has no digit but 0 before its exponent.
func allZero(s string) bool {
	for i := 0; i < len(s) && s[i]|0x20 != 'e'; i++ {
		if s[i] >= '1' && s[i] <= '9' {
			return false
		}
	}
	return true
}

func judge(v float64, isZero bool) rangeOutcome {
	switch {
	case math.IsInf(v, 0):
		return overflows
	case v == 0 && !isZero:
		return underflow
	}
	return inRange
}

// scanOddFloat reads what strtod takes beyond decimals: inf, infinity, nan,
// nan(…) and hexadecimal floats.
func scanOddFloat(s string, width int) (v float64, n int, outcome rangeOutcome) {
	i := 0
	sign := 1.0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		if s[i] == '-' {
			sign = -1
		}
		i++
	}
	rest := s[i:]
	switch {
	case hasPrefixFold(rest, "infinity"):
		return math.Inf(int(sign)), i + 8, inRange
	case hasPrefixFold(rest, "inf"):
		return math.Inf(int(sign)), i + 3, inRange
	case hasPrefixFold(rest, "nan"):
		return quietNaN, i + 3 + nanPayload(rest[3:]), inRange
	case hasPrefixFold(rest, "0x"):
		return scanHexFloat(s, i, width)
	}
	return 0, 0, inRange
}

// nanPayload is the length of a parenthesised payload after nan.
func nanPayload(s string) int {
	if s == "" || s[0] != '(' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == ')':
			return i + 1
		case c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
		default:
			return 0
		}
	}
	return 0
}

// scanHexFloat reads a hexadecimal float whose 0x begins at s[i].
func scanHexFloat(s string, i, width int) (float64, int, rangeOutcome) {
	end, digits, zero := i+2, 0, true
	for point := false; end < len(s); end++ {
		c := s[end]
		if c == '.' && !point {
			point = true
			continue
		}
		if !isHexDigit(c) {
			break
		}
		digits++
		zero = zero && c == '0'
	}
	if digits == 0 {
		// strtod reads the 0 and stops at the x.
		return 0, i + 1, inRange
	}
	text := s[:end]
	if k := end; k < len(s) && s[k]|0x20 == 'p' {
		k++
		if k < len(s) && (s[k] == '-' || s[k] == '+') {
			k++
		}
		start := k
		for k < len(s) && s[k]-'0' <= 9 {
			k++
		}
		if k > start {
			end, text = k, s[:k]
		}
	}
	if len(text) == end && !strings.ContainsAny(text, "pP") {
		text += "p0"
	}
	v, _ := strconv.ParseFloat(text, width)
	return v, end, judge(v, zero)
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// hasPrefixFold says whether s begins with the lower-case word, in any case.
func hasPrefixFold(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}
