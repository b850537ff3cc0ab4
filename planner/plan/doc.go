// Package plan holds physical plans: bound expressions (expr.go) and operators
// (node.go). planner builds them, executor runs them, EXPLAIN prints them. A
// plan is immutable and shared by executions; parameters, snapshot and memory
// come with each execution.
package plan
