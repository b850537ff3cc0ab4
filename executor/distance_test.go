package executor

import (
	"math"
	"math/rand/v2"
	"testing"

	"quiver/sql/funcs"
	"quiver/vector"
)

// The operators of package funcs and vector.Exact are one definition: a search
// must sort by the very values that SQL shows.
func TestDistancesOfFuncsAndVectorAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	same := map[vector.Distance]func(x, y []float32) float64{
		vector.L2: funcs.L2Distance, vector.InnerProduct: funcs.NegativeInnerProduct,
		vector.Cosine: funcs.CosineDistance, vector.L1: funcs.L1Distance,
	}
	for range 500 {
		n := 1 + r.IntN(200)
		x, y := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		if r.IntN(10) == 0 {
			clear(x)
		}
		for d, f := range same {
			if a, b := f(x, y), vector.Exact(d, x, y); math.Float64bits(a) != math.Float64bits(b) && (a == a || b == b) {
				t.Fatalf("%s of %d elements: %v and %v", d, n, a, b)
			}
		}
	}
}
