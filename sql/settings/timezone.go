package settings

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"quiver/sql/types"
)

// LoadTimeZone reads a value of TimeZone: an IANA name in any case, hours east
// of UTC (-7, 5.5), or a POSIX specification with a fixed offset (UTC+3, which
// is west of it). name is how SHOW prints it.
func LoadTimeZone(value string) (loc *time.Location, name string, ok bool) {
	v := strings.TrimSpace(value)
	if v == "" || strings.EqualFold(v, "local") || strings.ContainsAny(v, `\`) || strings.Contains(v, "..") {
		return nil, "", false
	}
	if strings.EqualFold(v, "utc") || strings.EqualFold(v, "gmt") || strings.EqualFold(v, "zulu") || strings.EqualFold(v, "default") {
		name := strings.ToUpper(v)
		switch name {
		case "DEFAULT":
			name = "UTC"
		case "ZULU":
			name = "Zulu"
		}
		return time.FixedZone("UTC", 0), name, true
	}
	if hours, err := strconv.ParseFloat(v, 64); err == nil && hours > -168 && hours < 168 {
		seconds := int(hours * 3600)
		return time.FixedZone(isoOffset(seconds), seconds), posixName(seconds), true
	}
	zone, ok := types.LoadZone(v)
	return zone.Loc, zone.Name, ok
}

// isoOffset names a fixed zone: +05:30, -07.
func isoOffset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	if seconds%3600 == 0 {
		return fmt.Sprintf("%c%02d", sign, seconds/3600)
	}
	return fmt.Sprintf("%c%02d:%02d", sign, seconds/3600, seconds/60%60)
}

// posixName is how PostgreSQL shows an offset given in hours: POSIX counts
// west.
func posixName(seconds int) string {
	east := isoOffset(seconds)
	west := "-" + east[1:]
	if seconds < 0 {
		west = "+" + east[1:]
	}
	return "<" + east + ">" + west
}
