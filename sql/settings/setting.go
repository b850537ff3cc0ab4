package settings

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"quiver/sql/sqlerr"
)

// Kind is pg_settings.vartype.
type Kind byte

// The kinds of settings.
const (
	Bool Kind = iota
	Int
	Real
	String
	Enum
)

// String returns the name pg_settings shows.
func (k Kind) String() string {
	return [...]string{"bool", "integer", "real", "string", "enum"}[k]
}

// Context is pg_settings.context: who may change a setting, and when.
type Context byte

// The contexts of manual section 54.24.
const (
	Internal   Context = iota // never: server_version
	Postmaster                // at start
	SigHUP                    // by reload
	Backend                   // at connection start
	SuperUser                 // by superusers at any time
	User                      // by anyone at any time
)

// String returns the name pg_settings shows.
func (c Context) String() string {
	return [...]string{"internal", "postmaster", "sighup", "backend", "superuser", "user"}[c]
}

// Setting is one GUC.
type Setting struct {
	Name     string
	Category string
	Help     string
	Kind     Kind
	Context  Context
	Default  string // as SHOW prints it
	// Unit is kB, 8kB, ms, s, min or empty: what a number without a unit means.
	Unit     string
	Min, Max float64
	Values   []string // of an Enum
	// Report: the client gets a ParameterStatus when it changes.
	Report bool
	// List: SET takes several values; Quote: each is a name, quoted as one.
	List, Quote bool
	// Check normalises a new value (after the kind's own check) or refuses it:
	// an error that is no *sqlerr.Error becomes the detail of "invalid value".
	Check func(value string) (string, error)
}

var byName = map[string]*Setting{}

// Register adds settings to the registry. Call it from an init function or
// before the server starts; it is not safe afterwards. A name taken is a bug.
func Register(list ...*Setting) {
	for _, s := range list {
		key := strings.ToLower(s.Name)
		if byName[key] != nil {
			panic("settings: " + s.Name + " registered twice")
		}
		byName[key] = s
	}
}

// Lookup finds a setting, whatever the case of name; nil when there is none.
func Lookup(name string) *Setting {
	if s := byName[name]; s != nil {
		return s
	}
	return byName[strings.ToLower(name)]
}

// All returns every registered setting in the order of SHOW ALL.
func All() []*Setting {
	all := make([]*Setting, 0, len(byName))
	for _, s := range byName {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Setting) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return all
}

// Normalise checks a value and returns it as SHOW prints it. Errors are 22023
// with PostgreSQL's text.
func (s *Setting) Normalise(value string) (string, error) {
	out, err := value, error(nil)
	switch s.Kind {
	case Bool:
		out, err = s.boolean(value)
	case Int:
		out, err = s.integer(value)
	case Real:
		out, err = s.real(value)
	case Enum:
		out, err = s.enum(value)
	}
	if err != nil || s.Check == nil {
		return out, err
	}
	out, err = s.Check(out)
	if err == nil {
		return out, nil
	}
	if e, ok := err.(*sqlerr.Error); ok {
		return "", e
	}
	e := s.invalid(value)
	if text := err.Error(); text != "" {
		e.WithDetail("%s", text)
	}
	return "", e
}

func (s *Setting) invalid(value string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidParameterValue, `invalid value for parameter "%s": "%s"`, s.Name, value)
}

func (s *Setting) boolean(value string) (string, error) {
	b, ok := ParseBool(value)
	if !ok {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, `parameter "%s" requires a Boolean value`, s.Name)
	}
	if b {
		return "on", nil
	}
	return "off", nil
}

// ParseBool reads a truth value as PostgreSQL does: unique prefixes of true,
// false, yes and no; on, of(f), 1, 0.
func ParseBool(value string) (b, ok bool) {
	v := strings.ToLower(value)
	prefix := func(word string, atLeast int) bool { return len(v) >= atLeast && strings.HasPrefix(word, v) }
	switch {
	case prefix("true", 1), prefix("yes", 1), v == "on", v == "1":
		return true, true
	case prefix("false", 1), prefix("no", 1), prefix("off", 2), v == "0":
		return false, true
	}
	return false, false
}

