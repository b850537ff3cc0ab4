// Package vfs is the file system as storage uses it: the real one, one in
// memory that simulates power cuts (synced bytes survive, of the rest a random
// part), and one that fails the n-th operation.
//
// Every implementation passes the suite in vfstest.go.
package vfs

import (
	"io"
	"io/fs"
)

// File is an open file. Offsets and lengths are bytes.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// SyncData makes the written bytes (and a grown length) survive a power
	// cut: fdatasync.
	SyncData() error
	// Allocate reserves size bytes, so that later writes within change no
	// metadata.
	Allocate(size int64) error
	Truncate(size int64) error
	Size() (int64, error)
	// Map maps the first length bytes read-only; Unmap gives them back.
	Map(length int64) (data []byte, unmap func() error, err error)
	Name() string
}

// FS is a directory tree. Paths are slash-separated and relative to its root.
type FS interface {
	Create(name string) (File, error) // fails if it exists
	Open(name string) (File, error)   // read-only
	OpenReadWrite(name string) (File, error)
	Remove(name string) error
	Rename(from, to string) error // atomic; replaces to
	MkdirAll(name string) error
	List(dir string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes creations, removals and renames in dir survive a power cut.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on a file for the life of the process.
	Lock(name string) (io.Closer, error)
}
