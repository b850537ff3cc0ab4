package kmeans

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"quiver/vector"
)

// Options say how to cluster.
type Options struct {
	// K is the number of clusters wanted.
	K int
	// Spherical brings centroids to length one; the vectors have that length
	// already.
	Spherical bool
	// Iterations of Lloyd's algorithm at most, for each level; 0 is 10.
	Iterations int
	Seed       uint64
	// Workers that run at once; 0 is one.
	Workers int
	// Progress, if set, is called after each step with the share done.
	Progress func(done float64)
	// Rest, if set, is called by each worker, from 0 on, every millisecond or so
	// of its work: it sleeps when others need the processors.
	Rest func(worker int)
}

// iterationsDefault is enough for inverted files: later iterations move few
// vectors.
const iterationsDefault = 10

// flatMax is the number of clusters above which they are made in two levels.
const flatMax = 1024

// chunk is how many vectors a worker assigns at a time.
const chunk = 240

// Matrix is n vectors of dim elements, one after the other.
type Matrix struct {
	Values []float32
	Dim    int
}

// Len is the number of vectors.
func (m Matrix) Len() int { return len(m.Values) / max(m.Dim, 1) }

// Row is vector i.
func (m Matrix) Row(i int) []float32 { return m.Values[i*m.Dim : (i+1)*m.Dim] }

// Centroids are the centres of clusters. With Groups, group g has those from
// Starts[g] to Starts[g+1].
type Centroids struct {
	Matrix
	Groups Matrix
	Starts []int
}

// Cluster finds centroids of the vectors, at least one.
func Cluster(ctx context.Context, vectors Matrix, o Options) (*Centroids, error) {
	if o.Iterations == 0 {
		o.Iterations = iterationsDefault
	}
	o.Workers = max(o.Workers, 1)
	o.K = max(1, min(o.K, vectors.Len()))
	if o.K > flatMax {
		return hierarchy(ctx, vectors, o)
	}
	l := newLloyd(vectors, nil, o, o.Workers, o.Rest)
	if err := l.run(ctx, func(done float64) { o.progress(done) }); err != nil {
		return nil, err
	}
	return &Centroids{Matrix: l.centroids}, nil
}

// group is the centroids of a group.
func (c *Centroids) group(g int) Matrix {
	return Matrix{Values: c.Values[c.Starts[g]*c.Dim : c.Starts[g+1]*c.Dim], Dim: c.Dim}
}

func (o *Options) progress(done float64) {
	if o.Progress != nil {
		o.Progress(done)
	}
}

