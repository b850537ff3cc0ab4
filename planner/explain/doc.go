// Package explain prints plans the way EXPLAIN of PostgreSQL does: as an
// indented text or as JSON, with what happened in an execution when EXPLAIN
// ANALYZE hands it in.
//
// describe.go says what is shown of each node, deparse.go prints expressions,
// text.go and json.go lay the description out. The executor calls Lines.
package explain
