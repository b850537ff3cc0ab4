package ivf

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"quiver/vector"
)

// problem is rows, queries, and their true nearest.
type problem struct {
	space   vector.Space
	rows    column
	queries [][]byte
	k       int
	keep    []byte
	kept    int
	last    []float64 // the distance of each query's true k-th
}

func newProblem(s vector.Space, all column, queries, k int, keep []byte) *problem {
	n := len(all) - queries
	p := &problem{space: s, rows: all[:n], queries: all[n:], k: k, keep: keep}
	for i := range p.rows {
		if p.keeps(uint32(i)) {
			p.kept++
		}
	}
	for _, q := range p.queries {
		search := vector.NewSpaceSearch(s, q, k)
		for i, row := range p.rows {
			if p.keeps(uint32(i)) {
				rows := encodedRows(s, row, 1)
				rows.FirstID = uint64(i)
				search.Add(rows)
			}
		}
		last := math.Inf(-1)
		if search.Top().Len() > 0 {
			last = search.Top().Farthest().Distance
		}
		p.last = append(p.last, last)
	}
	return p
}

func (p *problem) keeps(i uint32) bool {
	return p.rows[i] != nil && (p.keep == nil || p.keep[i>>3]>>(i&7)&1 != 0)
}

// recall searches for all queries and returns the mean recall: the share of
// what was found that is as near as the true k-th. It holds every answer to its
// promises.
func (p *problem) recall(t testing.TB, x vector.Index, target float64, stats *vector.SearchStats) float64 {
	t.Helper()
	sum := 0.0
	for i, q := range p.queries {
		r := &vector.SearchRequest{Query: q, K: p.k, Recall: target, Column: p.rows}
		if p.keep != nil {
			r.Keep, r.Kept = p.keep, p.kept
		}
		got, err := x.Search(context.Background(), nil, r, stats)
		if err != nil {
			t.Fatal(err)
		}
		want := min(p.k, p.kept)
		if len(got) < want {
			t.Fatalf("%d candidates, not %d", len(got), want)
		}
		p.check(t, got)
		found := 0
		for _, g := range got {
			if p.space.Exact(q, p.rows[g.Position]) <= p.last[i] {
				found++
			}
		}
		sum += float64(min(found, want)) / float64(max(want, 1))
	}
	return sum / float64(len(p.queries))
}

// check: candidates are kept rows, each once, in order.
func (p *problem) check(t testing.TB, got []vector.Candidate) {
	t.Helper()
	seen := map[uint32]bool{}
	for i, g := range got {
		if seen[g.Position] || !p.keeps(g.Position) {
			t.Fatalf("position %d twice, or not kept", g.Position)
		}
		if i > 0 && got[i-1].Distance > g.Distance {
			t.Fatalf("distance %v after %v", g.Distance, got[i-1].Distance)
		}
		seen[g.Position] = true
	}
}

var methods = []string{"ivfflat", "diskann"}

func TestRecallOnWords(t *testing.T) {
	all := words()
	if len(all) != 10000 || len(all[0]) != 100 {
		t.Fatalf("%d words of %d dimensions", len(all), len(all[0]))
	}
	s := vector.Space{Distance: vector.Cosine, Dim: 100}
	p := newProblem(s, encodeAll(s, all[:2600]), 100, 10, nil)
	for _, method := range methods {
		for _, quantization := range []string{"none", "rabitq"} {
			x := open(t, method, build(t, method, s, p.rows, vector.Options{Quantization: quantization, Workers: 2}))
			for _, target := range effortRecall {
				var stats vector.SearchStats
				got := p.recall(t, x, target, &stats)
				t.Logf("%s %s: recall %.3f for %.2f, %+v, effort %v", method, quantization, got, target, stats, x.effort[0])
				if got < target {
					t.Errorf("%s, quantization %s: recall %.4f, not %.2f", method, quantization, got, target)
				}
			}
		}
	}
}

