// Package physical turns an optimised logical tree into the plan that the
// executor runs: column ids become positions, outer references become reads of
// the frame that a subquery or a lateral join is run with, joins get an
// algorithm, and every node its estimate.
//
// build.go walks the nodes, expr.go the expressions, join.go chooses between
// hash join and nested loop, cost.go estimates. A node may yield its columns in
// another order than its logical twin: parents find them by id.
package physical
