package settings

import (
	"slices"
	"strings"

	"quiver/sql/sqlerr"
)

// Values is what one session has set. The zero value is not ready: use
// NewValues.
type Values struct {
	set map[string]value
	// reset holds what RESET goes back to where it is not the default: what
	// the client asked for at startup.
	reset map[string]string
	undo  []change
	// generation counts changes, so that a session knows when to compute
	// again what it derives from settings.
	generation uint64
}

// value is a setting that was changed: what holds now, and what holds after
// the transaction (they differ after SET LOCAL).
type value struct {
	now, session string
	// given: the user has set it, to the default even; givenSession is after
	// the transaction.
	given, givenSession bool
}

// change is an entry of the undo log: the value before.
type change struct {
	name string
	had  bool
	old  value
}

// NewValues returns a session's settings at their defaults.
func NewValues() *Values {
	return &Values{set: map[string]value{}, reset: map[string]string{}}
}

// Generation changes whenever any setting may have changed.
func (v *Values) Generation() uint64 { return v.generation }

// Get returns a setting as SHOW prints it.
func (v *Values) Get(name string) (string, bool) {
	s := Lookup(name)
	key := keyOf(s, name)
	if val, ok := v.set[key]; ok {
		return val.now, true
	}
	if val, ok := v.reset[key]; ok {
		return val, true
	}
	if s != nil {
		return s.Default, true
	}
	return "", false
}

// ResetValue returns what RESET goes back to (pg_settings.reset_val).
func (v *Values) ResetValue(s *Setting) string {
	if val, ok := v.reset[keyOf(s, s.Name)]; ok {
		return val
	}
	return s.Default
}

// Number returns a registered Int or Real setting in its unit.
func (v *Values) Number(name string) float64 {
	text, _ := v.Get(name)
	if s := Lookup(name); s != nil {
		return s.Number(text)
	}
	return 0
}

// Bool returns a registered Bool setting.
func (v *Values) Bool(name string) bool {
	text, _ := v.Get(name)
	return text == "on"
}

// Show is Get with PostgreSQL's error for a name that is not there.
func (v *Values) Show(name string) (string, error) {
	text, ok := v.Get(name)
	if !ok {
		return "", unrecognized(name)
	}
	return text, nil
}

func unrecognized(name string) error {
	return sqlerr.New(sqlerr.UndefinedObject, `unrecognized configuration parameter "%s"`, name)
}

// keyOf is the key of a setting in the maps. Names that are not registered,
// custom ones, keep to ASCII case folding too.
func keyOf(s *Setting, name string) string {
	if s != nil {
		return strings.ToLower(s.Name)
	}
	return strings.ToLower(name)
}

// Set is SET and SET LOCAL. It returns the setting's value as SHOW prints it.
func (v *Values) Set(name, text string, local bool) error {
	s, err := settable(name)
	if err != nil {
		return err
	}
	if s != nil {
		if text, err = s.Normalise(text); err != nil {
			return err
		}
	}
	v.put(keyOf(s, name), text, local, true)
	return nil
}

// Given says whether the user has set a setting, by SET or when connecting; one
// set to its default counts, one that was RESET does not.
func (v *Values) Given(name string) bool {
	key := keyOf(Lookup(name), name)
	if val, ok := v.set[key]; ok {
		return val.given
	}
	_, ok := v.reset[key]
	return ok
}

// Check says whether Set would succeed.
func Check(name, text string) error {
	s, err := settable(name)
	if err != nil || s == nil {
		return err
	}
	_, err = s.Normalise(text)
	return err
}

// Normal returns a value that Set would take as SHOW prints it.
func Normal(name, text string) (string, error) {
	s, err := settable(name)
	if err != nil || s == nil {
		return text, err
	}
	return s.Normalise(text)
}

// settable finds a setting that a session may change; nil and no error for a
// custom one.
func settable(name string) (*Setting, error) {
	s := Lookup(name)
	if s == nil {
		return nil, checkCustomName(name)
	}
	switch s.Context {
	case Internal:
		return nil, sqlerr.New(sqlerr.CantChangeRuntimeParam, `parameter "%s" cannot be changed`, s.Name)
	case Postmaster:
		return nil, sqlerr.New(sqlerr.CantChangeRuntimeParam, `parameter "%s" cannot be changed without restarting the server`, s.Name)
	case SigHUP:
		return nil, sqlerr.New(sqlerr.CantChangeRuntimeParam, `parameter "%s" cannot be changed now`, s.Name)
	case Backend:
		return nil, sqlerr.New(sqlerr.CantChangeRuntimeParam, `parameter "%s" cannot be set after connection start`, s.Name)
	}
	return s, nil
}

