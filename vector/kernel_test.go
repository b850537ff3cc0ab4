package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// edges are values that arithmetic treats specially.
var edges = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 1e-45, -1e-40, 1e-30, 3e38, -3e38, 1e19, 1e20,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0.1, 123456.78,
}

func randomVector(r *rand.Rand, n int, edgy bool) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
		if edgy && r.IntN(4) == 0 {
			v[i] = edges[r.IntN(len(edges))]
		}
	}
	return v
}

// same compares a score with the float64 sum of its terms, magnitude being the
// sum of their absolute values.
func same(got float32, want, magnitude float64, dim int) bool {
	switch {
	case math.IsNaN(want):
		return got != got
	case math.IsInf(want, 0) && math.IsInf(magnitude, 0):
		return got != got || math.IsInf(float64(got), 0)
	case magnitude > math.MaxFloat32/2:
		return true // float32 may overflow on the way
	}
	gamma := (float64(dim)/4 + 16) * 0x1p-24
	return math.Abs(float64(got)-want) <= gamma*magnitude+float64(dim+1)*0x1p-148
}

func TestKernelsAgreeWithFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, k := range kernels {
		t.Run(k.Name, func(t *testing.T) {
			for dim := 0; dim <= 70; dim++ {
				for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9} {
					for _, edgy := range []bool{false, true} {
						checkKernels(t, k, r, dim, n, edgy)
					}
				}
			}
			for _, dim := range []int{100, 127, 128, 768, 1536, 16000} {
				checkKernels(t, k, r, dim, 6, false)
			}
		})
	}
}

func checkKernels(t *testing.T, k Kernels, r *rand.Rand, dim, n int, edgy bool) {
	t.Helper()
	// An odd offset and gaps between rows; what lies in the gaps must not count.
	stride := dim + r.IntN(3)
	shift := r.IntN(3)
	query := randomVector(r, dim+shift, edgy)[shift:]
	rows := randomVector(r, shift+n*stride+1, edgy)[shift:]
	for i := range n {
		for j := i*stride + dim; j < (i+1)*stride; j++ {
			rows[j] = float32(math.NaN())
		}
	}
	const guard = -7
	l2, l1, dot, square := make([]float32, n+1), make([]float32, n+1), make([]float32, n+1), make([]float32, n+1)
	for _, out := range [][]float32{l2, l1, dot, square} {
		out[n] = guard
	}
	k.ScoreSquaredL2(query, rows, stride, n, l2)
	k.ScoreL1(query, rows, stride, n, l1)
	k.ScoreDot(query, rows, stride, n, dot, square)
	for _, out := range [][]float32{l2, l1, dot, square} {
		if out[n] != guard {
			t.Fatal("a kernel wrote past its results")
		}
	}
	for i := range n {
		x := rows[i*stride : i*stride+dim]
		products := 0.0
		for j := range x {
			products += math.Abs(float64(query[j]) * float64(x[j]))
		}
		for _, c := range []struct {
			what            string
			got             float32
			want, magnitude float64
		}{
			{"squared L2", l2[i], SquaredL2(query, x), SquaredL2(query, x)},
			{"L1", l1[i], Exact(L1, query, x), Exact(L1, query, x)},
			{"dot", dot[i], Dot(query, x), products},
			{"square", square[i], Dot(x, x), Dot(x, x)},
		} {
			if !same(c.got, c.want, c.magnitude, dim) {
				t.Fatalf("%s of %d elements, row %d of %d: got %v, want %v\nquery %v\nrow %v", c.what, dim, i, n, c.got, c.want, query, x)
			}
		}
	}
}

func TestKernelsRefuseRowsOutsideTheirSlice(t *testing.T) {
	for _, k := range kernels {
		for _, bad := range []func(){
			func() { k.ScoreSquaredL2(make([]float32, 4), make([]float32, 7), 4, 2, make([]float32, 2)) },
			func() { k.ScoreL1(make([]float32, 4), make([]float32, 8), 3, 2, make([]float32, 2)) },
			func() {
				k.ScoreDot(make([]float32, 4), make([]float32, 8), 4, 2, make([]float32, 2), make([]float32, 1))
			},
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: no panic", k.Name)
					}
				}()
				bad()
			}()
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	for _, k := range kernels {
		for _, dim := range []int{16, 100, 768} {
			rows := randomVector(rand.New(rand.NewPCG(1, 1)), dim*128, false)
			out, squares := make([]float32, 128), make([]float32, 128)
			b.Run(fmt.Sprintf("%s/squaredL2/%d", k.Name, dim), func(b *testing.B) {
				for b.Loop() {
					k.ScoreSquaredL2(rows[:dim], rows, dim, 128, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/128, "ns/row")
			})
			b.Run(fmt.Sprintf("%s/dot/%d", k.Name, dim), func(b *testing.B) {
				for b.Loop() {
					k.ScoreDot(rows[:dim], rows, dim, 128, out, squares)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/128, "ns/row")
			})
		}
	}
}
