package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerDatetimeCasts() {
	add := func(source, target OID, context CastContext, f func(c *EvalContext, b array.Builder, a arrow.Array, i int) error) {
		registerCast(&Cast{Source: source, Target: target, Context: context, Method: 'f', Kernel: castValues(target, f)})
	}
	appendTimestamp := func(b array.Builder, v int64, err error) error {
		if err == nil {
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(v))
		}
		return err
	}
	appendTime := func(b array.Builder, micros int64) error {
		b.(*array.Time64Builder).Append(arrow.Time64(micros))
		return nil
	}

	add(DateOID, TimestampOID, CastImplicit, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		v, err := DateToTimestamp(DateAt(a, i))
		return appendTimestamp(b, v, err)
	})
	add(DateOID, TimestamptzOID, CastImplicit, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		v, err := DateToTimestamp(DateAt(a, i))
		return appendTimestamp(b, FromLocal(v, c.Format.TimeZone.Loc), err)
	})
	add(TimestampOID, DateOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		b.(*array.Date32Builder).Append(arrow.Date32(TimestampToDate(TimestampAt(a, i))))
		return nil
	})
	add(TimestamptzOID, DateOID, CastAssignment, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		local := ToLocal(TimestampAt(a, i), c.Format.TimeZone.Loc)
		b.(*array.Date32Builder).Append(arrow.Date32(TimestampToDate(local)))
		return nil
	})
	add(TimestampOID, TimestamptzOID, CastImplicit, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		return appendTimestamp(b, FromLocal(TimestampAt(a, i), c.Format.TimeZone.Loc), nil)
	})
	add(TimestamptzOID, TimestampOID, CastAssignment, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		return appendTimestamp(b, ToLocal(TimestampAt(a, i), c.Format.TimeZone.Loc), nil)
	})
	timeCast := func(local func(c *EvalContext, v int64) int64) func(*EvalContext, array.Builder, arrow.Array, int) error {
		return func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
			v := TimestampAt(a, i)
			if v == TimestampInfinity || v == TimestampNegativeInfinity {
				b.AppendNull() // as Postgres: infinity has no time of day
				return nil
			}
			return appendTime(b, timeOfDay(local(c, v)))
		}
	}
	add(TimestampOID, TimeOID, CastAssignment, timeCast(func(_ *EvalContext, v int64) int64 { return v }))
	add(TimestamptzOID, TimeOID, CastAssignment, timeCast(func(c *EvalContext, v int64) int64 {
		return ToLocal(v, c.Format.TimeZone.Loc)
	}))
	add(TimestamptzOID, TimetzOID, CastAssignment, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		v := TimestampAt(a, i)
		if v == TimestampInfinity || v == TimestampNegativeInfinity {
			b.AppendNull()
			return nil
		}
		east, _ := offsetAt(c.Format.TimeZone.Loc, v)
		AppendTimetz(b, Timetz{Micros: timeOfDay(v + int64(east)*microsPerSecond), West: int32(-east)})
		return nil
	})
	add(TimeOID, IntervalOID, CastImplicit, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		AppendInterval(b, Interval{Micros: TimeAt(a, i)})
		return nil
	})
	add(IntervalOID, TimeOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		return appendTime(b, timeOfDay(IntervalAt(a, i).Micros))
	})
	add(TimeOID, TimetzOID, CastImplicit, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		// The session zone's offset of today at that time.
		today := ToLocal(c.TransactionTime, c.Format.TimeZone.Loc)
		local := today - timeOfDay(today) + TimeAt(a, i)
		AppendTimetz(b, Timetz{Micros: TimeAt(a, i), West: int32(-localOffset(local, c.Format.TimeZone.Loc))})
		return nil
	})
	add(TimetzOID, TimeOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		return appendTime(b, TimetzAt(a, i).Micros)
	})
	for _, t := range []OID{TimestampOID, TimestamptzOID, TimeOID, TimetzOID, IntervalOID} {
		registerCast(&Cast{Source: t, Target: t, Context: CastImplicit, Method: 'f', Kernel: identity})
	}
}

// timeOfDay is the time since midnight of finite microseconds.
func timeOfDay(micros int64) int64 { return micros - floorDiv64(micros, microsPerDay)*microsPerDay }

// DateToTimestamp is midnight of a date (22008).
func DateToTimestamp(days int32) (int64, error) {
	switch {
	case days == DateInfinity:
		return TimestampInfinity, nil
	case days == DateNegativeInfinity:
		return TimestampNegativeInfinity, nil
	case int64(days) >= timestampDayMax:
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
	}
	return int64(days) * microsPerDay, nil
}

// TimestampToDate is the date of a local timestamp.
func TimestampToDate(micros int64) int32 {
	switch micros {
	case TimestampInfinity:
		return DateInfinity
	case TimestampNegativeInfinity:
		return DateNegativeInfinity
	}
	return int32(floorDiv64(micros, microsPerDay))
}
