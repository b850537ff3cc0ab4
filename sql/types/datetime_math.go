package types

import (
	"time"

	"quiver/sql/sqlerr"
)

func isInfiniteTimestamp(v int64) bool {
	return v == TimestampInfinity || v == TimestampNegativeInfinity
}

// addMonths moves a date by months and keeps the day within its month.
func (c Civil) addMonths(months int32) Civil {
	m := int64(c.Month-1) + int64(months)
	year := floorDiv64(m, 12)
	c.Year, c.Month = c.Year+int(year), int(m-year*12)+1
	c.Day = min(c.Day, daysIn(c.Year, c.Month))
	return c
}

// AddInterval returns timestamp ts + v: months, then days, then time (22008).
func AddInterval(ts int64, v Interval) (int64, error) { return AddIntervalIn(ts, v, time.UTC) }

// AddIntervalIn returns timestamptz ts + v: months and days count on the
// calendar and the clocks of zone loc, time does not (22008).
func AddIntervalIn(ts int64, v Interval, loc *time.Location) (int64, error) {
	if isInfiniteTimestamp(ts) {
		return ts, nil
	}
	if v.Months != 0 || v.Days != 0 {
		local := ToLocal(ts, loc)
		days := floorDiv64(local, microsPerDay)
		tod := local - days*microsPerDay
		if v.Months != 0 {
			var c Civil
			c.Year, c.Month, c.Day = civilFromDays(days)
			c = c.addMonths(v.Months)
			days = daysFromCivil(c.Year, c.Month, c.Day)
		}
		days += int64(v.Days)
		if days < dateMin-1 || days >= timestampDayMax {
			return 0, errDatetimeRange("timestamp")
		}
		ts = FromLocal(days*microsPerDay+tod, loc)
		if !timestampInRange(ts) {
			return 0, errDatetimeRange("timestamp")
		}
	}
	sum, ok := addInt64(ts, v.Micros)
	if !ok || !timestampInRange(sum) {
		return 0, errDatetimeRange("timestamp")
	}
	return sum, nil
}

// SubInterval returns timestamp ts - v (22008).
func SubInterval(ts int64, v Interval) (int64, error) { return SubIntervalIn(ts, v, time.UTC) }

// SubIntervalIn returns timestamptz ts - v in zone loc (22008).
func SubIntervalIn(ts int64, v Interval, loc *time.Location) (int64, error) {
	negative, err := v.Neg()
	if err != nil {
		return 0, err
	}
	return AddIntervalIn(ts, negative, loc)
}

// SubTimestamps returns a - b in days and time (22008).
func SubTimestamps(a, b int64) (Interval, error) {
	if isInfiniteTimestamp(a) || isInfiniteTimestamp(b) {
		return Interval{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	return Interval{Micros: a - b}.JustifyHours()
}

// Age returns a - b in years, months, days and time, as age does (22008). Hand
// it local times.
func Age(a, b int64) (Interval, error) {
	if isInfiniteTimestamp(a) || isInfiniteTimestamp(b) {
		return Interval{}, errDatetimeRange("timestamp")
	}
	x, y := CivilOf(a), CivilOf(b)
	sign := 1
	if a < b {
		sign = -1
	}
	years, months, days := sign*(x.Year-y.Year), sign*(x.Month-y.Month), sign*(x.Day-y.Day)
	micros := int64(sign) * (x.timeOfDay() - y.timeOfDay())
	if micros < 0 {
		micros += microsPerDay
		days--
	}
	earlier := y
	if a < b {
		earlier = x
	}
	for days < 0 {
		days += daysIn(earlier.Year, earlier.Month)
		months--
	}
	for months < 0 {
		months += 12
		years--
	}
	return Interval{
		Months: int32(sign * (years*12 + months)), Days: int32(sign * days), Micros: int64(sign) * micros,
	}, nil
}

// AddToTime returns time of day t + v, round the clock.
func AddToTime(t int64, v Interval) int64 { return timeOfDay(t + v.Micros%microsPerDay) }

// weekdayOf is the day of the week; 0 is Sunday.
func weekdayOf(days int64) int { return int((days%7 + 11) % 7) }

// isoWeek returns the ISO 8601 week and its year (0 is 1 BC).
func isoWeek(days int64) (year, week int) {
	// The week's Thursday decides the year.
	monday := days - int64((weekdayOf(days)+6)%7)
	thursday := monday + 3
	year, _, _ = civilFromDays(thursday)
	return year, int(thursday-daysFromCivil(year, 1, 1))/7 + 1
}

// dayOfYear counts from 1.
func dayOfYear(days int64) int {
	year, _, _ := civilFromDays(days)
	return int(days-daysFromCivil(year, 1, 1)) + 1
}
