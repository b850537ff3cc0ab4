package funcs

import (
	"cmp"
	"math"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Microseconds of the units.
const (
	microSecond = int64(1_000_000)
	microMinute = 60 * microSecond
	microHour   = 60 * microMinute
	microDay    = 24 * microHour
)

func init() {
	clock := func(f func(c *types.EvalContext) int64) types.Kernel {
		return Lift0(func(c *types.EvalContext) (arrow.Timestamp, error) { return arrow.Timestamp(f(c)), nil })
	}
	kernels("now() transaction_timestamp()", clock(func(c *types.EvalContext) int64 { return c.TransactionTime }))
	kernel("statement_timestamp()", clock(func(c *types.EvalContext) int64 { return c.StatementTime }))
	kernel("clock_timestamp()", clock(func(*types.EvalContext) int64 { return time.Now().UnixMicro() }))
	kernel("timeofday()", Lift0(func(c *types.EvalContext) (string, error) {
		return time.Now().In(c.Format.TimeZone.Loc).Format("Mon Jan 02 15:04:05.000000 2006 MST"), nil
	}))

	kernel("timestamp_pl_interval(timestamp,interval)", Lift2E(addToTimestamp))
	kernel("timestamp_mi_interval(timestamp,interval)", Lift2E(func(t arrow.Timestamp, v types.Interval) (arrow.Timestamp, error) {
		return withNegated(v, func(v types.Interval) (arrow.Timestamp, error) { return addToTimestamp(t, v) })
	}))
	kernel("interval_pl_timestamp(interval,timestamp)", Lift2E(func(v types.Interval, t arrow.Timestamp) (arrow.Timestamp, error) {
		return addToTimestamp(t, v)
	}))
	kernel("timestamptz_pl_interval(timestamptz,interval)", Lift2C(func(c *types.EvalContext, t arrow.Timestamp, v types.Interval) (arrow.Timestamp, error) {
		return addToTimestamptz(t, v, c.Format.TimeZone)
	}))
	kernel("timestamptz_mi_interval(timestamptz,interval)", Lift2C(func(c *types.EvalContext, t arrow.Timestamp, v types.Interval) (arrow.Timestamp, error) {
		return withNegated(v, func(v types.Interval) (arrow.Timestamp, error) { return addToTimestamptz(t, v, c.Format.TimeZone) })
	}))
	kernel("interval_pl_timestamptz(interval,timestamptz)", Lift2C(func(c *types.EvalContext, v types.Interval, t arrow.Timestamp) (arrow.Timestamp, error) {
		return addToTimestamptz(t, v, c.Format.TimeZone)
	}))
	kernels("timestamp_mi(timestamp,timestamp) timestamptz_mi(timestamptz,timestamptz)", Lift2E(subtractTimestamps))

	kernel("date_pli(date,int4)", Lift2E(addDays))
	kernel("integer_pl_date(int4,date)", Lift2E(func(n int32, d arrow.Date32) (arrow.Date32, error) { return addDays(d, n) }))
	kernel("date_mii(date,int4)", Lift2E(func(d arrow.Date32, n int32) (arrow.Date32, error) {
		if n == math.MinInt32 {
			return 0, errDateRange()
		}
		return addDays(d, -n)
	}))
	kernel("date_mi(date,date)", Lift2E(func(a, b arrow.Date32) (int32, error) {
		if isInfiniteDate(a) || isInfiniteDate(b) {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
		}
		return int32(a - b), nil
	}))
	kernel("date_pl_interval(date,interval)", Lift2E(addToDate))
	kernel("interval_pl_date(interval,date)", Lift2E(func(v types.Interval, d arrow.Date32) (arrow.Timestamp, error) { return addToDate(d, v) }))
	kernel("date_mi_interval(date,interval)", Lift2E(func(d arrow.Date32, v types.Interval) (arrow.Timestamp, error) {
		return withNegated(v, func(v types.Interval) (arrow.Timestamp, error) { return addToDate(d, v) })
	}))
	kernel("datetime_pl(date,time)", Lift2E(dateAndTime))
	kernel("timedate_pl(time,date)", Lift2E(func(t arrow.Time64, d arrow.Date32) (arrow.Timestamp, error) { return dateAndTime(d, t) }))
	kernel("datetimetz_pl(date,timetz)", Lift2E(dateAndTimetz))
	kernel("timetzdate_pl(timetz,date)", Lift2E(func(t types.Timetz, d arrow.Date32) (arrow.Timestamp, error) { return dateAndTimetz(d, t) }))

	kernel("time_mi_time(time,time)", Lift2(func(a, b arrow.Time64) types.Interval { return types.Interval{Micros: int64(a - b)} }))
	kernel("time_pl_interval(time,interval)", Lift2(func(t arrow.Time64, v types.Interval) arrow.Time64 { return wrapTime(int64(t), v.Micros) }))
	kernel("interval_pl_time(interval,time)", Lift2(func(v types.Interval, t arrow.Time64) arrow.Time64 { return wrapTime(int64(t), v.Micros) }))
	kernel("time_mi_interval(time,interval)", Lift2(func(t arrow.Time64, v types.Interval) arrow.Time64 { return wrapTime(int64(t), -v.Micros) }))
	timetzPlus := func(t types.Timetz, micros int64) types.Timetz {
		return types.Timetz{Micros: int64(wrapTime(t.Micros, micros)), West: t.West}
	}
	kernel("timetz_pl_interval(timetz,interval)", Lift2(func(t types.Timetz, v types.Interval) types.Timetz { return timetzPlus(t, v.Micros) }))
	kernel("interval_pl_timetz(interval,timetz)", Lift2(func(v types.Interval, t types.Timetz) types.Timetz { return timetzPlus(t, v.Micros) }))
	kernel("timetz_mi_interval(timetz,interval)", Lift2(func(t types.Timetz, v types.Interval) types.Timetz { return timetzPlus(t, -v.Micros) }))

	kernel("age(timestamp,timestamp)", Lift2E(age))
	kernel("age(timestamptz,timestamptz)", Lift2C(func(c *types.EvalContext, a, b arrow.Timestamp) (types.Interval, error) {
		return age(toLocal(a, c.Format.TimeZone), toLocal(b, c.Format.TimeZone))
	}))
	kernel("age(timestamp)", Lift1C(func(c *types.EvalContext, t arrow.Timestamp) (types.Interval, error) { return age(today(c), t) }))
	kernel("age(timestamptz)", Lift1C(func(c *types.EvalContext, t arrow.Timestamp) (types.Interval, error) {
		return age(today(c), toLocal(t, c.Format.TimeZone))
	}))

	kernels("isfinite(timestamp) isfinite(timestamptz)", Lift1(func(t arrow.Timestamp) bool { return !isInfinite(t) }))
	kernel("isfinite(date)", Lift1(func(d arrow.Date32) bool { return !isInfiniteDate(d) }))
	kernel("isfinite(interval)", Lift1(func(types.Interval) bool { return true }))
	kernel("date_bin(interval,timestamp,timestamp)", Lift3E(dateBin))
	kernel("date_bin(interval,timestamptz,timestamptz)", Lift3E(dateBin))
	registerZoneFunctions()
	for _, args := range []string{"timestamp,timestamp,interval", "timestamptz,timestamptz,interval"} {
		withZone := args[9] == 't'
		rows("generate_series("+args+")", func(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
			return timestampSeries(c, args, withZone)
		})
	}
}

func errTimestampRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
}

