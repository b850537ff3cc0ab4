package funcs

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernel("to_date(text,text)", Lift2C(func(c *types.EvalContext, s, format string) (arrow.Date32, error) {
		d, err := scanDate(c, s, format)
		if err != nil {
			return 0, err
		}
		days, ok := d.civil.Days()
		if !ok {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: \"%s\"", s)
		}
		return arrow.Date32(days), nil
	}))
	kernel("to_timestamp(text,text)", Lift2C(func(c *types.EvalContext, s, format string) (arrow.Timestamp, error) {
		d, err := scanDate(c, s, format)
		if err != nil {
			return 0, err
		}
		t, err := timestampOf(d.civil)
		switch {
		case err != nil:
			return 0, err
		case d.hasZone:
			return plusMicros(t, -int64(d.east)*microSecond)
		}
		return fromLocal(t, c.Format.TimeZone), nil
	}))
}

// scannedDate is what a text said through a template.
type scannedDate struct {
	civil   types.Civil
	east    int
	hasZone bool
}

// dateScanner reads a text through a template of to_date.
type dateScanner struct {
	s      string
	i      int
	tokens []dateToken
	fx     bool
	// skipped counts blanks passed over before a field, which later
	// separators of the template may stand for.
	skipped int

	value map[string]int // by pattern, forms of one field under one name
	bc    bool
	pm    bool
	half  bool // AM or PM was read
	hour  bool // on the 12-hour clock
}

func errScan(format string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, format, args...)
}

func scanDate(c *types.EvalContext, s, format string) (scannedDate, error) {
	p := dateScanner{s: s, value: map[string]int{}}
	p.tokens, p.fx = parseDateFormat(format)
	for k, t := range p.tokens {
		if p.i >= len(s) {
			break
		}
		if err := p.token(k, t); err != nil {
			return scannedDate{}, err
		}
	}
	return p.settle()
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isSeparator says whether c is neither letter nor digit.
func isSeparator(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c|0x20 >= 'a' && c|0x20 <= 'z')
}

func (p *dateScanner) token(k int, t dateToken) error {
	if !p.fx && (t.name != "" || k == 0) {
		for p.i < len(p.s) && isBlank(p.s[p.i]) {
			p.i++
			p.skipped++
		}
	}
	if t.name != "" {
		p.skipped = 0
		if err := p.field(k, t); err != nil {
			return err
		}
		if t.th != "" {
			p.i = min(p.i+2, len(p.s))
		}
		if !p.fx {
			for p.i < len(p.s) && isBlank(p.s[p.i]) {
				p.i++
				p.skipped++
			}
		}
		return nil
	}
	if len(t.text) == 1 && (t.text[0] == ' ' || isSeparator(t.text[0])) {
		p.separator()
		return nil
	}
	for range t.text {
		if p.i >= len(p.s) {
			return nil
		}
		if p.skipped > 0 {
			p.skipped--
			continue
		}
		_, size := utf8.DecodeRuneInString(p.s[p.i:])
		p.i += size
	}
	return nil
}

// separator of the template stands for one in the text, or for none.
func (p *dateScanner) separator() {
	switch {
	case p.fx:
		p.i = min(p.i+1, len(p.s))
	case p.skipped > 0:
		p.skipped--
	case p.i < len(p.s) && (isBlank(p.s[p.i]) || isSeparator(p.s[p.i])):
		p.i++
	}
}

// widths are the digits that a field takes when another number follows at
// once.
var widths = map[string]int{
	"Y,YYY": 4, "YYYY": 4, "IYYY": 4, "YYY": 3, "IYY": 3, "YY": 2, "IY": 2, "Y": 1, "I": 1, "MM": 2, "DD": 2, "DDD": 3,
	"IDDD": 3, "D": 1, "ID": 1, "W": 1, "WW": 2, "IW": 2, "Q": 1, "CC": 2, "J": 9, "HH24": 2, "HH12": 2, "HH": 2, "MI": 2,
	"SS": 2, "MS": 3, "US": 6, "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6, "SSSS": 5, "SSSSS": 5, "TZH": 2, "TZM": 2,
}

