package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData is fdatasync: os.File.Sync is fsync, which also writes times.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// allocate reserves blocks. File systems without fallocate get a longer file
// with holes: slower writes, the same bytes.
func allocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		return extend(f, size)
	}
	return err
}

func extend(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	return f.Truncate(size)
}