func errDateRange() error { return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range") }

func isInfinite(t arrow.Timestamp) bool {
	return t == types.TimestampInfinity || t == types.TimestampNegativeInfinity
}

func isInfiniteDate(d arrow.Date32) bool {
	return d == types.DateInfinity || d == types.DateNegativeInfinity
}

func toLocal(t arrow.Timestamp, zone types.Location) arrow.Timestamp {
	return arrow.Timestamp(types.ToLocal(int64(t), zone.Loc))
}

func fromLocal(t arrow.Timestamp, zone types.Location) arrow.Timestamp {
	return arrow.Timestamp(types.FromLocal(int64(t), zone.Loc))
}

// today is midnight of the session's current date.
func today(c *types.EvalContext) arrow.Timestamp {
	local := types.ToLocal(c.TransactionTime, c.Format.TimeZone.Loc)
	return arrow.Timestamp(local - floorMod(local, microDay))
}

func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// timestampOf is the timestamp of calendar fields.
func timestampOf(c types.Civil) (arrow.Timestamp, error) {
	micros, ok := c.Micros()
	if !ok {
		return 0, errTimestampRange()
	}
	return arrow.Timestamp(micros), nil
}

// plusMicros adds within the range of timestamps.
func plusMicros(t arrow.Timestamp, micros int64) (arrow.Timestamp, error) {
	sum := int64(t) + micros
	if (sum > int64(t)) != (micros > 0) && micros != 0 {
		return 0, errTimestampRange()
	}
	return timestampOf(types.CivilOf(sum))
}

// addToTimestamp adds months, then days, then time; a day that its month lacks
// becomes the last one.
func addToTimestamp(t arrow.Timestamp, v types.Interval) (arrow.Timestamp, error) {
	if isInfinite(t) {
		return t, nil
	}
	t, err := addCalendar(t, v)
	if err != nil {
		return 0, err
	}
	return plusMicros(t, v.Micros)
}

// addCalendar adds the months and days of v.
func addCalendar(t arrow.Timestamp, v types.Interval) (_ arrow.Timestamp, err error) {
	if v.Months != 0 {
		c := types.CivilOf(int64(t))
		months := int64(c.Year)*12 + int64(c.Month-1) + int64(v.Months)
		c.Year, c.Month = int((months-floorMod(months, 12))/12), int(floorMod(months, 12))+1
		c.Day = min(c.Day, types.DaysIn(c.Year, c.Month))
		if t, err = timestampOf(c); err != nil {
			return 0, err
		}
	}
	if v.Days != 0 {
		if t, err = plusMicros(t, int64(v.Days)*microDay); err != nil {
			return 0, err
		}
	}
	return t, nil
}

// addToTimestamptz adds months and days on the calendar of the zone, time on the
// clock.
func addToTimestamptz(t arrow.Timestamp, v types.Interval, zone types.Location) (arrow.Timestamp, error) {
	if isInfinite(t) {
		return t, nil
	}
	if v.Months != 0 || v.Days != 0 {
		local, err := addCalendar(toLocal(t, zone), v)
		if err != nil {
			return 0, err
		}
		t = fromLocal(local, zone)
	}
	return plusMicros(t, v.Micros)
}

func withNegated(v types.Interval, f func(v types.Interval) (arrow.Timestamp, error)) (arrow.Timestamp, error) {
	n, err := v.Neg()
	if err != nil {
		return 0, err
	}
	return f(n)
}

func subtractTimestamps(a, b arrow.Timestamp) (types.Interval, error) {
	if isInfinite(a) || isInfinite(b) {
		return types.Interval{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	return types.Interval{Micros: int64(a - b)}.JustifyHours()
}

func addDays(d arrow.Date32, n int32) (arrow.Date32, error) {
	if isInfiniteDate(d) {
		return d, nil
	}
	sum := int64(d) + int64(n)
	if sum != int64(int32(sum)) {
		return 0, errDateRange()
	}
	var c types.Civil
	c.Year, c.Month, c.Day = types.CivilOfDate(int32(sum))
	if _, ok := c.Days(); !ok {
		return 0, errDateRange()
	}
	return arrow.Date32(sum), nil
}

func addToDate(d arrow.Date32, v types.Interval) (arrow.Timestamp, error) {
	t, err := types.DateToTimestamp(int32(d))
	if err != nil {
		return 0, err
	}
	return addToTimestamp(arrow.Timestamp(t), v)
}

func dateAndTime(d arrow.Date32, t arrow.Time64) (arrow.Timestamp, error) {
	midnight, err := types.DateToTimestamp(int32(d))
	if err != nil || isInfiniteDate(d) {
		return arrow.Timestamp(midnight), err
	}
	return plusMicros(arrow.Timestamp(midnight), int64(t))
}

func dateAndTimetz(d arrow.Date32, t types.Timetz) (arrow.Timestamp, error) {
	midnight, err := types.DateToTimestamp(int32(d))
	if err != nil || isInfiniteDate(d) {
		return arrow.Timestamp(midnight), err
	}
	return plusMicros(arrow.Timestamp(midnight), t.Micros+int64(t.West)*microSecond)
}

// wrapTime adds on the clock face.
func wrapTime(t, micros int64) arrow.Time64 {
	return arrow.Time64(floorMod(t+micros%microDay, microDay))
}

// age subtracts field by field, so that the result reads in years, months and
// days.
func age(a, b arrow.Timestamp) (types.Interval, error) {
	if isInfinite(a) || isInfinite(b) {
		return types.Interval{}, errTimestampRange()
	}
	negative := a < b
	if negative {
		a, b = b, a
	}
	late, early := types.CivilOf(int64(a)), types.CivilOf(int64(b))
	micros := clockOf(late) - clockOf(early)
	days, months := late.Day-early.Day, (late.Year-early.Year)*12+late.Month-early.Month
	if micros < 0 {
		micros += microDay
		days--
	}
	if days < 0 {
		// The days of the month in which the earlier date lies.
		days += types.DaysIn(early.Year, early.Month)
		months--
	}
	v := types.Interval{Months: int32(months), Days: int32(days), Micros: micros}
	if negative {
		return v.Neg()
	}
	return v, nil
}

// clockOf is the time of day in microseconds.
func clockOf(c types.Civil) int64 {
	return int64(c.Hour)*microHour + int64(c.Minute)*microMinute + int64(c.Second)*microSecond + int64(c.Micro)
}

// dateBin cuts a timestamp to the start of its stride, counted from origin.
func dateBin(stride types.Interval, t, origin arrow.Timestamp) (arrow.Timestamp, error) {
	switch {
	case isInfinite(t):
		return t, nil
	case isInfinite(origin):
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "origin out of range")
	case stride.Months != 0:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "timestamps cannot be binned into intervals containing months or years")
	}
	step := int64(stride.Days)*microDay + stride.Micros
	if step <= 0 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "stride must be greater than zero")
	}
	return t - arrow.Timestamp(floorMod(int64(t-origin), step)), nil
}