func (s *Setting) enum(value string) (string, error) {
	for _, v := range s.Values {
		if strings.EqualFold(v, value) {
			return v, nil
		}
	}
	if slices.Contains(s.Values, "on") { // an enumeration that began as a truth value
		if b, ok := ParseBool(value); ok {
			return map[bool]string{true: "on", false: "off"}[b], nil
		}
	}
	return "", s.invalid(value).WithHint("Available values: %s.", strings.Join(s.Values, ", "))
}

func (s *Setting) integer(value string) (string, error) {
	n, err := s.number(value)
	if err != nil {
		return "", err
	}
	n = math.RoundToEven(n)
	if s.Max <= math.MaxInt32 && (n < math.MinInt32 || n > math.MaxInt32) {
		return "", s.invalid(value).WithHint("Value exceeds integer range.")
	}
	if n < s.Min || n > s.Max {
		unit := ""
		if s.Unit != "" {
			unit = " " + s.Unit
		}
		return "", sqlerr.New(sqlerr.InvalidParameterValue,
			`%.0f%s is outside the valid range for parameter "%s" (%.0f .. %.0f)`, n, unit, s.Name, s.Min, s.Max)
	}
	return formatUnit(int64(n), s.Unit), nil
}

func (s *Setting) real(value string) (string, error) {
	n, err := s.number(value)
	if err != nil {
		return "", err
	}
	if n < s.Min || n > s.Max {
		return "", sqlerr.New(sqlerr.InvalidParameterValue,
			`%g is outside the valid range for parameter "%s" (%g .. %s)`, n, s.Name, s.Min, formatReal(s.Max))
	}
	return formatReal(n), nil
}

// formatReal prints as printf's %g.
func formatReal(n float64) string { return strconv.FormatFloat(n, 'g', 6, 64) }

// unit is a spelling and how many of the family's base unit it is.
type unit struct {
	name string
	size float64
}

var memoryUnits = []unit{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}

var timeUnits = []unit{{"d", 86400e6}, {"h", 3600e6}, {"min", 60e6}, {"s", 1e6}, {"ms", 1e3}, {"us", 1}}

// unitsOf returns the family of a setting's unit and the size of that unit.
func unitsOf(name string) (family []unit, size float64, hint string) {
	switch name {
	case "B":
		return memoryUnits, 1, memoryHint
	case "kB":
		return memoryUnits, 1 << 10, memoryHint
	case "8kB":
		return memoryUnits, 8 << 10, memoryHint
	case "MB":
		return memoryUnits, 1 << 20, memoryHint
	case "ms":
		return timeUnits, 1e3, timeHint
	case "s":
		return timeUnits, 1e6, timeHint
	case "min":
		return timeUnits, 60e6, timeHint
	}
	return nil, 1, ""
}

const (
	memoryHint = `Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".`
	timeHint   = `Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".`
)

// number reads a number with an optional unit, in the setting's unit.
func (s *Setting) number(value string) (float64, error) {
	text := strings.TrimSpace(value)
	end := 0
	for end < len(text) && strings.IndexByte("0123456789.+-xXabcdefABCDEF", text[end]) >= 0 {
		if isLetter(text[end]) && !strings.HasPrefix(strings.TrimLeft(text, "+-"), "0x") {
			// Only an exponent may stand in a decimal number.
			if text[end]|0x20 != 'e' || end+1 >= len(text) || isLetter(text[end+1]) {
				break
			}
		}
		end++
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		i, hexErr := strconv.ParseInt(text[:end], 0, 64)
		if hexErr != nil {
			return 0, s.invalid(value)
		}
		n = float64(i)
	}
	word := strings.TrimSpace(text[end:])
	if word == "" {
		return n, nil
	}
	family, size, hint := unitsOf(s.Unit)
	for _, u := range family {
		if u.name == word {
			return n * u.size / size, nil
		}
	}
	e := s.invalid(value)
	if hint != "" {
		e.WithHint("%s", hint)
	}
	return 0, e
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// formatUnit prints n units in the largest unit that is whole.
func formatUnit(n int64, name string) string {
	family, size, _ := unitsOf(name)
	if n <= 0 || family == nil {
		return strconv.FormatInt(n, 10)
	}
	total := float64(n) * size
	for _, u := range family {
		if whole := total / u.size; whole == math.Trunc(whole) {
			return fmt.Sprintf("%.0f%s", whole, u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// Number returns a value of an Int or Real setting, as SHOW prints it, in the
// setting's unit.
func (s *Setting) Number(shown string) float64 {
	n, err := s.number(shown)
	if err != nil {
		return 0
	}
	return n
}
