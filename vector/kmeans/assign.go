package kmeans

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"quiver/vector"
)

// Assigner finds the nearest of centroids; it belongs to one goroutine.
type Assigner struct {
	centroids *Centroids
	scores    []float32
	groups    []int
}

// groupsLooked is how many of the nearest groups are looked into: with it, few
// vectors miss the centroid that is nearest of all.
const groupsLooked = 8

// NewAssigner returns an Assigner.
func (c *Centroids) NewAssigner() *Assigner {
	return &Assigner{centroids: c, scores: make([]float32, max(c.Len(), c.Groups.Len()))}
}

// Nearest returns the centroid nearest to x and its squared distance; if there
// are groups, the nearest of those in the nearest groups.
func (a *Assigner) Nearest(x []float32) (int, float32) {
	c := a.centroids
	if c.Groups.Len() <= groupsLooked {
		at, d := nearest(x, c.Matrix, a.scores)
		return int(at), d
	}
	scores := a.scores[:c.Groups.Len()]
	vector.Fastest().ScoreSquaredL2(x, c.Groups.Values, c.Dim, len(scores), scores)
	a.groups = a.groups[:0]
	for g, s := range scores {
		at := len(a.groups)
		for at > 0 && scores[a.groups[at-1]] > s {
			at--
		}
		if at < groupsLooked {
			if len(a.groups) == groupsLooked {
				a.groups = a.groups[:groupsLooked-1]
			}
			a.groups = slices.Insert(a.groups, at, g)
		}
	}
	best, bestAt := float32(math.Inf(1)), c.Starts[a.groups[0]]
	for _, g := range a.groups {
		from, to := c.Starts[g], c.Starts[g+1]
		part := Matrix{Values: c.Values[from*c.Dim : to*c.Dim], Dim: c.Dim}
		if at, d := nearest(x, part, a.scores); d < best {
			best, bestAt = d, from+int(at)
		}
	}
	return bestAt, best
}

// parallel calls do for 0 to n by workers, until one fails or ctx ends.
func parallel(ctx context.Context, workers, n int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	work := func() {
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = do(i)
			}
			if err != nil {
				failed.CompareAndSwap(nil, &err)
				return
			}
		}
	}
	var group sync.WaitGroup
	for range min(workers, n) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
