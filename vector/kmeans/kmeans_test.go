package kmeans

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"quiver/vector"
)

// clustered makes n vectors around k centres.
func clustered(seed uint64, n, dim, k int, spread float64) (m Matrix, centres Matrix) {
	r := rand.New(rand.NewPCG(seed, 1))
	centres = Matrix{Dim: dim}
	for range k * dim {
		centres.Values = append(centres.Values, float32(r.NormFloat64()))
	}
	m = Matrix{Dim: dim}
	for i := range n {
		for _, v := range centres.Row(i % k) {
			m.Values = append(m.Values, v+float32(r.NormFloat64()*spread))
		}
	}
	return m, centres
}

// nearest is the centroid nearest to x and its squared distance, all looked at.
func nearest(x []float32, centroids Matrix) (at int, best float32) {
	best = float32(math.Inf(1))
	for i := range centroids.Len() {
		if d := square(x, centroids.Row(i)); d < best {
			at, best = i, d
		}
	}
	return at, best
}

// cost is the mean squared distance from the nearest centroid, all looked at.
func cost(m Matrix, c Matrix) float64 {
	sum := 0.0
	for i := range m.Len() {
		_, d := nearest(m.Row(i), c)
		sum += float64(d)
	}
	return sum / float64(m.Len())
}

func cluster(t testing.TB, m Matrix, o Options) *Centroids {
	t.Helper()
	c, err := Cluster(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFindsTheClusters(t *testing.T) {
	for _, k := range []int{1, 5, 40, 400} {
		m, centres := clustered(1, 8000, 16, k, 0.05)
		c := cluster(t, m, Options{K: k, Workers: 2})
		// k-means++ may leave two centres to one centroid: a little is given.
		if got, best := cost(m, c.Matrix), cost(m, centres); got > best*1.05 && k <= 5 || got > best+0.35 {
			t.Errorf("%d clusters: cost %v, that of the true centres %v", k, got, best)
		}
		if c.Len() > k || c.Len() < k*9/10 {
			t.Errorf("%d clusters, not %d", c.Len(), k)
		}
	}
}

func TestSameWithAnyNumberOfWorkers(t *testing.T) {
	m, _ := clustered(2, 5000, 12, 50, 0.7)
	for _, k := range []int{20, flatMax + 200} {
		a, b := cluster(t, m, Options{K: k, Seed: 3, Workers: 1}), cluster(t, m, Options{K: k, Seed: 3, Workers: 4})
		if !slices.Equal(a.Values, b.Values) || !slices.Equal(a.Starts, b.Starts) {
			t.Errorf("%d clusters differ by the number of workers", k)
		}
		if c := cluster(t, m, Options{K: k, Seed: 4}); slices.Equal(a.Values, c.Values) {
			t.Errorf("%d clusters do not depend on the seed", k)
		}
	}
}

func TestTwoLevelsAreNearlyAsGood(t *testing.T) {
	m, _ := clustered(4, 12000, 24, 500, 0.5)
	c, err := hierarchy(context.Background(), m, Options{K: 400, Iterations: 10, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	flat := newLloyd(m, nil, Options{K: 400, Iterations: 10}, 2, nil)
	if err := flat.run(context.Background(), func(float64) {}); err != nil {
		t.Fatal(err)
	}
	if got, want := cost(m, c.Matrix), cost(m, flat.centroids); got > want*1.15 {
		t.Errorf("two levels cost %v, one %v", got, want)
	}
	if c.Starts[len(c.Starts)-1] != c.Len() || len(c.Starts) != c.Groups.Len()+1 {
		t.Errorf("%d centroids in groups from %v", c.Len(), c.Starts)
	}
	at, squares, missed := make([]uint32, m.Len()), make([]float32, m.Len()), 0
	c.NewAssigner().Assign(m, at, squares)
	for i := range m.Len() {
		if square(m.Row(i), c.Row(int(at[i]))) != squares[i] {
			t.Fatalf("vector %d: not %v from its centroid", i, squares[i])
		}
		if _, best := nearest(m.Row(i), c.Matrix); squares[i] > best {
			missed++
		}
	}
	if missed*20 > m.Len() {
		t.Errorf("%d of %d vectors missed their nearest centroid", missed, m.Len())
	}
}

func TestDuplicatesAndFewVectors(t *testing.T) {
	same := Matrix{Values: make([]float32, 3*1000), Dim: 3}
	for i := range same.Values {
		same.Values[i] = 7
	}
	if c := cluster(t, same, Options{K: 10}); c.Len() != 1 || c.Values[0] != 7 {
		t.Errorf("one vector a thousand times: %v", c.Values)
	}
	two := Matrix{Dim: 1}
	for i := range 2000 {
		two.Values = append(two.Values, float32(i%2))
	}
	c := cluster(t, two, Options{K: 500})
	slices.Sort(c.Values)
	if !slices.Equal(slices.Compact(c.Values), []float32{0, 1}) {
		t.Errorf("two distinct vectors: %v", c.Values)
	}
	few := Matrix{Values: []float32{1, 2, 3}, Dim: 1}
	if c := cluster(t, few, Options{K: 100}); c.Len() != 3 {
		t.Errorf("three vectors: %v", c.Values)
	}
}

func TestRepairRefillsEmptyClusters(t *testing.T) {
	m, _ := clustered(6, 1000, 4, 8, 0.01)
	l := newLloyd(m, nil, Options{K: 8, Iterations: 10}, 1, nil)
	// All centroids but one far away, so that they are empty.
	l.centroids = Matrix{Values: make([]float32, 8*4), Dim: 4}
	for i := range l.centroids.Values[4:] {
		l.centroids.Values[4+i] = 1000
	}
	if _, err := l.assign(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.sort()
	if !l.repair() {
		t.Fatal("nothing repaired")
	}
	for c := range 8 {
		if l.starts[c] == l.starts[c+1] {
			t.Errorf("cluster %d is empty still", c)
		}
	}
}

func TestSphericalCentroidsHaveLengthOne(t *testing.T) {
	m, _ := clustered(7, 3000, 10, 12, 0.3)
	for i := range m.Len() {
		row := m.Row(i)
		length := math.Sqrt(vector.Dot(row, row))
		for j := range row {
			row[j] = float32(float64(row[j]) / length)
		}
	}
	c := cluster(t, m, Options{K: 12, Spherical: true, Workers: 2})
	for i := range c.Len() {
		if l := vector.Dot(c.Row(i), c.Row(i)); math.Abs(l-1) > 1e-5 {
			t.Errorf("centroid %d has squared length %v", i, l)
		}
	}
}

// TestEachWorkerRests: none for long, and none under another's number.
func TestEachWorkerRests(t *testing.T) {
	m, _ := clustered(10, 9000, 8, 10, 0.5)
	var rests [2]atomic.Int64
	resting := [2]sync.Mutex{}
	for _, k := range []int{50, flatMax + 1} {
		cluster(t, m, Options{K: k, Workers: 2, Rest: func(worker int) {
			if !resting[worker].TryLock() {
				t.Error("two workers of one number")
			}
			rests[worker].Add(1)
			resting[worker].Unlock()
		}})
	}
	if rests[0].Load() < 50 {
		t.Errorf("%d rests", rests[0].Load())
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m, _ := clustered(8, 3000, 8, 10, 0.5)
	_, err := Cluster(ctx, m, Options{K: 50, Workers: 2, Progress: func(float64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkCluster(b *testing.B) {
	m, _ := clustered(9, 50000, 96, 1000, 0.5)
	for b.Loop() {
		cluster(b, m, Options{K: 1000, Workers: 2})
	}
}