// TestRecallOfManyNearest: more neighbours are wanted than the first lists hold rows,
// and of another number than was measured.
func TestRecallOfManyNearest(t *testing.T) {
	const dim, queries = 8, 40
	r := rand.New(rand.NewPCG(1, 1))
	around := func(centre []float32, size int) []float32 {
		v := make([]float32, dim)
		for j := range v {
			v[j] = centre[j] + float32(r.IntN(2*size+1)-size)/4
		}
		return v
	}
	var centres, vectors [][]float32
	for range 12 {
		centres = append(centres, around(make([]float32, dim), 40))
	}
	for range 8000 {
		vectors = append(vectors, around(centres[r.IntN(len(centres))], 12))
	}
	for i := range queries {
		vectors = append(vectors, around(vectors[i], 2))
	}
	for _, d := range []vector.Distance{vector.L2, vector.Cosine} {
		s := vector.Space{Distance: d, Dim: dim}
		all := encodeAll(s, vectors)
		for _, method := range methods {
			x := open(t, method, build(t, method, s, all[:len(all)-queries], vector.Options{Workers: 2}))
			for _, k := range []int{200, 300, 310} {
				var stats vector.SearchStats
				got := newProblem(s, all, queries, k, nil).recall(t, x, 0.95, &stats)
				t.Logf("%s, %s: recall@%d %.3f, %d lists", method, d, k, got, stats.Visited/queries)
				if got < 0.95 {
					t.Errorf("%s, %s: recall@%d %.3f", method, d, k, got)
				}
			}
		}
	}
}

// TestRecallBounded: of the nearest ten that are here the wanted share is found,
// where what other segments have found leaves some of the ten.
func TestRecallBounded(t *testing.T) {
	s := vector.Space{Distance: vector.Cosine, Dim: 100}
	all := encodeAll(s, words())
	queries := all[len(all)-200:]
	whole := newProblem(s, all, len(queries), 10, nil)
	for _, here := range []int{6000, 3000} {
		rows, elsewhere := all[:here], newProblem(s, all[here:], len(queries), 10, nil)
		for _, method := range methods {
			x := open(t, method, build(t, method, s, rows, vector.Options{Quantization: "rabitq", Workers: 2}))
			for _, target := range effortRecall {
				var stats vector.SearchStats
				found, wanted := 0, 0
				for i, q := range queries {
					nearest := func(row []byte) bool { return s.Exact(q, row) <= whole.last[i] }
					for _, row := range rows {
						if nearest(row) {
							wanted++
						}
					}
					r := &vector.SearchRequest{Query: q, K: 10, Recall: target, Column: rows, Known: slices.Repeat([]float32{float32(elsewhere.last[i])}, 10)}
					got, err := x.Search(t.Context(), nil, r, &stats)
					if err != nil {
						t.Fatal(err)
					}
					for _, c := range got {
						if nearest(rows[c.Position]) {
							found++
						}
					}
				}
				recall := float64(found) / float64(wanted)
				t.Logf("%s of %d rows: %.3f of %d for %.2f, %d lists", method, here, recall, wanted, target, stats.Visited/int64(len(queries)))
				if recall < target {
					t.Errorf("%s of %d rows: %.3f of the nearest are found, not %.2f", method, here, recall, target)
				}
			}
		}
	}
}

// combinations are the spaces and quantisations of a number of dimensions.
func combinations(dim int) (spaces []vector.Space, quantizations [][]string) {
	add := func(e vector.Element, d vector.Distance, q ...string) {
		spaces = append(spaces, vector.Space{Element: e, Distance: d, Dim: dim})
		quantizations = append(quantizations, q)
	}
	for _, d := range []vector.Distance{vector.L2, vector.InnerProduct, vector.Cosine} {
		add(vector.Float32, d, "none", "sq8", "rabitq")
		add(vector.Float16, d, "none", "rabitq")
	}
	add(vector.Float32, vector.L1, "")
	add(vector.Float16, vector.L1, "")
	add(vector.Bit, vector.Hamming, "")
	return spaces, quantizations
}

