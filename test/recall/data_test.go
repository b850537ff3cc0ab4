package recall

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"quiver/bench/dataset"
)

// data is a kind of vectors. Bits and sparse vectors are made of its numbers:
// what is above the cut is a one, or is kept.
type data struct {
	name string
	dim  int
	bits int // the length of bit vectors
	cut  float64
	// source prepares what draws rows and queries of so many dimensions.
	source func(t *testing.T, dim int) source
}

// A source draws vectors; queries may be unlike rows.
type source struct{ row, query sample }

type sample func(r *rand.Rand) []float64

func generated(f func(dim int) sample) func(*testing.T, int) source {
	return func(_ *testing.T, dim int) source { return source{f(dim), f(dim)} }
}

// dataKinds: around a few centres; everywhere; few different ones; of few
// dimensions; the words of examples/words.
var dataKinds = []data{
	{"clustered", 24, 64, 0, generated(clustered)},
	{"uniform", 24, 48, 0.5, generated(uniform)},
	{"duplicated", 5, 5, 1.5, generated(duplicated)},
	{"of few dimensions", 3, 8, 0.5, generated(uniform)},
	{"words", 100, 100, 0, wordSource},
}

// clusters is how many centres data has.
const clusters = 12

func clustered(dim int) sample {
	centres := rand.New(rand.NewPCG(7, uint64(dim)))
	var list [][]float64
	for range clusters {
		list = append(list, fill(dim, func() float64 { return 4 * centres.NormFloat64() }))
	}
	return func(r *rand.Rand) []float64 {
		c := list[r.IntN(len(list))]
		v := fill(dim, r.NormFloat64)
		for i := range v {
			v[i] = rounded(v[i]+c[i], 64)
		}
		return v
	}
}

func uniform(dim int) sample {
	return func(r *rand.Rand) []float64 { return fill(dim, func() float64 { return rounded(r.Float64(), 64) }) }
}

func duplicated(dim int) sample {
	return func(r *rand.Rand) []float64 { return fill(dim, func() float64 { return float64(1 + r.IntN(2)) }) }
}

func fill(n int, f func() float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = f()
	}
	return v
}

// rounded is a number that float16 holds, so that all types have the same rows.
func rounded(x, parts float64) float64 { return math.Round(x*parts) / parts }

// exampleWords are the vectors of examples/words.
var exampleWords = sync.OnceValues(func() (words [][]float64, err error) {
	f, err := os.Open("../../examples/words/words.csv.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	lines := csv.NewReader(gz)
	if _, err := lines.Read(); err != nil { // the names of the columns
		return nil, err
	}
	for {
		line, err := lines.Read()
		if err == io.EOF {
			return words, nil
		}
		if err != nil {
			return nil, err
		}
		var v []float64
		for _, number := range strings.Split(strings.Trim(line[3], "[]"), ",") {
			x, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return nil, err
			}
			v = append(v, rounded(x, 256))
		}
		words = append(words, v)
	}
})

// wordSource keeps one word in ten for queries.
func wordSource(t *testing.T, _ int) source {
	words, err := exampleWords()
	if err != nil {
		t.Fatal(err)
	}
	at := func(r *rand.Rand) int { return 10 * r.IntN(len(words)/10) }
	return source{
		row:   func(r *rand.Rand) []float64 { return words[at(r)+1+r.IntN(9)] },
		query: func(r *rand.Rand) []float64 { return words[at(r)] },
	}
}

var wink = sync.OnceValues(func() (*dataset.Set, error) { return dataset.Wink("../../.cache/bench") })

// winkSource draws the rows in turn, so that each is there once.
func winkSource(t *testing.T, dim int) source {
	set, err := wink()
	if err != nil {
		t.Fatal(err)
	}
	widened := func(v []float32) []float64 {
		out := make([]float64, dim)
		for i, x := range v {
			out[i] = rounded(float64(x), 256)
		}
		return out
	}
	next := 0
	return source{
		row:   func(*rand.Rand) []float64 { next++; return widened(set.Row(next % set.Len())) },
		query: func(r *rand.Rand) []float64 { return widened(set.Query(r.IntN(set.NumQueries()))) },
	}
}
