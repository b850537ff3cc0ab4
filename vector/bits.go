package vector

import (
	"encoding/binary"
	"math/bits"
)

// ExactBits is the Hamming or Jaccard distance of two bit strings of equal
// length; bits beyond the length are zero. All arithmetic but the one division
// is on integers.
func ExactBits(d Distance, x, y []byte) float64 {
	if d == Jaccard {
		both, either := jaccardCounts(x, y)
		return jaccardDistance(both, either)
	}
	return float64(hammingCount(x, y))
}

// jaccardDistance is 1 where nothing is common, be both empty.
func jaccardDistance(both, either int) float64 {
	if both == 0 {
		return 1
	}
	return 1 - float64(both)/float64(either)
}

// hammingCount is the number of bits that differ.
func hammingCount(x, y []byte) (n int) {
	y = y[:len(x)]
	for ; len(x) >= 8; x, y = x[8:], y[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(x) ^ binary.LittleEndian.Uint64(y))
	}
	for i, b := range x {
		n += bits.OnesCount8(b ^ y[i])
	}
	return n
}

// jaccardCounts are the numbers of bits set in both, and in either.
func jaccardCounts(x, y []byte) (both, either int) {
	y = y[:len(x)]
	for ; len(x) >= 8; x, y = x[8:], y[8:] {
		a, b := binary.LittleEndian.Uint64(x), binary.LittleEndian.Uint64(y)
		both += bits.OnesCount64(a & b)
		either += bits.OnesCount64(a | b)
	}
	for i, b := range x {
		both += bits.OnesCount8(b & y[i])
		either += bits.OnesCount8(b | y[i])
	}
	return both, either
}
