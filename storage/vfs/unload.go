package vfs

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapped are the files of the operating system that this process has mapped. The
// lock is held, shared, while pages are given back: whoever maps something where a
// file just was must not lose it.
type mapped struct {
	mu    sync.RWMutex // guards bytes
	bytes map[*byte]int
}

var mappings = mapped{bytes: map[*byte]int{}}

func (m *mapped) add(data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes[unsafe.SliceData(data)] = len(data)
}

func (m *mapped) unmap(data []byte) error {
	m.mu.Lock()
	delete(m.bytes, unsafe.SliceData(data))
	m.mu.Unlock()
	return unix.Munmap(data)
}

// Unload takes the pages of a mapped file out of the resident memory of this
// process; who reads them next has them again, from the system's cache or the disk.
// It does nothing, and says so, with bytes that Map of an operating system's file
// did not return or that were unmapped since.
func Unload(data []byte) bool { return mappings.advise(data, unix.MADV_DONTNEED) }

// Preload has the system begin to read a mapped file from the disk. As Unload, it
// does nothing with other bytes.
func Preload(data []byte) bool { return mappings.advise(data, unix.MADV_WILLNEED) }

func (m *mapped) advise(data []byte, advice int) bool {
	if len(data) == 0 {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.bytes[unsafe.SliceData(data)] != len(data) {
		return false
	}
	return unix.Madvise(data, advice) == nil
}
