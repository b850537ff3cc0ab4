package funcs

import (
	"cmp"
	"math"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// The distances, and the functions of pgvector. Distances are summed in
// float64 over the elements in order, each product rounded first (the
// conversions forbid the compiler to fuse it with the addition, as it does on
// arm64), the same as vector.Exact: this is the one definition that re-ranks
// candidates.
func init() {
	for signature, distance := range map[string]func(x, y []float32) float64{
		"l2_distance(vector,vector)":                   L2Distance,
		"vector_l2_squared_distance(vector,vector)":    L2SquaredDistance,
		"inner_product(vector,vector)":                 InnerProduct,
		"vector_negative_inner_product(vector,vector)": NegativeInnerProduct,
		"cosine_distance(vector,vector)":               CosineDistance,
		"vector_spherical_distance(vector,vector)":     SphericalDistance,
		"l1_distance(vector,vector)":                   L1Distance,
	} {
		kernel(signature, Lift2E(func(x, y []float32) (float64, error) {
			if len(x) != len(y) {
				return 0, errDimensions("vector", len(x), len(y))
			}
			return distance(x, y), nil
		}))
	}
	markDistances(types.VectorOID, "<->", "<#>", "<=>", "<+>")

	kernel("vector_dims(vector)", Lift1(func(x []float32) int32 { return int32(len(x)) }))
	kernel("vector_norm(vector)", Lift1(norm))
	kernel("l2_normalize(vector)", Lift1E(l2Normalize))
	kernel("subvector(vector,int4,int4)", Lift3E(func(x []float32, start, count int32) ([]float32, error) {
		from, to := subvector(len(x), start, count)
		return x[from:to], types.CheckVector(x[from:to], types.NoMod)
	}))
	kernel("vector_cmp(vector,vector)", Lift2(func(x, y []float32) int32 { return int32(sign(types.CompareVectors(x, y))) }))
	kernel("vector_concat(vector,vector)", Lift2E(func(x, y []float32) ([]float32, error) {
		v := append(append(make([]float32, 0, len(x)+len(y)), x...), y...)
		return v, types.CheckVector(v, types.NoMod)
	}))
	kernel("vector_add(vector,vector)", Lift2E(elementwise(func(a, b float32) (float32, error) { return floatOp('+', a, b) })))
	kernel("vector_sub(vector,vector)", Lift2E(elementwise(func(a, b float32) (float32, error) { return floatOp('-', a, b) })))
	kernel("vector_mul(vector,vector)", Lift2E(elementwise(func(a, b float32) (float32, error) { return floatOp('*', a, b) })))
}

// markDistances marks the operators that a vector search answers.
func markDistances(oid types.OID, names ...string) {
	for _, name := range names {
		o := LookupOperator(name, oid, oid)
		o.Distance = o.Function.Name
	}
}

// sign is what comparison functions answer: -1, 0 or 1.
func sign(order int) int { return cmp.Compare(order, 0) }

// errDimensions is pgvector's error for operands of different length.
func errDimensions(typeName string, a, b int) error {
	return sqlerr.New(sqlerr.DataException, "different %s dimensions %d and %d", typeName, a, b)
}

// L2SquaredDistance is Σ(x-y)². x and y have equal length, as for all distances.
func L2SquaredDistance(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += float64(d * d)
	}
	return sum
}

// L2Distance is the Euclidean distance, <->.
func L2Distance(x, y []float32) float64 { return math.Sqrt(L2SquaredDistance(x, y)) }

// InnerProduct is Σxy.
func InnerProduct(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		sum += float64(float64(v) * float64(y[i]))
	}
	return sum
}

// NegativeInnerProduct is -Σxy, <#>: smaller is nearer.
func NegativeInnerProduct(x, y []float32) float64 { return -InnerProduct(x, y) }

// CosineDistance is 1 - cos(x, y), <=>; NaN when one has no length.
func CosineDistance(x, y []float32) float64 {
	var xy, xx, yy float64
	y = y[:len(x)]
	for i, v := range x {
		a, b := float64(v), float64(y[i])
		xy += float64(a * b)
		xx += float64(a * a)
		yy += float64(b * b)
	}
	return 1 - clampUnit(xy/math.Sqrt(xx*yy))
}

// SphericalDistance is the angle between unit vectors over π.
func SphericalDistance(x, y []float32) float64 {
	return math.Acos(clampUnit(InnerProduct(x, y))) / math.Pi
}

// L1Distance is Σ|x-y|, <+>.
func L1Distance(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		sum += math.Abs(float64(v) - float64(y[i]))
	}
	return sum
}

// clampUnit keeps a cosine within [-1, 1]; NaN stays.
func clampUnit(v float64) float64 {
	switch {
	case v > 1:
		return 1
	case v < -1:
		return -1
	}
	return v
}

func elementwise(f func(a, b float32) (float32, error)) func(x, y []float32) ([]float32, error) {
	return func(x, y []float32) ([]float32, error) {
		if len(x) != len(y) {
			return nil, errDimensions("vector", len(x), len(y))
		}
		v := make([]float32, len(x))
		for i := range v {
			var err error
			if v[i], err = f(x[i], y[i]); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
}

// l2Normalize scales x to length 1; a vector without length stays.
func l2Normalize(x []float32) ([]float32, error) {
	v := make([]float32, len(x))
	length := norm(x)
	if length == 0 {
		return v, nil
	}
	for i, e := range x {
		v[i] = float32(float64(e) / length)
		if isInf(v[i]) {
			return nil, floatOverflow()
		}
	}
	return v, nil
}

// norm is the Euclidean length.
func norm(x []float32) float64 { return math.Sqrt(InnerProduct(x, x)) }

// subvector is the part that count elements from start, counted from 1, have in
// a vector of n; empty when there is none.
func subvector(n int, start, count int32) (from, to int) {
	first, end := max(int64(start), 1), min(int64(start)+int64(count), int64(n)+1)
	if count < 1 || first > int64(n) || end <= first {
		return 0, 0
	}
	return int(first) - 1, int(end) - 1
}
