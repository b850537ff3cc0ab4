package types

import (
	"strconv"

	"quiver/sql/sqlerr"
)

// The modifier of an interval: which fields it has, 16 bits, and the digits of
// a second, 16 bits.
const (
	intervalMonth  = 1 << 1
	intervalYear   = 1 << 2
	intervalDay    = 1 << 3
	intervalHour   = 1 << 10
	intervalMinute = 1 << 11
	intervalSecond = 1 << 12

	intervalFullRange     = 0x7fff
	intervalFullPrecision = 0xffff
)

// intervalRanges are the ranges that SQL can spell.
var intervalRanges = map[int32]string{
	intervalYear: " year", intervalMonth: " month", intervalDay: " day", intervalHour: " hour",
	intervalMinute: " minute", intervalSecond: " second",
	intervalYear | intervalMonth:                                 " year to month",
	intervalDay | intervalHour:                                   " day to hour",
	intervalDay | intervalHour | intervalMinute:                  " day to minute",
	intervalDay | intervalHour | intervalMinute | intervalSecond: " day to second",
	intervalHour | intervalMinute:                                " hour to minute",
	intervalHour | intervalMinute | intervalSecond:               " hour to second",
	intervalMinute | intervalSecond:                              " minute to second",
	intervalFullRange:                                            "",
}

func intervalRange(mod int32) int32 {
	if mod < 0 {
		return intervalFullRange
	}
	return mod >> 16 & 0x7fff
}

func intervalPrecision(mod int32) int32 {
	if mod < 0 {
		return intervalFullPrecision
	}
	return mod & 0xffff
}

// parseIntervalTypmod takes what the grammar gives: the mask of fields and the
// precision.
func parseIntervalTypmod(args []string) (int32, error) {
	mods, err := modInts(args)
	if err != nil {
		return 0, err
	}
	invalid := sqlerr.New(sqlerr.InvalidParameterValue, "invalid INTERVAL type modifier")
	if len(mods) != 1 && len(mods) != 2 {
		return 0, invalid
	}
	if _, known := intervalRanges[mods[0]]; !known {
		return 0, invalid
	}
	if len(mods) == 1 {
		if mods[0] == intervalFullRange {
			return NoMod, nil
		}
		return mods[0]<<16 | intervalFullPrecision, nil
	}
	if mods[1] < 0 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "INTERVAL(%d) precision must not be negative", mods[1])
	}
	return mods[0]<<16 | min(mods[1], 6), nil
}

func formatIntervalMod(mod int32) string {
	out := intervalRanges[intervalRange(mod)]
	if p := intervalPrecision(mod); p != intervalFullPrecision {
		out += "(" + strconv.Itoa(int(p)) + ")"
	}
	return out
}

// lastUnit is what a number without a unit counts.
func lastUnit(mod int32) intervalUnit {
	switch intervalRange(mod) {
	case intervalYear:
		return unitYear
	case intervalMonth, intervalYear | intervalMonth:
		return unitMonth
	case intervalDay:
		return unitDay
	case intervalHour, intervalDay | intervalHour:
		return unitHour
	case intervalMinute, intervalHour | intervalMinute, intervalDay | intervalHour | intervalMinute:
		return unitMinute
	}
	return unitSecond
}

// fit cuts the fields below the range of mod and rounds to its precision.
func (v Interval) fit(mod int32) Interval {
	if mod < 0 {
		return v
	}
	r := intervalRange(mod)
	switch {
	case r == intervalFullRange || r&intervalSecond != 0:
	case r == intervalYear:
		return Interval{Months: v.Months / 12 * 12}
	case r&intervalMonth != 0:
		return Interval{Months: v.Months}
	case r == intervalDay:
		v.Micros = 0
	case r&intervalMinute != 0:
		v.Micros = v.Micros / microsPerMinute * microsPerMinute
	case r&intervalHour != 0:
		v.Micros = v.Micros / microsPerHour * microsPerHour
	}
	if p := intervalPrecision(mod); p <= 6 {
		v.Micros = roundMicros(v.Micros, p)
	}
	return v
}
