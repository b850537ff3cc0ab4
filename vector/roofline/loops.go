package roofline

import "encoding/binary"

// sink keeps the compiler from leaving out what is measured.
var sink uint64

// readWords is read in Go.
func readWords(b []byte) {
	var or uint64
	for ; len(b) >= 32; b = b[32:] {
		or |= binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) | binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
	}
	sink = or
}

// multiplyAddSlow is multiplyAdd in Go.
func multiplyAddSlow(n int) {
	var sums [8]float32
	for range 12 * n {
		for i := range sums {
			sums[i] += sums[i] * sums[i]
		}
	}
	sink = uint64(sums[0])
}
