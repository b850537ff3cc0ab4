package vfs

import (
	"errors"
	"io"
	"io/fs"
	"sync"
)

// ErrInjected is what Faulty answers unless its Fault says otherwise.
var ErrInjected = errors.New("vfs: injected fault")

// Op is one operation that Faulty sees: "create", "open", "remove", "rename",
// "link", "mkdir", "list", "stat", "syncdir", "lock", and of files "read",
// "write", "sync", "allocate", "truncate", "size", "map", "close".
type Op struct {
	Kind, Name string
}

// Writes says whether the operation changes something.
func (o Op) Writes() bool {
	switch o.Kind {
	case "open", "list", "stat", "read", "size", "map", "close":
		return false
	}
	return true
}

// Fault says how operations fail.
type Fault struct {
	// After is how many operations (of those that Match) still succeed.
	After int
	// Match picks operations; nil is all.
	Match func(Op) bool
	// Err is the answer, ErrInjected if nil; syscall.ENOSPC is a full disk.
	Err error
	// Sticky makes every later matching operation fail too.
	Sticky bool
	// Short lets a failing write write the first half of its bytes, and a
	// failing sync of a file sync it: the caller cannot know.
	Short bool
}

// Faulty passes operations on to another FS until its fault strikes. It is
// safe for concurrent use.
type Faulty struct {
	inner FS

	mu    sync.Mutex // guards the rest
	fault *Fault
	seen  int
	hit   bool
}

// NewFaulty wraps inner; without a fault it changes nothing.
func NewFaulty(inner FS) *Faulty { return &Faulty{inner: inner} }

// Set sets the fault and forgets what was seen; nil sets none.
func (f *Faulty) Set(fault *Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.seen, f.hit = fault, 0, false
}

// Hit says whether the fault struck since Set.
func (f *Faulty) Hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// check returns the fault if it strikes this operation.
func (f *Faulty) check(kind, name string) (*Fault, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil || f.fault.Match != nil && !f.fault.Match(Op{Kind: kind, Name: name}) {
		return nil, nil
	}
	n := f.seen
	f.seen++
	if n < f.fault.After || n > f.fault.After && !f.fault.Sticky {
		return nil, nil
	}
	f.hit = true
	err := f.fault.Err
	if err == nil {
		err = ErrInjected
	}
	return f.fault, &fs.PathError{Op: kind, Path: name, Err: err}
}

func (f *Faulty) file(kind, name string, open func(string) (File, error)) (File, error) {
	if _, err := f.check(kind, name); err != nil {
		return nil, err
	}
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{fs: f, inner: inner}, nil
}

// Create makes a file.
func (f *Faulty) Create(name string) (File, error) { return f.file("create", name, f.inner.Create) }

// Open opens a file for reading.
func (f *Faulty) Open(name string) (File, error) { return f.file("open", name, f.inner.Open) }

// OpenReadWrite opens a file for both.
func (f *Faulty) OpenReadWrite(name string) (File, error) {
	return f.file("open", name, f.inner.OpenReadWrite)
}

// Remove removes a file.
func (f *Faulty) Remove(name string) error {
	if _, err := f.check("remove", name); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

// Rename renames a file.
func (f *Faulty) Rename(from, to string) error {
	if _, err := f.check("rename", from); err != nil {
		return err
	}
	return f.inner.Rename(from, to)
}

// Link gives a file a second name.
func (f *Faulty) Link(from, to string) error {
	if _, err := f.check("link", from); err != nil {
		return err
	}
	return f.inner.Link(from, to)
}

// MkdirAll makes a directory.
func (f *Faulty) MkdirAll(name string) error {
	if _, err := f.check("mkdir", name); err != nil {
		return err
	}
	return f.inner.MkdirAll(name)
}

// List lists a directory.
func (f *Faulty) List(dir string) ([]fs.DirEntry, error) {
	if _, err := f.check("list", dir); err != nil {
		return nil, err
	}
	return f.inner.List(dir)
}

// Stat describes a file.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) {
	if _, err := f.check("stat", name); err != nil {
		return nil, err
	}
	return f.inner.Stat(name)
}

// SyncDir syncs a directory.
func (f *Faulty) SyncDir(dir string) error {
	if _, err := f.check("syncdir", dir); err != nil {
		return err
	}
	return f.inner.SyncDir(dir)
}

// Lock locks a file.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if _, err := f.check("lock", name); err != nil {
		return nil, err
	}
	return f.inner.Lock(name)
}

type faultyFile struct {
	fs    *Faulty
	inner File
}

func (f *faultyFile) Name() string { return f.inner.Name() }

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fs.check("read", f.Name()); err != nil {
		return 0, err
	}
	return f.inner.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	fault, err := f.fs.check("write", f.Name())
	if err == nil {
		return f.inner.WriteAt(p, off)
	}
	if !fault.Short {
		return 0, err
	}
	n, innerErr := f.inner.WriteAt(p[:len(p)/2], off)
	return n, errors.Join(err, innerErr)
}

func (f *faultyFile) SyncData() error {
	fault, err := f.fs.check("sync", f.Name())
	if err == nil {
		return f.inner.SyncData()
	}
	if fault.Short {
		err = errors.Join(err, f.inner.SyncData())
	}
	return err
}

func (f *faultyFile) Allocate(size int64) error {
	if _, err := f.fs.check("allocate", f.Name()); err != nil {
		return err
	}
	return f.inner.Allocate(size)
}

func (f *faultyFile) Truncate(size int64) error {
	if _, err := f.fs.check("truncate", f.Name()); err != nil {
		return err
	}
	return f.inner.Truncate(size)
}

func (f *faultyFile) Size() (int64, error) {
	if _, err := f.fs.check("size", f.Name()); err != nil {
		return 0, err
	}
	return f.inner.Size()
}

func (f *faultyFile) Map(length int64) ([]byte, func() error, error) {
	if _, err := f.fs.check("map", f.Name()); err != nil {
		return nil, nil, err
	}
	return f.inner.Map(length)
}

func (f *faultyFile) MapWritable(length int64) ([]byte, func() error, error) {
	if _, err := f.fs.check("map", f.Name()); err != nil {
		return nil, nil, err
	}
	return f.inner.MapWritable(length)
}

// Close always closes, so that a failing close leaks nothing.
func (f *faultyFile) Close() error {
	_, err := f.fs.check("close", f.Name())
	return errors.Join(err, f.inner.Close())
}
