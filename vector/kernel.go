package vector

import "fmt"

// Kernels are one implementation of the scoring of many rows. In each function
// row i is rows[i*stride : i*stride+len(query)], and out receives n scores. All
// arithmetic is float32 in an unspecified order, overflow giving ±Inf or NaN.
type Kernels struct {
	Name string
	// squaredL2 and l1 write distances; dot writes inner products and, besides,
	// the squared length of each row.
	squaredL2, l1 func(query, rows []float32, stride, n int, out []float32)
	dot           func(query, rows []float32, stride, n int, out, squares []float32)
	halves        halfKernels
	bits          bitKernels
	panels        panelKernels
	sparse        sparseKernels
}

// kernels are the implementations that this machine can run, the fastest last.
var kernels = append([]Kernels{portable}, machineKernels()...)

// fastest is what searches use.
var fastest = kernels[len(kernels)-1]

// Implementation names the kernels in use: "portable", "AVX2" or "AVX-512".
func Implementation() string { return fastest.Name }

// checkRows panics when the rows or results do not lie within their slices: the
// assembly does not look.
func checkRows(query, rows []float32, stride, n int, outs ...[]float32) {
	if stride < len(query) || (n-1)*stride+len(query) > len(rows) {
		panic(fmt.Sprintf("vector: %d rows of %d, %d apart, in %d elements", n, len(query), stride, len(rows)))
	}
	for _, out := range outs {
		if len(out) < n {
			panic(fmt.Sprintf("vector: %d results in %d elements", n, len(out)))
		}
	}
}

// ScoreSquaredL2 writes the squared Euclidean distance of n rows, row i being
// rows[i*stride:][:len(query)], to out: float32 arithmetic.
func (k Kernels) ScoreSquaredL2(query, rows []float32, stride, n int, out []float32) {
	if n > 0 {
		checkRows(query, rows, stride, n, out)
		k.squaredL2(query, rows, stride, n, out)
	}
}

// ScoreL1 writes taxicab distances, as ScoreSquaredL2.
func (k Kernels) ScoreL1(query, rows []float32, stride, n int, out []float32) {
	if n > 0 {
		checkRows(query, rows, stride, n, out)
		k.l1(query, rows, stride, n, out)
	}
}

// ScoreDot writes inner products and the squared lengths of the rows, as
// ScoreSquaredL2.
func (k Kernels) ScoreDot(query, rows []float32, stride, n int, out, squares []float32) {
	if n > 0 {
		checkRows(query, rows, stride, n, out, squares)
		k.dot(query, rows, stride, n, out, squares)
	}
}

// Fastest returns the kernels chosen for this machine.
func Fastest() Kernels { return fastest }
