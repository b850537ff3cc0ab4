// Package faults runs a fixed workload of SQL on a server of test/cluster and lets
// the n-th operation on its disk or its stores fail, for n = 1, 2, 3 …: fail, be
// torn, be slow, be done and lose its reply, find the disk full; once, or from then
// on. Whatever the clients were told must hold: after a restart every acknowledged
// statement is there, and one that failed is there as a whole or not at all.
//
// It also flips a bit in each object that the workload made: only the statements
// that need it fail, as of corrupt data, with its name, and the check finds it.
//
// QUIVER_FAULT_STRIDE sets how far apart the failing operations are (11; 1 is each).
package faults
