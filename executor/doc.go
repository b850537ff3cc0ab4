// Package executor runs plans: pull-based operators over Arrow record batches
// of one to a few thousand rows, one file each, and the kernels of expressions.
//
// # Ownership
//
// Next gives the caller a batch that the caller releases; an operator releases
// its input once its output is built. Memory comes from Env.Mem, which has a
// budget and makes allocations beyond it 53200.
//
// # Instances
//
// Operators and evaluators are built once and can be opened again: a finished
// execution's tree goes back to its plan.Statement for the next. So nothing of
// one execution may stay in them past close, or past a reset hook of builder.
// A single pipeline starts no goroutine; only vector search runs several.
//
// # Spilling
//
// Sort, DISTINCT, aggregation, hash joins and kept rows (spool.go) that outgrow
// Env.WorkMem go to temporary files, unlinked when they are opened. Window functions
// that look back only go by over the sorted rows (window_stream.go); of the others what
// they look at stays in memory, and the rows are kept.
//
// # Where to start
//
// api.go (Env, Cursor), build.go (plan node → operator), eval.go (expressions),
// scan.go, then the operator you need. ddl.go runs the statements without a plan.
//
// executor imports planner/plan, sql, storage, vector and catalog.
package executor
