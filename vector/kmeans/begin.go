package kmeans

import (
	"context"
	"math/rand/v2"

	"quiver/vector"
)

// beginRows is how many rows a cluster the first centroids are chosen from.
const beginRows = 32

// begin chooses the first centroids by k-means++ from a sample: each with a
// probability that grows with the squared distance from those chosen before.
func (l *lloyd) begin(ctx context.Context, r *rand.Rand) error {
	dim, k := l.vectors.Dim, l.o.K
	n := min(l.len(), beginRows*k)
	sample := make([]int, 0, n)
	for i := range l.len() { // every row with the same probability
		if r.IntN(l.len()-i) < n-len(sample) {
			sample = append(sample, i)
		}
	}
	values := make([]float32, 0, n*dim)
	for _, i := range sample {
		values = append(values, l.row(i)...)
	}
	l.centroids = Matrix{Values: make([]float32, 0, k*dim), Dim: dim}
	distance, scores := make([]float32, n), make([]float32, n)
	at := r.IntN(n)
	for c := range k {
		if err := ctx.Err(); err != nil {
			return err
		}
		chosen := values[at*dim : (at+1)*dim]
		l.centroids.Values = append(l.centroids.Values, chosen...)
		vector.Fastest().ScoreSquaredL2(chosen, values, dim, n, scores)
		total := 0.0
		for i, s := range scores {
			if c == 0 || s < distance[i] {
				distance[i] = s
			}
			total += float64(distance[i])
		}
		left := r.Float64() * total
		if !(total > 0) { // only copies of the chosen ones are left
			return nil
		}
		for i, d := range distance {
			if left -= float64(d); d > 0 {
				at = i
				if left <= 0 {
					break
				}
			}
		}
	}
	return nil
}
