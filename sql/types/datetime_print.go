package types

// appendYear prints a year with at least four digits; the era goes to the end.
func appendYear(dst []byte, year int) []byte {
	if year <= 0 {
		year = 1 - year
	}
	return appendPadded(dst, year, 4)
}

func appendEra(dst []byte, year int) []byte {
	if year <= 0 {
		return append(dst, " BC"...)
	}
	return dst
}

// appendClock prints hh:mm:ss with as many digits of the fraction as count.
func appendClock(dst []byte, c Civil) []byte {
	dst = appendPadded(dst, c.Hour, 2)
	dst = append(dst, ':')
	dst = appendPadded(dst, c.Minute, 2)
	dst = append(dst, ':')
	return appendSeconds(dst, c.Second, c.Micro, 2)
}

// appendSeconds prints seconds and their fraction without zeros at its end.
func appendSeconds(dst []byte, second, micro, width int) []byte {
	dst = appendPadded(dst, second, width)
	if micro == 0 {
		return dst
	}
	dst = append(dst, '.')
	dst = appendPadded(dst, micro, 6)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendDate prints a date without its era.
func appendDate(dst []byte, c Civil, f *Format) []byte {
	pair := func(first, second int, sep byte) {
		dst = appendPadded(dst, first, 2)
		dst = append(dst, sep)
		dst = appendPadded(dst, second, 2)
		dst = append(dst, sep)
	}
	switch f.DateStyle {
	case DateStyleISO:
		dst = appendYear(dst, c.Year)
		dst = append(dst, '-')
		dst = appendPadded(dst, c.Month, 2)
		dst = append(dst, '-')
		return appendPadded(dst, c.Day, 2)
	case DateStyleGerman:
		pair(c.Day, c.Month, '.')
	default:
		sep := byte('-')
		if f.DateStyle == DateStyleSQL {
			sep = '/'
		}
		if f.DateOrder == DateOrderDMY {
			pair(c.Day, c.Month, sep)
		} else {
			pair(c.Month, c.Day, sep)
		}
	}
	return appendYear(dst, c.Year)
}

// zoned is the zone of a timestamptz at its time.
type zoned struct {
	east   int
	abbrev string
}

// appendTimestamp prints a finite timestamp that is local already; zone is nil
// for one without.
func appendTimestamp(dst []byte, local int64, zone *zoned, f *Format) []byte {
	c := CivilOf(local)
	if f.DateStyle == DateStylePostgres {
		return appendPostgresTimestamp(dst, local, c, zone, f)
	}
	dst = append(appendDate(dst, c, f), ' ')
	dst = appendClock(dst, c)
	switch {
	case zone == nil:
	case f.DateStyle == DateStyleISO:
		dst = appendOffset(dst, zone.east)
	case zone.abbrev != "":
		dst = append(append(dst, ' '), zone.abbrev...)
	default:
		dst = appendOffset(dst, zone.east)
	}
	return appendEra(dst, c.Year)
}

// appendPostgresTimestamp prints Sat Feb 03 04:05:06 2001 UTC.
func appendPostgresTimestamp(dst []byte, local int64, c Civil, zone *zoned, f *Format) []byte {
	weekday := weekdayOf(floorDiv64(local, microsPerDay))
	dst = append(append(dst, dayNames[weekday][:3]...), ' ')
	if f.DateOrder == DateOrderDMY {
		dst = append(appendPadded(dst, c.Day, 2), ' ')
		dst = append(dst, monthNames[c.Month-1][:3]...)
	} else {
		dst = append(append(dst, monthNames[c.Month-1][:3]...), ' ')
		dst = appendPadded(dst, c.Day, 2)
	}
	dst = append(appendClock(append(dst, ' '), c), ' ')
	dst = appendYear(dst, c.Year)
	switch {
	case zone == nil:
	case zone.abbrev != "":
		dst = append(append(dst, ' '), zone.abbrev...)
	default:
		dst = appendOffset(append(dst, ' '), zone.east)
	}
	return appendEra(dst, c.Year)
}
