package funcs

import (
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernel("make_date(int4,int4,int4)", Lift3E(func(year, month, day int32) (arrow.Date32, error) {
		c, err := civilDate(year, month, day)
		if err != nil {
			return 0, err
		}
		days, ok := c.Days()
		if !ok {
			return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", year, month, day)
		}
		return arrow.Date32(days), nil
	}))
	kernel("make_time(int4,int4,float8)", Lift3E(func(hour, minute int32, second float64) (arrow.Time64, error) {
		micros, err := clockMicros(hour, minute, second)
		return arrow.Time64(micros), err
	}))
	kernel("make_timestamp(int4,int4,int4,int4,int4,float8)", rowKernel(func(_ *types.EvalContext, r row) (arrow.Timestamp, error) {
		return makeTimestamp(r)
	}))
	kernel("make_timestamptz(int4,int4,int4,int4,int4,float8)", rowKernel(func(c *types.EvalContext, r row) (arrow.Timestamp, error) {
		t, err := makeTimestamp(r)
		return fromLocal(t, c.Format.TimeZone), err
	}))
	kernel("make_timestamptz(int4,int4,int4,int4,int4,float8,text)", rowKernel(func(_ *types.EvalContext, r row) (arrow.Timestamp, error) {
		t, err := makeTimestamp(r)
		if err != nil {
			return 0, err
		}
		zone, err := types.ZoneOfText(field[string](r, 6))
		if err != nil {
			return 0, err
		}
		return fromLocal(t, zone), nil
	}))
	kernel("make_interval(int4,int4,int4,int4,int4,int4,float8)", rowKernel(func(_ *types.EvalContext, r row) (types.Interval, error) {
		return makeInterval(r)
	}))
	kernel("to_timestamp(float8)", Lift1E(timestampOfEpoch))
	kernel("pg_sleep_until(timestamptz)", func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		until := open[arrow.Timestamp](args[0])
		for i := range n {
			if until.isNull(i) {
				continue
			}
			if err := sleep(c, float64(int64(until.get(i))-time.Now().UnixMicro())/float64(microSecond)); err != nil {
				return nil, err
			}
		}
		return types.NullArray(types.Of(types.VoidOID), c.Mem, n), nil
	})
	registerOverlaps()
}

// row is the arguments of one row of a function with many.
type row struct {
	args []types.Vec
	i    int
}

// field is argument k of a row.
func field[T any](r row, k int) T {
	x := open[T](r.args[k])
	return x.get(r.i)
}

// rowKernel makes a strict kernel of a function that reads its arguments by
// number.
func rowKernel[R any](f func(c *types.EvalContext, r row) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (R, error) { return f(c, row{args, i}) })
	}
}

// civilDate checks a date given in fields; a negative year is BC.
func civilDate(year, month, day int32) (types.Civil, error) {
	c := types.Civil{Year: int(year), Month: int(month), Day: int(day)}
	if year < 0 {
		c.Year++
	}
	if year == 0 || month < 1 || month > 12 || day < 1 || int(day) > types.DaysIn(c.Year, c.Month) {
		return c, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d", year, month, day)
	}
	return c, nil
}

// clockMicros checks a time of day given in fields.
func clockMicros(hour, minute int32, second float64) (int64, error) {
	micros := int64(math.RoundToEven(second * float64(microSecond)))
	total := int64(hour)*microHour + int64(minute)*microMinute + micros
	if hour < 0 || minute < 0 || minute > 59 || math.IsNaN(second) || second < 0 || second > 60 || hour > 24 || total > microDay {
		text := strconv.FormatFloat(second, 'g', 6, 64)
		if len(text) < 2 {
			text = "0" + text
		}
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time field value out of range: %d:%02d:%s", hour, minute, text)
	}
	return total, nil
}

func makeTimestamp(r row) (arrow.Timestamp, error) {
	c, err := civilDate(field[int32](r, 0), field[int32](r, 1), field[int32](r, 2))
	if err != nil {
		return 0, err
	}
	micros, err := clockMicros(field[int32](r, 3), field[int32](r, 4), field[float64](r, 5))
	if err != nil {
		return 0, err
	}
	midnight, err := timestampOf(c)
	if err != nil {
		return 0, err
	}
	return plusMicros(midnight, micros)
}