// registerZoneFunctions registers timezone(), which AT TIME ZONE calls.
func registerZoneFunctions() {
	kernel("timezone(text,timestamp)", Lift2E(func(name string, t arrow.Timestamp) (arrow.Timestamp, error) {
		zone, err := types.ZoneOfText(name)
		if err != nil {
			return 0, err
		}
		return fromLocal(t, zone), nil
	}))
	kernel("timezone(text,timestamptz)", Lift2E(func(name string, t arrow.Timestamp) (arrow.Timestamp, error) {
		zone, err := types.ZoneOfText(name)
		if err != nil {
			return 0, err
		}
		return toLocal(t, zone), nil
	}))
	kernel("timezone(interval,timestamp)", Lift2E(func(v types.Interval, t arrow.Timestamp) (arrow.Timestamp, error) {
		zone, err := zoneOfInterval(v)
		if err != nil {
			return 0, err
		}
		return fromLocal(t, zone), nil
	}))
	kernel("timezone(interval,timestamptz)", Lift2E(func(v types.Interval, t arrow.Timestamp) (arrow.Timestamp, error) {
		zone, err := zoneOfInterval(v)
		if err != nil {
			return 0, err
		}
		return toLocal(t, zone), nil
	}))
	shift := func(t types.Timetz, zone types.Location, at int64) types.Timetz {
		east, _ := zone.OffsetAt(at)
		utc := t.Micros + int64(t.West)*microSecond
		return types.Timetz{Micros: floorMod(utc+int64(east)*microSecond, microDay), West: int32(-east)}
	}
	kernel("timezone(text,timetz)", Lift2C(func(c *types.EvalContext, name string, t types.Timetz) (types.Timetz, error) {
		zone, err := types.ZoneOfText(name)
		if err != nil {
			return t, err
		}
		return shift(t, zone, c.TransactionTime), nil
	}))
	kernel("timezone(interval,timetz)", Lift2C(func(c *types.EvalContext, v types.Interval, t types.Timetz) (types.Timetz, error) {
		zone, err := zoneOfInterval(v)
		if err != nil {
			return t, err
		}
		return shift(t, zone, c.TransactionTime), nil
	}))
}

