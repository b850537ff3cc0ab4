// Package cores tells how many processors there are, and has Go's scheduler take
// turns among more.
//
// Go runs GOMAXPROCS goroutines at once, each on a thread, and gives the threads to
// as many processors. Where other programs share the machine (a client on the same
// host, a neighbour in the container) the system takes a processor from a thread for
// some milliseconds, and all goroutines that wait in that thread's queue wait with
// it: no other thread takes them while its own goroutine has more to do, as that of
// a connection has whose client answers at once. So Spread has a few threads for
// each processor, and leaves it to the system, which is fair among threads, who goes
// first. Count is what one piece of work should be cut into: more pieces than
// processors gain nothing.
//
// Start reading at cores.go. cores imports nothing of Quiver.
package cores
