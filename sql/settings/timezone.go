package settings

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones are known on every machine
)

// zones keeps the locations that were loaded, by the name given.
var zones sync.Map // string → zone

type zone struct {
	loc  *time.Location
	name string
}

// LoadTimeZone reads a value of TimeZone: an IANA name in any case, hours east
// of UTC (-7, 5.5), or a POSIX specification with a fixed offset (UTC+3, which
// is west of it). name is how SHOW prints it.
func LoadTimeZone(value string) (loc *time.Location, name string, ok bool) {
	if z, found := zones.Load(value); found {
		return z.(zone).loc, z.(zone).name, true
	}
	loc, name, ok = loadTimeZone(value)
	if ok {
		zones.Store(value, zone{loc, name})
	}
	return loc, name, ok
}

func loadTimeZone(value string) (*time.Location, string, bool) {
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
	for _, name := range []string{v, canonicalZoneCase(v), strings.ToUpper(v)} {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc, name, true
		}
	}
	return posixZone(v)
}

// canonicalZoneCase spells europe/berlin Europe/Berlin: letters after a
// separator are upper case, except for small words.
func canonicalZoneCase(v string) string {
	b := []byte(strings.ToLower(v))
	up := true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		up = c == '/' || c == '_' || c == '-'
	}
	return strings.NewReplacer("_Of_", "_of_", "_Au_", "_au_", "-Au-", "-au-", "_Es_", "_es_", "Etc/Gmt", "Etc/GMT", "Etc/Utc", "Etc/UTC", "Dumontd", "DumontD").Replace(string(b))
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

// posixZone reads ABC+3, <+02>-02 and +05:30: a name and hours west of UTC.
func posixZone(v string) (*time.Location, string, bool) {
	rest, abbreviation := v, ""
	if strings.HasPrefix(v, "<") {
		end := strings.IndexByte(v, '>')
		if end < 0 {
			return nil, "", false
		}
		abbreviation, rest = v[1:end], v[end+1:]
	} else {
		end := strings.IndexAny(v, "+-0123456789")
		if end < 0 || end > 0 && end < 3 {
			return nil, "", false
		}
		abbreviation, rest = v[:end], v[end:]
		for _, c := range abbreviation {
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return nil, "", false
			}
		}
	}
	sign := -1 // POSIX: positive is west
	switch {
	case strings.HasPrefix(rest, "-"):
		sign, rest = 1, rest[1:]
	case strings.HasPrefix(rest, "+"):
		rest = rest[1:]
	}
	seconds, scale := 0, 3600
	for _, part := range strings.Split(rest, ":") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || scale == 0 || scale == 3600 && n > 167 || scale < 3600 && n > 59 {
			return nil, "", false
		}
		seconds += int(n) * scale
		scale /= 60
	}
	if abbreviation == "" {
		abbreviation = isoOffset(sign * seconds)
	}
	return time.FixedZone(abbreviation, sign*seconds), v, true
}
