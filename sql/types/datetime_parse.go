package types

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// datetimeParser gives fields their meaning.
type datetimeParser struct {
	format *Format
	// timeOnly reads time and timetz: a number of four or six digits is a time.
	timeOnly bool

	Civil
	have      dtMask
	textMonth bool // the month came as a word
	shortYear bool // the year has one or two digits
	julian    bool
	bc        bool
	meridian  int // 0 none, 1 am, 2 pm
	label     dtUnit
	special   dtKind // now, epoch, ±infinity: no fields count
	east      int    // seconds, when have has maskZone and zone is nil
	zone      *time.Location
	err       error // an error of its own text
}

// parseDatetime reads text. The error is e, or p.err when that is set.
func (p *datetimeParser) parse(text string) dtError {
	fields, e := splitDatetime(text)
	if e != 0 {
		return e
	}
	for i := range fields {
		mask, e := p.field(fields, i)
		if e != 0 {
			return e
		}
		if mask&p.have != 0 {
			return dtBadFormat
		}
		p.have |= mask
	}
	if p.label != unitNone && p.label != unitOther {
		return dtBadFormat
	}
	if e := p.validate(); e != 0 {
		return e
	}
	switch {
	case p.meridian != 0 && p.Hour > 12:
		return dtFieldOverflow
	case p.meridian == 1 && p.Hour == 12:
		p.Hour = 0
	case p.meridian == 2 && p.Hour != 12:
		p.Hour += 12
	}
	return 0
}

// now is the transaction's time in the session's zone.
func (p *datetimeParser) now() int64 {
	if p.format.NowRead != nil {
		*p.format.NowRead = true
	}
	now := p.format.Now
	if now == 0 {
		now = time.Now().UnixMicro()
	}
	return now
}

func (p *datetimeParser) field(fields []dtField, i int) (dtMask, dtError) {
	f := fields[i]
	switch f.shape {
	case dtDate:
		// Beside a time, a lone field of digits and dashes is a time with its zone.
		maybeDate := !p.timeOnly || i == 0 && len(fields) > 1 && (fields[1].shape == dtTime || fields[len(fields)-1].shape == dtDate)
		return p.dateField(f.text, maybeDate)
	case dtTime:
		if p.label != unitNone && p.label != unitTime {
			return 0, dtBadFormat
		}
		p.label = unitNone
		mask, e := p.time(f.text)
		if e == 0 && (p.Hour > 24 || p.Hour < 0 || p.timeOfDay() > microsPerDay) {
			e = dtFieldOverflow
		}
		return mask, e
	case dtZone:
		east, e := parseOffset(f.text)
		p.east = east
		return maskZone, e
	case dtNumber:
		return p.numberField(f.text)
	}
	return p.word(fields, i)
}

func (p *datetimeParser) dateField(text string, maybeDate bool) (dtMask, dtError) {
	switch {
	case p.label == unitJulian:
		return p.julianDay(text)
	case p.label == unitNone && p.have&(maskMonth|maskDay) != maskMonth|maskDay && maybeDate:
		return p.date(text)
	case !isDigit(text[0]) && p.label == unitNone:
		zone, ok := LoadZone(text)
		if !ok {
			p.err = errUnknownZone(text)
			return 0, dtBadFormat
		}
		p.zone = zone.Loc
		return maskZone, 0
	}
	// A run-together time with its zone: 040506-08.
	if p.label != unitNone && p.label != unitTime || p.have&maskTime == maskTime {
		return 0, dtBadFormat
	}
	p.label = unitNone
	dash := strings.IndexByte(text, '-')
	if dash < 0 {
		return 0, dtBadFormat
	}
	east, e := parseOffset(text[dash:])
	if e != 0 {
		return 0, e
	}
	p.east = east
	mask, e := p.runTogether(text[:dash], p.have|maskDate)
	return mask | maskZone, e
}

