package types

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// Interval is a span of time; its parts are not interchangeable, since months
// and days differ in length.
type Interval struct {
	Months, Days int32
	Micros       int64
}

func registerInterval() {
	define(&Type{
		OID: IntervalOID, Name: "interval", Len: 16, Align: 'd', Storage: 'p', Category: CategoryTimespan,
		Preferred: true, Array: IntervalArrayOID, ArrowType: always(arrowInterval),
		AppendText: func(dst []byte, a arrow.Array, i int, f *Format) []byte {
			return IntervalAt(a, i).AppendText(dst, f)
		},
		ParseText: func(b array.Builder, s string, mod int32, f *Format) error {
			v, err := parseIntervalMod(s, mod, f)
			if err == nil {
				AppendInterval(b, v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			v := IntervalAt(a, i)
			dst = appendUint64(dst, uint64(v.Micros))
			return appendUint32(appendUint32(dst, uint32(v.Days)), uint32(v.Months))
		},
		ParseBinary: func(b array.Builder, data []byte, mod int32) error {
			c := cursor{data: data}
			v := Interval{Micros: c.int64(), Days: c.int32(), Months: c.int32()}
			if err := c.done(); err != nil {
				return err
			}
			AppendInterval(b, v.fit(mod))
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return IntervalAt(a, i).Compare(IntervalAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			hi, lo := IntervalAt(a, i).span()
			return appendUint64(keyInt64(dst, hi), lo)
		},
		ParseMod:  parseIntervalTypmod,
		FormatMod: formatIntervalMod,
		Coerce: coerceWith(IntervalOID, func(b array.Builder, a arrow.Array, i int, mod int32) error {
			AppendInterval(b, IntervalAt(a, i).fit(mod))
			return nil
		}),
	})
}

// IntervalAt is interval i of a.
func IntervalAt(a arrow.Array, i int) Interval {
	v := fixedBytes(a, i)
	return Interval{
		Months: int32(binary.LittleEndian.Uint32(v)), Days: int32(binary.LittleEndian.Uint32(v[4:])),
		Micros: int64(binary.LittleEndian.Uint64(v[8:])),
	}
}

// AppendInterval appends v to a builder of intervals.
func AppendInterval(b array.Builder, v Interval) {
	var buf [16]byte
	binary.LittleEndian.PutUint32(buf[:], uint32(v.Months))
	binary.LittleEndian.PutUint32(buf[4:], uint32(v.Days))
	binary.LittleEndian.PutUint64(buf[8:], uint64(v.Micros))
	b.(*array.FixedSizeBinaryBuilder).Append(buf[:])
}

// span is the length in microseconds, months of 30 days and days of 24 hours,
// as a 128-bit integer.
func (v Interval) span() (hi int64, lo uint64) {
	days := int64(v.Months)*30 + int64(v.Days)
	high, low := bits.Mul64(absInt64(days), microsPerDay)
	if days < 0 {
		var borrow uint64
		low, borrow = bits.Sub64(0, low, 0)
		high = -high - borrow
	}
	low, carry := bits.Add64(low, uint64(v.Micros), 0)
	return int64(high + uint64(v.Micros>>63) + carry), low
}

// Compare orders by length: '1 month' is equal to '30 days'.
func (v Interval) Compare(w Interval) int {
	hiV, loV := v.span()
	hiW, loW := w.span()
	return cmp.Or(cmp.Compare(hiV, hiW), cmp.Compare(loV, loW))
}

func errIntervalRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
}

// addInt32 and addInt64 add within their range.
func addInt32(x, y int32) (int32, bool) {
	s := int64(x) + int64(y)
	return int32(s), s == int64(int32(s))
}

func addInt64(x, y int64) (int64, bool) {
	s := x + y
	return s, (s > x) == (y > 0) || y == 0
}

// Neg returns -v (22008).
func (v Interval) Neg() (Interval, error) {
	if v.Months == math.MinInt32 || v.Days == math.MinInt32 || v.Micros == math.MinInt64 {
		return v, errIntervalRange()
	}
	return Interval{Months: -v.Months, Days: -v.Days, Micros: -v.Micros}, nil
}

// Add returns v + w, part by part (22008).
func (v Interval) Add(w Interval) (Interval, error) {
	months, ok1 := addInt32(v.Months, w.Months)
	days, ok2 := addInt32(v.Days, w.Days)
	micros, ok3 := addInt64(v.Micros, w.Micros)
	if !ok1 || !ok2 || !ok3 {
		return v, errIntervalRange()
	}
	return Interval{Months: months, Days: days, Micros: micros}, nil
}

// Sub returns v - w (22008).
func (v Interval) Sub(w Interval) (Interval, error) {
	months, days := int64(v.Months)-int64(w.Months), int64(v.Days)-int64(w.Days)
	micros := v.Micros - w.Micros
	if months != int64(int32(months)) || days != int64(int32(days)) || (micros < v.Micros) != (w.Micros > 0) {
		return v, errIntervalRange()
	}
	return Interval{Months: int32(months), Days: int32(days), Micros: micros}, nil
}

// Mul returns v · factor; fractions of months become days, of days time (22008).
func (v Interval) Mul(factor float64) (Interval, error) {
	return scaleInterval(float64(v.Months)*factor, float64(v.Days)*factor, float64(v.Micros)*factor)
}

// Div returns v / divisor, as Mul (22008, 22012).
func (v Interval) Div(divisor float64) (Interval, error) {
	if divisor == 0 {
		return v, errDivisionByZero()
	}
	return scaleInterval(float64(v.Months)/divisor, float64(v.Days)/divisor, float64(v.Micros)/divisor)
}

// scaleInterval cuts months and days to whole ones and hands the rest down.
func scaleInterval(months, days, micros float64) (Interval, error) {
	fits := func(v float64) bool { return v >= math.MinInt32 && v <= math.MaxInt32 }
	if !fits(months) || !fits(days) {
		return Interval{}, errIntervalRange()
	}
	out := Interval{Months: int32(months), Days: int32(days)}
	// Postgres rounds to microseconds here to hide errors of binary fractions.
	round := func(v float64) float64 { return math.RoundToEven(v*1e6) / 1e6 }
	monthDays := round((months - float64(out.Months)) * 30)
	seconds := round((days - float64(out.Days) + monthDays - math.Trunc(monthDays)) * secondsPerDay)
	if math.Abs(seconds) >= secondsPerDay {
		out.Days += int32(seconds / secondsPerDay)
		seconds -= math.Trunc(seconds/secondsPerDay) * secondsPerDay
	}
	total, ok := addInt32(out.Days, int32(monthDays))
	micros = math.RoundToEven(micros + seconds*microsPerSecond)
	if !ok || !(micros >= math.MinInt64 && micros < 0x1p63) {
		return Interval{}, errIntervalRange()
	}
	out.Days, out.Micros = total, int64(micros)
	return out, nil
}

// JustifyHours turns whole days of time into days.
func (v Interval) JustifyHours() (Interval, error) {
	whole := v.Micros / microsPerDay
	v.Micros -= whole * microsPerDay
	days := int64(v.Days) + whole
	switch {
	case days > 0 && v.Micros < 0:
		v.Micros += microsPerDay
		days--
	case days < 0 && v.Micros > 0:
		v.Micros -= microsPerDay
		days++
	}
	if days != int64(int32(days)) {
		return v, errIntervalRange()
	}
	v.Days = int32(days)
	return v, nil
}

// JustifyDays turns 30 days into a month.
func (v Interval) JustifyDays() (Interval, error) {
	months := int64(v.Months) + int64(v.Days/30)
	v.Days %= 30
	switch {
	case months > 0 && v.Days < 0:
		v.Days += 30
		months--
	case months < 0 && v.Days > 0:
		v.Days -= 30
		months++
	}
	if months != int64(int32(months)) {
		return v, errIntervalRange()
	}
	v.Months = int32(months)
	return v, nil
}

// JustifyInterval does both and makes all signs the same.
func (v Interval) JustifyInterval() (Interval, error) {
	whole := v.Micros / microsPerDay
	v.Micros -= whole * microsPerDay
	days := int64(v.Days) + whole
	months := int64(v.Months) + days/30
	days %= 30
	switch {
	case months > 0 && (days < 0 || days == 0 && v.Micros < 0):
		days += 30
		months--
	case months < 0 && (days > 0 || days == 0 && v.Micros > 0):
		days -= 30
		months++
	}
	switch {
	case days > 0 && v.Micros < 0:
		v.Micros += microsPerDay
		days--
	case days < 0 && v.Micros > 0:
		v.Micros -= microsPerDay
		days++
	}
	if months != int64(int32(months)) {
		return v, errIntervalRange()
	}
	v.Months, v.Days = int32(months), int32(days)
	return v, nil
}

// Seconds is the length in seconds as extract(epoch) counts it: years of
// 365.25 days, months of 30.
func (v Interval) Seconds() Numeric {
	days := int64(v.Months/12)*1461*6 + int64(v.Months%12)*30*24 // hours
	total := new(big.Int).Mul(big.NewInt(days+int64(v.Days)*24), big.NewInt(microsPerHour))
	return NewNumericBig(total.Add(total, big.NewInt(v.Micros)), 6)
}
