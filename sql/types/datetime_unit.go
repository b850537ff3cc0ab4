package types

import (
	"strings"
	"time"

	"quiver/sql/sqlerr"
)

// datetimeUnit is a field of extract and date_trunc.
type datetimeUnit byte

const (
	fieldMicroseconds datetimeUnit = iota + 1
	fieldMilliseconds
	fieldSecond
	fieldMinute
	fieldHour
	fieldDay
	fieldWeek
	fieldMonth
	fieldQuarter
	fieldYear
	fieldDecade
	fieldCentury
	fieldMillennium
	fieldEpoch
	fieldJulian
	fieldDOW
	fieldISODOW
	fieldDOY
	fieldISOYear
	fieldTimezone
	fieldTimezoneHour
	fieldTimezoneMinute
)

// datetimeUnits are the spellings of fields; those of interval units are added.
var datetimeUnits = func() map[string]datetimeUnit {
	m := map[string]datetimeUnit{
		"epoch": fieldEpoch, "julian": fieldJulian, "jd": fieldJulian, "j": fieldJulian, "dow": fieldDOW,
		"isodow": fieldISODOW, "doy": fieldDOY, "isoyear": fieldISOYear, "timezone": fieldTimezone,
		"timezone_h": fieldTimezoneHour, "timezone_hour": fieldTimezoneHour,
		"timezone_m": fieldTimezoneMinute, "timezone_minute": fieldTimezoneMinute,
	}
	same := map[intervalUnit]datetimeUnit{
		unitMicrosecond: fieldMicroseconds, unitMillisecond: fieldMilliseconds, unitSecond: fieldSecond,
		unitMinute: fieldMinute, unitHour: fieldHour, unitDay: fieldDay, unitWeek: fieldWeek, unitMonth: fieldMonth,
		unitQuarter: fieldQuarter, unitYear: fieldYear, unitDecade: fieldDecade, unitCentury: fieldCentury,
		unitMillennium: fieldMillennium,
	}
	for word, unit := range intervalWords {
		if field, ok := same[unit]; ok {
			m[word] = field
		}
	}
	return m
}()

// lookupUnit finds a unit among those that a function knows; otherwise the
// error is that of the function over typeName.
func lookupUnit(name, typeName string, truncating bool) (datetimeUnit, error) {
	u, ok := datetimeUnits[strings.ToLower(name)]
	if truncating && u >= fieldTimezone {
		return 0, errUnitNotSupported(name, typeName)
	}
	if !ok || truncating && u >= fieldEpoch {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", strings.ToLower(name), typeName)
	}
	return u, nil
}

func errUnitNotSupported(name, typeName string) *sqlerr.Error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", strings.ToLower(name), typeName)
}

const (
	nameTimestamp   = "timestamp without time zone"
	nameTimestamptz = "timestamp with time zone"
	nameTime        = "time without time zone"
	nameTimetz      = "time with time zone"
)

// TruncTimestamp is date_trunc of a timestamp (22023).
func TruncTimestamp(unit string, ts int64) (int64, error) {
	if isInfiniteTimestamp(ts) {
		return ts, nil
	}
	u, err := lookupUnit(unit, nameTimestamp, true)
	if err != nil {
		return 0, err
	}
	return truncLocal(u, ts)
}

// TruncTimestampIn is date_trunc of a timestamptz in zone loc (22023).
func TruncTimestampIn(unit string, ts int64, loc *time.Location) (int64, error) {
	if isInfiniteTimestamp(ts) {
		return ts, nil
	}
	u, err := lookupUnit(unit, nameTimestamptz, true)
	if err != nil {
		return 0, err
	}
	local := ToLocal(ts, loc)
	cut, err := truncLocal(u, local)
	if err != nil {
		return 0, err
	}
	if u < fieldDay {
		return ts - (local - cut), nil
	}
	return FromLocal(cut, loc), nil
}

// truncLocal cuts what is below the unit.
func truncLocal(u datetimeUnit, local int64) (int64, error) {
	floorTo := func(unit int64) int64 { return floorDiv64(local, unit) * unit }
	switch u {
	case fieldMicroseconds:
		return local, nil
	case fieldMilliseconds:
		return floorTo(1000), nil
	case fieldSecond:
		return floorTo(microsPerSecond), nil
	case fieldMinute:
		return floorTo(microsPerMinute), nil
	case fieldHour:
		return floorTo(microsPerHour), nil
	case fieldDay:
		return floorTo(microsPerDay), nil
	}
	days := floorDiv64(local, microsPerDay)
	if u == fieldWeek {
		days -= int64((weekdayOf(days) + 6) % 7)
		return days * microsPerDay, nil
	}
	c := Civil{}
	c.Year, c.Month, _ = civilFromDays(days)
	c.Day = 1
	switch u {
	case fieldQuarter:
		c.Month = (c.Month-1)/3*3 + 1
	case fieldYear, fieldDecade, fieldCentury, fieldMillennium:
		c.Month = 1
		c.Year = truncYear(u, c.Year)
	}
	v, ok := c.Micros()
	if !ok {
		return 0, errDatetimeRange("timestamp")
	}
	return v, nil
}