// julianDay reads J2451187, with a fraction of a day or a zone behind.
func (p *datetimeParser) julianDay(text string) (dtMask, dtError) {
	p.label = unitNone
	d := scanDecimal(text)
	day := int64(d.mantissa)
	fraction := 0.0
	if d.exponent < 0 {
		v, _ := strconv.ParseFloat(text[:d.end], 64)
		day = int64(v)
		fraction = v - float64(day)
	}
	if d.end == 0 || d.long || day > math.MaxInt32 {
		return 0, dtFieldOverflow
	}
	mask := maskDate
	if rest := text[d.end:]; rest != "" {
		if rest[0] != '-' && rest[0] != '+' {
			return 0, dtBadFormat
		}
		east, e := parseOffset(rest)
		if e != 0 {
			return 0, e
		}
		p.east = east
		mask |= maskZone
	}
	p.Year, p.Month, p.Day = civilFromDays(day - julianEpoch)
	p.julian = true
	if d.exponent < 0 {
		tod := civilOfTime(int64(math.RoundToEven(fraction * microsPerDay)))
		p.Hour, p.Minute, p.Second, p.Micro = tod.Hour, tod.Minute, tod.Second, tod.Micro
		mask |= maskTime
	}
	return mask, 0
}

func (p *datetimeParser) numberField(text string) (dtMask, dtError) {
	switch p.label {
	case unitJulian:
		return p.julianDay(text)
	case unitTime:
		p.label = unitNone
		return p.runTogether(text, p.have|maskDate)
	case unitOther:
		return 0, dtBadFormat
	}
	point := strings.IndexByte(text, '.')
	switch {
	case p.timeOnly && p.have&maskTime == 0 && (len(text) == 4 || len(text) == 6 || point == 6):
		return p.runTogether(text, p.have|maskDate)
	case point >= 0 && p.have&maskDate == 0:
		return p.date(text)
	case point > 2:
		return p.runTogether(text, p.have)
	case len(text) >= 6 && (p.have&maskDate == 0 || p.have&maskTime == 0):
		return p.runTogether(text, p.have)
	}
	return p.number(text, p.have, p.textMonth)
}

// date reads a field of year, month and day with delimiters.
func (p *datetimeParser) date(text string) (dtMask, dtError) {
	var parts []string
	for i := 0; i < len(text); {
		for i < len(text) && !isAlnum(text[i]) {
			i++
		}
		if i >= len(text) {
			return 0, dtBadFormat
		}
		start, class := i, isDigit
		if isAlpha(text[i]) {
			class = isAlpha
		}
		for i < len(text) && class(text[i]) {
			i++
		}
		parts = append(parts, text[start:i])
		i++
	}
	if len(parts) > 8 {
		return 0, dtBadFormat
	}
	mask, textMonth := dtMask(0), p.textMonth
	for _, part := range parts {
		if !isAlpha(part[0]) {
			continue
		}
		w, known := dtWords[part]
		switch {
		case known && w.kind == wordIgnore:
		case known && w.kind == wordMonth && (p.have|mask)&maskMonth == 0:
			p.Month, textMonth = w.value, true
			mask |= maskMonth
		default:
			return 0, dtBadFormat
		}
	}
	for _, part := range parts {
		if isAlpha(part[0]) {
			continue
		}
		m, e := p.number(part, p.have|mask, textMonth)
		if e != 0 {
			return 0, e
		}
		if (p.have|mask)&m != 0 {
			return 0, dtBadFormat
		}
		mask |= m
	}
	if (p.have|mask)&^(maskDOY|maskZone) != maskDate {
		return 0, dtBadFormat
	}
	return mask, 0
}

// number gives one number its meaning from what is known.
func (p *datetimeParser) number(text string, have dtMask, textMonth bool) (dtMask, dtError) {
	digits := len(text)
	if point := strings.IndexByte(text, '.'); point >= 0 {
		if point > 2 {
			return p.runTogether(text, have|maskDate)
		}
		digits = point
	}
	v, err := strconv.ParseInt(text[:digits], 10, 32)
	if err != nil {
		if digits > 0 {
			return 0, dtFieldOverflow
		}
		return 0, dtBadFormat
	}
	n, long := int(v), len(text) >= 3
	if len(text) == 3 && have&maskDate == maskYear && n >= 1 && n <= 366 {
		p.Year, p.Month, p.Day = civilFromDays(daysFromCivil(p.Year, 1, 1) + int64(n) - 1)
		return maskDOY | maskMonth | maskDay, 0
	}
	year := func() (dtMask, dtError) {
		p.Year, p.shortYear = n, len(text) <= 2
		return maskYear, 0
	}
	month := func() (dtMask, dtError) {
		p.Month = n
		return maskMonth, 0
	}
	day := func() (dtMask, dtError) {
		p.Day = n
		return maskDay, 0
	}
	order := p.format.DateOrder
	switch have & maskDate {
	case 0:
		switch {
		case long || order == DateOrderYMD:
			return year()
		case order == DateOrderDMY:
			return day()
		}
		return month()
	case maskYear, maskDay:
		return month()
	case maskMonth:
		if textMonth && (long || order == DateOrderYMD) {
			return year()
		}
		return day()
	case maskYear | maskMonth:
		if textMonth && long && p.shortYear {
			// What was taken for the year was the day.
			p.Day, p.Year, p.shortYear = p.Year, n, false
			return maskDay, 0
		}
		return day()
	case maskMonth | maskDay:
		return year()
	case maskDate:
		return p.runTogether(text, have)
	}
	return 0, dtBadFormat
}

