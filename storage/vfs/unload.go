package vfs

import (
	"bufio"
	"os"
	"strconv"
	"strings"
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
func Unload(data []byte) bool {
	mappings.mu.RLock()
	defer mappings.mu.RUnlock()
	return mappings.has(data) && unix.Madvise(data, unix.MADV_DONTNEED) == nil
}

// UnloadAll is Unload of every mapped file.
func UnloadAll() {
	mappings.mu.RLock()
	defer mappings.mu.RUnlock()
	for first, length := range mappings.bytes {
		_ = unix.Madvise(unsafe.Slice(first, length), unix.MADV_DONTNEED) // what cannot be given back stays
	}
}

// Resident is how much of the mapped files is in the resident memory of this process.
// The system goes through the pages of all memory for it.
func Resident() (bytes int64, err error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	starts := mappings.starts()
	file := false
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return bytes, lines.Err()
		}
		name, rest, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasSuffix(name, ":") { // a mapping: its addresses, and what it is of
			first, _, _ := strings.Cut(name, "-")
			start, err := strconv.ParseUint(first, 16, 64)
			if err != nil {
				return 0, err
			}
			_, file = starts[uintptr(start)]
			continue
		}
		if file && name == "Rss:" {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, err
			}
			bytes += kb << 10
		}
	}
}

// starts are the addresses of the mapped files.
func (m *mapped) starts() map[uintptr]struct{} {
	m.mu.RLock()
	defer m.mu.RUnlock()
	starts := make(map[uintptr]struct{}, len(m.bytes))
	for first := range m.bytes {
		starts[uintptr(unsafe.Pointer(first))] = struct{}{}
	}
	return starts
}

// has says whether bytes are those of a whole mapping; called under mu.
func (m *mapped) has(data []byte) bool {
	return len(data) > 0 && m.bytes[unsafe.SliceData(data)] == len(data)
}
