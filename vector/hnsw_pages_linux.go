package vector

import "golang.org/x/sys/unix"

// adviseLargePages asks for pages of 2 MB; that there are none is no error.
func adviseLargePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
