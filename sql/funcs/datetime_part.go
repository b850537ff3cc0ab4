package funcs

import (
	"math"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// unit is a field of a date, a time or an interval.
type unit byte

// The units, in the order of their length where they have one.
const (
	unitNone unit = iota
	unitMicroseconds
	unitMilliseconds
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
	unitDow
	unitIsodow
	unitDoy
	unitIsoyear
	unitEpoch
	unitJulian
	unitTimezone
	unitTimezoneHour
	unitTimezoneMinute
)

// unitWords are the spellings; Postgres compares the first ten letters.
var unitWords = func() map[string]unit {
	m := map[string]unit{}
	for u, words := range map[unit]string{
		unitMicroseconds: "microsecond microseconds us usec usecs usecond useconds",
		unitMilliseconds: "millisecond milliseconds ms msec msecs msecond mseconds",
		unitSecond:       "second seconds sec secs s", unitMinute: "minute minutes min mins m", unitHour: "hour hours hr hrs h",
		unitDay: "day days d", unitWeek: "week weeks w", unitMonth: "month months mon mons", unitQuarter: "quarter qtr",
		unitYear: "year years yr yrs y", unitDecade: "decade decades dec decs", unitCentury: "century centuries cent c",
		unitMillennium: "millennium millennia mil mils", unitDow: "dow", unitIsodow: "isodow", unitDoy: "doy",
		unitIsoyear: "isoyear", unitEpoch: "epoch", unitJulian: "julian jd j", unitTimezone: "timezone",
		unitTimezoneHour: "timezone_hour", unitTimezoneMinute: "timezone_minute",
	} {
		for _, word := range strings.Fields(words) {
			m[cutWord(word)] = u
		}
	}
	return m
}()

func cutWord(word string) string {
	if len(word) > 10 {
		return word[:10]
	}
	return word
}

func unitOf(name string) unit { return unitWords[cutWord(strings.ToLower(name))] }

func errUnit(name string, u unit, t types.OID) error {
	if u == unitNone {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", strings.ToLower(name), typeName(t))
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", strings.ToLower(name), typeName(t))
}

func init() {
	parts("timestamp", func(_ *types.EvalContext, name string, t arrow.Timestamp) (types.Numeric, error) {
		return timestampPart(name, t, types.TimestampOID, nil)
	})
	parts("timestamptz", func(c *types.EvalContext, name string, t arrow.Timestamp) (types.Numeric, error) {
		return timestampPart(name, t, types.TimestamptzOID, &c.Format.TimeZone)
	})
	parts("time", func(_ *types.EvalContext, name string, t arrow.Time64) (types.Numeric, error) {
		return timePart(name, int64(t), types.TimeOID, nil)
	})
	parts("timetz", func(_ *types.EvalContext, name string, t types.Timetz) (types.Numeric, error) {
		return timePart(name, t.Micros, types.TimetzOID, &t.West)
	})
	parts("interval", func(_ *types.EvalContext, name string, v types.Interval) (types.Numeric, error) {
		return intervalPart(name, v)
	})
	// extract knows dates; date_part takes them for timestamps.
	kernel("extract(text,date)", Lift2E(datePart))
	kernel("date_part(text,date)", Lift2E(func(name string, d arrow.Date32) (float64, error) {
		t, err := types.DateToTimestamp(int32(d))
		if err != nil {
			return 0, err
		}
		n, err := timestampPart(name, arrow.Timestamp(t), types.TimestampOID, nil)
		return toFloat64(n), err
	}))

	kernel("date_trunc(text,timestamp)", Lift2E(func(name string, t arrow.Timestamp) (arrow.Timestamp, error) {
		return truncate(name, t, types.TimestampOID)
	}))
	kernel("date_trunc(text,timestamptz)", Lift2C(func(c *types.EvalContext, name string, t arrow.Timestamp) (arrow.Timestamp, error) {
		return truncateIn(name, t, c.Format.TimeZone)
	}))
	kernel("date_trunc(text,timestamptz,text)", Lift3E(func(name string, t arrow.Timestamp, zoneName string) (arrow.Timestamp, error) {
		zone, err := types.ZoneOfText(zoneName)
		if err != nil {
			return 0, err
		}
		return truncateIn(name, t, zone)
	}))
	kernel("date_trunc(text,interval)", Lift2E(truncateInterval))
}

// parts registers extract (numeric) and date_part (float8) of a type.
func parts[T any](name string, f func(c *types.EvalContext, unit string, v T) (types.Numeric, error)) {
	kernel("extract(text,"+name+")", Lift2C(f))
	kernel("date_part(text,"+name+")", Lift2C(func(c *types.EvalContext, unit string, v T) (float64, error) {
		n, err := f(c, unit, v)
		return toFloat64(n), err
	}))
}

// toFloat64 is toFloat for infinities, too.
func toFloat64(n types.Numeric) float64 {
	if n.IsFinite() {
		return toFloat(n)
	}
	return math.Inf(n.Sign())
}

func whole(v int) (types.Numeric, error) { return types.NumericFromInt64(int64(v)), nil }

// displayYear is the year as people count: there is no year 0.
func displayYear(year int) int {
	if year > 0 {
		return year
	}
	return year - 1
}

// span is the number of the period of n years that year lies in; the first
// began in year 1.
func span(year, n int) int {
	if year > 0 {
		return (year + n - 1) / n
	}
	return -((n - 1 - (year - 1)) / n)
}

func decade(year int) int {
	if year >= 0 {
		return year / 10
	}
	return -((8 - (year - 1)) / 10)
}

// dayNumber counts the days since 1970-01-01.
func dayNumber(c types.Civil) int {
	days, _ := types.Civil{Year: c.Year, Month: c.Month, Day: c.Day}.Days()
	return int(days)
}

// weekday is 0 for Sunday.
func weekday(days int) int { return int(floorMod(int64(days)+4, 7)) }

// isoWeek is the week of ISO 8601 and the year that it belongs to.
func isoWeek(c types.Civil) (year, week int) {
	days := dayNumber(c)
	thursday := days - int(floorMod(int64(days)+3, 7)) + 3
	year, _, _ = types.CivilOfDate(int32(thursday))
	return year, (thursday-dayNumber(types.Civil{Year: year, Month: 1, Day: 1}))/7 + 1
}

func dayOfYear(c types.Civil) int {
	return dayNumber(c) - dayNumber(types.Civil{Year: c.Year, Month: 1, Day: 1}) + 1
}

// julianOf1970 is the Julian day of 1970-01-01.
const julianOf1970 = 2440588

// calendarPart is a field of a date.
func calendarPart(u unit, c types.Civil) (n types.Numeric, ok bool) {
	v := 0
	switch u {
	case unitDay:
		v = c.Day
	case unitMonth:
		v = c.Month
	case unitQuarter:
		v = (c.Month-1)/3 + 1
	case unitWeek:
		_, v = isoWeek(c)
	case unitYear:
		v = displayYear(c.Year)
	case unitIsoyear:
		v, _ = isoWeek(c)
		v = displayYear(v)
	case unitDecade:
		v = decade(c.Year)
	case unitCentury:
		v = span(c.Year, 100)
	case unitMillennium:
		v = span(c.Year, 1000)
	case unitDow:
		v = weekday(dayNumber(c))
	case unitIsodow:
		if v = weekday(dayNumber(c)); v == 0 {
			v = 7
		}
	case unitDoy:
		v = dayOfYear(c)
	default:
		return n, false
	}
	return types.NumericFromInt64(int64(v)), true
}

// clockPart is a field of a time of day.
func clockPart(u unit, micros int64) (n types.Numeric, ok bool) {
	switch u {
	case unitMicroseconds:
		return types.NumericFromInt64(micros % microMinute), true
	case unitMilliseconds:
		return types.NewNumeric(micros%microMinute, 3), true
	case unitSecond:
		return types.NewNumeric(micros%microMinute, 6), true
	case unitMinute:
		return types.NumericFromInt64(micros / microMinute % 60), true
	case unitHour:
		return types.NumericFromInt64(micros / microHour), true
	}
	return n, false
}

// infinitePart is a field of an infinite date: those that grow for ever are
// infinite, the others null.
func infinitePart(u unit, positive bool) (types.Numeric, error) {
	switch u {
	case unitYear, unitIsoyear, unitDecade, unitCentury, unitMillennium, unitJulian, unitEpoch:
		if positive {
			return types.NumericPosInf, nil
		}
		return types.NumericNegInf, nil
	}
	return types.Numeric{}, null
}

// timestampPart is a field of a timestamp; with a zone, of a timestamptz there.
func timestampPart(name string, t arrow.Timestamp, typ types.OID, zone *types.Location) (types.Numeric, error) {
	u := unitOf(name)
	zoned := u == unitTimezone || u == unitTimezoneHour || u == unitTimezoneMinute
	if u == unitNone || zoned && zone == nil {
		return types.Numeric{}, errUnit(name, u, typ)
	}
	if isInfinite(t) {
		return infinitePart(u, t > 0)
	}
	if u == unitEpoch {
		return types.NewNumeric(int64(t), 6), nil
	}
	if zone != nil {
		east, _ := zone.OffsetAt(int64(t))
		switch u {
		case unitTimezone:
			return whole(east)
		case unitTimezoneHour:
			return whole(east / 3600)
		case unitTimezoneMinute:
			return whole(east / 60 % 60)
		}
		t = toLocal(t, *zone)
	}
	c := types.CivilOf(int64(t))
	if n, ok := calendarPart(u, c); ok {
		return n, nil
	}
	if n, ok := clockPart(u, clockOf(c)); ok {
		return n, nil
	}
	if u != unitJulian {
		return types.Numeric{}, errUnit(name, u, typ)
	}
	fraction, err := types.NumericFromInt64(clockOf(c)).Div(types.NumericFromInt64(microDay))
	if err != nil {
		return fraction, err
	}
	return types.NumericFromInt64(int64(dayNumber(c) + julianOf1970)).Add(fraction)
}

func datePart(name string, d arrow.Date32) (types.Numeric, error) {
	u := unitOf(name)
	if isInfiniteDate(d) {
		switch u {
		case unitDay, unitMonth, unitQuarter, unitWeek, unitDow, unitIsodow, unitDoy,
			unitYear, unitIsoyear, unitDecade, unitCentury, unitMillennium, unitJulian, unitEpoch:
			return infinitePart(u, d > 0)
		}
		return types.Numeric{}, errUnit(name, u, types.DateOID)
	}
	switch u {
	case unitEpoch:
		return types.NumericFromInt64(int64(d) * 86400), nil
	case unitJulian:
		return types.NumericFromInt64(int64(d) + julianOf1970), nil
	}
	var c types.Civil
	c.Year, c.Month, c.Day = types.CivilOfDate(int32(d))
	if n, ok := calendarPart(u, c); ok {
		return n, nil
	}
	return types.Numeric{}, errUnit(name, u, types.DateOID)
}

func timePart(name string, micros int64, typ types.OID, west *int32) (types.Numeric, error) {
	u := unitOf(name)
	if n, ok := clockPart(u, micros); ok {
		return n, nil
	}
	switch {
	case u == unitEpoch && west != nil:
		return types.NewNumeric(micros+int64(*west)*microSecond, 6), nil
	case u == unitEpoch:
		return types.NewNumeric(micros, 6), nil
	case u == unitTimezone && west != nil:
		return whole(int(-*west))
	case u == unitTimezoneHour && west != nil:
		return whole(int(-*west) / 3600)
	case u == unitTimezoneMinute && west != nil:
		return whole(int(-*west) / 60 % 60)
	}
	return types.Numeric{}, errUnit(name, u, typ)
}

func intervalPart(name string, v types.Interval) (types.Numeric, error) {
	u := unitOf(name)
	years, months := int(v.Months/12), int(v.Months%12)
	switch u {
	case unitDay:
		return whole(int(v.Days))
	case unitMonth:
		return whole(months)
	case unitQuarter:
		return whole(months/3 + 1)
	case unitYear:
		return whole(years)
	case unitDecade:
		return whole(years / 10)
	case unitCentury:
		return whole(years / 100)
	case unitMillennium:
		return whole(years / 1000)
	case unitEpoch:
		return v.Seconds(), nil
	}
	if n, ok := clockPart(u, v.Micros); ok {
		return n, nil
	}
	return types.Numeric{}, errUnit(name, u, types.IntervalOID)
}

// truncationUnit is unitOf for date_trunc, which does not know the fields that
// are no lengths.
func truncationUnit(name string) unit {
	if u := unitOf(name); u < unitDow || u > unitJulian {
		return u
	}
	return unitNone
}

// truncate cuts a local timestamp to a unit.
func truncate(name string, t arrow.Timestamp, typ types.OID) (arrow.Timestamp, error) {
	u := truncationUnit(name)
	if u == unitNone || u > unitMillennium {
		return 0, errUnit(name, u, typ)
	}
	if isInfinite(t) {
		return t, nil
	}
	c := types.CivilOf(int64(t))
	switch u {
	case unitWeek:
		days := dayNumber(c)
		monday := int64(days) - floorMod(int64(days)+3, 7)
		return arrow.Timestamp(monday * microDay), nil
	case unitMillennium:
		c.Year = periodStart(c.Year, 1000)
	case unitCentury:
		c.Year = periodStart(c.Year, 100)
	case unitDecade:
		c.Year = decade(c.Year) * 10
	case unitQuarter:
		c.Month = (c.Month-1)/3*3 + 1
	}
	if u >= unitYear && u != unitQuarter {
		c.Month = 1
	}
	if u >= unitMonth {
		c.Day = 1
	}
	if u >= unitDay {
		c.Hour = 0
	}
	if u >= unitHour {
		c.Minute = 0
	}
	if u >= unitMinute {
		c.Second = 0
	}
	if u >= unitSecond {
		c.Micro = 0
	}
	if u == unitMilliseconds {
		c.Micro = c.Micro / 1000 * 1000
	}
	return timestampOf(c)
}

// periodStart is the first year of the period of n years that year lies in.
func periodStart(year, n int) int {
	if year > 0 {
		return (year+n-1)/n*n - n + 1
	}
	return -((n-1-(year-1))/n)*n + 1
}

// truncateIn cuts in a zone. Where only the time of day is cut, the offset
// stays, so that the repeated hour of autumn is not left.
func truncateIn(name string, t arrow.Timestamp, zone types.Location) (arrow.Timestamp, error) {
	if isInfinite(t) {
		return truncate(name, t, types.TimestamptzOID)
	}
	local, err := truncate(name, toLocal(t, zone), types.TimestamptzOID)
	if err != nil {
		return 0, err
	}
	if unitOf(name) >= unitDay {
		return fromLocal(local, zone), nil
	}
	east, _ := zone.OffsetAt(int64(t))
	return local - arrow.Timestamp(int64(east)*microSecond), nil
}

func truncateInterval(name string, v types.Interval) (types.Interval, error) {
	u := truncationUnit(name)
	switch {
	case u == unitWeek:
		return v, errUnitWeek(name)
	case u == unitNone || u > unitMillennium:
		return v, errUnit(name, u, types.IntervalOID)
	}
	cut := func(v int64, unit int64) int64 { return v / unit * unit }
	months := map[unit]int64{unitMonth: 1, unitQuarter: 3, unitYear: 12, unitDecade: 120, unitCentury: 1200, unitMillennium: 12000}
	if n, ok := months[u]; ok {
		return types.Interval{Months: int32(cut(int64(v.Months), n))}, nil
	}
	micros := map[unit]int64{unitHour: microHour, unitMinute: microMinute, unitSecond: microSecond, unitMilliseconds: 1000, unitMicroseconds: 1}
	if u == unitDay {
		v.Micros = 0
	} else {
		v.Micros = cut(v.Micros, micros[u])
	}
	return v, nil
}

// errUnitWeek adds why an interval cannot be cut to weeks.
func errUnitWeek(name string) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", strings.ToLower(name), "interval").
		WithDetail("Months usually have fractional weeks.")
}
