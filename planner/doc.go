// Package planner turns a parsed statement into a plan: bind (names →
// descriptors, types, functions) → logical plan → rules (one file each,
// applied in the order rules.go prints) → physical plan. EXPLAIN's text is made
// here too.
//
// Subpackage plan holds the nodes that executor runs. planner imports sql and
// catalog, never storage: row counts come through the interface Statistics.
//
// Start reading at planner.go, then bind.go.
package planner
