// Package vfs is the file system as storage uses it: the real one (os.go), one
// in memory that simulates power cuts (mem.go: synced bytes survive, of the
// rest a random part), and one that fails the n-th operation (faulty.go).
//
// Every implementation passes the suite in contract_test.go. The package knows
// nothing else of Quiver.
//
// # What survives a power cut
//
// Bytes of a file after SyncData on it, and its name after SyncDir on its
// directory: both are needed for a new file. A rename is atomic, and lasts
// after SyncDir of both directories.
package vfs
