package catalog

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTreeAgainstMap changes a tree and a map alike; old roots must not change.
func TestTreeAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var tr tree[int, int]
	model := map[int]int{}
	type kept struct {
		tree  tree[int, int]
		model map[int]int
	}
	var olds []kept
	for i := range 5000 {
		key := random.IntN(300)
		if random.IntN(3) == 0 {
			tr = tr.without(cmp.Compare[int], key)
			delete(model, key)
		} else {
			tr = tr.with(cmp.Compare[int], key, i)
			model[key] = i
		}
		if i%500 == 0 {
			olds = append(olds, kept{tr, maps.Clone(model)})
		}
	}
	olds = append(olds, kept{tr, model})
	for n, old := range olds {
		from := random.IntN(300)
		var got, want []int
		old.tree.from(cmp.Compare[int], from, func(k, v int) bool {
			if old.model[k] != v {
				t.Errorf("root %d: %d is %d, want %d", n, k, v, old.model[k])
			}
			got = append(got, k)
			return true
		})
		for k := range old.model {
			if k >= from {
				want = append(want, k)
			}
			if v, ok := old.tree.get(cmp.Compare[int], k); !ok || v != old.model[k] {
				t.Errorf("root %d: get(%d) = %d, %v", n, k, v, ok)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("root %d from %d: %v, want %v", n, from, got, want)
		}
	}
}
