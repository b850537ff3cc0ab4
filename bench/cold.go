package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// evict puts the pages of the files below a directory out of memory; those that a
// process has touched through a mapping stay.
func evict(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// readCold is how long it takes to read so many bytes of a file one after the other,
// none of which is in memory.
func (b *bench) readCold(bytes int64) (time.Duration, error) {
	dir := b.life.TempDir()
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bytes")
	buffer := make([]byte, 1<<20)
	for i := range buffer {
		buffer[i] = byte(i*i>>3) ^ byte(i)
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for left := bytes; left > 0; left -= int64(len(buffer)) {
		if _, err := f.Write(buffer[:min(left, int64(len(buffer)))]); err != nil {
			return 0, err
		}
	}
	if err := evict(dir); err != nil {
		return 0, err
	}
	return readAll([]stretch{{path, bytes}})
}

// stretch is the first bytes of a file.
type stretch struct {
	path  string
	bytes int64
}

// readAll is how long it takes to read stretches, one after the other.
func readAll(list []stretch) (time.Duration, error) {
	buffer := make([]byte, 1<<20)
	start := time.Now()
	for _, s := range list {
		f, err := os.Open(s.path)
		if err != nil {
			return 0, err
		}
		for at := int64(0); at < s.bytes; {
			n, err := f.ReadAt(buffer[:min(int64(len(buffer)), s.bytes-at)], at)
			if err != nil {
				f.Close()
				return 0, err
			}
			at += int64(n)
		}
		if err := f.Close(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
