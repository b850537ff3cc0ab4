package roofline

import "golang.org/x/sys/unix"

// seconds is the time that the calling thread has had of a processor: what other
// programs have of it in between does not count.
func seconds() float64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return elapsed()
	}
	return float64(t.Sec) + float64(t.Nsec)/1e9
}
