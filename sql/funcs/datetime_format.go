package funcs

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernel("to_char(timestamp,text)", Lift2E(func(t arrow.Timestamp, format string) (string, error) {
		if isInfinite(t) || format == "" {
			return "", null
		}
		return formatMoment(momentOf(t), format)
	}))
	kernel("to_char(timestamptz,text)", Lift2C(func(c *types.EvalContext, t arrow.Timestamp, format string) (string, error) {
		if isInfinite(t) || format == "" {
			return "", null
		}
		m := momentOf(toLocal(t, c.Format.TimeZone))
		m.east, m.zone = c.Format.TimeZone.OffsetAt(int64(t))
		return formatMoment(m, format)
	}))
	kernel("to_char(interval,text)", Lift2E(func(v types.Interval, format string) (string, error) {
		if format == "" {
			return "", null
		}
		m := moment{interval: true}
		m.Year, m.Month, m.Day = int(v.Months/12), int(v.Months%12), int(v.Days)
		m.Hour, m.Minute = int(v.Micros/microHour), int(v.Micros/microMinute%60)
		m.Second, m.Micro = int(v.Micros/microSecond%60), int(v.Micros%microSecond)
		return formatMoment(m, format)
	}))
}

// moment is what a template of to_char prints.
type moment struct {
	types.Civil
	interval bool
	zone     string
	east     int
}

func momentOf(t arrow.Timestamp) moment { return moment{Civil: types.CivilOf(int64(t))} }

// dateToken is a pattern of a date's template (manual table 9.27) with its
// modifiers, or text.
type dateToken struct {
	// name is the pattern in upper case; empty for text.
	name string
	text string // the pattern as written, or the text
	fill bool   // FM
	th   string // th, TH or empty
}

var datePatterns = strings.Fields(`MONTH SSSSS A.D. A.M. B.C. HH12 HH24 IDDD IYYY P.M. SSSS Y,YYY YYYY DAY DDD FF1 FF2
	FF3 FF4 FF5 FF6 IYY MON TZH TZM YYY AD AM BC CC DD DY FX HH ID IW IY MI MM MS OF PM RM SS TZ US WW YY D I J Q W Y`)

// parseDateFormat cuts a template into tokens; fx says that FX was seen.
func parseDateFormat(format string) (tokens []dateToken, fx bool) {
	fill := false
	for i := 0; i < len(format); {
		rest := format[i:]
		upper := strings.ToUpper(rest[:min(len(rest), 5)])
		switch {
		case rest[0] == '"':
			text, n := quotedText(rest)
			i += n
			tokens = append(tokens, dateToken{text: text})
			continue
		case strings.HasPrefix(rest, `\"`):
			tokens = append(tokens, dateToken{text: `"`})
			i += 2
			continue
		case strings.HasPrefix(upper, "FM"), strings.HasPrefix(upper, "TM"):
			fill = fill || upper[0] == 'F'
			i += 2
			continue
		case strings.HasPrefix(upper, "FX"):
			fx = true
			i += 2
			continue
		}
		t := dateToken{fill: fill}
		for _, p := range datePatterns {
			if strings.HasPrefix(upper, p) {
				t.name, t.text = p, rest[:len(p)]
				break
			}
		}
		if t.name == "" {
			_, size := utf8.DecodeRuneInString(rest)
			tokens = append(tokens, dateToken{text: rest[:size]})
			i += size
			continue
		}
		fill = false
		i += len(t.name)
		if i+2 <= len(format) && strings.EqualFold(format[i:i+2], "th") {
			t.th = format[i : i+2]
			if t.th[0] == 'T' {
				t.th = "TH"
			} else {
				t.th = "th"
			}
			i += 2
		}
		tokens = append(tokens, t)
	}
	return tokens, fx
}

func errIntervalPattern() error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid format specification for an interval value").
		WithHint("Intervals are not tied to specific calendar dates.")
}

var (
	monthNames = strings.Fields("January February March April May June July August September October November December")
	dayNames   = strings.Fields("Sunday Monday Tuesday Wednesday Thursday Friday Saturday")
)

// formatMoment prints m through a template.
func formatMoment(m moment, format string) (string, error) {
	tokens, _ := parseDateFormat(format)
	var b strings.Builder
	for _, t := range tokens {
		if t.name == "" {
			b.WriteString(t.text)
			continue
		}
		text, numeric, err := m.field(t)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		if t.th != "" && numeric && text != "" {
			suffix := ordinalSuffix(text)
			if t.th == "TH" {
				suffix = strings.ToUpper(suffix)
			}
			b.WriteString(suffix)
		}
	}
	return b.String(), nil
}

// number prints with leading zeros up to width, unless FM says otherwise; the
// sign comes on top.
func (t dateToken) number(v, width int) string {
	if t.fill {
		width = 0
	}
	if v < 0 {
		width++
	}
	return fmt.Sprintf("%0*d", width, v)
}

// cased gives a name the case in which the pattern is written, and pads it.
func (t dateToken) cased(name string, width int) string {
	switch {
	case t.text == t.name:
		name = strings.ToUpper(name)
	case t.text == strings.ToLower(t.name):
		name = strings.ToLower(name)
	}
	if t.fill {
		width = 0
	}
	return fmt.Sprintf("%-*s", width, name)
}

// mark gives AM, PM, AD or BC the case and the points of the pattern.
func (t dateToken) mark(word string) string {
	if strings.Contains(t.name, ".") {
		word = word[:1] + "." + word[1:] + "."
	}
	if t.text[0] >= 'a' {
		return strings.ToLower(word)
	}
	return word
}

