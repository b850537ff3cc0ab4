package roofline

import (
	"runtime"
	"slices"
	"time"
)

// rounds of a measurement of which the fastest counts.
const rounds = 7

// pairs of measurements of which the one in the middle counts.
const pairs = 31

// fastest is the shortest time that f takes.
func fastest(f func()) float64 {
	best := timed(f)
	for range rounds - 1 {
		best = min(best, timed(f))
	}
	return best
}

// timed is how long f takes, in seconds.
func timed(f func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := seconds()
	f()
	return seconds() - start
}

// begun is when the program started.
var begun = time.Now()

// elapsed is the time since.
func elapsed() float64 { return time.Since(begun).Seconds() }

// A Result is what a kernel reaches; rates are in bytes of rows a second.
type Result struct {
	Rate, Bandwidth, Arithmetic float64
	// Share is Rate over the lower of the others.
	Share float64
}

// Measure compares a kernel, which scores rows filling memory and does the
// arithmetic of m, in registers of 512 bits if it is wide, with its roofline. Kernel, reading and arithmetic take turns,
// and each is compared with the others of its turn, since what a shared machine can
// do changes: the Result is the one in the middle by Share.
func Measure(memory []byte, m Mix, wide bool, kernel func()) Result {
	memory = memory[:len(memory)&^255]
	var all []func()
	for _, read := range reads {
		all = append(all, func() { read(memory) })
	}
	return compare(len(memory), all, m, wide, kernel)
}

// rowsAheadMax is how many rows before they are read others are asked for, at most.
const rowsAheadMax = 64

// MeasureRows is Measure of a kernel that scores rows of so many bytes, a multiple of
// 64, in the order of ids, together of them by a call: what reads them goes by the same
// numbers, and knows no more of them at a time.
func MeasureRows(memory []byte, ids []uint32, together, bytes int, m Mix, wide bool, kernel func()) Result {
	var calls [][]uint32
	for call := range slices.Chunk(ids, together) {
		for _, id := range call {
			_ = memory[int(id)*bytes:][:bytes]
		}
		// A loop asks for what is behind the last: for that again.
		padded := append(make([]uint32, 0, len(call)+rowsAheadMax), call...)
		for range rowsAheadMax {
			padded = append(padded, call[len(call)-1])
		}
		calls = append(calls, padded)
	}
	var all []func()
	for _, read := range rowReads {
		all = append(all, func() {
			for _, call := range calls {
				read(memory, call, len(call)-rowsAheadMax, bytes)
			}
		})
	}
	return compare(len(ids)*bytes, all, m, wide, kernel)
}

// compare is Measure with what reads so many bytes, of which the fastest counts.
func compare(bytes int, reads []func(), m Mix, wide bool, kernel func()) Result {
	read := reads[0]
	for _, other := range reads[1:] {
		if fastest(other) < fastest(read) {
			read = other
		}
	}
	// So often that the clock is fine enough.
	times := max(1<<22/bytes, 1)
	rate := func(f func()) float64 {
		return float64(times*bytes) / timed(func() {
			for range times {
				f()
			}
		})
	}
	arithmetic := m.fastestWay(wide)
	all := make([]Result, pairs)
	for i := range all {
		r := Result{Bandwidth: rate(read), Rate: rate(kernel), Arithmetic: arithmetic()}
		r.Share = r.Rate / min(r.Bandwidth, r.Arithmetic)
		all[i] = r
	}
	slices.SortFunc(all, func(a, b Result) int {
		if a.Share < b.Share {
			return -1
		}
		return 1
	})
	return all[pairs/2]
}

// Speedup is how many times as fast one kernel is as another that does the same: in
// turns, and the one in the middle.
func Speedup(kernel, other func()) float64 {
	all := make([]float64, pairs)
	for i := range all {
		all[i] = timed(other) / timed(kernel)
	}
	slices.Sort(all)
	return all[pairs/2]
}
