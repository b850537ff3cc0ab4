package vector

import "math"

// SparseVector is the elements of a vector that are not zero: Values[i] at
// Indexes[i], which count from 0 and ascend.
type SparseVector struct {
	Indexes []uint32
	Values  []float32
}

// ExactSparse is Exact for sparse vectors: the terms that are not zero in
// ascending order of their indexes, so that it equals Exact of the same vectors
// written out.
func ExactSparse(d Distance, x, y SparseVector) float64 {
	switch d {
	case InnerProduct:
		return -sparseDot(x, y)
	case Cosine:
		return cosineDistance(sparseDot(x, y), Dot(x.Values, x.Values), Dot(y.Values, y.Values))
	case L1:
		return sparseMerge(x, y, func(v float64) float64 { return math.Abs(v) })
	}
	return math.Sqrt(sparseMerge(x, y, func(v float64) float64 { return float64(v * v) }))
}

// sparseMerge sums term(x-y) over the indexes of either.
func sparseMerge(x, y SparseVector, term func(float64) float64) (sum float64) {
	xi, yi := x.Indexes, y.Indexes
	xv, yv := x.Values[:len(xi)], y.Values[:len(yi)]
	i, j := 0, 0
	for i < len(xi) && j < len(yi) {
		switch a, b := xi[i], yi[j]; {
		case a < b:
			sum += term(float64(xv[i]))
			i++
		case a > b:
			sum += term(float64(yv[j]))
			j++
		default:
			sum += term(float64(xv[i]) - float64(yv[j]))
			i, j = i+1, j+1
		}
	}
	for ; i < len(xi); i++ {
		sum += term(float64(xv[i]))
	}
	for ; j < len(yi); j++ {
		sum += term(float64(yv[j]))
	}
	return sum
}

// gallopFactor is how many times longer one side must be for leaps to be
// cheaper than steps.
const gallopFactor = 16

// sparseDot is the inner product.
func sparseDot(x, y SparseVector) (sum float64) {
	if len(x.Indexes) > len(y.Indexes) {
		x, y = y, x
	}
	xi, yi := x.Indexes, y.Indexes
	xv, yv := x.Values[:len(xi)], y.Values[:len(yi)]
	j, leap := 0, len(yi) >= gallopFactor*len(xi)
	for i, a := range xi {
		if leap {
			j = gallop(yi, j, a)
		} else {
			for j < len(yi) && yi[j] < a {
				j++
			}
		}
		if j == len(yi) {
			break
		}
		if yi[j] == a {
			sum += float64(float64(xv[i]) * float64(yv[j]))
		}
	}
	return sum
}

// gallop returns the first position from start at which s is not below v: steps
// that double, then halves.
func gallop(s []uint32, start int, v uint32) int {
	low, step := start, 1
	for low+step <= len(s) && s[low+step-1] < v {
		low += step
		step *= 2
	}
	high := min(low+step-1, len(s))
	for low < high {
		if mid := int(uint(low+high) / 2); s[mid] < v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
