package main

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// latencies are percentiles of the time to an answer.
type latencies struct{ p50, p95, p99 time.Duration }

// openLoops is the median of a few openLoops: a machine that is shared with others
// stands still at times, and what came meanwhile waits.
func (w *wire) openLoops(rounds int, perSecond float64, d time.Duration) (latencies, error) {
	var all []latencies
	for range rounds {
		l, err := w.openLoop(perSecond, d)
		if err != nil {
			return latencies{}, err
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b latencies) int { return cmp.Compare(a.p99, b.p99) })
	return all[len(all)/2], nil
}

// openLoop sends searches at a steady rate, whether or not earlier ones were
// answered, over the connections of w, for a while. The time to an answer counts
// from when the search was due, so that a server that falls behind cannot hide
// it.
func (w *wire) openLoop(perSecond float64, d time.Duration) (latencies, error) {
	defer processorsFor(len(w.conns))()
	total := int64(perSecond * d.Seconds())
	times := make([]time.Duration, total)
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, len(w.conns))
	start := time.Now()
	for _, c := range w.conns {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= total {
					return
				}
				due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
				if early := time.Until(due); early > 0 {
					sleep(early)
					// The system wakes a sleeper late: that is not the server's time.
					due = time.Now()
				}
				if err := w.search(c, int(i)%len(w.queries)); err != nil {
					errs <- err
					return
				}
				times[i] = time.Since(due)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return latencies{}, err
	default:
	}
	slices.Sort(times)
	at := func(share float64) time.Duration { return times[min(int(share*float64(total)), int(total)-1)] }
	return latencies{at(0.50), at(0.95), at(0.99)}, nil
}

// sleep is finer than time.Sleep, whose steps are of a millisecond.
func sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // woken early by a signal, the search is early
}
