package types

import (
	"math"
	"strconv"
	"strings"
)

// Units of intervals.
type intervalUnit byte

const (
	noUnit intervalUnit = iota
	unitMicrosecond
	unitMillisecond
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
	unitDecade
	unitCentury
	unitMillennium
	unitAgo
)

// intervalWords are the spellings of units (deltatktbl of datetime.c).
var intervalWords = func() map[string]intervalUnit {
	m := map[string]intervalUnit{"@": noUnit, "ago": unitAgo}
	for unit, words := range map[intervalUnit]string{
		unitMicrosecond: "microsecon usec usecs usecond useconds us microsecond microseconds",
		unitMillisecond: "millisecon msec msecs msecond mseconds ms millisecond milliseconds",
		unitSecond:      "s sec secs second seconds",
		unitMinute:      "m min mins minute minutes",
		unitHour:        "h hour hours hr hrs",
		unitDay:         "d day days",
		unitWeek:        "w week weeks",
		unitMonth:       "mon mons month months",
		unitQuarter:     "qtr quarter",
		unitYear:        "y year years yr yrs",
		unitDecade:      "decade decades dec decs",
		unitCentury:     "c cent centuries century",
		unitMillennium:  "mil millennia millennium mils",
	} {
		for _, word := range strings.Fields(words) {
			m[word] = unit
		}
	}
	return m
}()

// unitMasks are the fields that a unit fills; each may come once.
var unitMasks = [...]dtMask{
	unitMicrosecond: maskMicro, unitMillisecond: maskMilli, unitSecond: maskSecond, unitMinute: maskMinute,
	unitHour: maskHour, unitDay: maskDay, unitWeek: maskWeek, unitMonth: maskMonth, unitYear: maskYear,
	unitDecade: maskDecade, unitCentury: maskCentury, unitMillennium: maskMillennium,
}

// intervalSum gathers an interval with checks for overflow.
type intervalSum struct {
	years, months, days, micros int64
	overflow                    bool
}

func (v *intervalSum) addMicros(n int64, unit int64) {
	product, ok := mulInt64(n, unit)
	sum, ok2 := addInt64(v.micros, product)
	v.overflow = v.overflow || !ok || !ok2
	v.micros = sum
}

func (v *intervalSum) addDays(n int64) {
	v.days += n
	v.overflow = v.overflow || n != int64(int32(n)) || v.days != int64(int32(v.days))
}

func (v *intervalSum) addMonths(n int64) {
	v.months += n
	v.overflow = v.overflow || n != int64(int32(n)) || v.months != int64(int32(v.months))
}

func (v *intervalSum) addYears(n, unit int64, fraction float64) {
	n, ok := mulInt64(n, unit)
	v.years += n
	v.overflow = v.overflow || !ok || n != int64(int32(n)) || v.years != int64(int32(v.years))
	v.addMonths(int64(math.RoundToEven(fraction * float64(12*unit))))
}

// addFraction adds a fraction of unit microseconds, rounding half to zero.
func (v *intervalSum) addFraction(fraction float64, unit float64) {
	whole, rest := math.Modf(fraction * unit)
	switch {
	case rest > 0.5:
		whole++
	case rest < -0.5:
		whole--
	}
	v.addMicros(int64(whole), 1)
}

// addFractionDays adds a fraction of n days.
func (v *intervalSum) addFractionDays(fraction float64, n float64) {
	if fraction == 0 {
		return
	}
	whole, rest := math.Modf(fraction * n)
	v.addDays(int64(whole))
	v.addFraction(rest, microsPerDay)
}

