package funcs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernel("to_char(int4,text)", Lift2E(func(v int32, format string) (string, error) {
		return formatNumeric(types.NumericFromInt64(int64(v)), format)
	}))
	kernel("to_char(int8,text)", Lift2E(func(v int64, format string) (string, error) {
		return formatNumeric(types.NumericFromInt64(v), format)
	}))
	kernel("to_char(numeric,text)", Lift2E(formatNumeric))
	kernel("to_char(float4,text)", Lift2E(func(v float32, format string) (string, error) {
		return formatFloat(float64(v), 6, format)
	}))
	kernel("to_char(float8,text)", Lift2E(func(v float64, format string) (string, error) {
		return formatFloat(v, 15, format)
	}))
	kernel("to_number(text,text)", Lift2E(toNumber))
}

// numberToken is a part of a number's template (manual table 9.29). Kind is the
// pattern in upper case, or " for literal text.
type numberToken struct {
	kind string
	text string
}

// numberFormat is a template and what it says as a whole.
type numberFormat struct {
	tokens    []numberToken
	fill      bool // FM: no padding
	pre, post int  // digits before and after the point
	multi     int  // digits behind V
	zeroFrom  int  // the first 0 before the point, -1 for none
	zeroTo    int  // digits after the point up to the last 0 there
	point     bool
	sign      byte // 0 in front, 'S' leading S, 's' trailing S, 'M' by MI or SG, 'P' by PR
	exponent  bool
	roman     bool
}

var numberPatterns = []string{"EEEE", "FM", "MI", "PL", "PR", "RN", "SG", "SP", "TH", "S", "V", "L", "D", "G", "B", "C", "9", "0", ".", ","}

func errNumberFormat(format string, args ...any) error {
	return sqlerr.New(sqlerr.SyntaxError, format, args...)
}

// parseNumberFormat reads a template.
func parseNumberFormat(format string) (*numberFormat, error) {
	f := &numberFormat{zeroFrom: -1}
	behindV := false
	for i := 0; i < len(format); {
		t, n := nextNumberToken(format[i:])
		i += n
		f.tokens = append(f.tokens, t)
		switch t.kind {
		case "9", "0":
			if f.exponent {
				return nil, errNumberFormat("\"%s\" must be ahead of \"EEEE\"", t.kind)
			}
			if f.sign == 'P' {
				return nil, errNumberFormat("\"%s\" must be ahead of \"PR\"", t.kind)
			}
			switch {
			case f.point:
				f.post++
				if t.kind == "0" {
					f.zeroTo = f.post
				}
			case behindV:
				f.multi++
				fallthrough
			default:
				if t.kind == "0" && f.zeroFrom < 0 {
					f.zeroFrom = f.pre
				}
				f.pre++
			}
		case ".", "D":
			if f.point {
				return nil, errNumberFormat("multiple decimal points")
			}
			if behindV {
				return nil, errNumberFormat("cannot use \"V\" and decimal point together")
			}
			f.point = true
		case "V":
			if f.point {
				return nil, errNumberFormat("cannot use \"V\" and decimal point together")
			}
			behindV = true
		case "FM":
			f.fill = true
		case "S":
			if f.sign == 'S' || f.sign == 's' {
				return nil, errNumberFormat("cannot use \"S\" twice")
			}
			if f.sign != 0 {
				return nil, errNumberFormat("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together")
			}
			f.sign = 's'
			if f.pre == 0 && !f.point {
				f.sign = 'S'
			}
		case "MI", "SG", "PL", "PR":
			if f.sign == 'S' || f.sign == 's' {
				return nil, errNumberFormat("cannot use \"S\" and \"%s\" together", t.kind)
			}
			switch t.kind {
			case "PR":
				f.sign = 'P'
			case "MI", "SG":
				f.sign = 'M'
			}
		case "EEEE":
			f.exponent = true
		case "RN":
			f.roman = true
		}
	}
	return f, nil
}

// nextNumberToken reads the pattern or character at the start of s, and how long
// it is.
func nextNumberToken(s string) (t numberToken, n int) {
	if s[0] == '"' {
		text, n := quotedText(s)
		return numberToken{`"`, text}, n
	}
	if s[0] == '\\' && len(s) > 1 && s[1] == '"' {
		return numberToken{`"`, `"`}, 2
	}
	for _, p := range numberPatterns {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return numberToken{p, s[:len(p)]}, len(p)
		}
	}
	_, size := utf8.DecodeRuneInString(s)
	return numberToken{`"`, s[:size]}, size
}

// quotedText reads text in double quotes, in which a backslash escapes.
func quotedText(s string) (text string, n int) {
	var b strings.Builder
	for n = 1; n < len(s); n++ {
		if s[n] == '"' {
			return b.String(), n + 1
		}
		if s[n] == '\\' && n+1 < len(s) {
			n++
		}
		b.WriteByte(s[n])
	}
	return b.String(), n
}