// truncYear is the first year of the decade, century or millennium. The year 0
// is 1 BC; centuries begin with a year 1.
func truncYear(u datetimeUnit, year int) int {
	n := 1
	switch u {
	case fieldDecade:
		return floorDiv(year, 10) * 10
	case fieldCentury:
		n = 100
	case fieldMillennium:
		n = 1000
	}
	return floorDiv(year-1, n)*n + 1
}

// TruncInterval is date_trunc of an interval (22023, 0A000).
func TruncInterval(unit string, v Interval) (Interval, error) {
	u, err := lookupUnit(unit, "interval", true)
	if err != nil {
		return v, err
	}
	cutTime := func(unit int64) (Interval, error) {
		v.Micros = v.Micros / unit * unit
		return v, nil
	}
	switch u {
	case fieldMicroseconds:
		return v, nil
	case fieldMilliseconds:
		return cutTime(1000)
	case fieldSecond:
		return cutTime(microsPerSecond)
	case fieldMinute:
		return cutTime(microsPerMinute)
	case fieldHour:
		return cutTime(microsPerHour)
	case fieldDay:
		return Interval{Months: v.Months, Days: v.Days}, nil
	case fieldWeek:
		return v, errUnitNotSupported(unit, "interval").WithDetail("Months usually have fractional weeks.")
	}
	months := map[datetimeUnit]int32{
		fieldMonth: 1, fieldQuarter: 3, fieldYear: 12, fieldDecade: 120, fieldCentury: 1200, fieldMillennium: 12000,
	}[u]
	return Interval{Months: v.Months / months * months}, nil
}

// Extracted is what extract found: Null for a field that infinity lacks.
type Extracted struct {
	Numeric
	Null bool
}

func extractedInt(v int) (Extracted, error) {
	return Extracted{Numeric: NumericFromInt64(int64(v))}, nil
}

func extractedMicros(v int64, scale int32) (Extracted, error) {
	return Extracted{Numeric: NewNumeric(v, scale)}, nil
}

// ExtractTimestamp is extract from a timestamp (22023, 0A000).
func ExtractTimestamp(unit string, ts int64) (Extracted, error) {
	u, err := lookupUnit(unit, nameTimestamp, false)
	if err != nil {
		return Extracted{}, err
	}
	if isInfiniteTimestamp(ts) {
		return extractInfinite(u, ts > 0), nil
	}
	if u >= fieldTimezone {
		return Extracted{}, errUnitNotSupported(unit, nameTimestamp)
	}
	if u == fieldEpoch {
		return extractedMicros(ts, 6)
	}
	return extractCivil(u, ts)
}

// ExtractTimestampIn is extract from a timestamptz, by the calendar of loc
// (22023).
func ExtractTimestampIn(unit string, ts int64, loc *time.Location) (Extracted, error) {
	u, err := lookupUnit(unit, nameTimestamptz, false)
	if err != nil {
		return Extracted{}, err
	}
	if isInfiniteTimestamp(ts) {
		return extractInfinite(u, ts > 0), nil
	}
	east, _ := offsetAt(loc, ts)
	switch u {
	case fieldEpoch:
		return extractedMicros(ts, 6)
	case fieldTimezone, fieldTimezoneHour, fieldTimezoneMinute:
		return extractZone(u, east)
	}
	return extractCivil(u, ts+int64(east)*microsPerSecond)
}

func extractZone(u datetimeUnit, east int) (Extracted, error) {
	switch u {
	case fieldTimezoneHour:
		return extractedInt(east / 3600)
	case fieldTimezoneMinute:
		return extractedInt(east / 60 % 60)
	}
	return extractedInt(east)
}

// extractInfinite: fields that grow for ever are infinite too, the others null.
func extractInfinite(u datetimeUnit, positive bool) Extracted {
	switch u {
	case fieldYear, fieldDecade, fieldCentury, fieldMillennium, fieldJulian, fieldISOYear, fieldEpoch:
		if positive {
			return Extracted{Numeric: NumericPosInf}
		}
		return Extracted{Numeric: NumericNegInf}
	}
	return Extracted{Null: true}
}

// shownYear turns 0 into -1: there is no year 0.
func shownYear(year int) int {
	if year <= 0 {
		return year - 1
	}
	return year
}

// extractClock takes a field of the time of day; ok is false for others.
func extractClock(u datetimeUnit, tod int64) (v Extracted, ok bool) {
	var err error
	switch u {
	case fieldMicroseconds:
		v, err = extractedMicros(tod%microsPerMinute, 0)
	case fieldMilliseconds:
		v, err = extractedMicros(tod%microsPerMinute, 3)
	case fieldSecond:
		v, err = extractedMicros(tod%microsPerMinute, 6)
	case fieldMinute:
		v, err = extractedInt(int(tod / microsPerMinute % 60))
	case fieldHour:
		v, err = extractedInt(int(tod / microsPerHour))
	default:
		return v, false
	}
	return v, err == nil
}

