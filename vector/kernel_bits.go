package vector

import "fmt"

// bitKernels compare rows of bit strings with a query: row i is
// rows[i*stride:][:len(query)]. Counts are exact, be they float32: bit strings
// are far shorter than 2^24.
type bitKernels struct {
	hamming func(query, rows []byte, stride, n int, out []float32)
	jaccard func(query, rows []byte, stride, n int, both, either []float32)
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

// ScoreJaccard writes the Jaccard distances of n rows, rounded to float32, to
// out.
func (k Kernels) ScoreJaccard(query, rows []byte, stride, n int, out []float32) {
	if n == 0 {
		return
	}
	checkBits(query, rows, stride, n, out)
	var either [blockRows]float32
	for from := 0; from < n; from += blockRows {
		m := min(blockRows, n-from)
		both := out[from : from+m]
		k.bits.jaccard(query, rows[from*stride:], stride, m, both, either[:m])
		for i, b := range both {
			both[i] = float32(jaccardDistance(int(b), int(either[i])))
		}
	}
}

var portableBits = bitKernels{
	hamming: func(query, rows []byte, stride, n int, out []float32) {
		for i := range n {
			out[i] = float32(hammingCount(query, rows[i*stride:]))
		}
	},
	jaccard: func(query, rows []byte, stride, n int, both, either []float32) {
		for i := range n {
			b, e := jaccardCounts(query, rows[i*stride:])
			both[i], either[i] = float32(b), float32(e)
		}
	},
}
