// Package offheap allocates large buffers outside Go's heap, under one budget.
//
// Chunks of growing segments, caches, sorts and hash tables hold most of a
// database's memory; the garbage collector need not look at them,
// and GOMEMLIMIT then covers only the rest. Buffers of Threshold bytes and
// less come from the Go heap and are not counted.
//
// An Allocator is an arrow memory.Allocator, safe for concurrent use. Memory
// must be given back with Free exactly once; a use after Free faults.
//
// Start reading at allocator.go. offheap imports nothing of Quiver.
package offheap