// runTogether reads yyyymmdd, hhmmss, hhmm, with a fraction of a second.
func (p *datetimeParser) runTogether(text string, have dtMask) (dtMask, dtError) {
	whole, micro, e := splitFraction(text)
	if e != 0 {
		return 0, e
	}
	two := func(i int) int {
		v, _ := strconv.Atoi(whole[i : i+2])
		return v
	}
	n := len(whole)
	for i := range n {
		if !isDigit(whole[i]) {
			return 0, dtBadFormat
		}
	}
	if len(whole) == len(text) && have&maskDate != maskDate && n >= 6 {
		year, err := strconv.ParseInt(whole[:n-4], 10, 32)
		if err != nil {
			return 0, dtFieldOverflow
		}
		p.Year, p.Month, p.Day = int(year), two(n-4), two(n-2)
		p.shortYear = n == 6
		return maskDate, 0
	}
	if have&maskTime != maskTime && (n == 6 || n == 4) {
		p.Hour, p.Minute, p.Second, p.Micro = two(0), two(2), 0, micro
		if n == 6 {
			p.Second = two(4)
		}
		if p.Minute > 59 || p.Second > 60 || p.Hour > 24 || p.timeOfDay() > microsPerDay {
			return 0, dtFieldOverflow
		}
		return maskTime, 0
	}
	return 0, dtBadFormat
}

// splitFraction cuts the fraction of a second off and rounds it to
// microseconds, which may give a whole second.
func splitFraction(text string) (whole string, micro int, e dtError) {
	point := strings.IndexByte(text, '.')
	if point < 0 {
		return text, 0, 0
	}
	fraction := text[point:]
	if fraction == "." {
		return text[:point], 0, 0
	}
	v, err := strconv.ParseFloat("0"+fraction, 64)
	if err != nil {
		return "", 0, dtBadFormat
	}
	return text[:point], int(math.RoundToEven(v * microsPerSecond)), 0
}

// time reads hh:mm, hh:mm:ss and mm:ss.fff.
func (p *datetimeParser) time(text string) (dtMask, dtError) {
	c, e := parseClock(text, false)
	p.Hour, p.Minute, p.Second, p.Micro = c.Hour, c.Minute, c.Second, c.Micro
	return maskTime, e
}

