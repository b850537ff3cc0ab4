// Package planner turns a parsed statement into a plan. The way goes through
// one package a stage:
//
//	bind      names → descriptors, types, functions; errors with positions
//	logical   the tree in between, whose columns are named by ids
//	rules     improvements of that tree, one file each, in the order of order.go
//	physical  algorithms, positions instead of ids, estimates
//	plan      the nodes that executor runs
//	explain   the text of EXPLAIN
//
// planner imports sql and catalog, never storage: row counts come through the
// interface Statistics.
//
// Start reading at planner.go, then bind/binder.go.
package planner
