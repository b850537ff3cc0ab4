package funcs

import (
	"math"

	"quiver/sql/types"
)

// Sparse vectors. Their distances are those of the same vectors written out:
// the terms that are not zero are added in the order of their indices.
func init() {
	for signature, distance := range map[string]func(x, y types.Sparsevec) float64{
		"l2_distance(sparsevec,sparsevec)":                      func(x, y types.Sparsevec) float64 { return math.Sqrt(sparseL2Squared(x, y)) },
		"sparsevec_l2_squared_distance(sparsevec,sparsevec)":    sparseL2Squared,
		"inner_product(sparsevec,sparsevec)":                    sparseInnerProduct,
		"sparsevec_negative_inner_product(sparsevec,sparsevec)": func(x, y types.Sparsevec) float64 { return -sparseInnerProduct(x, y) },
		"cosine_distance(sparsevec,sparsevec)":                  sparseCosine,
		"l1_distance(sparsevec,sparsevec)":                      func(x, y types.Sparsevec) float64 { return sparseMerge(x, y, math.Abs) },
	} {
		kernel(signature, Lift2E(func(x, y types.Sparsevec) (float64, error) {
			if x.Dim != y.Dim {
				return 0, errDimensions("sparsevec", x.Dim, y.Dim)
			}
			return distance(x, y), nil
		}))
	}
	markDistances(types.SparsevecOID, "<->", "<#>", "<=>", "<+>")
	kernel("l2_norm(sparsevec)", Lift1(func(x types.Sparsevec) float64 { return norm(x.Values) }))
	kernel("l2_normalize(sparsevec)", Lift1E(sparseNormalize))
	kernel("sparsevec_cmp(sparsevec,sparsevec)", Lift2(func(x, y types.Sparsevec) int32 { return int32(x.Compare(y)) }))
}

// sparseMerge sums term(x-y) over the indices of either.
func sparseMerge(x, y types.Sparsevec, term func(float64) float64) (sum float64) {
	i, j := 0, 0
	for i < len(x.Indices) || j < len(y.Indices) {
		var d float64
		switch {
		case j == len(y.Indices) || i < len(x.Indices) && x.Indices[i] < y.Indices[j]:
			d = float64(x.Values[i])
			i++
		case i == len(x.Indices) || y.Indices[j] < x.Indices[i]:
			d = -float64(y.Values[j])
			j++
		default:
			d = float64(x.Values[i]) - float64(y.Values[j])
			i, j = i+1, j+1
		}
		sum += term(d)
	}
	return sum
}

func sparseL2Squared(x, y types.Sparsevec) float64 {
	return sparseMerge(x, y, func(d float64) float64 { return float64(d * d) })
}

func sparseInnerProduct(x, y types.Sparsevec) (sum float64) {
	i, j := 0, 0
	for i < len(x.Indices) && j < len(y.Indices) {
		switch a, b := x.Indices[i], y.Indices[j]; {
		case a < b:
			i++
		case a > b:
			j++
		default:
			sum += float64(float64(x.Values[i]) * float64(y.Values[j]))
			i, j = i+1, j+1
		}
	}
	return sum
}

func sparseCosine(x, y types.Sparsevec) float64 {
	xx, yy := InnerProduct(x.Values, x.Values), InnerProduct(y.Values, y.Values)
	return 1 - clampUnit(sparseInnerProduct(x, y)/math.Sqrt(xx*yy))
}

// sparseNormalize scales x to length 1 and drops elements that vanish.
func sparseNormalize(x types.Sparsevec) (types.Sparsevec, error) {
	out := types.Sparsevec{Dim: x.Dim}
	length := norm(x.Values)
	for i, e := range x.Values {
		v := float32(float64(e) / length)
		if isInf(v) {
			return out, floatOverflow()
		}
		if v != 0 {
			out.Indices, out.Values = append(out.Indices, x.Indices[i]), append(out.Values, v)
		}
	}
	return out, nil
}
