package vfs

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WillNeed has the system read a part of a mapped file that will soon be touched,
// and returns at once.
func WillNeed(b []byte) {
	if len(b) == 0 {
		return
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	// From the start of the page. The address stays a number: before it there may be
	// nothing, where the bytes are not mapped but of the heap, and the advice void.
	into := at % uintptr(os.Getpagesize())
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, at-into, uintptr(len(b))+into, unix.MADV_WILLNEED)
}
