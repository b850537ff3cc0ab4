// Package settings is the registry of GUCs: every setting once, with type,
// default, check and help. SET, SHOW, pg_settings, the config file, flags and
// QUIVER_… variables read the same one. Settings that a client must be told of
// (ParameterStatus) are marked Report.
//
// settings is a leaf: it imports sql/sqlerr alone.
package settings

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
	// Check normalises a new value (after the kind's own check) or refuses it.
	Check func(value string) (string, error)
}
