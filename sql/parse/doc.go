// Package parse turns query text into statements of package ast.
//
// The grammar is PostgreSQL's own (libpg_query, version 16, which contains
// that of 15); parse walks its tree once and builds ast nodes. Three things
// are done before the grammar sees the text:
//
//   - Quiver's own statements (CREATE PARTITION … ON, DROP PARTITION … ON) are
//     taken out by their tokens: frontend.go.
//   - The rows of a large INSERT … VALUES of literals are read by a scanner of
//     our own, and only the first goes through the grammar: values.go. Whatever
//     that scanner is not sure of goes the long way.
//   - Expressions nested so deep that the C stack could overflow are refused:
//     depth.go.
//
// Positions are 1-based character offsets into the whole text given to Parse,
// also in its second and later statements, because that is what a client
// counts in. Syntax errors are *sqlerr.Error with PostgreSQL's message.
//
// Parsed statements are immutable and may be shared; Cache keeps them by text.
//
// parse is the only importer of pg_query_go. It imports sql/ast and sql/sqlerr.
// Start reading at parse.go, then query.go and expr.go.
package parse
