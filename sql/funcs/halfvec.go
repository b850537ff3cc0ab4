package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// Half vectors: what vector.go says of vectors, over the numbers that the
// halves are.
func init() {
	for signature, distance := range map[string]func(x, y []float32) float64{
		"l2_distance(halfvec,halfvec)":                    L2Distance,
		"halfvec_l2_squared_distance(halfvec,halfvec)":    L2SquaredDistance,
		"inner_product(halfvec,halfvec)":                  InnerProduct,
		"halfvec_negative_inner_product(halfvec,halfvec)": NegativeInnerProduct,
		"cosine_distance(halfvec,halfvec)":                CosineDistance,
		"halfvec_spherical_distance(halfvec,halfvec)":     SphericalDistance,
		"l1_distance(halfvec,halfvec)":                    L1Distance,
	} {
		kernel(signature, halfvecDistance(distance))
	}
	markDistances(types.HalfvecOID, "<->", "<#>", "<=>", "<+>")

	kernel("vector_dims(halfvec)", Lift1(func(x []types.Half) int32 { return int32(len(x)) }))
	kernel("l2_norm(halfvec)", Lift1(func(x []types.Half) float64 { return norm(widen(nil, x)) }))
	kernel("l2_normalize(halfvec)", Lift1E(func(x []types.Half) ([]types.Half, error) {
		v, err := l2Normalize(widen(nil, x))
		if err != nil {
			return nil, err
		}
		return roundHalves(v)
	}))
	kernel("subvector(halfvec,int4,int4)", Lift3E(func(x []types.Half, start, count int32) ([]types.Half, error) {
		from, to := subvector(len(x), start, count)
		return x[from:to], types.CheckHalfvec(x[from:to], types.NoMod)
	}))
	kernel("halfvec_cmp(halfvec,halfvec)", Lift2(func(x, y []types.Half) int32 { return int32(sign(types.CompareHalfvecs(x, y))) }))
	kernel("halfvec_concat(halfvec,halfvec)", Lift2E(func(x, y []types.Half) ([]types.Half, error) {
		v := append(append(make([]types.Half, 0, len(x)+len(y)), x...), y...)
		return v, types.CheckHalfvec(v, types.NoMod)
	}))
	kernel("halfvec_add(halfvec,halfvec)", Lift2E(halfwise('+')))
	kernel("halfvec_sub(halfvec,halfvec)", Lift2E(halfwise('-')))
	kernel("halfvec_mul(halfvec,halfvec)", Lift2E(halfwise('*')))
}

// widen appends the numbers of x to dst.
func widen(dst []float32, x []types.Half) []float32 {
	for _, h := range x {
		dst = append(dst, h.Float32())
	}
	return dst
}

// roundHalves rounds the results of arithmetic: 22003 for one that overflows.
func roundHalves(v []float32) ([]types.Half, error) {
	out := make([]types.Half, len(v))
	for i, x := range v {
		if out[i] = types.HalfOf(x); !out[i].IsFinite() {
			return nil, floatOverflow()
		}
	}
	return out, nil
}

// halfvecDistance is a kernel that widens into slices used for all rows; a
// constant is widened once.
func halfvecDistance(distance func(x, y []float32) float64) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		var in [2]input[[]types.Half]
		var wide [2][]float32
		for k := range in {
			in[k] = open[[]types.Half](args[k])
		}
		return fill(c, args, n, func(i int) (float64, error) {
			for k := range in {
				if args[k].Const && wide[k] != nil {
					continue
				}
				wide[k] = widen(wide[k][:0], in[k].get(i))
			}
			if len(wide[0]) != len(wide[1]) {
				return 0, errDimensions("halfvec", len(wide[0]), len(wide[1]))
			}
			return distance(wide[0], wide[1]), nil
		})
	}
}

// halfwise applies an arithmetic operator element by element. The float32
// result of two halves, rounded to a half, is the exact result rounded once.
func halfwise(op byte) func(x, y []types.Half) ([]types.Half, error) {
	return func(x, y []types.Half) ([]types.Half, error) {
		if len(x) != len(y) {
			return nil, errDimensions("halfvec", len(x), len(y))
		}
		v := make([]types.Half, len(x))
		for i := range v {
			result, err := floatOp(op, x[i].Float32(), y[i].Float32())
			if err != nil {
				return nil, err
			}
			v[i] = types.HalfOf(result)
			switch {
			case !v[i].IsFinite():
				return nil, floatOverflow()
			case op == '*' && v[i].IsZero() && !x[i].IsZero() && !y[i].IsZero():
				return nil, floatUnderflow()
			}
		}
		return v, nil
	}
}
