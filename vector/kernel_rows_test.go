package vector

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestHalfKernelsAgreeWithFloat64: within the bound that searches reckon with.
func TestHalfKernelsAgreeWithFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, k := range kernels {
		for dim := range 150 {
			checkHalfKernels(t, k, r, dim, 1+r.IntN(9))
		}
		checkHalfKernels(t, k, r, 1537, 6)
	}
}

func checkHalfKernels(t *testing.T, k Kernels, r *rand.Rand, dim, n int) {
	t.Helper()
	stride := dim + r.IntN(3)
	query := make([]uint16, dim)
	rows := make([]uint16, n*stride+1)
	for i := range query {
		query[i] = Float32ToHalf(float32(r.NormFloat64()))
	}
	for i := range rows {
		rows[i] = 0x7e00 // what lies between rows is NaN
	}
	for i := range n {
		for j := range dim {
			rows[i*stride+j] = Float32ToHalf(float32(r.NormFloat64()))
		}
	}
	wide, row := make([]float32, dim), make([]float32, dim)
	HalvesToFloat32(wide, query)
	const guard = -7
	l2, l1, dot, square := make([]float32, n+1), make([]float32, n+1), make([]float32, n+1), make([]float32, n+1)
	for _, out := range [][]float32{l2, l1, dot, square} {
		out[n] = guard
	}
	k.ScoreHalfSquaredL2(wide, rows, stride, n, l2)
	k.ScoreHalfL1(wide, rows, stride, n, l1)
	k.ScoreHalfDot(wide, rows, stride, n, dot, square)
	for _, out := range [][]float32{l2, l1, dot, square} {
		if out[n] != guard {
			t.Fatalf("%s wrote past its results", k.Name)
		}
	}
	for i := range n {
		HalvesToFloat32(row, rows[i*stride:][:dim])
		products := 0.0
		for j := range row {
			products += math.Abs(float64(wide[j]) * float64(row[j]))
		}
		ok := same(l2[i], SquaredL2(wide, row), SquaredL2(wide, row), dim) && same(l1[i], Exact(L1, wide, row), Exact(L1, wide, row), dim) &&
			same(dot[i], Dot(wide, row), products, dim) && same(square[i], Dot(row, row), Dot(row, row), dim)
		if !ok {
			t.Fatalf("%s, %d halves, row %d: %v %v %v %v", k.Name, dim, i, l2[i], l1[i], dot[i], square[i])
		}
	}
}

// TestBitKernelsAreExact but for the rounding of a division.
func TestBitKernelsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, k := range kernels {
		for width := range 70 {
			n, stride := 1+r.IntN(200), width+r.IntN(3)
			b := make([]byte, width+n*stride+1)
			for i := range b {
				b[i] = byte(r.Uint32()) & byte(r.Uint32()>>8)
			}
			query, rows := b[:width], b[width:]
			hamming, jaccard := make([]float32, n), make([]float32, n)
			k.ScoreHamming(query, rows, stride, n, hamming)
			k.ScoreJaccard(query, rows, stride, n, jaccard)
			for i := range n {
				row := rows[i*stride:][:width]
				exact := ExactBits(Jaccard, query, row)
				if float64(hamming[i]) != ExactBits(Hamming, query, row) || math.Abs(float64(jaccard[i])-exact) > exact*0x1p-23 {
					t.Fatalf("%s, %d bytes, row %d: %v %v", k.Name, width, i, hamming[i], jaccard[i])
				}
			}
		}
	}
}

func TestRowKernelsRefuseRowsOutsideTheirSlice(t *testing.T) {
	for _, k := range kernels {
		for _, bad := range []func(){
			func() { k.ScoreHalfSquaredL2(make([]float32, 4), make([]uint16, 7), 4, 2, make([]float32, 2)) },
			func() { k.ScoreHalfL1(make([]float32, 4), make([]uint16, 8), 3, 2, make([]float32, 2)) },
			func() {
				k.ScoreHalfDot(make([]float32, 4), make([]uint16, 8), 4, 2, make([]float32, 2), make([]float32, 1))
			},
			func() { k.ScoreHamming(make([]byte, 8), make([]byte, 15), 8, 2, make([]float32, 2)) },
			func() { k.ScoreJaccard(make([]byte, 8), make([]byte, 16), 8, 2, make([]float32, 1)) },
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