// reservedPrefixes are those whose settings are all registered: a name that is
// not is a typing error.
var reservedPrefixes = []string{"quiver", "hnsw", "ivfflat"}

// checkCustomName accepts two or more identifiers joined by dots.
func checkCustomName(name string) error {
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return unrecognized(name)
	}
	for _, p := range parts {
		if !simpleIdentifier(p) {
			return sqlerr.New(sqlerr.InvalidName, `invalid configuration parameter name "%s"`, name).
				WithDetail("Custom parameter names must be two or more simple identifiers separated by dots.")
		}
	}
	for _, prefix := range reservedPrefixes {
		if strings.EqualFold(parts[0], prefix) {
			return sqlerr.New(sqlerr.InvalidName, `invalid configuration parameter name "%s"`, name).
				WithDetail("\"%s\" is a reserved prefix.", prefix)
		}
	}
	return nil
}

func simpleIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && c != '_' && c < 0x80 && (i == 0 || (c < '0' || c > '9') && c != '$') {
			return false
		}
	}
	return s != ""
}

func (v *Values) put(key, text string, local, given bool) {
	old, had := v.set[key]
	v.undo = append(v.undo, change{key, had, old})
	val := value{now: text, session: text, given: given, givenSession: given}
	if local {
		switch {
		case had:
			val.session, val.givenSession = old.session, old.givenSession
		default:
			val.givenSession = false
			if r, ok := v.reset[key]; ok {
				val.session, val.givenSession = r, true
			} else if s := Lookup(key); s != nil {
				val.session = s.Default
			} else {
				val.session = "" // a custom setting stays known, and empty
			}
		}
	}
	v.set[key] = val
	v.generation++
}

// Reset is RESET and SET … TO DEFAULT.
func (v *Values) Reset(name string, local bool) error {
	s, err := settable(name)
	if err != nil {
		return err
	}
	key := keyOf(s, name)
	text, given := "", false
	switch r, ok := v.reset[key]; {
	case ok:
		text, given = r, true
	case s != nil:
		text = s.Default
	default:
		if _, known := v.set[key]; !known {
			return unrecognized(name)
		}
	}
	v.put(key, text, local, given)
	return nil
}

// keptByResetAll are settings that RESET ALL leaves alone.
var keptByResetAll = map[string]bool{
	"transaction_isolation": true, "transaction_read_only": true, "transaction_deferrable": true,
	"session_authorization": true, "is_superuser": true, "role": true,
}

// ResetAll is RESET ALL.
func (v *Values) ResetAll() {
	for key := range v.set {
		if keptByResetAll[key] {
			continue
		}
		if s := Lookup(key); s == nil || s.Context >= SuperUser {
			// The names in set are settable, so this cannot fail.
			_ = v.Reset(key, false)
		}
	}
}

// Startup sets what a connection begins with, also settings that SET may not
// change; RESET goes back to it.
func (v *Values) Startup(name, text string) error {
	s := Lookup(name)
	if s == nil {
		if err := checkCustomName(name); err != nil {
			return err
		}
	} else if s.Context < Backend {
		_, err := settable(name)
		return err
	} else {
		var err error
		if text, err = s.Normalise(text); err != nil {
			return err
		}
	}
	v.reset[keyOf(s, name)] = text
	v.generation++
	return nil
}

// Force gives a setting a value whatever its context and check: what the
// server itself knows of the session (session_authorization, is_superuser).
func (v *Values) Force(name, text string) {
	v.reset[keyOf(Lookup(name), name)] = text
	delete(v.set, keyOf(Lookup(name), name))
	v.generation++
}

// Mark is a point in the transaction to roll back to.
func (v *Values) Mark() int { return len(v.undo) }

// RollbackTo undoes the changes since a mark.
func (v *Values) RollbackTo(mark int) {
	for i := len(v.undo) - 1; i >= mark; i-- {
		c := v.undo[i]
		if c.had {
			v.set[c.name] = c.old
		} else {
			delete(v.set, c.name)
		}
		v.generation++
	}
	v.undo = v.undo[:min(mark, len(v.undo))]
}

// Rollback ends a transaction that failed: all its SETs are undone.
func (v *Values) Rollback() { v.RollbackTo(0) }

// Commit ends a transaction: what SET LOCAL changed goes back.
func (v *Values) Commit() {
	for _, c := range v.undo {
		if val, ok := v.set[c.name]; ok && (val.now != val.session || val.given != val.givenSession) {
			v.set[c.name] = value{now: val.session, session: val.session, given: val.givenSession, givenSession: val.givenSession}
			v.generation++
		}
	}
	v.undo = v.undo[:0]
}

// Custom returns the names of custom settings that were set, in order.
func (v *Values) Custom() []string {
	var names []string
	for key := range v.set {
		if Lookup(key) == nil {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	return names
}
