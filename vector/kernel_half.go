package vector

import "fmt"

// halfKernels score rows of halves against a query of float32, as Kernels do
// rows of float32: a half is widened as it is loaded.
type halfKernels struct {
	squaredL2, l1 func(query []float32, rows []uint16, stride, n int, out []float32)
	dot           func(query []float32, rows []uint16, stride, n int, out, squares []float32)
}

func checkHalves(query []float32, rows []uint16, stride, n int, outs ...[]float32) {
	if stride < len(query) || (n-1)*stride+len(query) > len(rows) {
		panic(fmt.Sprintf("vector: %d rows of %d, %d apart, in %d elements", n, len(query), stride, len(rows)))
	}
	for _, out := range outs {
		if len(out) < n {
			panic(fmt.Sprintf("vector: %d results in %d elements", n, len(out)))
		}
	}
}

// ScoreHalfSquaredL2 is ScoreSquaredL2 of rows of halves.
func (k Kernels) ScoreHalfSquaredL2(query []float32, rows []uint16, stride, n int, out []float32) {
	if n > 0 {
		checkHalves(query, rows, stride, n, out)
		k.halves.squaredL2(query, rows, stride, n, out)
	}
}

// ScoreHalfL1 is ScoreL1 of rows of halves.
func (k Kernels) ScoreHalfL1(query []float32, rows []uint16, stride, n int, out []float32) {
	if n > 0 {
		checkHalves(query, rows, stride, n, out)
		k.halves.l1(query, rows, stride, n, out)
	}
}

// ScoreHalfDot is ScoreDot of rows of halves.
func (k Kernels) ScoreHalfDot(query []float32, rows []uint16, stride, n int, out, squares []float32) {
	if n > 0 {
		checkHalves(query, rows, stride, n, out, squares)
		k.halves.dot(query, rows, stride, n, out, squares)
	}
}

var portableHalves = halfKernels{
	squaredL2: portableHalfSquaredL2,
	l1:        portableHalfL1,
	dot:       portableHalfDot,
}

func portableHalfSquaredL2(query []float32, rows []uint16, stride, n int, out []float32) {
	var wide [halfBlock]float32
	clear(out[:n])
	for i := range n {
		for from := 0; from < len(query); from += halfBlock {
			q := query[from:min(from+halfBlock, len(query))]
			HalvesToFloat32(wide[:len(q)], rows[i*stride+from:][:len(q)])
			out[i] += portableSquaredL2(q, wide[:])
		}
	}
}

func portableHalfL1(query []float32, rows []uint16, stride, n int, out []float32) {
	var wide [halfBlock]float32
	clear(out[:n])
	for i := range n {
		for from := 0; from < len(query); from += halfBlock {
			q := query[from:min(from+halfBlock, len(query))]
			HalvesToFloat32(wide[:len(q)], rows[i*stride+from:][:len(q)])
			out[i] += portableL1(q, wide[:])
		}
	}
}

func portableHalfDot(query []float32, rows []uint16, stride, n int, out, squares []float32) {
	var wide [halfBlock]float32
	clear(out[:n])
	clear(squares[:n])
	for i := range n {
		for from := 0; from < len(query); from += halfBlock {
			q := query[from:min(from+halfBlock, len(query))]
			HalvesToFloat32(wide[:len(q)], rows[i*stride+from:][:len(q)])
			dot, square := portableDot(q, wide[:])
			out[i] += dot
			squares[i] += square
		}
	}
}

// halfBlock is how many halves are widened at a time.
const halfBlock = 128
