package roofline

import "time"

// rounds of each measurement, of which the fastest counts: what disturbs a
// machine only slows it.
const rounds = 7

// Fastest is the shortest time that f takes.
func Fastest(f func()) time.Duration {
	best := time.Duration(1<<63 - 1)
	for range rounds {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// Bandwidth is the bytes a second at which memory, much larger than any cache,
// is read from one end to the other.
func Bandwidth(memory []byte) float64 {
	memory = memory[:len(memory)&^255]
	return float64(len(memory)) / Fastest(func() { read(memory) }).Seconds()
}

// Arithmetic is the float32 operations a second, a fused multiply-add being two.
func Arithmetic() float64 {
	const n = 2_000_000
	return n * operations / Fastest(func() { multiplyAdd(n) }).Seconds()
}

// Share is the fraction of the roofline that a kernel reaches which takes d for
// so many bytes from memory and float32 operations.
func Share(d time.Duration, bytes, operations int, bandwidth, arithmetic float64) float64 {
	least := max(float64(bytes)/bandwidth, float64(operations)/arithmetic)
	return least / d.Seconds()
}
