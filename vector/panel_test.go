package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPanels: scores are those of float64 but for rounding, and the nearest is
// one that is; nothing beside the rows is read, nor behind the results written.
func TestPanels(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for _, k := range kernels {
		for dim := 1; dim < 40; dim++ {
			checkPanels(t, k, r, dim, 1+r.IntN(70), 1+r.IntN(20), 0)
		}
		checkPanels(t, k, r, 100, 300, 50, 0)
		// Far from the origin, where squares of lengths say nothing of distances.
		checkPanels(t, k, r, 30, 100, 50, 10000)
	}
}

func checkPanels(t *testing.T, k Kernels, r *rand.Rand, dim, vectors, n int, offset float32) {
	t.Helper()
	stride := dim + r.IntN(3)
	table := 1 + r.IntN(20)
	values, rows := make([]float32, vectors*dim), make([]float32, (table-1)*stride+dim)
	for i := range values {
		values[i] = offset + float32(r.NormFloat64())
	}
	for i := range rows {
		rows[i] = float32(math.NaN()) // what lies between rows
	}
	for i := range table {
		for j := range dim {
			rows[i*stride+j] = offset + float32(r.NormFloat64())
		}
	}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(r.IntN(table))
	}
	const guard = 7e30
	for _, distances := range []bool{true, false} {
		p := k.newPanels(values, dim, distances)
		scores, nearest := make([]float32, n*p.Room()+1), make([]uint32, n+1)
		scores[n*p.Room()], nearest[n] = guard, 12345
		p.Scores(rows, stride, ids, scores)
		p.Nearest(rows, stride, ids, nearest)
		if scores[n*p.Room()] != guard || nearest[n] != 12345 {
			t.Fatalf("%s wrote past its results", k.Name)
		}
		for i, id := range ids {
			x := rows[int(id)*stride:][:dim]
			own := scores[i*p.Room():][:vectors]
			if at := slices.Index(own, slices.Max(own)); at != int(nearest[i]) {
				t.Fatalf("%s, %d elements: vector %d is nearest, not %d", k.Name, dim, at, nearest[i])
			}
			for j, got := range own {
				v := values[j*dim : (j+1)*dim]
				want := Dot(x, v)
				if distances {
					want = 0
					for e := range x {
						toMean, toVector := float64(x[e])-float64(p.mean[e]), float64(x[e])-float64(v[e])
						want += (toMean*toMean - toVector*toVector) / 2
					}
				}
				bound := float64(dim+16) * 0x1p-22 * math.Sqrt(Dot(x, x)+1) * math.Sqrt(float64(dim)) * 3
				if !distances {
					bound *= 1 + float64(offset)
				}
				if math.Abs(float64(got)-want) > bound {
					t.Fatalf("%s, %d elements, offset %v: score %v, not %v within %v", k.Name, dim, offset, got, want, bound)
				}
			}
		}
	}
}

// TestPanelsOfOddRows: what is no number is near nothing, and is no panic.
func TestPanelsOfOddRows(t *testing.T) {
	for _, k := range kernels {
		p := k.newPanels([]float32{1, 2, 3}, 1, true)
		nearest := make([]uint32, 4)
		p.Nearest([]float32{2.9, float32(math.NaN()), float32(math.Inf(1)), 1.9}, 1, []uint32{0, 1, 2, 3}, nearest)
		if nearest[0] != 2 || nearest[1] != 0 || nearest[2] > 2 || nearest[3] != 1 {
			t.Errorf("%s: %v", k.Name, nearest)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s reads rows that are not there", k.Name)
				}
			}()
			p.Nearest([]float32{1}, 1, []uint32{1}, nearest)
		}()
	}
}
