package vector

import "fmt"

// bitKernels compare rows of bit strings with a query: row i is
// rows[i*stride:][:len(query)]. Counts are exact, be they float32: bit strings
// are far shorter than 2^24.
type bitKernels struct {
	hamming func(query, rows []byte, stride, n int, out []float32)
	// jaccard is right but for the rounding of one division; own is the number
	// of bits set in the query.
	jaccard func(query, rows []byte, stride, own, n int, out []float32)
}

func checkBits(query, rows []byte, stride, n int, out []float32) {
	if stride < len(query) || (n-1)*stride+len(query) > len(rows) || len(out) < n {
		panic(fmt.Sprintf("vector: %d rows of %d bytes, %d apart, in %d, and %d results", n, len(query), stride, len(rows), len(out)))
	}
}

// ScoreHamming writes the Hamming distances of n rows to out.
func (k Kernels) ScoreHamming(query, rows []byte, stride, n int, out []float32) {
	if n > 0 {
		checkBits(query, rows, stride, n, out)
		k.bits.hamming(query, rows, stride, n, out)
	}
}

// ScoreJaccard writes the Jaccard distances of n rows to out, right but for the
// rounding of one division to float32.
func (k Kernels) ScoreJaccard(query, rows []byte, stride, n int, out []float32) {
	if n > 0 {
		checkBits(query, rows, stride, n, out)
		own, _ := jaccardCounts(query, query)
		k.bits.jaccard(query, rows, stride, own, n, out)
	}
}

var portableBits = bitKernels{
	hamming: func(query, rows []byte, stride, n int, out []float32) {
		for i := range n {
			out[i] = float32(hammingCount(query, rows[i*stride:]))
		}
	},
	jaccard: func(query, rows []byte, stride, _, n int, out []float32) {
		for i := range n {
			both, either := jaccardCounts(query, rows[i*stride:])
			if out[i] = 1; both > 0 { // nothing common, be both empty
				out[i] = float32(either-both) / float32(either)
			}
		}
	},
}
