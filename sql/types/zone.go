package types

import (
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the zones travel in the binary

	"quiver/sql/sqlerr"
)

// LoadZone finds a time zone by name as SET TIME ZONE does: a name of the tz
// database in any case, or a POSIX-like specification such as UTC+3 or
// <+03>-3. ok is false when there is none.
func LoadZone(name string) (zone Location, ok bool) {
	key := strings.ToLower(name)
	if z, known := zones.Load(key); known {
		return z.(Location), true
	}
	if zone, ok = findZone(name); ok {
		zones.Store(key, zone)
		return zone, true
	}
	return posixZone(name)
}

// zones caches the zones of the tz database that LoadZone found, of which there
// are a few hundred.
var zones sync.Map

func findZone(name string) (Location, bool) {
	for _, spelling := range [...]string{name, strings.ToUpper(name), titleZone(name), titleZone(strings.ToLower(name))} {
		if spelling == "" || spelling == "Local" || spelling[0] == '/' {
			continue
		}
		if loc, err := time.LoadLocation(spelling); err == nil {
			return Location{Name: spelling, Loc: loc}, true
		}
	}
	return Location{}, false
}

// titleZone spells a zone as the tz database does: america/new_york →
// America/New_York, with words such as of and es small.
func titleZone(name string) string {
	out := []byte(name)
	start := true
	for i, c := range out {
		if start && c >= 'a' && c <= 'z' {
			out[i] = c - 0x20
		}
		start = c == '/' || c == '_' || c == '-'
	}
	for _, word := range [...]string{"_Of_", "-Au-", "_Es_", "-Of-", "_Au_"} {
		out = []byte(strings.ReplaceAll(string(out), word, strings.ToLower(word)))
	}
	return strings.NewReplacer("Etc/Gmt", "Etc/GMT", "Etc/Utc", "Etc/UTC", "Dumontd", "DumontD").Replace(string(out))
}

// posixZone reads a POSIX zone without daylight saving: a name of letters, or
// anything in <>, and hours west, as POSIX counts.
func posixZone(spec string) (Location, bool) {
	rest := spec
	if strings.HasPrefix(rest, "<") {
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			return Location{}, false
		}
		rest = rest[end+1:]
	} else {
		rest = strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	}
	if rest == "" || len(spec) == len(rest) && rest[0] != '+' && rest[0] != '-' {
		return Location{}, false
	}
	if rest[0] != '+' && rest[0] != '-' {
		rest = "+" + rest
	}
	west, err := parseOffset(rest)
	if err != 0 {
		return Location{}, false
	}
	return fixedZone(-west, spec), true
}

// fixedZone is a zone of a constant offset, in seconds east.
func fixedZone(east int, name string) Location {
	abbrev := offsetText(east)
	if n := strings.IndexAny(name, "<+-0123456789"); n > 0 {
		abbrev = strings.ToUpper(name[:n])
	}
	return Location{Name: name, Loc: time.FixedZone(abbrev, east)}
}

// offsetText prints an offset east as +02, +05:30 or +00:19:32.
func offsetText(seconds int) string { return string(appendOffset(nil, seconds)) }

func appendOffset(dst []byte, seconds int) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = append(dst, sign)
	dst = appendPadded(dst, seconds/3600, 2)
	if seconds%3600 != 0 {
		dst = append(dst, ':')
		dst = appendPadded(dst, seconds/60%60, 2)
	}
	if seconds%60 != 0 {
		dst = append(dst, ':')
		dst = appendPadded(dst, seconds%60, 2)
	}
	return dst
}

// appendPadded appends v ≥ 0 with at least width digits.
func appendPadded(dst []byte, v, width int) []byte {
	if width == 2 && v < 100 {
		return append(dst, byte('0'+v/10), byte('0'+v%10))
	}
	return fmt.Appendf(dst, "%0*d", width, v)
}

// zoneAbbrevs are the abbreviations that Postgres reads by default, minutes
// east.
var zoneAbbrevs = func() map[string]int {
	m := map[string]int{}
	for _, word := range strings.Fields(zoneAbbrevList) {
		var minutes int
		name, text, _ := strings.Cut(word, ":")
		if _, err := fmt.Sscanf(text, "%d", &minutes); err != nil {
			panic("types: bad zone abbreviation " + word)
		}
		m[strings.ToLower(name)] = minutes
	}
	return m
}()

const zoneAbbrevList = `ACDT:630 ACSST:630 ACST:570 ACT:-300 ACWST:525 ADT:-180 AEDT:660 AESST:660 AEST:600 AFT:270 AKDT:-480 
AKST:-540 ALMST:420 ALMT:360 AMST:240 AMT:-240 ANAST:720 ANAT:720 ARST:-180 ART:-180 AST:-240 AWSST:540 
AWST:480 AZOST:0 AZOT:-60 AZST:240 AZT:240 BDST:120 BDT:360 BNT:480 BORT:480 BOT:-240 BRA:-180 BRST:-120 
BRT:-180 BST:60 BTT:360 CADT:630 CAST:570 CCT:480 CDT:-300 CEST:120 CET:60 CETDST:120 CHADT:825 CHAST:765 
CHUT:600 CKT:-600 CLST:-180 CLT:-180 COT:-300 CST:-360 CXT:420 DAVT:420 DDUT:600 EASST:-300 EAST:-300 EAT:180 
EDT:-240 EEST:180 EET:120 EETDST:180 EGST:0 EGT:-60 EST:-300 FET:180 FJST:780 FJT:720 FKST:-180 FKT:-180 
FNST:-60 FNT:-120 GALT:-360 GAMT:-540 GEST:240 GET:240 GFT:-180 GILT:720 GMT:0 GYT:-240 HKT:480 HST:-600 
ICT:420 IDT:180 IOT:360 IRKST:480 IRKT:480 IRT:210 IST:120 JAYT:540 JST:540 KDT:600 KGST:360 KGT:360 KOST:660 
KRAST:420 KRAT:420 KST:540 LHDT:660 LHST:630 LIGT:600 LINT:840 LKT:330 MAGST:660 MAGT:660 MART:-570 MAWT:300 
MDT:-360 MEST:120 MESZ:120 MET:60 METDST:120 MEZ:60 MHT:720 MMT:390 MPT:600 MSD:240 MSK:180 MST:-420 MUST:300 
MUT:240 MVT:300 MYT:480 NDT:-150 NFT:-210 NOVST:420 NOVT:420 NPT:345 NST:-210 NUT:-660 NZDT:780 NZST:720 
NZT:720 OMSST:360 OMST:360 PDT:-420 PET:-300 PETST:720 PETT:720 PGT:600 PHT:480 PKST:360 PKT:300 PMDT:-120 
PMST:-180 PONT:660 PST:-480 PWT:540 PYST:-180 PYT:-180 RET:240 SADT:630 SAST:120 SCT:240 SGT:480 TAHT:-600 
TFT:300 TJT:300 TKT:780 TMT:300 TOT:780 TRUT:600 TVT:720 UCT:0 ULAST:540 ULAT:480 UT:0 UTC:0 UYST:-120 
UYT:-180 UZST:360 UZT:300 VET:-240 VLAST:600 VLAT:600 VOLT:180 VUT:660 WADT:480 WAKT:720 WAST:420 WAT:60 
WDT:540 WET:0 WETDST:60 WFT:720 WGST:-120 WGT:-180 XJT:360 YAKST:540 YAKT:540 YAPT:600 YEKST:360 YEKT:300 Z:0 
ZULU:0`

// errUnknownZone is 22023.
func errUnknownZone(name string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "time zone \"%s\" not recognized", name)
}
