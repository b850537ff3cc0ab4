package vector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// newSigns are rows of one bit a dimension, added little by little; every 97th
// vector is null and, under Cosine, every 89th without length.
func newSigns(t *testing.T, s Space, vectors [][]float32) (*signRows, rowColumn) {
	t.Helper()
	for i := 50; i < len(vectors); i += 97 {
		vectors[i] = nil
	}
	if s.Distance == Cosine {
		for i := 70; i < len(vectors); i += 89 {
			vectors[i] = make([]float32, s.Dim)
		}
	}
	column := floatColumn(s.Element, vectors)
	rows := newSignRows(s)
	for to := 1; to <= len(column); to += 1 + to/3 {
		if err := rows.append(context.Background(), prefixColumn{column, to}, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.append(context.Background(), column, len(column)); err != nil {
		t.Fatal(err)
	}
	return rows, column
}

// signIndex is a view as an Index, for what tests of indexes measure.
type signIndex struct {
	Index
	view *signView
}

func (x signIndex) Space() Space { return x.view.rows.space }
func (x signIndex) Search(ctx context.Context, dst []Candidate, r *SearchRequest, stats *SearchStats) ([]Candidate, error) {
	return x.view.search(ctx, dst, r, 0, stats)
}

func TestSignRows(t *testing.T) {
	var all sweep
	for _, set := range []string{"uniform", "clustered", "duplicates"} {
		for _, element := range []Element{Float32, Float16} {
			for _, d := range []Distance{L2, InnerProduct, Cosine} {
				if all.passes() {
					continue
				}
				t.Run(fmt.Sprint(set, "/", element, "/", d), func(t *testing.T) {
					r := rand.New(rand.NewPCG(21, 22))
					const dim, n = 24, 3000
					vectors := vectorSets[set](r, n+30, dim)
					queries := floatColumn(element, vectors[n:])
					s := Space{element, d, dim}
					rows, column := newSigns(t, s, vectors[:n])
					index := signIndex{view: rows.current.Load()}
					testSignSearch(t, index, column, queries)
					testSignIterate(t, index, column, queries.Row(0))
				})
			}
		}
	}
	if rows := newSignRows(Space{Float32, L1, 3}); rows != nil {
		t.Error("there are no such codes for L1")
	}
}

// testSignSearch finds most of the nearest, under filters too, and nothing that a
// request does not know or does not want.
func testSignSearch(t *testing.T, index signIndex, column, queries rowColumn) {
	for _, k := range []int{1, 10, 100} {
		if got := measureRecall(t, index, column, queries, k, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
			t.Errorf("recall@%d %.3f", k, got)
		}
	}
	keep := func(p int) bool { return p%7 == 3 }
	bitmap := make([]byte, (column.Len()+7)/8)
	for p := range column.Len() {
		if keep(p) {
			bitmap[p/8] |= 1 << (p % 8)
		}
	}
	if got := measureRecall(t, index, column, queries, 10, SearchRequest{Recall: 0.95, Keep: bitmap}, keep); got < 0.95 {
		t.Errorf("recall %.3f under a filter", got)
	}
	for _, known := range []int{1, 31, 32, 700} {
		if got := measureRecall(t, index, column[:known], queries, 10, SearchRequest{Recall: 0.99}, nil); got < 0.9 {
			t.Errorf("recall %.3f of %d rows", got, known)
		}
	}
	space, missed := index.Space(), 0
	for _, query := range queries {
		truth := nearestOf(space, column, query, 10, nil)
		var stats SearchStats
		got, err := index.Search(context.Background(), nil,
			&SearchRequest{Query: query, K: 10, Recall: 0.95, Column: column, Bounded: true, Bound: float32(truth[4].Distance) + 1e-4}, &stats)
		if err != nil {
			t.Fatal(err)
		}
		near := 0
		for _, c := range got {
			if space.Exact(query, column[c.Position]) <= truth[4].Distance {
				near++
			}
		}
		missed += max(0, 5-near)
	}
	if missed > len(queries)*5/20 {
		t.Errorf("%d rows within a bound are missed", missed)
	}
}

// testSignIterate gets all rows that have a distance, each once.
func testSignIterate(t *testing.T, index signIndex, column rowColumn, query []byte) {
	var stats SearchStats
	seen := map[uint32]bool{}
	it := index.view.iterate(&SearchRequest{Query: query, K: 10, Recall: 0.95, Column: column}, &stats)
	defer it.Close()
	for {
		got, err := it.Next(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, c := range got {
			if seen[c.Position] {
				t.Fatalf("position %d is proposed twice", c.Position)
			}
			seen[c.Position] = true
		}
	}
	if want := len(index.view.positions); len(seen) != want {
		t.Errorf("%d rows, want %d", len(seen), want)
	}
}
