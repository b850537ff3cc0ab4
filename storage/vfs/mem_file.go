package vfs

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// memFile is an open file of Mem. It outlives the file's name, as on Unix.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	closed   bool
}

func (f *memFile) Name() string { return f.name }

// enter locks the file system and checks that f may be used.
func (f *memFile) enter(op string, write bool) error {
	f.fs.mu.Lock()
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if write && !f.writable {
		return pathError(op, f.name, syscall.EBADF)
	}
	return nil
}

func (f *memFile) leave() { f.fs.mu.Unlock() }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	defer f.leave()
	if err := f.enter("read", false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	if off >= int64(len(f.node.data)) {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	defer f.leave()
	if err := f.enter("write", true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := f.take(off + int64(len(p))); err != nil {
		return 0, pathError("write", f.name, err)
	}
	f.change(memWrite{offset: off, bytes: slices.Clone(p)})
	return len(p), nil
}

// take counts the bytes by which the file grows.
func (f *memFile) take(size int64) error {
	more := size - int64(len(f.node.data))
	if more <= 0 || f.fs.free < 0 {
		return nil
	}
	if more > f.fs.free {
		return syscall.ENOSPC
	}
	f.fs.free -= more
	return nil
}

func (f *memFile) change(w memWrite) {
	f.node.data = w.apply(f.node.data)
	f.node.writes = append(f.node.writes, w)
}

func (f *memFile) SyncData() error {
	defer f.leave()
	if err := f.enter("sync", false); err != nil {
		return err
	}
	for _, w := range f.node.writes {
		f.node.synced = w.apply(f.node.synced)
	}
	f.node.writes = nil
	return nil
}

func (f *memFile) Allocate(size int64) error {
	defer f.leave()
	if err := f.enter("allocate", true); err != nil {
		return err
	}
	if size <= int64(len(f.node.data)) {
		return nil
	}
	if err := f.take(size); err != nil {
		return pathError("allocate", f.name, err)
	}
	f.change(memWrite{size: size})
	return nil
}

func (f *memFile) Truncate(size int64) error {
	defer f.leave()
	if err := f.enter("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return pathError("truncate", f.name, fs.ErrInvalid)
	}
	if err := f.take(size); err != nil {
		return pathError("truncate", f.name, err)
	}
	f.change(memWrite{size: size})
	return nil
}

func (f *memFile) Size() (int64, error) {
	defer f.leave()
	if err := f.enter("stat", false); err != nil {
		return 0, err
	}
	return int64(len(f.node.data)), nil
}

// Map returns a copy: mapped files are never changed in place.
func (f *memFile) Map(length int64) ([]byte, func() error, error) {
	defer f.leave()
	if err := f.enter("mmap", false); err != nil {
		return nil, nil, err
	}
	if length < 0 || length > int64(len(f.node.data)) {
		return nil, nil, pathError("mmap", f.name, fs.ErrInvalid)
	}
	return slices.Clone(f.node.data[:length]), func() error { return nil }, nil
}

// MapWritable returns a copy that unmap writes back.
func (f *memFile) MapWritable(length int64) ([]byte, func() error, error) {
	data, _, err := f.Map(length)
	return data, func() error {
		_, err := f.WriteAt(data, 0)
		return err
	}, err
}

func (f *memFile) Close() error {
	defer f.leave()
	if err := f.enter("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
