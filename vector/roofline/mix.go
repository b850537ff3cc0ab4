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
	CommonBits   // and bits of the row
	MultiplyAdds // products alone
	Lookups      // products with float32 found by their indexes, in float64
	mixes
)

// chains is how many registers a turn of a loop takes.
const chains = 8

// way is one loop that does a mix.
type way struct {
	loop func(n int)
	// bytes of a row are one register's.
	bytes int
}

// Rate is the bytes of rows a second whose arithmetic this machine does; infinite
// where there is no loop to measure it.
func (m Mix) Rate() float64 {
	const n = 200_000
	rate := 0.0
	for _, w := range ways[m] {
		took := fastest(func() { w.loop(n) })
		rate = max(rate, float64(n*chains*w.bytes)/took)
	}
	if rate == 0 {
		return math.Inf(1)
	}
	return rate
}