// hierarchy clusters in two levels.
func hierarchy(ctx context.Context, vectors Matrix, o Options) (*Centroids, error) {
	top := o
	top.K = int(math.Ceil(math.Sqrt(float64(o.K))))
	groups := newLloyd(vectors, nil, top, o.Workers, o.Rest)
	if err := groups.run(ctx, func(done float64) { o.progress(done / 2) }); err != nil {
		return nil, err
	}
	members := groups.members()
	parts := make([]Matrix, groups.centroids.Len())
	shares := share(members, o.K)
	err := parallel(ctx, o.Workers, len(parts), o.Rest, func(worker, g int) error {
		part := o
		part.K, part.Seed = shares[g], o.Seed+uint64(g)+1
		var rest func(int)
		if o.Rest != nil {
			rest = func(int) { o.Rest(worker) }
		}
		l := newLloyd(vectors, members[g], part, 1, rest)
		if err := l.run(ctx, func(float64) {}); err != nil {
			return err
		}
		parts[g] = l.centroids
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &Centroids{Groups: groups.centroids, Starts: []int{0}}
	out.Dim = vectors.Dim
	for _, p := range parts {
		out.Values = append(out.Values, p.Values...)
		out.Starts = append(out.Starts, out.Len())
	}
	return out, out.refine(ctx, vectors, o)
}

// refinements move the centroids of all groups together: those at the border of
// a group were made without sight of the vectors beyond it.
const refinements = 3

func (c *Centroids) refine(ctx context.Context, vectors Matrix, o Options) error {
	l := newLloyd(vectors, nil, o, o.Workers, o.Rest)
	l.centroids = c.Matrix
	for i := range refinements {
		assigners := []*Assigner{c.NewAssigner()}
		for range o.Workers - 1 {
			assigners = append(assigners, assigners[0].Fork())
		}
		chunks := (l.len() + chunk - 1) / chunk
		err := parallel(ctx, o.Workers, chunks, o.Rest, func(worker, n int) error {
			from, to := n*chunk, min((n+1)*chunk, l.len())
			part := Matrix{Values: vectors.Values[from*vectors.Dim : to*vectors.Dim], Dim: vectors.Dim}
			assigners[worker].Assign(part, l.nearest[from:to], l.distance[from:to])
			return nil
		})
		if err != nil {
			return err
		}
		l.sort()
		if err := l.update(ctx); err != nil {
			return err
		}
		o.progress((1 + float64(i+1)/refinements) / 2)
	}
	return nil
}

// share divides k among the groups in proportion to their members, at least
// one each and no more than members.
func share(members [][]uint32, k int) []int {
	total := 0
	for _, m := range members {
		total += len(m)
	}
	out := make([]int, len(members))
	seen, given := 0, 0
	for g, m := range members {
		seen += len(m)
		want := int(math.Round(float64(seen)/float64(total)*float64(k))) - given
		out[g] = max(1, min(want, len(m)))
		given += out[g]
	}
	return out
}

// lloyd is one run over some of the vectors.
type lloyd struct {
	vectors   Matrix
	rows      []uint32 // nil: all
	o         Options
	workers   int
	rest      func(worker int)
	centroids Matrix
	nearest   []uint32 // of row i
	distance  []float32
	// Rows sorted by cluster: those of cluster c from starts[c].
	order, starts []uint32
}

func newLloyd(vectors Matrix, rows []uint32, o Options, workers int, rest func(worker int)) *lloyd {
	l := &lloyd{vectors: vectors, rows: rows, o: o, workers: workers, rest: rest}
	n := l.len()
	l.o.K = max(1, min(o.K, n))
	l.nearest, l.distance, l.order = make([]uint32, n), make([]float32, n), make([]uint32, n)
	return l
}

func (l *lloyd) len() int {
	if l.rows != nil {
		return len(l.rows)
	}
	return l.vectors.Len()
}

func (l *lloyd) row(i int) []float32 {
	if l.rows != nil {
		i = int(l.rows[i])
	}
	return l.vectors.Row(i)
}

func (l *lloyd) run(ctx context.Context, progress func(float64)) error {
	r := rand.New(rand.NewPCG(l.o.Seed, 0x6b6d65616e73))
	if err := l.begin(ctx, r); err != nil {
		return err
	}
	for i := range l.o.Iterations {
		moved, err := l.assign(ctx)
		if err != nil {
			return err
		}
		l.sort()
		repaired := l.repair()
		if err := l.update(ctx); err != nil {
			return err
		}
		progress(float64(i+1) / float64(l.o.Iterations))
		// What still moves is too little to matter.
		if i > 0 && moved*1000 < l.len() && !repaired {
			break
		}
	}
	if _, err := l.assign(ctx); err != nil {
		return err
	}
	l.sort()
	l.dropEmpty()
	progress(1)
	return nil
}

// assign finds the nearest centroid of each row, and how many rows moved.
func (l *lloyd) assign(ctx context.Context) (moved int, err error) {
	chunks := (l.len() + chunk - 1) / chunk
	movedIn := make([]int, chunks)
	panels := vector.NewPanels(l.centroids.Values, l.centroids.Dim)
	err = parallel(ctx, l.workers, chunks, l.rest, func(_, c int) error {
		from, to := c*chunk, min((c+1)*chunk, l.len())
		var all, near [chunk]uint32
		ids, nearest := l.rows, near[:to-from]
		if ids == nil {
			for i := range nearest {
				all[i] = uint32(from + i)
			}
			ids = all[:to-from]
		} else {
			ids = ids[from:to]
		}
		panels.Nearest(l.vectors.Values, l.vectors.Dim, ids, nearest)
		for i, at := range nearest {
			if at != l.nearest[from+i] {
				movedIn[c]++
			}
			l.nearest[from+i] = at
			l.distance[from+i] = square(l.row(from+i), l.centroids.Row(int(at)))
		}
		return nil
	})
	for _, m := range movedIn {
		moved += m
	}
	return moved, err
}

// sort fills order and starts.
func (l *lloyd) sort() {
	k := l.centroids.Len()
	l.starts = make([]uint32, k+1)
	for _, c := range l.nearest {
		l.starts[c+1]++
	}
	for c := range k {
		l.starts[c+1] += l.starts[c]
	}
	at := slices.Clone(l.starts)
	for i, c := range l.nearest {
		l.order[at[c]] = uint32(i)
		at[c]++
	}
}

// repair gives each empty cluster the row that is farthest from its centroid.
func (l *lloyd) repair() (repaired bool) {
	var far []uint32
	for c := range l.centroids.Len() {
		if l.starts[c] != l.starts[c+1] {
			continue
		}
		if far == nil {
			far = l.farthest()
		}
		// A row alone in its cluster, or at its centroid, helps nobody.
		for len(far) > 0 {
			i := far[0]
			far = far[1:]
			if from := l.nearest[i]; l.starts[from+1]-l.starts[from] > 1 && l.distance[i] > 0 {
				l.nearest[i], l.distance[i] = uint32(c), 0
				repaired = true
				break
			}
		}
	}
	if repaired {
		l.sort()
	}
	return repaired
}

// farthest returns rows by distance from their centroids, the farthest first,
// as many as there are clusters.
func (l *lloyd) farthest() []uint32 {
	rows := make([]uint32, l.len())
	for i := range rows {
		rows[i] = uint32(i)
	}
	slices.SortStableFunc(rows, func(a, b uint32) int {
		switch da, db := l.distance[a], l.distance[b]; {
		case da > db:
			return -1
		case da < db:
			return 1
		}
		return 0
	})
	return rows[:min(len(rows), l.centroids.Len())]
}

// update moves the centroids to the means of their rows.
func (l *lloyd) update(ctx context.Context) error {
	return parallel(ctx, l.workers, l.centroids.Len(), l.rest, func(_, c int) error {
		rows := l.order[l.starts[c]:l.starts[c+1]]
		if len(rows) == 0 {
			return nil
		}
		sums := make([]float64, l.vectors.Dim)
		for _, i := range rows {
			row := l.row(int(i))
			for j, v := range row[:len(sums)] {
				sums[j] += float64(v)
			}
		}
		scale := 1 / float64(len(rows))
		if l.o.Spherical {
			length := 0.0
			for _, s := range sums {
				length += s * s
			}
			if length == 0 {
				return nil
			}
			scale = 1 / math.Sqrt(length)
		}
		centroid := l.centroids.Row(c)
		for j, s := range sums {
			centroid[j] = float32(s * scale)
		}
		return nil
	})
}

// dropEmpty removes clusters without rows.
func (l *lloyd) dropEmpty() {
	kept := 0
	renamed := make([]uint32, l.centroids.Len())
	for c := range l.centroids.Len() {
		renamed[c] = uint32(kept)
		if l.starts[c] != l.starts[c+1] {
			copy(l.centroids.Row(kept), l.centroids.Row(c))
			kept++
		}
	}
	l.centroids.Values = slices.Clip(l.centroids.Values[:kept*l.centroids.Dim])
	for i, c := range l.nearest {
		l.nearest[i] = renamed[c]
	}
	l.sort()
}

// members lists the rows of each cluster.
func (l *lloyd) members() [][]uint32 {
	out := make([][]uint32, l.centroids.Len())
	for c := range out {
		out[c] = l.order[l.starts[c]:l.starts[c+1]]
	}
	return out
}
