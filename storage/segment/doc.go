// Package segment holds what growing and flushed segments share, and the
// reading and writing of flushed ones.
//
//	state.go       the states of a segment's life and the allowed moves
//	tombstones.go  delete timestamps and successors by position
//	flushed.go     a segment in objects, writer.go its making
//	index.go       its vector indexes
//	hash.go        the hash of a primary key: shards, locks and key maps
//
// A segment is a run of row versions of one shard of one partition. Rows never
// move within it and are never taken out of it: a delete is a tombstone, an
// update a tombstone with a successor in another place.
package segment
