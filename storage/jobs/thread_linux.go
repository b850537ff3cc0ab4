package jobs

import (
	"time"

	"golang.org/x/sys/unix"
)

// currentThread is the number of the thread that the caller runs on.
func currentThread() int { return unix.Gettid() }

// threadUsed is the processor time that the caller's thread had so far.
func threadUsed() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// goBehind has other threads of the process go ahead of the caller's.
func goBehind() {
	thread := currentThread()
	// The system call answers 20 less the niceness. Without an answer or the right to
	// change it, the thread is as others are, and rests like them.
	if answer, err := unix.Getpriority(unix.PRIO_PROCESS, thread); err == nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, thread, min(20-answer+behind, 19))
	}
}
