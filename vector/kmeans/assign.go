package kmeans

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"quiver/vector"
)

// Assigner finds the nearest of centroids for many vectors at a time; it belongs
// to one goroutine.
type Assigner struct {
	centroids *Centroids
	all       *vector.Panels   // without groups
	groups    *vector.Panels   // of the groups' centres
	parts     []*vector.Panels // by group, of its centroids
	// What a call works with.
	ids     []uint32
	scores  []float32
	members [][]uint32 // by group, the vectors that look into it
	near    []uint32
}

// groupsLooked is how many of the nearest groups are looked into: with it, few
// vectors miss the centroid that is nearest of all.
const groupsLooked = 8

// NewAssigner returns an Assigner.
func (c *Centroids) NewAssigner() *Assigner {
	a := &Assigner{centroids: c}
	if c.Groups.Len() <= groupsLooked {
		a.all = vector.NewPanels(c.Values, c.Dim)
		return a
	}
	a.groups = vector.NewPanels(c.Groups.Values, c.Dim)
	for g := range c.Groups.Len() {
		a.parts = append(a.parts, vector.NewPanels(c.group(g).Values, c.Dim))
	}
	return a
}

// Fork returns an Assigner for another goroutine.
func (a *Assigner) Fork() *Assigner {
	return &Assigner{centroids: a.centroids, all: a.all, groups: a.groups, parts: a.parts}
}

// Assign writes the centroid nearest to each vector, and its squared distance;
// if there are groups, the nearest of those in the nearest groups.
func (a *Assigner) Assign(vectors Matrix, nearest []uint32, squares []float32) {
	for i := len(a.ids); i < vectors.Len(); i++ {
		a.ids = append(a.ids, uint32(i))
	}
	ids := a.ids[:vectors.Len()]
	if a.all != nil {
		a.all.Nearest(vectors.Values, vectors.Dim, ids, nearest)
		for i := range ids {
			squares[i] = square(vectors.Row(i), a.centroids.Row(int(nearest[i])))
		}
		return
	}
	a.look(vectors, ids)
	for i := range ids {
		nearest[i], squares[i] = 0, float32(math.Inf(1))
	}
	for g, members := range a.members {
		if len(members) == 0 {
			continue
		}
		if len(a.near) < len(members) {
			a.near = make([]uint32, len(ids))
		}
		near := a.near[:len(members)]
		a.parts[g].Nearest(vectors.Values, vectors.Dim, members, near)
		for j, i := range members {
			at := a.centroids.Starts[g] + int(near[j])
			if d := square(vectors.Row(int(i)), a.centroids.Row(at)); d < squares[i] {
				nearest[i], squares[i] = uint32(at), d
			}
		}
	}
}

// look fills members.
func (a *Assigner) look(vectors Matrix, ids []uint32) {
	room := a.groups.Room()
	if len(a.scores) < len(ids)*room {
		a.scores = make([]float32, len(ids)*room)
	}
	a.groups.Scores(vectors.Values, vectors.Dim, ids, a.scores)
	if a.members == nil {
		a.members = make([][]uint32, a.groups.Len())
	}
	for g := range a.members {
		a.members[g] = a.members[g][:0]
	}
	for i := range ids {
		scores := a.scores[i*room:][:a.groups.Len()]
		var looked [groupsLooked]int
		n := 0
		for g, s := range scores {
			at := n
			for at > 0 && scores[looked[at-1]] < s {
				at--
			}
			if at < groupsLooked {
				n = min(n+1, groupsLooked)
				copy(looked[at+1:n], looked[at:])
				looked[at] = g
			}
		}
		for _, g := range looked {
			a.members[g] = append(a.members[g], uint32(i))
		}
	}
}

// square is the squared distance of two vectors.
func square(x, y []float32) float32 {
	var out [1]float32
	vector.Fastest().ScoreSquaredL2(x, y, len(x), 1, out[:])
	return out[0]
}

// parallel calls do for 0 to n by workers, until one fails or ctx ends; each
// rests after a call.
func parallel(ctx context.Context, workers, n int, rest func(worker int), do func(worker, i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	work := func(worker int) {
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = do(worker, i)
			}
			if err != nil {
				failed.CompareAndSwap(nil, &err)
				return
			}
			if rest != nil {
				rest(worker)
			}
		}
	}
	var group sync.WaitGroup
	for worker := 1; worker < min(workers, n); worker++ {
		group.Go(func() { work(worker) })
	}
	work(0)
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
