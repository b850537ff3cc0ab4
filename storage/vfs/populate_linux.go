package vfs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePage is the page of processors above the small one.
const largePage = 2 << 20

// Populate reads bytes [from, to) of a mapped file from the disk and returns when
// they are in the system's memory. As Unload, it does nothing with other bytes. What
// cannot be read fails whoever touches it.
//
// Advice that pages will be needed has the system read them one by one, and what
// lies beside each other takes as many steps for the disk and for the processor: half
// the time of a cold scan. Where advice asks for large pages a file comes by 2 MB at a
// time (Linux since 5.18; ext4 since 6.16), read by one request and mapped by one entry.
// But then each page touched brings 2 MB, and point reads bring one, so that advice
// is for a second mapping, which lasts as long as the reading.
func Populate(mapping []byte, from, to int) {
	if from >= to || !mappings.has(mapping) {
		return
	}
	lo, hi := from/largePage*largePage, min((to+largePage-1)/largePage*largePage, len(mapping))
	if hi-lo > 2*(to-from) || !populate(mapping[lo:hi]) {
		lo = from / pageBytes * pageBytes
		_ = unix.Madvise(mapping[lo:to], unix.MADV_WILLNEED) // advice: without it pages come when they are touched
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
