// Package logical holds the tree between binding and the physical plan. Columns
// are named by statement-wide ids (ColID) instead of positions, so that a rule
// can move a node or an expression without renumbering anything: an expression
// is valid wherever its columns are produced below it, and a column that a
// subtree uses without producing it is an outer reference.
//
// Expressions are those of package plan, with two node types of their own: Ref
// (a column by id) and Subquery (over a logical tree). Package bind makes the
// trees, package rules improves them, package physical turns ids into
// positions. A tree belongs to one planning run and is changed in place;
// expressions are never changed in place, since nodes share them.
//
// Start reading at node.go, then expr.go and walk.go.
package logical
