// Package lock is the lock manager: table, row and key locks with fair queues
// and a search for deadlocks.
//
// A Resource is a table, a row version or a key of a unique index. Rows and keys are
// addressed by a block, a 56-bit hash, and one of 64 places in it, which callers
// choose so that what is locked together lies together: a transaction may hold
// millions of rows with successive ids. Two whose hashes collide share a lock: they
// wait for each other needlessly and nothing else.
//
// Locks with one holder and no waiter are small entries in sharded maps, one for all
// that an owner has of a block where it can be (manager.go, shard.go). Any other is
// an object guarded by one mutex, under which the waits-for graph holds still: a
// deadlock is searched by the waiter, after Wait.Deadlock, as Postgres does after
// deadlock_timeout.
//
// An Owner belongs to one goroutine. Start reading at mode.go, then manager.go.
// lock imports nothing of Quiver.
package lock
