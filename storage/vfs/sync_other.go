//go:build !linux

package vfs

import "os"

// syncData and allocate by what every system has.
func syncData(f *os.File) error { return f.Sync() }

func allocate(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	return f.Truncate(size)
}
