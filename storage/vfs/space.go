package vfs

import (
	"math"

	"golang.org/x/sys/unix"
)

// Space is an FS that knows how much more it can hold.
type Space interface {
	// Free is how many more bytes files may take.
	Free() (int64, error)
}

// Free is what the disk has left for this process.
func (o *OS) Free() (int64, error) {
	var s unix.Statfs_t
	if err := retryEINTR(func() error { return unix.Statfs(o.root, &s) }); err != nil {
		return 0, pathError("statfs", ".", err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// Free is what SetFree left.
func (m *Mem) Free() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.free < 0 {
		return math.MaxInt64, nil
	}
	return m.free, nil
}
