// Package executor runs plans: pull-based operators over Arrow record batches
// of one to a few thousand rows, one file each, and the kernels of expressions.
//
// # Ownership
//
// Next gives the caller a batch that the caller releases; an operator releases
// its input once its output is built. Memory comes from Env.Mem, which has a
// budget and makes allocations beyond it 53200.
//
// # Where to start
//
// api.go (Env, Cursor), build.go (plan node → operator), eval.go (expressions),
// scan.go, then the operator you need. ddl.go runs the statements without a plan.
//
// executor imports planner/plan, sql, storage, vector and catalog.
package executor
