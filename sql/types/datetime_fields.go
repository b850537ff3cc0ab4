package types

import (
	"strings"

	"quiver/sql/sqlerr"
)

// Dates and times are read in two steps, as in the manual's appendix B.1: the
// text is split into fields by their shape, then each field is given a meaning
// by what came before it.

// dtError says why a text is no date, time or interval.
type dtError byte

const (
	dtBadFormat dtError = iota + 1
	dtFieldOverflow
	dtMonthDayOverflow // perhaps day and month are swapped
	dtIntervalOverflow
	dtZoneOverflow
)

// sqlError makes the client's error.
func (e dtError) sqlError(typeName, text string) error {
	switch e {
	case dtFieldOverflow:
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", text)
	case dtMonthDayOverflow:
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", text).
			WithHint("Perhaps you need a different \"datestyle\" setting.")
	case dtIntervalOverflow:
		return sqlerr.New(sqlerr.IntervalFieldOverflow, "interval field value out of range: \"%s\"", text)
	case dtZoneOverflow:
		return sqlerr.New(sqlerr.InvalidTimeZoneDisplacementValue, "time zone displacement out of range: \"%s\"", text)
	}
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", typeName, text)
}

// dtShape is what a field looks like.
type dtShape byte

const (
	dtNumber  dtShape = iota // 12, 12.5, .5
	dtString                 // letters
	dtDate                   // digits or letters with -, / or . between
	dtTime                   // digits with : between
	dtZone                   // a sign and digits
	dtSpecial                // a sign and letters
)

// dtField is one field, in lower case.
type dtField struct {
	shape dtShape
	text  string
}

// dtFieldsMax is how many fields a text may have.
const dtFieldsMax = 25

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isPunct(c byte) bool { return c > ' ' && c < 0x7f && !isAlnum(c) }

// splitDatetime splits text into fields.
func splitDatetime(text string) ([]dtField, dtError) {
	s := strings.ToLower(text)
	if len(s) > 256 {
		return nil, dtBadFormat
	}
	fields := make([]dtField, 0, 8)
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	for i := 0; i < len(s); {
		c := s[i]
		if isSpace(c) {
			i++
			continue
		}
		start, shape := i, dtNumber
		span := func(ok func(byte) bool) {
			for i < len(s) && ok(s[i]) {
				i++
			}
		}
		var field string
		switch {
		case isDigit(c):
			shape = spanNumeric(at, &i, span)
		case c == '.':
			i++
			span(isDigit)
		case isAlpha(c):
			span(isAlpha)
			shape = dtString
			next := at(i)
			isDate := next == '-' || next == '/' || next == '.'
			if next == '+' || isDigit(next) {
				_, known := dtWords[s[start:i]]
				isDate = !known
			}
			if isDate {
				shape = dtDate
				span(func(c byte) bool { return isAlnum(c) || strings.IndexByte("+-/_.:", c) >= 0 })
			}
		case c == '+' || c == '-':
			i++
			span(isSpace)
			body := i
			switch {
			case isDigit(at(i)):
				shape = dtZone
				span(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' || c == '-' })
			case isAlpha(at(i)):
				shape = dtSpecial
				span(isAlpha)
			default:
				return nil, dtBadFormat
			}
			field = s[start:start+1] + s[body:i]
		case isPunct(c):
			i++
			continue
		default:
			return nil, dtBadFormat
		}
		if field == "" {
			field = s[start:i]
		}
		if len(fields) >= dtFieldsMax {
			return nil, dtBadFormat
		}
		fields = append(fields, dtField{shape, field})
	}
	return fields, 0
}

// spanNumeric takes a field that begins with a digit.
func spanNumeric(at func(int) byte, i *int, span func(func(byte) bool)) dtShape {
	span(isDigit)
	delim := at(*i)
	switch delim {
	case ':':
		span(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
		return dtTime
	case '-', '/', '.':
		*i++
		if !isDigit(at(*i)) {
			span(func(c byte) bool { return isAlnum(c) || c == delim })
			return dtDate
		}
		shape := dtDate
		if delim == '.' {
			shape = dtNumber
		}
		span(isDigit)
		if at(*i) == delim {
			shape = dtDate
			span(func(c byte) bool { return isDigit(c) || c == delim })
		}
		return shape
	}
	return dtNumber
}

// dtMask is a set of fields that have been read.
type dtMask uint32

const (
	maskYear dtMask = 1 << iota
	maskMonth
	maskDay
	maskHour
	maskMinute
	maskSecond
	maskMilli
	maskMicro
	maskZone
	maskDST
	maskMeridian
	maskEra
	maskDOW
	maskDOY
	maskSpecial // now, today, epoch, infinity
	maskWeek
	maskDecade
	maskCentury
	maskMillennium
	maskAgo

	maskDate    = maskYear | maskMonth | maskDay
	maskSeconds = maskSecond | maskMilli | maskMicro
	maskTime    = maskHour | maskMinute | maskSeconds
)

// dtKind says what a word means.
type dtKind byte

const (
	wordIgnore dtKind = iota + 1
	wordMonth
	wordWeekday
	wordMeridian // value 1 for pm
	wordEra      // value 1 for bc
	wordISOTime  // t before a time
	wordUnit     // labels the next number: value is a dtUnit
	wordDST
	wordNow
	wordToday // value is the number of days from today
	wordMidnightUTC
	wordEpoch
	wordInfinity
	wordNegInfinity
)

type dtUnit int

const (
	unitNone dtUnit = iota
	unitJulian
	unitTime // after t
	unitOther
)

type dtWord struct {
	kind  dtKind
	value int
}

// dtWords are the words of dates and times (appendix B.3 of the manual).
var dtWords = func() map[string]dtWord {
	m := map[string]dtWord{
		"at": {wordIgnore, 0}, "on": {wordIgnore, 0}, "am": {wordMeridian, 0}, "pm": {wordMeridian, 1},
		"ad": {wordEra, 0}, "bc": {wordEra, 1}, "t": {wordISOTime, 0}, "dst": {wordDST, 0},
		"j": {wordUnit, int(unitJulian)}, "jd": {wordUnit, int(unitJulian)}, "julian": {wordUnit, int(unitJulian)},
		"now": {wordNow, 0}, "today": {wordToday, 0}, "tomorrow": {wordToday, 1}, "yesterday": {wordToday, -1},
		"allballs": {wordMidnightUTC, 0}, "epoch": {wordEpoch, 0},
		"infinity": {wordInfinity, 0}, "-infinity": {wordNegInfinity, 0},
	}
	for _, unit := range []string{"d", "dow", "doy", "h", "isodow", "isoyear", "m", "mm", "s", "y"} {
		m[unit] = dtWord{wordUnit, int(unitOther)}
	}
	for month, name := range monthNames {
		m[strings.ToLower(name)] = dtWord{wordMonth, month + 1}
		m[strings.ToLower(name[:3])] = dtWord{wordMonth, month + 1}
	}
	m["sept"] = dtWord{wordMonth, 9}
	for day, name := range dayNames {
		m[strings.ToLower(name)] = dtWord{wordWeekday, day}
		m[strings.ToLower(name[:3])] = dtWord{wordWeekday, day}
	}
	for _, name := range []string{"tues", "weds", "thur", "thurs"} {
		m[name] = dtWord{wordWeekday, 0}
	}
	return m
}()

var monthNames = [...]string{
	"January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December",
}

var dayNames = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
