package types

import "strings"

// ZoneOfText finds a time zone as AT TIME ZONE does: an abbreviation such as
// PST, or what LoadZone knows (22023).
func ZoneOfText(name string) (Location, error) {
	if minutes, ok := zoneAbbrevs[strings.ToLower(name)]; ok {
		return fixedZone(minutes*60, name), nil
	}
	if zone, ok := LoadZone(name); ok {
		return zone, nil
	}
	return Location{}, errUnknownZone(name)
}

// ZoneOfOffset is a zone so many seconds east of Greenwich.
func ZoneOfOffset(east int) Location { return fixedZone(east, offsetText(east)) }

// OffsetAt is a zone's offset in seconds east, and its abbreviation, at a point
// in time.
func (l Location) OffsetAt(micros int64) (east int, abbrev string) { return offsetAt(l.Loc, micros) }

// DaysIn is the length of a month.
func DaysIn(year, month int) int { return daysIn(year, month) }