// parseClock reads a time with colons; hours may be many in intervals.
// minuteSecond takes two fields for minutes and seconds.
func parseClock(text string, minuteSecond bool) (Civil, dtError) {
	whole, micro, e := splitFraction(text)
	if e != 0 {
		return Civil{}, e
	}
	var v [3]int
	parts := strings.Split(whole, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Civil{}, dtBadFormat
	}
	for k, part := range parts {
		if part == "" {
			// Digits may miss after a colon, as strtol has it.
			if k == 0 {
				return Civil{}, dtBadFormat
			}
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || k > 0 && n > math.MaxInt32 {
			return Civil{}, dtFieldOverflow
		}
		v[k] = n
	}
	c := Civil{Hour: v[0], Minute: v[1], Second: v[2], Micro: micro}
	if len(parts) == 2 && (len(whole) != len(text) || minuteSecond) {
		c = Civil{Minute: v[0], Second: v[1], Micro: micro}
	}
	if c.Minute > 59 || c.Second > 60 {
		return Civil{}, dtFieldOverflow
	}
	return c, 0
}

// parseOffset reads a numeric zone, ±hh[[:]mm[:ss]], in seconds east.
func parseOffset(text string) (east int, e dtError) {
	body := text[1:]
	parts := strings.Split(body, ":")
	if len(parts) > 3 {
		return 0, dtBadFormat
	}
	var v [3]int
	for k, part := range parts {
		if part == "" && k > 0 {
			continue
		}
		for i := range len(part) {
			if !isDigit(part[i]) {
				return 0, dtBadFormat
			}
		}
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil {
			return 0, dtZoneOverflow
		}
		v[k] = int(n)
	}
	if len(parts) == 1 && len(body) > 2 {
		v[0], v[1] = v[0]/100, v[0]%100
	}
	if v[0] > 15 || v[1] > 59 || v[2] > 59 {
		return 0, dtZoneOverflow
	}
	east = v[0]*3600 + v[1]*60 + v[2]
	if text[0] == '-' {
		east = -east
	}
	return east, 0
}

func (p *datetimeParser) word(fields []dtField, i int) (dtMask, dtError) {
	text := fields[i].text
	if minutes, ok := zoneAbbrevs[text]; ok {
		p.east = minutes * 60
		return maskZone, 0
	}
	w, known := dtWords[text]
	if !known {
		zone, ok := LoadZone(text)
		if !ok {
			return 0, dtBadFormat
		}
		p.zone = zone.Loc
		return maskZone, 0
	}
	switch w.kind {
	case wordIgnore:
		return 0, 0
	case wordMonth:
		mask := maskMonth
		// 12 Jan 2001 where 12 had been taken for the month.
		if p.have&maskMonth != 0 && !p.textMonth && p.have&maskDay == 0 && p.Month >= 1 && p.Month <= 31 {
			p.Day = p.Month
			mask = maskDay
		}
		p.textMonth, p.Month = true, w.value
		return mask, 0
	case wordWeekday:
		return maskDOW, 0
	case wordMeridian:
		p.meridian = 1 + w.value
		return maskMeridian, 0
	case wordEra:
		p.bc = w.value == 1
		return maskEra, 0
	case wordDST:
		p.east += 3600
		return maskDST, 0
	case wordUnit:
		p.label = dtUnit(w.value)
		return 0, 0
	case wordISOTime:
		if p.have&maskDate != maskDate && !p.timeOnly || i+1 >= len(fields) {
			return 0, dtBadFormat
		}
		if next := fields[i+1].shape; next != dtNumber && next != dtTime && next != dtDate {
			return 0, dtBadFormat
		}
		p.label = unitTime
		return 0, 0
	case wordToday:
		c := CivilOf(ToLocal(p.now(), p.format.TimeZone.Loc) + int64(w.value)*microsPerDay)
		p.Year, p.Month, p.Day = c.Year, c.Month, c.Day
		p.julian = true
		return maskDate, 0
	case wordMidnightUTC:
		p.east = 0
		return maskTime | maskZone, 0
	case wordNow:
		p.special = wordNow
		return maskDate | maskTime | maskZone, 0
	}
	p.special = w.kind
	return maskSpecial, 0
}

// validate checks the date, once all of it is known.
func (p *datetimeParser) validate() dtError {
	if p.special != 0 {
		return 0
	}
	if p.have&maskYear != 0 && !p.julian {
		switch {
		case p.bc && p.Year <= 0:
			return dtFieldOverflow
		case p.bc:
			p.Year = 1 - p.Year
		case p.shortYear && p.Year < 70:
			p.Year += 2000
		case p.shortYear:
			p.Year += 1900
		case p.Year <= 0:
			return dtFieldOverflow
		}
	}
	switch {
	case p.have&maskMonth != 0 && (p.Month < 1 || p.Month > 12):
		return dtMonthDayOverflow
	case p.have&maskDay != 0 && (p.Day < 1 || p.Day > 31):
		return dtMonthDayOverflow
	case p.have&maskDate == maskDate && p.Day > daysIn(p.Year, p.Month):
		return dtFieldOverflow
	}
	return 0
}

// offset is the zone's offset in seconds east for the local time read.
func (p *datetimeParser) offset(local int64) int {
	switch {
	case p.zone != nil:
		return localOffset(local, p.zone)
	case p.have&maskZone != 0:
		return p.east
	}
	return localOffset(local, p.format.TimeZone.Loc)
}

// fail is the error for the client.
func (p *datetimeParser) fail(e dtError, typeName, text string) error {
	if p.err != nil {
		return p.err
	}
	return e.sqlError(typeName, text)
}