func (p *dateScanner) field(k int, t dateToken) error {
	switch t.name {
	case "MONTH", "MON":
		return p.name(t, monthNames, "MM", t.name == "MON")
	case "DAY", "DY":
		return p.name(t, dayNames, "DAY", t.name == "DY")
	case "RM":
		return p.roman(t)
	case "AM", "PM", "A.M.", "P.M.", "AD", "BC", "A.D.", "B.C.":
		return p.mark(t)
	case "TZ", "OF":
		return sqlerr.New(sqlerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", t.text)
	case "TZH":
		sign := 1
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			if p.s[p.i] == '-' {
				sign = -1
			}
			p.i++
		}
		p.value["zone sign"] = sign
	case "Y,YYY":
		return p.groupedYear(t)
	}
	v, digits, err := p.number(k, t)
	if err != nil {
		return err
	}
	return p.store(t, v, digits)
}

// number reads the digits of a field: as many as there are when something else
// follows, otherwise its own width.
func (p *dateScanner) number(k int, t dateToken) (v, digits int, err error) {
	width := widths[t.name]
	rest := p.s[p.i:]
	negative := 0
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		negative = 1
	}
	end := negative
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if !t.fill && !p.separated(k) {
		if len(rest) < width {
			return 0, 0, errScan("source string too short for \"%s\" formatting field", t.text).
				WithDetail("Field requires %d characters, but only %d remain.", width, len(rest)).
				WithHint("If your source string is not fixed-width, try using the \"FM\" modifier.")
		}
		if end < width && end > 0 {
			return 0, 0, errScan("invalid value \"%s\" for \"%s\"", rest[:width], t.text).
				WithDetail("Field requires %d characters, but only %d could be parsed.", width, end).
				WithHint("If your source string is not fixed-width, try using the \"FM\" modifier.")
		}
		end = min(end, width)
	}
	v, err = strconv.Atoi(rest[:end])
	if end == negative || err != nil && !isRange(err) {
		return 0, 0, errScan("invalid value \"%s\" for \"%s\"", clip(rest, width), t.text).WithDetail("Value must be an integer.")
	}
	if err != nil || v != int(int32(v)) {
		return 0, 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "value for \"%s\" in source string is out of range", t.text).
			WithDetail("Value must be in the range %d to %d.", -1<<31, 1<<31-1)
	}
	p.i += end
	return v, end, nil
}

func isRange(err error) bool { return strings.Contains(err.Error(), strconv.ErrRange.Error()) }

func clip(s string, n int) string { return s[:min(len(s), n)] }

// separated says whether what follows token k is no digit.
func (p *dateScanner) separated(k int) bool {
	if p.tokens[k].th != "" || k+1 == len(p.tokens) {
		return true
	}
	next := p.tokens[k+1]
	if next.name == "" {
		return next.text == "" || next.text[0] < '0' || next.text[0] > '9'
	}
	_, isNumber := widths[next.name]
	return !isNumber
}

// fieldNames bring the forms of a field together.
var fieldNames = map[string]string{
	"YYYY": "Y", "YYY": "Y", "YY": "Y", "IYYY": "IY", "IYY": "IY", "I": "IY", "HH24": "HH", "HH12": "HH", "SSSSS": "SSSS",
	"FF1": "US", "FF2": "US", "FF3": "US", "FF4": "US", "FF5": "US", "FF6": "US", "MS": "US",
}

