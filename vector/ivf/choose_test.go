package ivf

import (
	"context"
	"math/rand/v2"
	"testing"

	"quiver/vector"
)

// drawn is a column of so many vectors, each drawn when it is asked for.
type drawn struct {
	rows int
	draw func(r *rand.Rand) []float32
}

func (d drawn) Len() int { return d.rows }

func (d drawn) Row(position int) []byte {
	return vector.EncodeFloat32s(d.draw(rand.New(rand.NewPCG(uint64(position), 1))))
}

// TestChoose: hnsw leaves inner products of vectors of unequal lengths to lists, for
// which its walks are long, unless it is told how vectors are to be quantised, or
// there are few; what is near in few directions stays with it.
func TestChoose(t *testing.T) {
	const dim = 32
	normal := func(r *rand.Rand) []float32 {
		v := make([]float32, dim)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	unequal := func(r *rand.Rand) []float32 {
		v, length := normal(r), float32(1+3*r.ExpFloat64())
		for i := range v {
			v[i] *= length
		}
		return v
	}
	fewDirections := func(r *rand.Rand) []float32 {
		v := make([]float32, dim)
		a, b := float32(r.NormFloat64()), float32(r.NormFloat64())
		for i := range v {
			v[i] = a*float32(i%5) + b*float32(i%3) + 0.1*float32(r.NormFloat64())
		}
		return v
	}
	const many = 60_000
	for name, c := range map[string]struct {
		draw     func(r *rand.Rand) []float32
		distance vector.Distance
		rows     int
		options  vector.Options
		want     string
	}{
		"unequal lengths, inner product":         {unequal, vector.InnerProduct, many, vector.Options{}, "ivfflat"},
		"unequal lengths, quantisation given":    {unequal, vector.InnerProduct, many, vector.Options{Quantization: "sq8"}, "hnsw"},
		"unequal lengths, few rows":              {unequal, vector.InnerProduct, 20_000, vector.Options{}, "hnsw"},
		"unequal lengths, little memory":         {unequal, vector.InnerProduct, many, vector.Options{MemoryBytes: 1 << 20}, "hnsw"},
		"unequal lengths, some memory, L1":       {unequal, vector.L1, many, vector.Options{MemoryBytes: 32 << 20}, "hnsw"},
		"unequal lengths, some memory":           {unequal, vector.InnerProduct, many, vector.Options{MemoryBytes: 32 << 20}, "ivfflat"},
		"few directions, cosine":                 {fewDirections, vector.Cosine, many, vector.Options{}, "hnsw"},
		"options out of bounds, left to a build": {unequal, vector.InnerProduct, many, vector.Options{M: 1}, "hnsw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hnsw := vector.KindByName("hnsw").(vector.Chooser)
			kind, _, err := hnsw.Choose(context.Background(), vector.Space{Dim: dim, Distance: c.distance}, drawn{c.rows, c.draw}, c.options)
			if err != nil {
				t.Fatal(err)
			}
			if kind.Name() != c.want {
				t.Errorf("%s is chosen, not %s", kind.Name(), c.want)
			}
		})
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := vector.KindByName("hnsw").(vector.Chooser).Choose(cancelled, vector.Space{Dim: dim, Distance: vector.InnerProduct}, drawn{many, unequal}, vector.Options{}); err == nil {
		t.Error("a choice that was given up has an answer")
	}
}
