package vector

import "fmt"

// bitKernels compare rows of bit strings with a query: row i is
// rows[i*stride:][:len(query)]. Counts are exact, be they float32: bit strings
// are far shorter than 2^24.
type bitKernels struct {
	hamming func(query, rows []byte, stride, n int, out []float32)
	// jaccard counts the bits set in both, and in the row.
	jaccard func(query, rows []byte, stride, n int, both, set []float32)
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
	if n == 0 {
		return
	}
	checkBits(query, rows, stride, n, out)
	inQuery, _ := jaccardCounts(query, query)
	var set [blockRows]float32
	for from := 0; from < n; from += blockRows {
		m := min(blockRows, n-from)
		both := out[from : from+m]
		k.bits.jaccard(query, rows[from*stride:], stride, m, both, set[:m])
		for i, b := range both {
			if either := float32(inQuery) + set[i] - b; b > 0 {
				both[i] = (either - b) / either
			} else {
				both[i] = 1 // nothing common, be both empty
			}
		}
	}
}

var portableBits = bitKernels{
	hamming: func(query, rows []byte, stride, n int, out []float32) {
		for i := range n {
			out[i] = float32(hammingCount(query, rows[i*stride:]))
		}
	},
	jaccard: func(query, rows []byte, stride, n int, both, set []float32) {
		for i := range n {
			row := rows[i*stride:][:len(query)]
			common, _ := jaccardCounts(query, row)
			own, _ := jaccardCounts(row, row)
			both[i], set[i] = float32(common), float32(own)
		}
	},
}
