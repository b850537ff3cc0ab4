package roofline

import "math"

// A Mix is the arithmetic of a kernel.
type Mix int

// Each is named after the sums that it makes of the elements of a row and of a
// query.
const (
	Squares    Mix = iota // of differences of float32
	Products              // of float32, and squares of the row
	Magnitudes            // of differences of float32
	HalfSquares
	HalfProducts
	HalfMagnitudes
	CodeProducts // of int8 and int16
	CodeSquares
	CodeMagnitudes
	DifferingBits
	CommonBits    // and bits of the row
	MultiplyAdds  // products alone
	Lookups       // products with float32 found by their indexes, in float64
	NibbleLookups // of the sign bits of four dimensions
	mixes
)

// chains is how many registers a turn of a loop takes.
const chains = 10

// way is one loop that does a mix.
type way struct {
	loop func(n int)
	// bytes of a row are one register's.
	bytes int
	// wide says that registers have 512 bits.
	wide bool
}

// turns is how often a loop goes round to be measured: as long as kernels take.
const turns = 100_000

// fastestWay is what measures the bytes of rows a second whose arithmetic this
// machine does, by the fastest of the mix's loops, wide ones only where they may be;
// infinite where there is none.
func (m Mix) fastestWay(wide bool) func() float64 {
	rate := func() float64 { return math.Inf(1) }
	best := 0.0
	for _, w := range ways[m] {
		if w.wide && !wide {
			continue
		}
		one := func() float64 { return float64(turns*chains*w.bytes) / timed(func() { w.loop(turns) }) }
		took := fastest(func() { w.loop(turns) })
		if r := float64(turns*chains*w.bytes) / took; r > best {
			best, rate = r, one
		}
	}
	return rate
}
