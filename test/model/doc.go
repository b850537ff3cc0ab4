// Package model runs random operations on a server and on a plain model of it in
// memory, and compares: rows, their places, what can be read of the past, what is
// there after restarts and power cuts, backups and what is restored from them.
//
// model.go is the model: tables as maps of rows, transactions as changes of them.
// operations.go is what can be done to both. run.go draws operations and keeps the
// log; shrink.go finds the few that are enough to fail.
//
// Several sessions take turns on one goroutine, so none may wait for another: each
// writes the rows whose id leaves its own remainder, and a table's definition is
// changed only while no open transaction has used it.
//
// Operation i of a seed draws from a generator of its own, so that leaving others
// out changes no choice of its, and a log can be shrunk.
//
// Log, catalog and objects are simulated; backups, exports and files to load are real
// files, in /dev/shm if it has a gigabyte free: what a power cut leaves of them is no
// matter of this test. All servers of a test take memory from one allocator, and each
// that ends must have given it back.
//
//	QUIVER_MODEL_SEEDS=4    how many seeds (default 3)
//	QUIVER_MODEL_OPS=1200   operations that are drawn of each; those are counted that
//	                        can be done as things are
//	QUIVER_MODEL_SEED=7     the first seed
//	QUIVER_MODEL_ONLY=1,5,9 only these operations, as a failure prints them
package model
