package vector

import "math"

// sparseKernels go through the elements of a sparse vector and look up what
// another, written out in a table, has at the same index. Sums are in float64.
// An index that the table does not have is a panic or taken for the last one.
type sparseKernels struct {
	dot func(table []float32, v SparseVector) float64
	// l2 and l1 are what v changes of the table's squared length, and of the sum
	// of its magnitudes. Where both vectors are equal that is the very opposite
	// of these, summed in the same order.
	l2, l1 func(table []float32, v SparseVector) float64
}

var portableSparse = sparseKernels{
	dot: func(table []float32, v SparseVector) (sum float64) {
		values, odd := v.Values[:len(v.Indexes)], 0.0
		i := 0
		for ; i+1 < len(values); i += 2 {
			sum += float64(table[v.Indexes[i]]) * float64(values[i])
			odd += float64(table[v.Indexes[i+1]]) * float64(values[i+1])
		}
		if i < len(values) {
			sum += float64(table[v.Indexes[i]]) * float64(values[i])
		}
		return sum + odd
	},
	l2: func(table []float32, v SparseVector) (sum float64) {
		values := v.Values[:len(v.Indexes)]
		for i, at := range v.Indexes {
			x := float64(values[i])
			sum += x * (x - 2*float64(table[at]))
		}
		return sum
	},
	l1: func(table []float32, v SparseVector) (sum float64) {
		values := v.Values[:len(v.Indexes)]
		for i, at := range v.Indexes {
			own := float64(table[at])
			sum += math.Abs(float64(values[i])-own) - math.Abs(own)
		}
		return sum
	},
}
