// Package sql is the root of the language: its subpackages turn text into
// statements (parse, ast), say what types and functions exist (types, funcs),
// which settings there are (settings) and how an error is spoken (sqlerr).
//
// Nothing below sql imports planner, executor, storage, catalog or server.
// types, sqlerr and settings are leaves: any package may import them.
//
// Start reading at sql/types (what a value is), then sql/funcs (what can be
// done with it), then sql/parse.
package sql