// TestRecallFloors: the wanted recall is reached for each kind, type, distance
// and quantisation, on data of each sort, without tuning.
func TestRecallFloors(t *testing.T) {
	const n, nq = 1000, 60
	for _, d := range datasets {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			vectors := d.make(rand.New(rand.NewPCG(1, 2)), n+nq)
			spaces, quantizations := combinations(d.dim)
			for i, s := range spaces {
				p := newProblem(s, encodeAll(s, vectors), nq, 10, nil)
				for _, method := range methods {
					for _, q := range quantizations[i] {
						floor(t, p, method, q)
					}
				}
			}
		})
	}
}

func floor(t *testing.T, p *problem, method, quantization string) {
	x := open(t, method, build(t, method, p.space, p.rows, vector.Options{Quantization: quantization}))
	var stats vector.SearchStats
	got := p.recall(t, x, 0.95, &stats)
	what := fmt.Sprintf("%s, %s, quantization %q", method, p.space, quantization)
	t.Logf("%s: recall %.3f, %d lists of %d", what, got, stats.Visited/int64(len(p.queries)), len(x.meta.lists))
	if got < 0.95 {
		t.Errorf("%s: recall %.3f", what, got)
	}
}

// TestRecallOfFewBits: codes of one bit say little of rows that are all about as
// near, and yet the nearest are found.
func TestRecallOfFewBits(t *testing.T) {
	const dim, n, nq = 24, 2000, 60
	r := rand.New(rand.NewPCG(13, 14))
	vectors := make([][]float32, n+nq)
	for i := range vectors {
		vectors[i] = make([]float32, dim)
		for j := range vectors[i] {
			vectors[i][j] = r.Float32()
		}
	}
	for _, distance := range []vector.Distance{vector.L2, vector.Cosine} {
		s := vector.Space{Distance: distance, Dim: dim}
		p := newProblem(s, encodeAll(s, vectors), nq, 10, nil)
		for _, method := range methods {
			for _, bits := range []int{1, 4} {
				x := open(t, method, build(t, method, s, p.rows, vector.Options{Quantization: "rabitq", Bits: bits, Lists: 20}))
				var stats vector.SearchStats
				got := p.recall(t, x, 0.95, &stats)
				t.Logf("%s, %s, %d bits: recall %.3f, %d lists of %d, %d rows compared", method, s, bits, got, stats.Visited/nq, len(x.meta.lists), stats.Reranked/nq)
				if got < 0.95 {
					t.Errorf("%s, %s, %d bits: recall %.3f", method, s, bits, got)
				}
			}
		}
	}
}

// TestRecallUnderFilters: bitmaps of every share, at random, about the query and
// far from it, lose nothing and find k rows whenever k are kept.
func TestRecallUnderFilters(t *testing.T) {
	const n, nq = 2000, 30
	d := datasets[0]
	vectors := d.make(rand.New(rand.NewPCG(3, 4)), n+nq)
	s := vector.Space{Distance: vector.L2, Dim: d.dim}
	all := encodeAll(s, vectors)
	for _, method := range methods {
		x := open(t, method, build(t, method, s, all[:n], vector.Options{}))
		for name, kept := range map[string]func(r *rand.Rand, i int) bool{
			"half":      func(r *rand.Rand, _ int) bool { return r.IntN(2) == 0 },
			"hundredth": func(r *rand.Rand, _ int) bool { return r.IntN(100) == 0 },
			"few":       func(_ *rand.Rand, i int) bool { return i%350 == 3 },
			"one side":  func(_ *rand.Rand, i int) bool { return vectors[i][0] > 0.8 },
			"none":      func(*rand.Rand, int) bool { return false },
		} {
			keep := make([]byte, (n+7)/8)
			r := rand.New(rand.NewPCG(5, 6))
			for i := range n {
				if kept(r, i) {
					keep[i>>3] |= 1 << (i & 7)
				}
			}
			var stats vector.SearchStats
			p := newProblem(s, all, nq, 10, keep)
			got := p.recall(t, x, 0.95, &stats)
			t.Logf("%s, %s (%d rows): recall %.3f, %d lists of %d", method, name, p.kept, got, stats.Visited/nq, len(x.meta.lists))
			if p.kept > 0 && got < 0.95 {
				t.Errorf("%s, %s (%d rows): recall %.3f", method, name, p.kept, got)
			}
		}
	}
}
