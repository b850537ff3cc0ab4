package vfs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Populate reads bytes [from, to) of a mapped file from the disk. When it returns, the
// large pages within them are in the system's memory, and what lies before and after
// these is on its way. As Unload, it does nothing with other bytes. What cannot be
// read fails whoever touches it.
//
// Told that pages will be needed, Linux reads them one by one, each with requests and
// entries of its own: 64 MB take it 55 ms, where the disk needs 20. Told to use large
// pages, it reads 2 MB by one request and maps them by one entry (since 5.18; on ext4
// since 6.16). As point reads would then bring 2 MB each, it is told so of a second
// mapping, which lasts as long as the reading.
func Populate(mapping []byte, from, to int) {
	mappings.mu.RLock()
	mapped := mappings.has(mapping)
	mappings.mu.RUnlock() // whoever asks keeps it mapped
	if from >= to || !mapped {
		return
	}
	to = min(to, len(mapping))
	lo, hi := (from+LargePage-1)/LargePage*LargePage, to
	if to < len(mapping) {
		hi = to / LargePage * LargePage
	}
	if hi <= lo || !populate(mapping[lo:hi]) {
		willNeed(mapping, from, to)
		return
	}
	willNeed(mapping, from, lo)
	willNeed(mapping, hi, to)
}

// willNeed has the system begin to read; pages that it does not come when they are
// touched.
func willNeed(mapping []byte, from, to int) {
	if from < to {
		_ = unix.Madvise(mapping[from/pageBytes*pageBytes:to], unix.MADV_WILLNEED)
	}
}

var pageBytes = unix.Getpagesize()

// populate maps what is mapped at b once more and reads it; false where the system
// cannot (Linux before 5.14).
func populate(b []byte) bool {
	// Of a shared mapping, mremap of 0 bytes makes another.
	again, _, failed := unix.Syscall6(unix.SYS_MREMAP, uintptr(unsafe.Pointer(unsafe.SliceData(b))), 0, uintptr(len(b)), unix.MREMAP_MAYMOVE, 0, 0)
	if failed != 0 {
		return false
	}
	defer unix.Syscall(unix.SYS_MUNMAP, again, uintptr(len(b)), 0)
	advise := func(at, length uintptr, advice int) bool {
		_, _, failed := unix.Syscall(unix.SYS_MADVISE, at, length, uintptr(advice))
		return failed == 0
	}
	advise(again, uintptr(len(b)), unix.MADV_HUGEPAGE) // unknown to systems without large pages
	advise(again, uintptr(len(b)), unix.MADV_RANDOM)   // nothing beyond what is asked for
	return advise(again, uintptr(len(b)), unix.MADV_POPULATE_READ)
}