// add adds value and fraction of a unit.
func (v *intervalSum) add(value int64, fraction float64, unit intervalUnit) dtError {
	switch unit {
	case unitMicrosecond:
		v.addMicros(value, 1)
		v.addFraction(fraction, 1)
	case unitMillisecond:
		v.addMicros(value, 1000)
		v.addFraction(fraction, 1000)
	case unitSecond:
		v.addMicros(value, microsPerSecond)
		v.addFraction(fraction, microsPerSecond)
	case unitMinute:
		v.addMicros(value, microsPerMinute)
		v.addFraction(fraction, microsPerMinute)
	case unitHour:
		v.addMicros(value, microsPerHour)
		v.addFraction(fraction, microsPerHour)
	case unitDay:
		v.addDays(value)
		v.addFraction(fraction, microsPerDay)
	case unitWeek:
		days, ok := mulInt64(value, 7)
		v.overflow = v.overflow || !ok
		v.addDays(days)
		v.addFractionDays(fraction, 7)
	case unitMonth:
		v.addMonths(value)
		v.addFractionDays(fraction, 30)
	case unitYear:
		v.addYears(value, 1, fraction)
	case unitDecade:
		v.addYears(value, 10, fraction)
	case unitCentury:
		v.addYears(value, 100, fraction)
	case unitMillennium:
		v.addYears(value, 1000, fraction)
	default:
		return dtBadFormat
	}
	if v.overflow {
		return dtFieldOverflow
	}
	return 0
}

func (v *intervalSum) negate() {
	v.overflow = v.overflow || v.micros == math.MinInt64
	v.years, v.months, v.days, v.micros = -v.years, -v.months, -v.days, -v.micros
}

func (v *intervalSum) interval() (Interval, bool) {
	months := v.years*12 + v.months
	ok := !v.overflow && months == int64(int32(months)) && v.days == int64(int32(v.days))
	return Interval{Months: int32(months), Days: int32(v.days), Micros: v.micros}, ok
}

// ParseInterval reads an interval in any of Postgres' styles (22007, 22008,
// 22015).
func ParseInterval(s string, f *Format) (Interval, error) {
	return parseIntervalMod(s, NoMod, f)
}

func parseIntervalMod(s string, mod int32, f *Format) (Interval, error) {
	f = orDefault(f)
	var sum intervalSum
	fields, e := splitDatetime(s)
	if e == 0 {
		e = sum.read(fields, mod, f)
	}
	if e == dtBadFormat {
		sum = intervalSum{}
		if iso := sum.readISO(s); iso != dtBadFormat {
			e = iso
		}
	}
	switch {
	case e == dtFieldOverflow:
		return Interval{}, dtIntervalOverflow.sqlError("interval", s)
	case e != 0:
		return Interval{}, e.sqlError("interval", s)
	}
	v, ok := sum.interval()
	if !ok {
		return Interval{}, errIntervalRange()
	}
	return v.fit(mod), nil
}

// read goes backwards, so that a unit is known before its number.
func (v *intervalSum) read(fields []dtField, mod int32, f *Format) dtError {
	have, unit, ago := dtMask(0), noUnit, false
	allNegative := f.IntervalStyle == IntervalStyleSQLStandard && len(fields) > 0 && fields[0].text[0] == '-'
	for k := 1; k < len(fields) && allNegative; k++ {
		c := fields[k].text[0]
		allNegative = c != '-' && c != '+'
	}
	for i := len(fields) - 1; i >= 0; i-- {
		field := fields[i]
		mask := dtMask(0)
		switch field.shape {
		case dtTime:
			e := v.clock(field.text, mod, false)
			if e != 0 {
				return e
			}
			mask, unit = maskTime, unitDay
		case dtZone:
			if strings.IndexByte(field.text, ':') > 0 && v.clock(field.text[1:], mod, field.text[0] == '-') == 0 {
				mask, unit = maskTime, unitDay
				break
			}
			fallthrough
		case dtDate, dtNumber:
			if unit == noUnit {
				unit = lastUnit(mod)
			}
			m, e := v.number(field.text, unit)
			if e != 0 {
				return e
			}
			mask = m
		default:
			u, known := intervalWords[field.text]
			switch {
			case !known:
				return dtBadFormat
			case u == unitAgo:
				ago = true
				unit = noUnit
			default:
				unit = u
			}
		}
		if mask&have != 0 {
			return dtBadFormat
		}
		have |= mask
	}
	if have == 0 {
		return dtBadFormat
	}
	if allNegative {
		// -1-2 3 4:05:06 in the SQL standard's style: the sign is for all. What
		// carried it itself is negative already.
		v.years, v.months, v.days, v.micros = -absSigned(v.years), -absSigned(v.months), -absSigned(v.days), -absSigned(v.micros)
	}
	if ago {
		v.negate()
	}
	if v.overflow {
		return dtFieldOverflow
	}
	return 0
}