// field prints one pattern; numeric says that an ordinal suffix may follow.
func (m moment) field(t dateToken) (text string, numeric bool, err error) {
	if m.interval {
		switch t.name {
		case "DAY", "DY", "D", "ID", "IDDD", "IW", "IYYY", "IYY", "IY", "I", "AD", "A.D.", "BC", "B.C.", "TZ", "TZH", "TZM", "OF", "WW", "J":
			if t.name != "WW" && t.name != "J" {
				return "", false, errIntervalPattern()
			}
		}
	}
	switch t.name {
	case "MONTH", "MON", "DAY", "DY", "RM", "AM", "PM", "A.M.", "P.M.", "AD", "BC", "A.D.", "B.C.", "TZ", "TZH", "TZM", "OF":
		return m.word(t), false, nil
	}
	return m.count(t), true, nil
}

// word prints the patterns that are no numbers.
func (m moment) word(t dateToken) string {
	switch t.name {
	case "MONTH", "MON":
		if m.Month == 0 {
			return ""
		}
		name := monthNames[absInt(m.Month)-1]
		if t.name == "MON" {
			return t.cased(name[:3], 0)
		}
		return t.cased(name, 9)
	case "DAY":
		return t.cased(dayNames[weekday(dayNumber(m.Civil))], 9)
	case "DY":
		return t.cased(dayNames[weekday(dayNumber(m.Civil))][:3], 0)
	case "RM":
		if m.Month == 0 {
			return ""
		}
		return t.cased(romanNumber(absInt(m.Month)), 4)
	case "AM", "PM", "A.M.", "P.M.":
		if floorMod(int64(m.Hour), 24) >= 12 {
			return t.mark("PM")
		}
		return t.mark("AM")
	case "AD", "BC", "A.D.", "B.C.":
		if m.Year <= 0 {
			return t.mark("BC")
		}
		return t.mark("AD")
	case "TZ":
		if t.text[0] >= 'a' {
			return strings.ToLower(m.zone)
		}
		return m.zone
	}
	sign := "+"
	if m.east < 0 {
		sign = "-"
	}
	hours, minutes := absInt(m.east)/3600, absInt(m.east)/60%60
	switch t.name {
	case "TZH":
		return fmt.Sprintf("%s%02d", sign, hours)
	case "TZM":
		return fmt.Sprintf("%02d", minutes)
	}
	if minutes != 0 {
		return fmt.Sprintf("%s%02d:%02d", sign, hours, minutes)
	}
	return fmt.Sprintf("%s%02d", sign, hours)
}

// count prints the patterns that are numbers.
func (m moment) count(t dateToken) string {
	year := m.Year
	if !m.interval && year <= 0 {
		year = 1 - year
	}
	switch t.name {
	case "HH24":
		return t.number(m.Hour, 2)
	case "HH12", "HH":
		hour := m.Hour % 12
		if hour == 0 {
			hour = 12
		}
		return t.number(hour, 2)
	case "MI":
		return t.number(m.Minute, 2)
	case "SS":
		return t.number(m.Second, 2)
	case "MS", "FF3":
		return fmt.Sprintf("%03d", m.Micro/1000)
	case "US", "FF6":
		return fmt.Sprintf("%06d", m.Micro)
	case "FF1", "FF2", "FF4", "FF5":
		return fmt.Sprintf("%06d", m.Micro)[:t.name[2]-'0']
	case "SSSS", "SSSSS":
		return fmt.Sprintf("%d", m.Hour*3600+m.Minute*60+m.Second)
	case "MM":
		return t.number(m.Month, 2)
	case "DD":
		return t.number(m.Day, 2)
	case "DDD":
		if m.interval {
			return t.number((m.Year*12+m.Month)*30+m.Day, 3)
		}
		return t.number(dayOfYear(m.Civil), 3)
	case "IDDD":
		_, week := isoWeek(m.Civil)
		return t.number((week-1)*7+isoDay(m.Civil), 3)
	case "D":
		return t.number(weekday(dayNumber(m.Civil))+1, 0)
	case "ID":
		return t.number(isoDay(m.Civil), 0)
	case "W":
		return t.number((m.Day-1)/7+1, 0)
	case "WW":
		return t.number((dayOfYear(m.Civil)-1)/7+1, 2)
	case "IW":
		_, week := isoWeek(m.Civil)
		return t.number(week, 2)
	case "Q":
		if m.Month == 0 {
			return ""
		}
		return t.number((m.Month-1)/3+1, 0)
	case "CC":
		return m.century(t)
	case "J":
		return t.number(dayNumber(m.Civil)+julianOf1970, 0)
	case "Y,YYY":
		return fmt.Sprintf("%d,%03d", year/1000, year%1000)
	case "IYYY", "IYY", "IY", "I":
		year, _ = isoWeek(m.Civil)
		if year <= 0 {
			year = 1 - year
		}
	}
	width := strings.Count(t.name, "Y")
	if t.name[0] == 'I' {
		width++
	}
	if width < 4 {
		year %= []int{1, 10, 100, 1000}[width]
	}
	return t.number(year, width)
}

func (m moment) century(t dateToken) string {
	if m.interval {
		return t.number(m.Year/100, 2)
	}
	return t.number(span(m.Year, 100), 2)
}

// isoDay is 1 for Monday to 7 for Sunday.
func isoDay(c types.Civil) int {
	if d := weekday(dayNumber(c)); d > 0 {
		return d
	}
	return 7
}
