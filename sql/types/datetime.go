package types

import (
	"cmp"
	"encoding/binary"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerDatetime() {
	define(&Type{
		OID: DateOID, Name: "date", Len: 4, ByVal: true, Align: 'i', Storage: 'p', Category: CategoryDateTime,
		Array: DateArrayOID, ArrowType: always(arrow.FixedWidthTypes.Date32),
		AppendText: func(dst []byte, a arrow.Array, i int, f *Format) []byte {
			return AppendDateText(dst, DateAt(a, i), f)
		},
		ParseText: func(b array.Builder, s string, _ int32, f *Format) error {
			v, err := ParseDate(s, f)
			if err == nil {
				b.(*array.Date32Builder).Append(arrow.Date32(v))
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			v := DateAt(a, i)
			if v != DateInfinity && v != DateNegativeInfinity {
				v -= pgEpochDays
			}
			return appendUint32(dst, uint32(v))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := c.int32()
			if err := c.done(); err != nil {
				return err
			}
			if v != DateInfinity && v != DateNegativeInfinity {
				if !dateInRange(int64(v) + pgEpochDays) {
					return errDatetimeRange("date")
				}
				v += pgEpochDays
			}
			b.(*array.Date32Builder).Append(arrow.Date32(v))
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(DateAt(a, i), DateAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte { return keyInt32(dst, DateAt(a, i)) },
	})
	define(timestampType(&Type{OID: TimestampOID, Name: "timestamp", SQLName: "timestamp without time zone", Array: TimestampArrayOID}))
	define(timestampType(&Type{OID: TimestamptzOID, Name: "timestamptz", SQLName: "timestamp with time zone", Preferred: true, Array: TimestamptzArrayOID}))
	define(&Type{
		OID: TimeOID, Name: "time", SQLName: "time without time zone", Len: 8, ByVal: true, Align: 'd', Storage: 'p',
		Category: CategoryDateTime, Array: TimeArrayOID, ArrowType: always(arrow.FixedWidthTypes.Time64us),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return appendClock(dst, civilOfTime(TimeAt(a, i)))
		},
		ParseText: func(b array.Builder, s string, mod int32, f *Format) error {
			v, _, err := parseTime(s, f, "time")
			if err == nil {
				b.(*array.Time64Builder).Append(arrow.Time64(roundMicros(v, mod)))
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte { return appendUint64(dst, uint64(TimeAt(a, i))) },
		ParseBinary: func(b array.Builder, data []byte, mod int32) error {
			c := cursor{data: data}
			v := c.int64()
			if err := c.done(); err != nil {
				return err
			}
			if v < 0 || v > microsPerDay {
				return errDatetimeRange("time")
			}
			b.(*array.Time64Builder).Append(arrow.Time64(roundMicros(v, mod)))
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(TimeAt(a, i), TimeAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte { return keyInt64(dst, TimeAt(a, i)) },
		ParseMod:  parsePrecision("TIME"),
		FormatMod: formatPrecision,
		Coerce: coerceWith(TimeOID, func(b array.Builder, a arrow.Array, i int, mod int32) error {
			b.(*array.Time64Builder).Append(arrow.Time64(roundMicros(TimeAt(a, i), mod)))
			return nil
		}),
	})
	define(&Type{
		OID: TimetzOID, Name: "timetz", SQLName: "time with time zone", Len: 12, Align: 'd', Storage: 'p',
		Category: CategoryDateTime, Array: TimetzArrayOID, ArrowType: always(arrowTimetz),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			v := TimetzAt(a, i)
			return appendOffset(appendClock(dst, civilOfTime(v.Micros)), -int(v.West))
		},
		ParseText: func(b array.Builder, s string, mod int32, f *Format) error {
			v, east, err := parseTime(s, f, "time with time zone")
			if err == nil {
				AppendTimetz(b, Timetz{Micros: roundMicros(v, mod), West: int32(-east)})
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			v := TimetzAt(a, i)
			return appendUint32(appendUint64(dst, uint64(v.Micros)), uint32(v.West))
		},
		ParseBinary: func(b array.Builder, data []byte, mod int32) error {
			c := cursor{data: data}
			v := Timetz{Micros: c.int64(), West: c.int32()}
			if err := c.done(); err != nil {
				return err
			}
			if v.Micros < 0 || v.Micros > microsPerDay {
				return errDatetimeRange("time")
			}
			if v.West <= -16*3600 || v.West >= 16*3600 {
				return sqlerr.New(sqlerr.InvalidTimeZoneDisplacementValue, "time zone displacement out of range")
			}
			v.Micros = roundMicros(v.Micros, mod)
			AppendTimetz(b, v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return TimetzAt(a, i).Compare(TimetzAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			v := TimetzAt(a, i)
			return keyInt32(keyInt64(dst, v.utc()), v.West)
		},
		ParseMod:  parsePrecision("TIME"),
		FormatMod: formatPrecision,
		Coerce: coerceWith(TimetzOID, func(b array.Builder, a arrow.Array, i int, mod int32) error {
			v := TimetzAt(a, i)
			v.Micros = roundMicros(v.Micros, mod)
			AppendTimetz(b, v)
			return nil
		}),
	})
}

// timestampType fills in timestamp and timestamptz.
func timestampType(t *Type) *Type {
	t.Len, t.ByVal, t.Align, t.Storage, t.Category = 8, true, 'd', 'p', CategoryDateTime
	t.ArrowType = always(arrowMicros)
	withZone := t.OID == TimestamptzOID
	t.AppendText = func(dst []byte, a arrow.Array, i int, f *Format) []byte {
		return AppendTimestampText(dst, TimestampAt(a, i), withZone, f)
	}
	t.ParseText = func(b array.Builder, s string, mod int32, f *Format) error {
		v, err := parseTimestamp(s, f, withZone)
		if err == nil {
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(roundTimestamp(v, mod)))
		}
		return err
	}
	t.AppendBinary = func(dst []byte, a arrow.Array, i int) []byte {
		v := TimestampAt(a, i)
		if v != TimestampInfinity && v != TimestampNegativeInfinity {
			v -= pgEpochMicros
		}
		return appendUint64(dst, uint64(v))
	}
	t.ParseBinary = func(b array.Builder, data []byte, mod int32) error {
		c := cursor{data: data}
		v := c.int64()
		if err := c.done(); err != nil {
			return err
		}
		if v != TimestampInfinity && v != TimestampNegativeInfinity {
			if v >= TimestampInfinity-pgEpochMicros || !timestampInRange(v+pgEpochMicros) {
				return errDatetimeRange("timestamp")
			}
			v += pgEpochMicros
		}
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(roundTimestamp(v, mod)))
		return nil
	}
	t.Compare = func(a arrow.Array, i int, b arrow.Array, j int) int {
		return cmp.Compare(TimestampAt(a, i), TimestampAt(b, j))
	}
	t.AppendKey = func(dst []byte, a arrow.Array, i int) []byte { return keyInt64(dst, TimestampAt(a, i)) }
	t.ParseMod, t.FormatMod = parsePrecision("TIMESTAMP"), formatPrecision
	t.Coerce = coerceWith(t.OID, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(roundTimestamp(TimestampAt(a, i), mod)))
		return nil
	})
	return t
}

// coerceWith makes a Coerce that refits each value; mod < 0 lets them be.
func coerceWith(oid OID, fit func(b array.Builder, a arrow.Array, i int, mod int32) error) func(*EvalContext, arrow.Array, int32, bool) (arrow.Array, error) {
	return func(c *EvalContext, a arrow.Array, mod int32, _ bool) (arrow.Array, error) {
		if mod < 0 {
			a.Retain()
			return a, nil
		}
		b := NewBuilder(Of(oid), c.Mem)
		defer b.Release()
		b.Reserve(a.Len())
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			if err := fit(b, a, i, mod); err != nil {
				return nil, err
			}
		}
		return b.NewArray(), nil
	}
}

// DateAt is date i of a: days since 1970-01-01.
func DateAt(a arrow.Array, i int) int32 { return int32(a.(*array.Date32).Value(i)) }

// TimestampAt is timestamp or timestamptz i of a: microseconds since 1970-01-01.
func TimestampAt(a arrow.Array, i int) int64 { return int64(a.(*array.Timestamp).Value(i)) }

// TimeAt is time i of a: microseconds since midnight.
func TimeAt(a arrow.Array, i int) int64 { return int64(a.(*array.Time64).Value(i)) }

// Timetz is a time of day with its zone in seconds west of Greenwich.
type Timetz struct {
	Micros int64
	West   int32
}

// TimetzAt is timetz i of a.
func TimetzAt(a arrow.Array, i int) Timetz {
	v := fixedBytes(a, i)
	return Timetz{Micros: int64(binary.LittleEndian.Uint64(v)), West: int32(binary.LittleEndian.Uint32(v[8:]))}
}

// AppendTimetz appends v to a builder of timetz.
func AppendTimetz(b array.Builder, v Timetz) {
	var buf [12]byte
	binary.LittleEndian.PutUint64(buf[:], uint64(v.Micros))
	binary.LittleEndian.PutUint32(buf[8:], uint32(v.West))
	b.(*array.FixedSizeBinaryBuilder).Append(buf[:])
}

// utc is the time in Greenwich, not wrapped to a day.
func (t Timetz) utc() int64 { return t.Micros + int64(t.West)*microsPerSecond }

// Compare orders by the time in Greenwich, then by zone, easternmost first.
func (t Timetz) Compare(u Timetz) int {
	return cmp.Or(cmp.Compare(t.utc(), u.utc()), cmp.Compare(t.West, u.West))
}

func errDatetimeRange(typeName string) error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s out of range", typeName)
}

func errDatetimeTextRange(typeName, text string) error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s out of range: \"%s\"", typeName, text)
}

// AppendDateText prints a date.
func AppendDateText(dst []byte, days int32, f *Format) []byte {
	switch days {
	case DateInfinity:
		return append(dst, "infinity"...)
	case DateNegativeInfinity:
		return append(dst, "-infinity"...)
	}
	var c Civil
	c.Year, c.Month, c.Day = CivilOfDate(days)
	return appendEra(appendDate(dst, c, f), c.Year)
}

// AppendTimestampText prints a timestamp, or a timestamptz in the zone of f.
func AppendTimestampText(dst []byte, micros int64, withZone bool, f *Format) []byte {
	switch micros {
	case TimestampInfinity:
		return append(dst, "infinity"...)
	case TimestampNegativeInfinity:
		return append(dst, "-infinity"...)
	}
	if !withZone {
		return appendTimestamp(dst, micros, nil, f)
	}
	east, abbrev := offsetAt(f.TimeZone.Loc, micros)
	return appendTimestamp(dst, micros+int64(east)*microsPerSecond, &zoned{east, abbrev}, f)
}

// ParseDate reads a date (22007, 22008).
func ParseDate(s string, f *Format) (int32, error) {
	p := datetimeParser{format: orDefault(f)}
	if e := p.parse(s); e != 0 {
		return 0, p.fail(e, "date", s)
	}
	switch p.special {
	case wordEpoch:
		return 0, nil
	case wordInfinity:
		return DateInfinity, nil
	case wordNegInfinity:
		return DateNegativeInfinity, nil
	case wordNow:
		return int32(floorDiv64(ToLocal(p.now(), p.format.TimeZone.Loc), microsPerDay)), nil
	}
	if p.have&maskDate != maskDate {
		return 0, dtBadFormat.sqlError("date", s)
	}
	days, ok := p.Civil.Days()
	if !ok {
		return 0, errDatetimeTextRange("date", s)
	}
	return days, nil
}

// ParseTimestamp reads a timestamp without time zone (22007, 22008).
func ParseTimestamp(s string, f *Format) (int64, error) { return parseTimestamp(s, f, false) }

// ParseTimestamptz reads a timestamptz; without a zone in s it is local time of
// f's zone (22007, 22008, 22009, 22023).
func ParseTimestamptz(s string, f *Format) (int64, error) { return parseTimestamp(s, f, true) }

func parseTimestamp(s string, f *Format, withZone bool) (int64, error) {
	p := datetimeParser{format: orDefault(f)}
	typeName := "timestamp"
	if withZone {
		typeName = "timestamp with time zone"
	}
	if e := p.parse(s); e != 0 {
		return 0, p.fail(e, typeName, s)
	}
	switch p.special {
	case wordEpoch:
		return 0, nil
	case wordInfinity:
		return TimestampInfinity, nil
	case wordNegInfinity:
		return TimestampNegativeInfinity, nil
	case wordNow:
		if withZone {
			return p.now(), nil
		}
		return ToLocal(p.now(), p.format.TimeZone.Loc), nil
	}
	if p.have&maskDate != maskDate {
		return 0, dtBadFormat.sqlError(typeName, s)
	}
	east := 0
	if withZone {
		local := daysFromCivil(min(max(p.Year, -4800), 290000), p.Month, p.Day)*microsPerDay + p.timeOfDay()
		east = p.offset(local)
	}
	v, ok := p.microsEast(east)
	if !ok {
		return 0, errDatetimeTextRange("timestamp", s)
	}
	return v, nil
}

// parseTime reads a time and its zone in seconds east, the session's when there
// is none.
func parseTime(s string, f *Format, typeName string) (micros int64, east int, err error) {
	p := datetimeParser{format: orDefault(f), timeOnly: true}
	if e := p.parse(s); e != 0 {
		return 0, 0, p.fail(e, typeName, s)
	}
	local := ToLocal(p.now(), p.format.TimeZone.Loc)
	if p.special == wordNow {
		east, _ := offsetAt(p.format.TimeZone.Loc, p.now())
		return local - floorDiv64(local, microsPerDay)*microsPerDay, east, nil
	}
	hasDate := p.have&maskDate == maskDate
	// A zone whose offset changes needs a date.
	if p.special != 0 || p.have&maskTime != maskTime || p.zone != nil && !hasDate || p.have&maskDate != 0 && !hasDate {
		return 0, 0, dtBadFormat.sqlError(typeName, s)
	}
	micros = p.Civil.timeOfDay()
	if hasDate {
		local, _ = p.Civil.Micros()
	}
	return micros, p.offset(local), nil
}

// orDefault lets callers without a session pass nil.
func orDefault(f *Format) *Format {
	if f == nil {
		return DefaultFormat()
	}
	return f
}

// parsePrecision reads the p of timestamp(p) and time(p), cut to 6.
func parsePrecision(name string) func([]string) (int32, error) {
	return func(args []string) (int32, error) {
		n, err := oneMod(args)
		if err != nil {
			return 0, err
		}
		if n < 0 {
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "%s(%d) precision must not be negative", name, n)
		}
		return min(n, 6), nil
	}
}

func formatPrecision(mod int32) string { return "(" + strconv.Itoa(int(mod)) + ")" }

// microsPerDigit is the unit of the last digit of a fraction of p digits.
var microsPerDigit = [...]int64{1_000_000, 100_000, 10_000, 1_000, 100, 10, 1}

// roundMicros rounds a duration to mod digits of a second, half away from zero.
func roundMicros(v int64, mod int32) int64 {
	if mod < 0 || mod >= 6 {
		return v
	}
	unit := microsPerDigit[mod]
	if v >= 0 {
		return (v + unit/2) / unit * unit
	}
	return -((-v + unit/2) / unit * unit)
}

// roundTimestamp rounds away from 2000-01-01, as Postgres does.
func roundTimestamp(v int64, mod int32) int64 {
	if v == TimestampInfinity || v == TimestampNegativeInfinity || mod < 0 || mod >= 6 {
		return v
	}
	return roundMicros(v-pgEpochMicros, mod) + pgEpochMicros
}
