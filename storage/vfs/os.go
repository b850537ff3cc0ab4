package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OS is the machine's file system below a root directory.
type OS struct {
	root string
}

// NewOS returns the files below root, which is made if need be.
func NewOS(root string) (*OS, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	return &OS{root: root}, nil
}

// Root is the directory on this machine, for messages.
func (o *OS) Root() string { return o.root }

// path returns the machine's path of name, which may not leave the root.
func (o *OS) path(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(o.root, filepath.FromSlash(name)), nil
}

func (o *OS) open(op, name string, flag int) (File, error) {
	path, err := o.path(op, name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return &osFile{f: f, name: name}, nil
}

// Create makes a file.
func (o *OS) Create(name string) (File, error) {
	return o.open("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open opens a file for reading.
func (o *OS) Open(name string) (File, error) { return o.open("open", name, os.O_RDONLY) }

// OpenReadWrite opens a file for both.
func (o *OS) OpenReadWrite(name string) (File, error) { return o.open("open", name, os.O_RDWR) }

// Remove removes a file or an empty directory.
func (o *OS) Remove(name string) error {
	path, err := o.path("remove", name)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

func (o *OS) two(op, from, to string, f func(from, to string) error) error {
	a, err := o.path(op, from)
	if err != nil {
		return err
	}
	b, err := o.path(op, to)
	if err != nil {
		return err
	}
	return f(a, b)
}

// Rename renames a file.
func (o *OS) Rename(from, to string) error { return o.two("rename", from, to, os.Rename) }

// Link gives a file a second name.
func (o *OS) Link(from, to string) error { return o.two("link", from, to, os.Link) }

// MkdirAll makes a directory and those above it.
func (o *OS) MkdirAll(name string) error {
	path, err := o.path("mkdir", name)
	if err != nil {
		return err
	}
	return os.MkdirAll(path, 0o755)
}

// List returns what a directory holds, by name.
func (o *OS) List(dir string) ([]fs.DirEntry, error) {
	path, err := o.path("list", dir)
	if err != nil {
		return nil, err
	}
	return os.ReadDir(path)
}

// Stat describes a file.
func (o *OS) Stat(name string) (fs.FileInfo, error) {
	path, err := o.path("stat", name)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// SyncDir syncs a directory's entries.
func (o *OS) SyncDir(dir string) error {
	path, err := o.path("sync", dir)
	if err != nil {
		return err
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Lock takes an flock on a file; the kernel drops it when the process ends.
func (o *OS) Lock(name string) (io.Closer, error) {
	path, err := o.path("lock", name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EINTR {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
	}
	return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
}

type osFile struct {
	f    *os.File
	name string
}

func (f *osFile) ReadAt(p []byte, off int64) (int, error)  { return f.f.ReadAt(p, off) }
func (f *osFile) WriteAt(p []byte, off int64) (int, error) { return f.f.WriteAt(p, off) }
func (f *osFile) Close() error                             { return f.f.Close() }
func (f *osFile) Name() string                             { return f.name }
func (f *osFile) Truncate(size int64) error                { return f.f.Truncate(size) }

func (f *osFile) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) SyncData() error {
	return f.wrap("fdatasync", retryEINTR(func() error { return syncData(f.f) }))
}

func (f *osFile) Allocate(size int64) error {
	return f.wrap("fallocate", retryEINTR(func() error { return allocate(f.f, size) }))
}

// Linux lets a process have 65,530 mappings, each of a page at least, and a table of
// 10,000 partitions has more files than that. What is shorter than mapBytesMin is read
// instead, which takes no more memory; and what is not longer than unmappedBytesMax,
// once there can be no more mappings.
const (
	mapBytesMin      = 4 << 10
	unmappedBytesMax = 1 << 20
)

func (f *osFile) Map(length int64) ([]byte, func() error, error) {
	if length > 0 && length < mapBytesMin {
		return f.read(length)
	}
	data, unmap, err := f.mmap(length, unix.PROT_READ)
	if errors.Is(err, unix.ENOMEM) && length <= unmappedBytesMax {
		return f.read(length)
	}
	return data, unmap, err
}

// read is Map by a copy, aligned as words are.
func (f *osFile) read(length int64) ([]byte, func() error, error) {
	data := make([]byte, (length+15)&^15)[:length:length]
	switch n, err := f.f.ReadAt(data, 0); {
	case n == len(data):
	case err == io.EOF:
		return nil, nil, f.wrap("read", fs.ErrInvalid) // as of a page past the end
	default:
		return nil, nil, f.wrap("read", err)
	}
	return data, func() error { return nil }, nil
}

func (f *osFile) MapWritable(length int64) ([]byte, func() error, error) {
	return f.mmap(length, unix.PROT_READ|unix.PROT_WRITE)
}

func (f *osFile) mmap(length int64, protection int) ([]byte, func() error, error) {
	if length == 0 { // mmap refuses it
		return []byte{}, func() error { return nil }, nil
	}
	if size, err := f.Size(); err != nil || length > size { // a page past the end would fault
		return nil, nil, f.wrap("mmap", firstOf(err, fs.ErrInvalid))
	}
	data, err := unix.Mmap(int(f.f.Fd()), 0, int(length), protection, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, f.wrap("mmap", err)
	}
	mappings.add(data)
	return data, func() error { return mappings.unmap(data) }, nil
}

func (f *osFile) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func retryEINTR(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
