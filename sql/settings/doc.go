// Package settings is the registry of GUCs: every setting once, with type,
// default, check and help. SET, SHOW, pg_settings, the config file, flags and
// QUIVER_… variables read the same one. Settings that a client must be told of
// (ParameterStatus) are marked Report.
//
// The registry (Setting, Lookup, All) is filled by init functions and read-only
// afterwards. What a session has set lives in its Values, with PostgreSQL's
// rules: SET is undone by ROLLBACK, SET LOCAL by the transaction's end. A
// Values belongs to one session goroutine.
//
// settings imports sql/sqlerr, and sql/types for the time zones.
//
// Start reading at setting.go, then values.go; client.go, planning.go and
// server.go are the rows.
package settings