func absSigned(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// clock adds hh:mm[:ss].
func (v *intervalSum) clock(text string, mod int32, negative bool) dtError {
	c, e := parseClock(text, intervalRange(mod) == intervalMinute|intervalSecond)
	if e != 0 {
		return e
	}
	hours, rest := int64(c.Hour), int64(c.Minute)*microsPerMinute+int64(c.Second)*microsPerSecond+int64(c.Micro)
	if negative {
		hours, rest = -hours, -rest
	}
	v.addMicros(hours, microsPerHour)
	v.addMicros(rest, 1)
	return 0
}

// number adds a number, signed or not, or years-months.
func (v *intervalSum) number(text string, unit intervalUnit) (dtMask, dtError) {
	negative := text[0] == '-'
	body := strings.TrimLeft(text, "+-")
	whole, rest := body, ""
	if k := strings.IndexFunc(body, func(r rune) bool { return r < '0' || r > '9' }); k >= 0 {
		whole, rest = body[:k], body[k:]
	}
	value := int64(0)
	if whole != "" {
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return 0, dtFieldOverflow
		}
		value = n
	}
	fraction := 0.0
	switch {
	case rest == "" && whole != "":
	case strings.HasPrefix(rest, "-"):
		months, err := strconv.ParseUint(rest[1:], 10, 31)
		if err != nil {
			return 0, dtBadFormat
		}
		if months >= 12 {
			return 0, dtFieldOverflow
		}
		unit = unitMonth
		total, ok := mulInt64(value, 12)
		if !ok {
			return 0, dtFieldOverflow
		}
		value = total + int64(months)
	case rest == "." && whole != "":
	case strings.HasPrefix(rest, "."):
		n, err := strconv.ParseFloat("0"+rest, 64)
		if err != nil {
			return 0, dtBadFormat
		}
		fraction = n
	default:
		return 0, dtBadFormat
	}
	if negative {
		value, fraction = -value, -fraction
	}
	if unit >= intervalUnit(len(unitMasks)) {
		return 0, dtBadFormat
	}
	mask := unitMasks[unit]
	if unit == unitSecond && fraction != 0 {
		mask = maskSeconds
	}
	return mask, v.add(value, fraction, unit)
}

