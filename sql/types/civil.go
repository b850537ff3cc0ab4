package types

import (
	"math"
	"time"
)

// Micros per unit.
const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
	secondsPerDay   = 86400
)

// Infinite dates and timestamps are the extreme integers.
const (
	DateInfinity              = math.MaxInt32
	DateNegativeInfinity      = math.MinInt32
	TimestampInfinity         = math.MaxInt64
	TimestampNegativeInfinity = math.MinInt64
)

// Postgres counts from 2000-01-01 on the wire, Arrow from 1970-01-01.
const (
	pgEpochDays   = 10957
	pgEpochMicros = pgEpochDays * microsPerDay
)

// Bounds: Postgres' first day is 4714-11-24 BC. Its last timestamp is in the
// year 294276; counted from 1970, 64 bits end on 294247-01-10.
const (
	julianEpoch     = 2440588 // the Julian day of 1970-01-01
	dateMin         = -julianEpoch
	dateEnd         = 2147483494 - julianEpoch // exclusive: 5874898-01-01
	timestampMin    = dateMin * microsPerDay
	timestampDayMax = math.MaxInt64 / microsPerDay
)

// dateInRange says whether a finite date is one that Postgres has.
func dateInRange(days int64) bool { return days >= dateMin && days < dateEnd }

// timestampInRange says whether a finite timestamp is one that can be held.
func timestampInRange(micros int64) bool {
	return micros >= timestampMin && micros != TimestampInfinity
}

// Civil is a point in time in calendar fields, proleptic Gregorian. Year 0 is
// 1 BC. Hour may be 24 in times of day.
type Civil struct {
	Year, Month, Day     int
	Hour, Minute, Second int
	Micro                int
}

// daysFromCivil counts the days from 1970-01-01 to a date.
func daysFromCivil(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := floorDiv64(y, 400)
	yoe := y - era*400
	m := int64(month+9) % 12 // March is 0
	doy := (153*m+2)/5 + int64(day) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// civilFromDays is the inverse of daysFromCivil.
func civilFromDays(days int64) (year, month, day int) {
	z := days + 719468
	era := floorDiv64(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	m := (5*doy + 2) / 153
	day = int(doy - (153*m+2)/5 + 1)
	month = int(m + 3)
	if month > 12 {
		month -= 12
	}
	y := yoe + era*400
	if month <= 2 {
		y++
	}
	return int(y), month, day
}

func floorDiv64(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// CivilOf splits finite microseconds since 1970-01-01.
func CivilOf(micros int64) Civil {
	days := floorDiv64(micros, microsPerDay)
	c := civilOfTime(micros - days*microsPerDay)
	c.Year, c.Month, c.Day = civilFromDays(days)
	return c
}

// civilOfTime splits a time of day.
func civilOfTime(micros int64) Civil {
	return Civil{
		Hour: int(micros / microsPerHour), Minute: int(micros / microsPerMinute % 60),
		Second: int(micros / microsPerSecond % 60), Micro: int(micros % microsPerSecond),
	}
}

// CivilOfDate splits a finite date.
func CivilOfDate(days int32) (year, month, day int) { return civilFromDays(int64(days)) }

// timeOfDay is the time of day in microseconds.
func (c Civil) timeOfDay() int64 {
	return int64(c.Hour)*microsPerHour + int64(c.Minute)*microsPerMinute + int64(c.Second)*microsPerSecond + int64(c.Micro)
}

// Days counts the days since 1970-01-01; ok is false outside of date's range.
func (c Civil) Days() (days int32, ok bool) {
	if c.Year < -4800 || c.Year > 6000000 {
		return 0, false
	}
	d := daysFromCivil(c.Year, c.Month, c.Day)
	return int32(d), dateInRange(d)
}

// Micros counts the microseconds since 1970-01-01; ok is false outside of
// timestamp's range.
func (c Civil) Micros() (micros int64, ok bool) { return c.microsEast(0) }

// microsEast is Micros of a local time whose zone is so many seconds east.
func (c Civil) microsEast(east int) (micros int64, ok bool) {
	if c.Year < -4800 || c.Year > 300000 {
		return 0, false
	}
	days := daysFromCivil(c.Year, c.Month, c.Day)
	if days >= timestampDayMax {
		return 0, false
	}
	micros, ok = addInt64(days*microsPerDay, c.timeOfDay()-int64(east)*microsPerSecond)
	return micros, ok && timestampInRange(micros)
}

// isLeap says whether year has a 29th of February.
func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

var monthDays = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysIn is the length of a month.
func daysIn(year, month int) int {
	if month == 2 && isLeap(year) {
		return 29
	}
	return monthDays[month-1]
}

// offsetAt is a zone's offset in seconds east, and its abbreviation, at a point
// in time.
func offsetAt(loc *time.Location, micros int64) (seconds int, abbrev string) {
	abbrev, seconds = time.Unix(floorDiv64(micros, microsPerSecond), 0).In(loc).Zone()
	return seconds, abbrev
}

// ToLocal turns a timestamptz into the local timestamp of zone loc; infinities
// stay.
func ToLocal(micros int64, loc *time.Location) int64 {
	if micros == TimestampInfinity || micros == TimestampNegativeInfinity {
		return micros
	}
	seconds, _ := offsetAt(loc, micros)
	return micros + int64(seconds)*microsPerSecond
}

// FromLocal turns a local timestamp of zone loc into a timestamptz; infinities
// stay. Where clocks are set forward a time that was skipped counts by the
// offset before, where they are set back the later of both is meant.
func FromLocal(local int64, loc *time.Location) int64 {
	if local == TimestampInfinity || local == TimestampNegativeInfinity {
		return local
	}
	return local - int64(localOffset(local, loc))*microsPerSecond
}

// localOffset is the offset in seconds east that a local time has.
func localOffset(local int64, loc *time.Location) int {
	if loc == time.UTC {
		return 0
	}
	before, _ := offsetAt(loc, local-microsPerDay)
	after, _ := offsetAt(loc, local+microsPerDay)
	if before == after {
		return before
	}
	if is, _ := offsetAt(loc, local-int64(after)*microsPerSecond); is == after {
		return after
	}
	return before
}
