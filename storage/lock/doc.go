// Package lock is the lock manager: table, row and key locks with fair queues
// and a search for deadlocks.
//
// A Resource is a table, a row version or a key of a unique index; rows and
// keys are addressed by a 64-bit hash, so a transaction may hold millions of
// them. Two rows whose hashes collide share a lock: they wait for each other
// needlessly and nothing else.
//
// A lock with one holder and no waiter is one small entry in a sharded map. Any
// other is an object guarded by one mutex, under which the waits-for graph
// holds still: a deadlock is searched by the waiter, after Wait.Deadlock, as
// Postgres does after deadlock_timeout.
//
// An Owner belongs to one goroutine. Start reading at mode.go, then manager.go.
// lock imports nothing of Quiver.
package lock