// readISO reads ISO 8601: P1Y2M3DT4H5M6S, P1-2-3T4:5:6, P00010203T040506.
func (v *intervalSum) readISO(s string) dtError {
	if len(s) < 2 || s[0] != 'P' {
		return dtBadFormat
	}
	s = s[1:]
	datePart, haveField := true, false
	for s != "" {
		if s[0] == 'T' {
			datePart, haveField = false, false
			s = s[1:]
			continue
		}
		n := isoNumberLength(s)
		value, fraction, ok := isoNumber(s[:n])
		if !ok {
			return dtBadFormat
		}
		digits := len(strings.TrimLeft(s[:n], "+-"))
		s = s[n:]
		unit := byte(0)
		if s != "" {
			unit = s[0]
			s = s[1:]
		}
		e := dtBadFormat
		switch {
		case datePart && (unit == 'T' || unit == 0):
			// The alternative format, or nothing behind the number.
			if digits == 8 && !haveField {
				e = v.addEach(value, fraction, 10000, unitYear, 100, unitMonth, 1, unitDay)
				if e != 0 {
					return e
				}
				if unit == 0 {
					return 0
				}
				datePart, haveField = false, false
				continue
			}
			fallthrough
		case datePart && unit == '-':
			if haveField || unit != '-' && digits == 0 {
				return dtBadFormat
			}
			return v.isoDate(value, fraction, unit, s)
		case datePart:
			e = v.add(value, fraction, map[byte]intervalUnit{'Y': unitYear, 'M': unitMonth, 'W': unitWeek, 'D': unitDay}[unit])
		case unit == 0:
			if digits == 6 && !haveField {
				return v.addEach(value, fraction, 10000, unitHour, 100, unitMinute, 1, unitSecond)
			}
			if haveField {
				return dtBadFormat
			}
			return v.add(value, fraction, unitHour)
		case unit == ':':
			if haveField {
				return dtBadFormat
			}
			return v.isoClock(value, fraction, s)
		default:
			e = v.add(value, fraction, map[byte]intervalUnit{'H': unitHour, 'M': unitMinute, 'S': unitSecond}[unit])
		}
		if e != 0 {
			return e
		}
		haveField = true
	}
	if v.overflow {
		return dtFieldOverflow
	}
	return 0
}

// addEach splits value into three fields of digits.
func (v *intervalSum) addEach(value int64, fraction float64, n1 int64, u1 intervalUnit, n2 int64, u2 intervalUnit, _ int64, u3 intervalUnit) dtError {
	for _, part := range [...]struct {
		value    int64
		fraction float64
		unit     intervalUnit
	}{{value / n1, 0, u1}, {value / n2 % (n1 / n2), 0, u2}, {value % n2, fraction, u3}} {
		if e := v.add(part.value, part.fraction, part.unit); e != 0 {
			return e
		}
	}
	return 0
}

// isoDate reads the rest of P1-2-3, of which years are read.
func (v *intervalSum) isoDate(years int64, fraction float64, next byte, s string) dtError {
	if e := v.add(years, fraction, unitYear); e != 0 {
		return e
	}
	for _, unit := range [...]intervalUnit{unitMonth, unitDay} {
		if next != '-' {
			break
		}
		n := isoNumberLength(s)
		value, fraction, ok := isoNumber(s[:n])
		if !ok {
			return dtBadFormat
		}
		if e := v.add(value, fraction, unit); e != 0 {
			return e
		}
		s, next = s[n:], 0
		if s != "" {
			next = s[0]
			s = s[1:]
		}
	}
	switch {
	case next == 0:
		return 0
	case next != 'T':
		return dtBadFormat
	}
	rest := intervalSum{}
	if e := rest.readISO("PT" + s); e != 0 {
		return e
	}
	v.addMicros(rest.micros, 1)
	return 0
}

// isoClock reads the rest of T4:5:6, of which hours are read.
func (v *intervalSum) isoClock(hours int64, fraction float64, s string) dtError {
	if e := v.add(hours, fraction, unitHour); e != 0 {
		return e
	}
	for _, unit := range [...]intervalUnit{unitMinute, unitSecond} {
		n := isoNumberLength(s)
		value, fraction, ok := isoNumber(s[:n])
		if !ok {
			return dtBadFormat
		}
		if e := v.add(value, fraction, unit); e != 0 {
			return e
		}
		if s = s[n:]; s == "" {
			return 0
		}
		if s[0] != ':' {
			return dtBadFormat
		}
		s = s[1:]
	}
	return dtBadFormat
}

// isoNumberLength is the length of the number at the start of s.
func isoNumberLength(s string) int {
	n := 0
	if n < len(s) && (s[n] == '-' || s[n] == '+') {
		n++
	}
	for n < len(s) && (isDigit(s[n]) || s[n] == '.') {
		n++
	}
	return n
}

func isoNumber(s string) (value int64, fraction float64, ok bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(v) >= 1e15 {
		return 0, 0, false
	}
	whole, rest := math.Modf(v)
	return int64(whole), rest, true
}
