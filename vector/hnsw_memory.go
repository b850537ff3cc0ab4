package vector

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blocks are large arrays outside Go's heap, given back all at once: a graph
// has no pointers that the collector would have to follow, and lies on large
// pages, so that a step from node to node misses one cache and not two. Arrays
// beyond a limit lie in files.
type blocks struct {
	limit, used int64 // bytes; limit 0 is none
	// scratch makes what goes beyond limit: see Options.
	scratch func(bytes int64) ([]byte, func(), error)
	release []func()
}

// bytes returns size zeroed bytes at an address aligned to a page.
func (b *blocks) bytes(size int) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	if b.limit > 0 && b.used+int64(size) > b.limit {
		m, release, err := b.scratch(int64(size))
		if err != nil {
			return nil, fmt.Errorf("vector: scratch file of %d bytes: %w", size, err)
		}
		b.release = append(b.release, release)
		return m, nil
	}
	b.used += int64(size)
	m, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("vector: map %d bytes: %w", size, err)
	}
	b.release = append(b.release, func() {
		if err := unix.Munmap(m); err != nil {
			panic(fmt.Sprintf("vector: unmap: %v", err)) // m is not ours: a bug
		}
	})
	adviseLargePages(m)
	return m, nil
}

// words returns n words, each set to fill.
func (b *blocks) words(n int, fill uint32) ([]uint32, error) {
	m, err := b.bytes(4 * n)
	if err != nil {
		return nil, err
	}
	w := wordsOf(m)
	if fill != 0 {
		for i := range w {
			w[i] = fill
		}
	}
	return w, nil
}

// free gives all back.
func (b *blocks) free() {
	for _, release := range b.release {
		release()
	}
	b.release = nil
}

// wordsOf views bytes, at an address aligned to 4, as words.
func wordsOf(b []byte) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// bytesOf views words as bytes.
func bytesOf(w []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), 4*len(w))
}

// addressOf is where bytes lie.
func addressOf(b []byte) int { return int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
