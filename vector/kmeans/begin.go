package kmeans

import (
	"context"
	"math/rand/v2"

	"quiver/vector"
)

// beginRows is how many rows a cluster the first centroids are chosen from.
const beginRows = 32

// beginChunk is how many rows are compared with a chosen one at a time.
const beginChunk = 4096

// begin chooses the first centroids by k-means++ from a sample: each with a
// probability that grows with the squared distance from those chosen before.
func (l *lloyd) begin(ctx context.Context, r *rand.Rand) error {
	dim, k := l.vectors.Dim, l.o.K
	values := l.sample(min(l.len(), beginRows*k), r)
	n := len(values) / dim
	l.centroids = Matrix{Values: make([]float32, 0, k*dim), Dim: dim}
	distance, scores := make([]float32, n), make([]float32, n)
	totals := make([]float64, (n+beginChunk-1)/beginChunk)
	at := r.IntN(n)
	for c := range k {
		chosen := values[at*dim : (at+1)*dim]
		l.centroids.Values = append(l.centroids.Values, chosen...)
		err := parallel(ctx, l.workers, len(totals), l.rest, func(_, i int) error {
			from, to := i*beginChunk, min((i+1)*beginChunk, n)
			vector.Fastest().ScoreSquaredL2(chosen, values[from*dim:], dim, to-from, scores[from:])
			total := 0.0
			for j, s := range scores[from:to] {
				if d := &distance[from+j]; c == 0 || s < *d {
					*d = s
				}
				total += float64(distance[from+j])
			}
			totals[i] = total
			return nil
		})
		if err != nil {
			return err
		}
		total := 0.0
		for _, t := range totals {
			total += t
		}
		if !(total > 0) { // only copies of the chosen ones are left
			return nil
		}
		at = choose(distance, totals, r.Float64()*total, at)
	}
	return nil
}

// sample returns n of the rows, each with the same probability, or all if they
// are not many more: those need no copy.
func (l *lloyd) sample(n int, r *rand.Rand) []float32 {
	if l.rows == nil && l.len() <= 2*n {
		return l.vectors.Values
	}
	values := make([]float32, 0, n*l.vectors.Dim)
	for i := range l.len() {
		if r.IntN(l.len()-i) < n-len(values)/l.vectors.Dim {
			values = append(values, l.row(i)...)
		}
	}
	return values
}

// choose finds the row at which the distances, added up, reach so much: the last
// one that has a distance, if rounding lets them not. totals are those of chunks.
func choose(distance []float32, totals []float64, left float64, at int) int {
	for i, t := range totals {
		if left > t && i < len(totals)-1 {
			left -= t
			continue
		}
		from := i * beginChunk
		for j, d := range distance[from:min(from+beginChunk, len(distance))] {
			if left -= float64(d); d > 0 {
				at = from + j
				if left <= 0 {
					return at
				}
			}
		}
	}
	return at
}
