// Package backup keeps backups in a place of an object store: what a backup is
// described by, copying the objects that the place does not have yet, listing,
// checking and deleting. docs/formats/backup.md specifies the format.
//
// A backup is there once its description is. Objects are immutable and their
// names never reused, so that backups of one cluster share them: an object that is
// in the place is whole, and is not copied again, whoever copied it. What an
// interrupted backup has copied is used by the next one, or removed by it.
//
// One process at a time changes a place: it holds the Lock.
//
// The engine (storage/backup.go, storage/restore.go) says what is in a backup
// and makes tables of one; this package knows neither transactions nor segments
// in memory.
package backup
