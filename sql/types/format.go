package types

import "time"

// Location is a time zone with the name the user gave it.
type Location struct {
	Name string
	Loc  *time.Location
}

// DateStyle is how dates and timestamps are printed.
type DateStyle byte

// The date styles of manual section 8.5.2.
const (
	DateStyleISO DateStyle = iota
	DateStyleSQL
	DateStylePostgres
	DateStyleGerman
)

// DateOrder is how an ambiguous date such as 01/02/03 is read.
type DateOrder byte

// The orders of manual section 8.5.2.
const (
	DateOrderMDY DateOrder = iota
	DateOrderDMY
	DateOrderYMD
)

// IntervalStyle is how intervals are printed.
type IntervalStyle byte

// The interval styles of manual section 8.5.5.
const (
	IntervalStylePostgres IntervalStyle = iota
	IntervalStylePostgresVerbose
	IntervalStyleSQLStandard
	IntervalStyleISO8601
)

// DefaultFormat is the format of a session with default settings: ISO dates in
// UTC.
func DefaultFormat() *Format {
	return &Format{TimeZone: Location{Name: "UTC", Loc: time.UTC}, ExtraFloatDigits: 1}
}

// Names translates between the OIDs of regclass, regtype and their like and the
// names users write. A Format that has none prints and reads numbers alone.
type Names interface {
	// Name is the text form of the value oid of the reg… type typ.
	Name(typ, oid OID) string
	// OID reads the text form: 42P01, 42704 or their like when there is none.
	OID(typ OID, name string) (OID, error)
}