// store keeps the value of a field, once.
func (p *dateScanner) store(t dateToken, v, digits int) error {
	name := t.name
	if alias := fieldNames[name]; alias != "" {
		name = alias
	}
	switch t.name {
	case "YYY", "YY", "Y", "IYY", "IY", "I":
		if digits < 4 {
			v = nearYear(v)
		}
	case "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		// Digits of a fraction: 5 is five tenths.
		for ; digits < 6; digits++ {
			v *= 10
		}
		for ; digits > 6; digits-- {
			v /= 10
		}
	case "HH12", "HH":
		p.hour = true
	case "D":
		v = (v + 6) % 7
		name = "DAY"
	case "ID":
		v %= 7
		name = "DAY"
	}
	if old, had := p.value[name]; had && old != v {
		return errScan("conflicting values for \"%s\" field in formatting string", t.text).
			WithDetail("This value contradicts a previous setting for the same field type.")
	}
	p.value[name] = v
	return nil
}

// nearYear completes a year of less than four digits to the one next to 2020.
func nearYear(v int) int {
	switch {
	case v < 70:
		return v + 2000
	case v < 100:
		return v + 1900
	case v < 520:
		return v + 2000
	case v < 1000:
		return v + 1000
	}
	return v
}

func (p *dateScanner) groupedYear(t dateToken) error {
	var thousands, rest int
	if n, err := fmt.Sscanf(p.s[p.i:], "%d,%03d", &thousands, &rest); n < 2 || err != nil {
		return errScan("invalid input string for \"Y,YYY\"")
	}
	p.i += strings.IndexByte(p.s[p.i:], ',') + 4
	p.i = min(p.i, len(p.s))
	return p.store(dateToken{name: "YYYY", text: t.text}, thousands*1000+rest, 4)
}

// name reads one of a list of names, or their first three letters.
func (p *dateScanner) name(t dateToken, names []string, field string, short bool) error {
	rest := p.s[p.i:]
	for k, name := range names {
		if short {
			name = name[:3]
		}
		if len(rest) >= len(name) && strings.EqualFold(rest[:len(name)], name) {
			p.i += len(name)
			if field == "MM" {
				k++
			}
			return p.store(dateToken{name: field, text: t.text}, k, 0)
		}
	}
	word := rest
	if end := strings.IndexAny(word, " \t\n"); end >= 0 {
		word = word[:end]
	}
	return errScan("invalid value \"%s\" for \"%s\"", word, t.text).
		WithDetail("The given value did not match any of the allowed values for this field.")
}

func (p *dateScanner) roman(t dateToken) error {
	// The longest numeral that fits: VIII before VII before V.
	best, month := "", 0
	for k := 1; k <= 12; k++ {
		numeral := romanNumber(k)
		if rest := p.s[p.i:]; len(numeral) > len(best) && len(rest) >= len(numeral) && strings.EqualFold(rest[:len(numeral)], numeral) {
			best, month = numeral, k
		}
	}
	if month == 0 {
		return errScan("invalid value \"%s\" for \"%s\"", p.s[p.i:], t.text).
			WithDetail("The given value did not match any of the allowed values for this field.")
	}
	p.i += len(best)
	return p.store(dateToken{name: "MM", text: t.text}, month, 0)
}

// mark reads AM, PM, AD or BC.
func (p *dateScanner) mark(t dateToken) error {
	words := []string{"AM", "PM"}
	if t.name[0] == 'B' || strings.HasPrefix(t.name, "AD") || strings.HasPrefix(t.name, "A.D") {
		words = []string{"AD", "BC"}
	}
	for k, word := range words {
		if strings.Contains(t.name, ".") {
			word = word[:1] + "." + word[1:] + "."
		}
		if rest := p.s[p.i:]; len(rest) >= len(word) && strings.EqualFold(rest[:len(word)], word) {
			p.i += len(word)
			if words[0] == "AM" {
				p.half, p.pm, p.hour = true, k == 1, true
			} else {
				p.bc = k == 1
			}
			return nil
		}
	}
	return errScan("invalid value \"%s\" for \"%s\"", clip(p.s[p.i:], len(t.text)), t.text).
		WithDetail("The given value did not match any of the allowed values for this field.")
}

func (p *dateScanner) errRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", p.s)
}