func zoneOfInterval(v types.Interval) (types.Location, error) {
	if v.Months != 0 || v.Days != 0 {
		return types.Location{}, sqlerr.New(sqlerr.InvalidParameterValue, "interval time zone \"%s\" must not include months or days",
			v.AppendText(nil, types.DefaultFormat()))
	}
	return types.ZoneOfOffset(int(v.Micros / microSecond)), nil
}

// timestampSeries is generate_series over timestamps.
func timestampSeries(c *types.EvalContext, args []types.Vec, withZone bool) (RowsIterator, error) {
	first, last, by := open[arrow.Timestamp](args[0]), open[arrow.Timestamp](args[1]), open[types.Interval](args[2])
	current, stop, step := first.get(0), last.get(0), by.get(0)
	sign := step.Compare(types.Interval{})
	if sign == 0 {
		return nil, errZeroStep()
	}
	return &sequence[arrow.Timestamp]{context: c, next: func() (t arrow.Timestamp, ok bool, err error) {
		if cmp.Compare(current, stop)*sign > 0 {
			return 0, false, nil
		}
		t = current
		if withZone {
			current, err = addToTimestamptz(current, step, c.Format.TimeZone)
		} else {
			current, err = addToTimestamp(current, step)
		}
		return t, true, err
	}}, nil
}

