package types

import "strconv"

// AppendText prints v in the style of f.
func (v Interval) AppendText(dst []byte, f *Format) []byte {
	switch f.IntervalStyle {
	case IntervalStyleSQLStandard:
		return v.appendSQLStandard(dst)
	case IntervalStyleISO8601:
		return v.appendISO(dst)
	case IntervalStylePostgresVerbose:
		return v.appendVerbose(dst)
	}
	return v.appendPostgres(dst)
}

// parts splits v into fields that each carry their sign.
func (v Interval) parts() (years, months, days, hours, minutes, seconds, micros int64) {
	years, months = int64(v.Months/12), int64(v.Months%12)
	return years, months, int64(v.Days), v.Micros / microsPerHour, v.Micros / microsPerMinute % 60,
		v.Micros / microsPerSecond % 60, v.Micros % microsPerSecond
}

// appendTimeParts prints hh:mm:ss without a sign.
func appendTimeParts(dst []byte, hours, minutes, seconds, micros int64) []byte {
	abs := func(n int64) int { return int(absInt64(n)) }
	dst = append(appendPadded(dst, abs(hours), 2), ':')
	dst = append(appendPadded(dst, abs(minutes), 2), ':')
	return appendSeconds(dst, abs(seconds), abs(micros), 2)
}

func (v Interval) appendPostgres(dst []byte) []byte {
	years, months, days, hours, minutes, seconds, micros := v.parts()
	start, before := len(dst), false // before: the last part was negative
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if before && n > 0 {
			dst = append(dst, '+')
		}
		dst = append(append(strconv.AppendInt(dst, n, 10), ' '), unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		before = n < 0
	}
	part(years, "year")
	part(months, "mon")
	part(days, "day")
	if len(dst) > start && v.Micros == 0 {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	switch {
	case v.Micros < 0:
		dst = append(dst, '-')
	case before:
		dst = append(dst, '+')
	}
	return appendTimeParts(dst, hours, minutes, seconds, micros)
}

func (v Interval) appendVerbose(dst []byte) []byte {
	years, months, days, hours, minutes, seconds, micros := v.parts()
	dst = append(dst, '@')
	zero, ago := true, false // ago: the first part is negative
	sign := func(n int64) int64 {
		if zero {
			ago = n < 0
			n = int64(absInt64(n))
		} else if ago {
			n = -n
		}
		zero = false
		return n
	}
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		n = sign(n)
		dst = append(append(strconv.AppendInt(append(dst, ' '), n, 10), ' '), unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
	}
	part(years, "year")
	part(months, "mon")
	part(days, "day")
	part(hours, "hour")
	part(minutes, "min")
	if seconds != 0 || micros != 0 {
		n := sign(seconds*microsPerSecond + micros)
		dst = append(dst, ' ')
		if n < 0 {
			dst = append(dst, '-')
		}
		abs := absInt64(n)
		dst = appendSeconds(dst, int(abs/microsPerSecond), int(abs%microsPerSecond), 1)
		dst = append(dst, " sec"...)
		if abs != microsPerSecond {
			dst = append(dst, 's')
		}
	}
	if zero {
		dst = append(dst, " 0"...)
	}
	if ago {
		dst = append(dst, " ago"...)
	}
	return dst
}

func (v Interval) appendISO(dst []byte) []byte {
	years, months, days, hours, minutes, seconds, micros := v.parts()
	dst = append(dst, 'P')
	start := len(dst)
	part := func(n int64, unit byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), unit)
		}
	}
	part(years, 'Y')
	part(months, 'M')
	part(days, 'D')
	if v.Micros != 0 {
		dst = append(dst, 'T')
		part(hours, 'H')
		part(minutes, 'M')
		if seconds != 0 || micros != 0 {
			if seconds < 0 || micros < 0 {
				dst = append(dst, '-')
			}
			dst = append(appendSeconds(dst, int(absInt64(seconds)), int(absInt64(micros)), 1), 'S')
		}
	}
	if len(dst) == start {
		dst = append(dst, "T0S"...)
	}
	return dst
}

func (v Interval) appendSQLStandard(dst []byte) []byte {
	years, months, days, hours, minutes, seconds, micros := v.parts()
	negative := v.Months < 0 || v.Days < 0 || v.Micros < 0
	positive := v.Months > 0 || v.Days > 0 || v.Micros > 0
	yearMonth, dayTime := v.Months != 0, v.Days != 0 || v.Micros != 0
	standard := !(negative && positive) && !(yearMonth && dayTime)
	if !negative && !positive {
		return append(dst, '0')
	}
	signed := func(n int64) byte {
		if n < 0 {
			return '-'
		}
		return '+'
	}
	clock := func() {
		dst = append(strconv.AppendUint(dst, absInt64(hours), 10), ':')
		dst = append(appendPadded(dst, int(absInt64(minutes)), 2), ':')
		dst = appendSeconds(dst, int(absInt64(seconds)), int(absInt64(micros)), 2)
	}
	yearsMonths := func() {
		dst = append(strconv.AppendUint(dst, absInt64(years), 10), '-')
		dst = strconv.AppendUint(dst, absInt64(months), 10)
	}
	if !standard {
		// The standard has no such intervals: each part gets its sign.
		dst = append(dst, signed(int64(v.Months)))
		yearsMonths()
		dst = append(append(dst, ' '), signed(days))
		dst = append(strconv.AppendUint(dst, absInt64(days), 10), ' ')
		dst = append(dst, signed(v.Micros))
		clock()
		return dst
	}
	if negative {
		dst = append(dst, '-')
	}
	switch {
	case yearMonth:
		yearsMonths()
	case v.Days != 0:
		dst = append(strconv.AppendUint(dst, absInt64(days), 10), ' ')
		clock()
	default:
		clock()
	}
	return dst
}