// settle makes one date of the fields.
func (p *dateScanner) settle() (d scannedDate, err error) {
	c := types.Civil{Year: 0, Month: 1, Day: 1}
	get := func(name string, target *int) bool {
		v, ok := p.value[name]
		if ok {
			*target = v
		}
		return ok
	}
	get("HH", &c.Hour)
	get("MI", &c.Minute)
	get("SS", &c.Second)
	get("US", &c.Micro)
	if p.hour {
		if c.Hour < 1 || c.Hour > 12 {
			return d, errScan("hour \"%d\" is invalid for the 12-hour clock", c.Hour).
				WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		}
		if p.pm && c.Hour < 12 {
			c.Hour += 12
		} else if p.half && !p.pm && c.Hour == 12 {
			c.Hour = 0
		}
	}
	if seconds, ok := p.value["SSSS"]; ok {
		c.Hour, c.Minute, c.Second = seconds/3600, seconds/60%60, seconds%60
	}
	if err := p.date(&c, get); err != nil {
		return d, err
	}
	if c.Month < 1 || c.Month > 12 || c.Day < 1 || c.Day > types.DaysIn(c.Year, c.Month) ||
		c.Hour < 0 || c.Hour > 23 || c.Minute < 0 || c.Minute > 59 || c.Second < 0 || c.Second > 59 || c.Micro < 0 {
		return d, p.errRange()
	}
	d.civil = c
	if hours, ok := p.value["TZH"]; ok {
		if hours < 0 || hours > 15 || p.value["TZM"] < 0 || p.value["TZM"] > 59 {
			return d, p.errRange()
		}
		d.hasZone, d.east = true, p.value["zone sign"]*(hours*3600+p.value["TZM"]*60)
	}
	return d, nil
}

// date settles year, month and day.
func (p *dateScanner) date(c *types.Civil, get func(name string, target *int) bool) error {
	if julian, ok := p.value["J"]; ok {
		c.Year, c.Month, c.Day = types.CivilOfDate(int32(julian - julianOf1970))
		return nil
	}
	_, gregorian := p.value["Y"]
	isoYear, iso := p.value["IY"]
	_, hasWeek := p.value["IW"]
	if (iso || hasWeek) && gregorian {
		return errScan("invalid combination of date conventions").
			WithHint("Do not mix Gregorian and ISO week date conventions in a formatting template.")
	}
	get("Y", &c.Year)
	if century, ok := p.value["CC"]; ok && !gregorian {
		c.Year = (century-1)*100 + 1
	}
	if p.bc && c.Year > 0 {
		c.Year = 1 - c.Year
	}
	get("MM", &c.Month)
	get("DD", &c.Day)
	// A week of the month counts from its first day.
	if w, ok := p.value["W"]; ok {
		c.Day = (w-1)*7 + 1
	}
	if hasWeek || iso {
		week, day := 1, 1
		get("IW", &week)
		if v, ok := p.value["DAY"]; ok && v != 0 {
			day = v
		} else if ok {
			day = 7
		}
		if v, ok := p.value["IDDD"]; ok {
			week, day = 1, v
		}
		january4 := dayNumber(types.Civil{Year: isoYear, Month: 1, Day: 4})
		monday := january4 - int(floorMod(int64(january4)+3, 7))
		c.Year, c.Month, c.Day = types.CivilOfDate(int32(monday + (week-1)*7 + day - 1))
		return nil
	}
	days := 0
	if w, ok := p.value["WW"]; ok {
		days = (w-1)*7 + 1
	}
	get("DDD", &days)
	if days == 0 {
		return nil
	}
	if days < 1 || days > 366 {
		return p.errRange()
	}
	first := dayNumber(types.Civil{Year: c.Year, Month: 1, Day: 1})
	year := c.Year
	c.Year, c.Month, c.Day = types.CivilOfDate(int32(first + days - 1))
	if c.Year != year {
		return p.errRange()
	}
	return nil
}