func formatNumeric(v types.Numeric, format string) (string, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return "", err
	}
	negative := v.Sign() < 0
	switch {
	case v.IsNaN():
		return f.special("NaN", false), nil
	case v.IsInf():
		return f.special("Infinity", negative), nil
	case f.roman:
		return f.romanText(toFloat(v.Round(0))), nil
	case f.exponent:
		return f.scientific(v), nil
	}
	if f.multi > 0 {
		if v, err = v.Mul(types.NewNumericBig(pow10(f.multi), 0)); err != nil {
			return "", err
		}
	}
	v = v.Round(int32(f.post))
	whole, fraction, _ := strings.Cut(v.Abs().String(), ".")
	return f.render(whole, fraction, negative && v.Sign() != 0), nil
}

// formatFloat formats a float with so many digits that can be trusted.
func formatFloat(v float64, digits int, format string) (string, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return "", err
	}
	negative := math.Signbit(v) && v != 0
	switch {
	case math.IsNaN(v):
		return f.special("NaN", false), nil
	case math.IsInf(v, 0):
		return f.special("Infinity", negative), nil
	case f.roman:
		return f.romanText(math.RoundToEven(v)), nil
	case f.exponent:
		return f.exponentText(strconv.FormatFloat(v, 'e', f.post, 64), negative), nil
	}
	if f.multi > 0 {
		v *= math.Pow10(f.multi)
	}
	whole := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	post := f.post
	switch {
	case len(whole) >= digits:
		post = 0
	case len(whole)+post > digits:
		post = digits - len(whole)
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Abs(v), 'f', post, 64), ".")
	return f.render(whole, fraction, negative), nil
}

// special prints a value that is no number, or number signs where it is too
// long.
func (f *numberFormat) special(text string, negative bool) string {
	if f.exponent {
		return " " + strings.Repeat("#", f.pre) + "." + strings.Repeat("#", f.post+4)
	}
	if f.roman {
		return strings.Repeat("#", 15)
	}
	return f.render(text, "", negative)
}

// scientific prints a numeric with EEEE.
func (f *numberFormat) scientific(v types.Numeric) string {
	digits := v.Abs().Coefficient().String()
	exponent := len(digits) - 1 - int(v.Scale())
	if digits == "0" {
		exponent = 0
	}
	// Round to the digits shown, which may carry into one more.
	rounded := types.NewNumericBig(v.Abs().Coefficient(), int32(0))
	if cut := len(digits) - 1 - f.post; cut > 0 {
		rounded = rounded.Round(int32(-cut))
		text := rounded.Coefficient().String()
		exponent += len(text) - len(digits)
		digits = text
	}
	for len(digits) < f.post+1 {
		digits += "0"
	}
	text := digits[:1]
	if f.post > 0 {
		text += "." + digits[1:f.post+1]
	}
	return f.exponentText(fmt.Sprintf("%se%+03d", text, exponent), v.Sign() < 0)
}

// exponentText puts the sign before d.ddde±dd.
func (f *numberFormat) exponentText(text string, negative bool) string {
	text = strings.TrimPrefix(text, "-")
	switch {
	case negative:
		return "-" + text
	case f.fill:
		return text
	}
	return " " + text
}