func extractCivil(u datetimeUnit, local int64) (Extracted, error) {
	days := floorDiv64(local, microsPerDay)
	tod := local - days*microsPerDay
	if v, ok := extractClock(u, tod); ok {
		return v, nil
	}
	if u == fieldJulian {
		fraction, err := NumericFromInt64(tod).Div(NumericFromInt64(microsPerDay))
		if err != nil {
			return Extracted{}, err
		}
		sum, err := NumericFromInt64(days + julianEpoch).Add(fraction)
		return Extracted{Numeric: sum}, err
	}
	return extractDays(u, days)
}

// extractDays takes a field of a date.
func extractDays(u datetimeUnit, days int64) (Extracted, error) {
	year, month, day := civilFromDays(days)
	switch u {
	case fieldDay:
		return extractedInt(day)
	case fieldWeek:
		_, week := isoWeek(days)
		return extractedInt(week)
	case fieldMonth:
		return extractedInt(month)
	case fieldQuarter:
		return extractedInt((month-1)/3 + 1)
	case fieldYear:
		return extractedInt(shownYear(year))
	case fieldDecade:
		return extractedInt(floorDiv(year, 10))
	case fieldCentury:
		return extractedInt(extractEra(year, 100))
	case fieldMillennium:
		return extractedInt(extractEra(year, 1000))
	case fieldJulian:
		return extractedInt(int(days + julianEpoch))
	case fieldDOW:
		return extractedInt(weekdayOf(days))
	case fieldISODOW:
		return extractedInt((weekdayOf(days)+6)%7 + 1)
	case fieldDOY:
		return extractedInt(dayOfYear(days))
	}
	isoYear, _ := isoWeek(days)
	return extractedInt(shownYear(isoYear))
}

// extractEra is the century or millennium, which there is no zeroth of.
func extractEra(year, n int) int {
	if year > 0 {
		return (year + n - 1) / n
	}
	return -((n - 1 - (year - 1)) / n)
}

// ExtractDate is extract from a date (22023, 0A000).
func ExtractDate(unit string, days int32) (Extracted, error) {
	u, err := lookupUnit(unit, "date", false)
	if err != nil {
		return Extracted{}, err
	}
	if u < fieldDay || u >= fieldTimezone {
		return Extracted{}, errUnitNotSupported(unit, "date")
	}
	if days == DateInfinity || days == DateNegativeInfinity {
		return extractInfinite(u, days > 0), nil
	}
	if u == fieldEpoch {
		return extractedMicros(int64(days)*secondsPerDay, 0)
	}
	return extractDays(u, int64(days))
}

// ExtractTime is extract from a time (22023, 0A000).
func ExtractTime(unit string, micros int64) (Extracted, error) {
	u, err := lookupUnit(unit, nameTime, false)
	if err != nil {
		return Extracted{}, err
	}
	if u == fieldEpoch {
		return extractedMicros(micros, 6)
	}
	if v, ok := extractClock(u, micros); ok {
		return v, nil
	}
	return Extracted{}, errUnitNotSupported(unit, nameTime)
}

// ExtractTimetz is extract from a timetz (22023, 0A000).
func ExtractTimetz(unit string, t Timetz) (Extracted, error) {
	u, err := lookupUnit(unit, nameTimetz, false)
	if err != nil {
		return Extracted{}, err
	}
	switch u {
	case fieldEpoch:
		return extractedMicros(t.utc(), 6)
	case fieldTimezone, fieldTimezoneHour, fieldTimezoneMinute:
		return extractZone(u, -int(t.West))
	}
	if v, ok := extractClock(u, t.Micros); ok {
		return v, nil
	}
	return Extracted{}, errUnitNotSupported(unit, nameTimetz)
}

// ExtractInterval is extract from an interval (22023, 0A000).
func ExtractInterval(unit string, v Interval) (Extracted, error) {
	u, err := lookupUnit(unit, "interval", false)
	if err != nil {
		return Extracted{}, err
	}
	if out, ok := extractClock(u, v.Micros); ok {
		return out, nil
	}
	years, months := int(v.Months/12), int(v.Months%12)
	switch u {
	case fieldDay:
		return extractedInt(int(v.Days))
	case fieldMonth:
		return extractedInt(months)
	case fieldQuarter:
		return extractedInt(months/3 + 1)
	case fieldYear:
		return extractedInt(years)
	case fieldDecade:
		return extractedInt(years / 10)
	case fieldCentury:
		return extractedInt(years / 100)
	case fieldMillennium:
		return extractedInt(years / 1000)
	case fieldEpoch:
		return Extracted{Numeric: v.Seconds()}, nil
	}
	return Extracted{}, errUnitNotSupported(unit, "interval")
}
