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
	into := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(os.Getpagesize()))
	begin := unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -into)
	_ = unix.Madvise(unsafe.Slice((*byte)(begin), len(b)+into), unix.MADV_WILLNEED) // only advice
}