var romanDigits = []struct {
	value int
	text  string
}{
	{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"},
	{5, "V"}, {4, "IV"}, {1, "I"},
}

func romanNumber(v int) string {
	var b strings.Builder
	for _, d := range romanDigits {
		for ; v >= d.value; v -= d.value {
			b.WriteString(d.text)
		}
	}
	return b.String()
}

// romanText prints 1 to 3999 as Roman numerals.
func (f *numberFormat) romanText(v float64) string {
	if !(v >= 1 && v <= 3999) {
		return strings.Repeat("#", 15)
	}
	text := romanNumber(int(v))
	for _, t := range f.tokens {
		if t.kind == "RN" && t.text == "rn" {
			text = strings.ToLower(text)
		}
	}
	if !f.fill {
		text = fmt.Sprintf("%15s", text)
	}
	return text
}

// numberWriter writes a number through a template.
type numberWriter struct {
	*numberFormat
	strings.Builder
	negative bool
	whole    string
	fraction string
	// kept is how many digits of the fraction are shown.
	kept int
	// at counts the digit positions passed before and after the point.
	at, behind int
	signed     bool // the sign in front is written
	digits     bool // a digit is written
	hidden     bool // the lone 0 before the point is not shown
}

// render writes the digits of |v| through the template.
func (f *numberFormat) render(whole, fraction string, negative bool) string {
	if len(whole) > f.pre {
		whole, fraction = strings.Repeat("#", f.pre), strings.Repeat("#", f.post)
	}
	w := numberWriter{numberFormat: f, negative: negative, whole: whole, fraction: fraction, kept: len(fraction)}
	if f.fill {
		w.kept = max(len(strings.TrimRight(fraction, "0")), min(f.zeroTo, len(fraction)))
	}
	w.hidden = whole == "0" && f.post > 0 && f.zeroFrom < 0 && !(f.fill && w.kept == 0)
	w.signed = f.sign == 's' || f.sign == 'M'
	for _, t := range f.tokens {
		w.token(t)
	}
	if f.sign == 'P' {
		w.either(">", " ")
	}
	return w.String()
}

// either writes one of two marks; a blank only where there is padding.
func (w *numberWriter) either(negative, positive string) {
	mark := positive
	if w.negative {
		mark = negative
	}
	if mark != " " || !w.fill {
		w.WriteString(mark)
	}
}

func (w *numberWriter) blank() {
	if !w.fill {
		w.WriteByte(' ')
	}
}

// writeSign writes the sign in front of the first thing that is no blank.
func (w *numberWriter) writeSign() {
	if w.signed {
		return
	}
	w.signed = true
	switch w.sign {
	case 'S':
		w.either("-", "+")
	case 'P':
		w.either("<", " ")
	default:
		w.either("-", " ")
	}
}

func (w *numberWriter) token(t numberToken) {
	switch t.kind {
	case "9", "0":
		if w.at < w.pre {
			w.wholeDigit()
		} else {
			w.fractionDigit()
		}
	case ".", "D":
		if w.whole == "NaN" || w.whole == "Infinity" {
			return
		}
		w.writeSign()
		w.WriteByte('.')
	case ",", "G":
		if w.digits {
			w.WriteByte(',')
		} else {
			w.blank()
		}
	case "S":
		if w.sign == 's' {
			w.either("-", "+")
		}
	case "MI":
		w.either("-", " ")
	case "PL":
		w.either(" ", "+")
	case "SG":
		w.either("-", "+")
	case "L", "C":
		w.WriteByte(' ') // the C locale has no currency sign
	case "TH":
		if !w.negative && !w.point && w.whole != "" && w.whole[0] != '#' {
			suffix := ordinalSuffix(w.whole)
			if t.text == "TH" {
				suffix = strings.ToUpper(suffix)
			}
			w.WriteString(suffix)
		}
	case `"`:
		w.WriteString(t.text)
	}
}

func (w *numberWriter) wholeDigit() {
	missing := w.pre - len(w.whole)
	at := w.at
	w.at++
	switch {
	case at < missing && (w.zeroFrom < 0 || at < w.zeroFrom):
		w.blank()
	case at < missing:
		w.writeSign()
		w.WriteByte('0')
		w.digits = true
	case w.hidden:
		w.blank()
	default:
		w.writeSign()
		w.WriteByte(w.whole[at-missing])
		w.digits = true
	}
}

func (w *numberWriter) fractionDigit() {
	k := w.behind
	w.behind++
	if k < w.kept {
		w.WriteByte(w.fraction[k])
		w.digits = true
	}
}

// ordinalSuffix is st, nd, rd or th.
func ordinalSuffix(number string) string {
	if len(number) > 1 && number[len(number)-2] == '1' {
		return "th"
	}
	switch number[len(number)-1] {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	}
	return "th"
}

// toNumber reads a number that a template describes: what the template does not
// place is passed over.
func toNumber(s, format string) (types.Numeric, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return types.Numeric{}, err
	}
	if f.exponent {
		return types.Numeric{}, sqlerr.New(sqlerr.FeatureNotSupported, "\"EEEE\" not supported for input")
	}
	if f.roman {
		return types.Numeric{}, sqlerr.New(sqlerr.FeatureNotSupported, "\"RN\" not supported for input")
	}
	sign, digits := " ", ""
	i := 0
	takeSign := func() {
		if i < len(s) && sign == " " && strings.IndexByte("+-<", s[i]) >= 0 {
			if s[i] != '+' {
				sign = "-"
			}
			i++
		}
	}
	point := false
	for _, t := range f.tokens {
		if i >= len(s) {
			break
		}
		switch t.kind {
		case "9", "0":
			for i < len(s) && s[i] == ' ' {
				i++
			}
			takeSign()
			if i < len(s) && s[i] == '.' && !point {
				point = true
				digits += "."
				i++
			}
			if i < len(s) && s[i] >= '0' && s[i] <= '9' {
				digits += s[i : i+1]
				i++
			}
		case ".", "D":
			if s[i] == '.' && !point {
				point = true
				digits += "."
				i++
			}
		case ",", "G":
			if s[i] == ',' {
				i++
			}
		case "S", "MI", "PL", "SG":
			takeSign()
		case "PR":
			if s[i] == '>' {
				i++
			}
		case "L", "C":
			if s[i] < '0' || s[i] > '9' {
				_, size := utf8.DecodeRuneInString(s[i:])
				i += size
			}
		case "TH":
			i = min(i+2, len(s))
		case `"`:
			for range t.text {
				if i < len(s) && (s[i] < '0' || s[i] > '9') {
					_, size := utf8.DecodeRuneInString(s[i:])
					i += size
				}
			}
		}
	}
	// A sign may also stand behind the digits.
	takeSign()
	n, err := types.ParseNumeric(sign + digits)
	if err != nil || f.multi == 0 {
		return n, err
	}
	return n.Div(types.NewNumericBig(pow10(f.multi), 0))
}
