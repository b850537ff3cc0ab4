package vector

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestGathersAgree: every form scores rows, named in any order, as the one in Go does:
// codes to the same integers, floats within the bound that walks reckon with.
func TestGathersAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, g := range gathers {
		for dim := gatherStep; dim <= 800; dim += gatherStep {
			checkGather(t, &g, r, dim, r.IntN(12))
			checkGather(t, &g, r, dim, 12+r.IntN(200))
		}
	}
}

func checkGather(t *testing.T, g *gatherKernels, r *rand.Rand, dim, n int) {
	t.Helper()
	const table, guard, most = 300, -7, 4
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(r.IntN(table))
	}
	stride := dim + 4*r.IntN(9)
	codes, query, short := make([]byte, table*stride), make([]int16, dim), make([]int16, dim)
	for i := range codes {
		codes[i] = byte(r.Uint32())
	}
	shift := r.IntN(most)
	for i := range query {
		query[i] = int16((r.IntN(255) - 127) << shift)
	}
	floats, wide := randomVector(r, table*stride, false), randomVector(r, dim, false)
	got, want := make([]float32, n+1), make([]float32, n+1)
	for name, score := range map[string]func(g *gatherKernels, out []float32){
		"codes dot":  func(g *gatherKernels, out []float32) { g.codesDot(query, codes, dim, stride, ids, out) },
		"codes L2":   func(g *gatherKernels, out []float32) { g.codesL2(query, codes, dim, stride, ids, out, shift) },
		"codes L1":   func(g *gatherKernels, out []float32) { g.codesL1(query, codes, dim, stride, ids, out, shift) },
		"floats dot": func(g *gatherKernels, out []float32) { g.floatsDot(wide, floats, dim, 4*stride, ids, out) },
		"floats L2":  func(g *gatherKernels, out []float32) { g.floatsL2(wide, floats, dim, 4*stride, ids, out) },
		"floats L1":  func(g *gatherKernels, out []float32) { g.floatsL1(wide, floats, dim, 4*stride, ids, out) },
	} {
		got[n], want[n] = guard, guard
		score(g, got[:n])
		score(&portableGather, want[:n])
		exact := strings.HasPrefix(name, "codes")
		if exact && !slices.Equal(got, want) || got[n] != guard {
			t.Fatalf("%s, %d dimensions, %d rows %d apart, shift %d: %v, want %v", name, dim, n, stride, shift, got, want)
		}
		if exact {
			continue
		}
		for i, id := range ids {
			// Of sums near 0 the parts of a product count.
			magnitude := float64(want[i])
			if name == "floats dot" {
				magnitude = 0
				for j, q := range wide {
					magnitude += max(float64(q)*float64(floats[int(id)*stride+j]), -float64(q)*float64(floats[int(id)*stride+j]))
				}
			}
			if !same(got[i], float64(want[i]), magnitude, 2*dim) {
				t.Fatalf("%s, %d dimensions, row %d: %v, want %v", name, dim, id, got[i], want[i])
			}
		}
	}
	wanted := make([]int16, dim)
	g.widen(codes[:dim], short, 1<<shift)
	portableGather.widen(codes[:dim], wanted, 1<<shift)
	if !slices.Equal(short, wanted) {
		t.Fatalf("%d dimensions widened: %v, want %v", dim, short, wanted)
	}
}
