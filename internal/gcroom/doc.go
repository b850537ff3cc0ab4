// Package gcroom lets garbage gather for a while over a small heap.
//
// The collector runs when the heap has doubled. What a database holds lies off
// Go's heap for the most part (package offheap, mapped files), so the heap is
// small and doubles soon: under many short statements it would be collected
// several times a second, and each collection takes processors from statements
// that wait. Keep has a fixed room of garbage gather beside what is alive, at
// least; a heap larger than the room doubles as ever. GOMEMLIMIT still holds, and
// a GOGC that was set is left as it is.
//
// Start reading at keep.go. gcroom imports nothing of Quiver.
package gcroom
