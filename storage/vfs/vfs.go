package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path"
)

// LargePage is the page of most processors above the small one, in bytes.
const LargePage = 2 << 20

// ErrLocked: another process, or another part of this one, holds the lock.
var ErrLocked = errors.New("vfs: locked by another process")

// File is an open file. Offsets and lengths are bytes. Reads and writes at
// different places may run concurrently.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// SyncData makes the written bytes (and a grown length) survive a power
	// cut: fdatasync.
	SyncData() error
	// Allocate reserves size bytes, so that later writes within change no
	// metadata. New bytes read as zero.
	Allocate(size int64) error
	Truncate(size int64) error
	Size() (int64, error)
	// Map maps the first length bytes read-only; Unmap gives them back.
	Map(length int64) (data []byte, unmap func() error, err error)
	// MapWritable maps them for reading and writing; what was written is in the
	// file after Unmap, which comes before Close. The bytes are to be reserved
	// by Allocate: without, a page faults when the disk is full.
	MapWritable(length int64) (data []byte, unmap func() error, err error)
	Name() string
}

// FS is a directory tree. Paths are slash-separated, relative to its root and
// without "." and ".." elements; "." alone is the root. Errors match
// fs.ErrNotExist, fs.ErrExist and syscall.ENOSPC by errors.Is.
type FS interface {
	Create(name string) (File, error) // fails if it exists
	Open(name string) (File, error)   // read-only
	OpenReadWrite(name string) (File, error)
	Remove(name string) error
	Rename(from, to string) error // atomic; replaces to
	// Link gives a file a second name; fails with fs.ErrExist if to exists.
	Link(from, to string) error
	MkdirAll(name string) error
	List(dir string) ([]fs.DirEntry, error) // by name
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes creations, removals and renames in dir survive a power cut.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on a file, made if need be, for the life of
	// the process or until Close; ErrLocked if it is taken.
	Lock(name string) (io.Closer, error)
}

// MkdirAllSync makes a directory and those above it, and their names last.
func MkdirAllSync(fsys FS, name string) error {
	if err := fsys.MkdirAll(name); err != nil {
		return err
	}
	for name != "." {
		name = path.Dir(name)
		if err := fsys.SyncDir(name); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile makes a file with the given bytes that survive a power cut, as does
// its name. It appears whole or not at all, replacing what is there; tmp names
// it meanwhile, in the same directory.
func WriteFile(fsys FS, dir, name, tmp string, data []byte) error {
	join := func(n string) string {
		if dir == "." {
			return n
		}
		return dir + "/" + n
	}
	if err := fsys.Remove(join(tmp)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(join(tmp))
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.SyncData()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, fsys.Remove(join(tmp)))
	}
	if err := fsys.Rename(join(tmp), join(name)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}