// compareDatetimes compares dates, timestamps and timestamptz with each other.
func compareDatetimes(left, right, op string) types.Kernel {
	value := func(name string, v int64, c *types.EvalContext) int64 {
		switch name {
		case "date":
			// A date beyond all timestamps is the greatest there is.
			t, err := types.DateToTimestamp(int32(v))
			if err != nil {
				t = types.TimestampInfinity - 1
			}
			v = t
		}
		return v
	}
	order := func(c *types.EvalContext, a, b int64) int {
		a, b = value(left, a, c), value(right, b, c)
		if (left == "timestamptz") != (right == "timestamptz") {
			if left == "timestamptz" {
				b = types.FromLocal(b, c.Format.TimeZone.Loc)
			} else {
				a = types.FromLocal(a, c.Format.TimeZone.Loc)
			}
		}
		return cmp.Compare(a, b)
	}
	switch left + " " + right {
	case "date timestamp", "date timestamptz":
		return compareLifted(op, func(c *types.EvalContext, a arrow.Date32, b arrow.Timestamp) int { return order(c, int64(a), int64(b)) })
	case "timestamp date", "timestamptz date":
		return compareLifted(op, func(c *types.EvalContext, a arrow.Timestamp, b arrow.Date32) int { return order(c, int64(a), int64(b)) })
	case "timestamp timestamptz", "timestamptz timestamp":
		return compareLifted(op, func(c *types.EvalContext, a, b arrow.Timestamp) int { return order(c, int64(a), int64(b)) })
	}
	return nil
}
