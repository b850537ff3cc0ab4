package dataset

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"quiver/vector"
)

// Clusters generates vectors around centres: the centres are normal in all
// dimensions; a row lies around one of them, few clusters having most rows, with
// a spread that falls from one direction to the next, as that of learnt
// embeddings does. A row depends on the seed and its number alone, so any part
// of the set can be made by itself.
type Clusters struct {
	Dim  int
	Seed uint64

	centres []float32
	spread  []float32 // by direction, shifted for each cluster
	bounds  []float64 // cumulative share of each cluster
}

// Sizes of the generated set.
const (
	ClusteredDim  = 96
	clusteredSeed = 7
	numClusters   = 1000
	// queriesFrom numbers the queries beyond any row.
	queriesFrom = 1 << 40
)

// NewClusters prepares the generator.
func NewClusters() *Clusters {
	c := &Clusters{Dim: ClusteredDim, Seed: clusteredSeed}
	draw := rand.New(rand.NewPCG(c.Seed, 0))
	c.centres = make([]float32, numClusters*c.Dim)
	for i := range c.centres {
		c.centres[i] = float32(draw.NormFloat64())
	}
	for i := range c.Dim {
		c.spread = append(c.spread, float32(2/math.Sqrt(1+float64(i))))
	}
	total := 0.0
	for i := range numClusters {
		total += 1 / math.Sqrt(float64(i+1))
		c.bounds = append(c.bounds, total)
	}
	for i := range c.bounds {
		c.bounds[i] /= total
	}
	return c
}

// Fill writes the vectors of rows from, from+1, … into dst.
func (c *Clusters) Fill(dst []float32, from uint64) {
	var wg sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(dst)/c.Dim; i += workers {
				c.row(dst[i*c.Dim:(i+1)*c.Dim], from+uint64(i))
			}
		})
	}
	wg.Wait()
}

// Queries returns n held-out vectors of the same distribution.
func (c *Clusters) Queries(n int) []float32 {
	q := make([]float32, n*c.Dim)
	c.Fill(q, queriesFrom)
	return q
}

func (c *Clusters) row(dst []float32, i uint64) {
	draw := rand.New(rand.NewPCG(c.Seed, i+1))
	cluster := c.pick(draw.Float64())
	centre := c.centres[cluster*c.Dim:]
	for d := range dst {
		dst[d] = centre[d] + c.spread[(d+cluster)%c.Dim]*float32(draw.NormFloat64())
	}
}

func (c *Clusters) pick(u float64) int {
	lo, hi := 0, numClusters-1
	for lo < hi {
		mid := (lo + hi) / 2
		if c.bounds[mid] < u {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Set is the first n rows in memory, with queries, for L2 distance.
func (c *Clusters) Set(n, queries int) *Set {
	s := &Set{Name: "clusters", Distance: vector.L2, Dim: c.Dim, Queries: c.Queries(queries)}
	s.Rows = make([]float32, n*c.Dim)
	c.Fill(s.Rows, 0)
	s.Labels, s.Buckets = make([]byte, n), make([]int32, n)
	for i := range n {
		s.Labels[i], s.Buckets[i] = 'a'+byte(i%26), int32(i%1000)
	}
	return s
}
