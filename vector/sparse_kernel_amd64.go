package vector

type sparseFunc = func(table *float32, last uint32, indexes *uint32, values *float32, n int) float64

// assemblySparse wraps kernels.
func assemblySparse(dot, l2, l1 sparseFunc) sparseKernels {
	with := func(f sparseFunc) func([]float32, SparseVector) float64 {
		return func(table []float32, v SparseVector) float64 {
			n := len(v.Indexes)
			if n == 0 {
				return 0
			}
			return f(&table[0], uint32(len(table)-1), &v.Indexes[0], &v.Values[:n][0], n)
		}
	}
	return sparseKernels{dot: with(dot), l2: with(l2), l1: with(l1)}
}