// makeInterval adds up years, months, weeks, days, hours, minutes and seconds.
func makeInterval(r row) (types.Interval, error) {
	n := func(k int) int64 { return int64(field[int32](r, k)) }
	months, days := n(0)*12+n(1), n(2)*7+n(3)
	seconds := math.RoundToEven(field[float64](r, 6) * float64(microSecond))
	micros := float64(n(4)*microHour) + float64(n(5)*microMinute) + seconds
	if months != int64(int32(months)) || days != int64(int32(days)) || !(math.Abs(micros) < math.MaxInt64) {
		return types.Interval{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
	}
	return types.Interval{Months: int32(months), Days: int32(days), Micros: n(4)*microHour + n(5)*microMinute + int64(seconds)}, nil
}

// timestampOfEpoch is to_timestamp(seconds).
func timestampOfEpoch(seconds float64) (arrow.Timestamp, error) {
	switch {
	case math.IsNaN(seconds):
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	case math.IsInf(seconds, 1):
		return types.TimestampInfinity, nil
	case math.IsInf(seconds, -1):
		return types.TimestampNegativeInfinity, nil
	}
	micros := math.RoundToEven(seconds * float64(microSecond))
	if math.Abs(micros) < math.MaxInt64 {
		if t, err := timestampOf(types.CivilOf(int64(micros))); err == nil {
			return t, nil
		}
	}
	return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", strconv.FormatFloat(seconds, 'g', -1, 64))
}

// registerOverlaps registers (start, end) OVERLAPS (start, end), where an end
// may be an interval from its start.
func registerOverlaps() {
	registerOverlapsOf("timestamp", compareOrdered[arrow.Timestamp], func(_ *types.EvalContext, t arrow.Timestamp, v types.Interval) (arrow.Timestamp, error) {
		return addToTimestamp(t, v)
	})
	registerOverlapsOf("timestamptz", compareOrdered[arrow.Timestamp], func(c *types.EvalContext, t arrow.Timestamp, v types.Interval) (arrow.Timestamp, error) {
		return addToTimestamptz(t, v, c.Format.TimeZone)
	})
	registerOverlapsOf("time", compareOrdered[arrow.Time64], func(_ *types.EvalContext, t arrow.Time64, v types.Interval) (arrow.Time64, error) {
		return wrapTime(int64(t), v.Micros), nil
	})
	kernel("overlaps(timetz,timetz,timetz,timetz)", overlapsKernel(types.Timetz.Compare, nil))
}

func registerOverlapsOf[T any](name string, compare func(a, b T) int, add func(c *types.EvalContext, t T, v types.Interval) (T, error)) {
	k := overlapsKernel(compare, add)
	for _, first := range []string{name, "interval"} {
		for _, second := range []string{name, "interval"} {
			kernel("overlaps("+name+","+first+","+name+","+second+")", k)
		}
	}
}

func compareOrdered[T integer](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// period is a pair of ends of which one may be missing.
type period[T any] struct {
	from, to T
	noTo     bool
}

// overlapsKernel is not strict: a missing end counts as long as it does not
// matter.
func overlapsKernel[T any](compare func(a, b T) int, add func(c *types.EvalContext, t T, v types.Interval) (T, error)) types.Kernel {
	read := func(c *types.EvalContext, args []types.Vec, i int) (p period[T], ok bool, err error) {
		noFrom := args[0].IsNull(i)
		p.noTo = args[1].IsNull(i)
		if !noFrom {
			p.from = field[T](row{args, i}, 0)
		}
		switch {
		case p.noTo:
		case args[1].Array.DataType().ID() != args[0].Array.DataType().ID():
			if p.noTo = noFrom; !noFrom {
				if p.to, err = add(c, p.from, field[types.Interval](row{args, i}, 1)); err != nil {
					return p, false, err
				}
			}
		default:
			p.to = field[T](row{args, i}, 1)
		}
		switch {
		case noFrom && p.noTo:
			return p, false, nil
		case noFrom:
			p.from, p.noTo = p.to, true
		case !p.noTo && compare(p.from, p.to) > 0:
			p.from, p.to = p.to, p.from
		}
		return p, true, nil
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, nil, n, func(i int) (bool, error) {
			a, okA, err := read(c, args[:2], i)
			if err != nil {
				return false, err
			}
			b, okB, err := read(c, args[2:], i)
			if err != nil {
				return false, err
			}
			if !okA || !okB {
				return false, null
			}
			order := compare(a.from, b.from)
			if order == 0 {
				return true, nullIf(a.noTo || b.noTo)
			}
			if order > 0 {
				a, b = b, a
			}
			// Now a begins first.
			switch {
			case a.noTo:
				return false, null
			case compare(b.from, a.to) < 0:
				return true, nil
			}
			return false, nullIf(b.noTo)
		})
	}
}
