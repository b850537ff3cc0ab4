package ivf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"quiver/vector"
)

func grow(t testing.TB, s vector.Space) *growing {
	t.Helper()
	g, err := vector.KindByName("diskann").NewGrowing(s, vector.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g.(*growing)
}

// inOrder is rows that come by what they are like, and move away from the first.
func inOrder(r *rand.Rand, n int) (out [][]float32) {
	for i := range n {
		v := gaussian(r, 16, 1)
		v[0] += float32(i) / 40
		out = append(out, v)
	}
	return out
}

// TestGrowing adds rows while searches run and rows are clustered anew: what
// Append has taken is found, what comes later is not proposed. Then the lists are
// saved with rows moved and others gone.
func TestGrowing(t *testing.T) {
	sets := append([]data{{"in order", 16, inOrder}}, datasets...)
	for i, set := range sets {
		for _, d := range []vector.Distance{vector.L2, vector.InnerProduct, vector.Cosine} {
			s := vector.Space{Element: vector.Element(i % 2), Distance: d, Dim: set.dim}
			t.Run(fmt.Sprint(set.name, "/", s.Element, "/", d), func(t *testing.T) {
				r := rand.New(rand.NewPCG(31, uint64(i)))
				const rows, queries = 4000, 400 // of 80 recall differs by a hundredth
				vectors := set.make(r, rows+queries)
				for i := range queries { // queries are like any row
					from, to := r.IntN(rows), rows+i
					vectors[from], vectors[to] = vectors[to], vectors[from]
				}
				all := encodeAll(s, vectors)
				for i := 100; i < rows; i += 97 {
					all[i] = nil
				}
				testGrowing(t, r, newProblem(s, all, queries, 10, nil))
			})
		}
	}
}

func testGrowing(t *testing.T, r *rand.Rand, p *problem) {
	g := grow(t, p.space)
	var end atomic.Int64
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		var stats vector.SearchStats
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			before := int(end.Load())
			got, err := g.Search(context.Background(), nil, &vector.SearchRequest{Query: p.queries[i%len(p.queries)], K: 10, Recall: 0.95, Column: p.rows}, &stats)
			if err != nil || before > 100 && len(got) != 10 {
				t.Errorf("%d candidates of %d rows, %v", len(got), before, err)
				return
			}
		}
	})
	settled := make(chan error, 1)
	clustered, last := 0, (*generation)(nil)
	for i, to := 0, 20; ; i, to = i+1, min(to+1+r.IntN(to), to+250, len(p.rows)) {
		if err := g.Append(context.Background(), p.rows[:to], to, 1); err != nil {
			t.Fatal(err)
		}
		end.Store(int64(to))
		if before := to - 30; before > 0 { // as a snapshot of then
			r := &vector.SearchRequest{Query: p.queries[0], K: 10, Recall: 0.95, Column: p.rows[:before]}
			got, err := g.Search(context.Background(), nil, r, new(vector.SearchStats))
			if err != nil || before > 20 && len(got) < 10 || slices.ContainsFunc(got, func(c vector.Candidate) bool { return int(c.Position) >= before }) {
				t.Fatalf("%v of the first %d rows, %v", got, before, err)
			}
		}
		checkFindsLast(t, g, p, to)
		if g.now != last {
			clustered, last = clustered+1, g.now
		}
		if to == len(p.rows) && i%3 == 0 {
			break
		}
		// Beside two Appends.
		switch i % 3 {
		case 0:
			go func() { settled <- g.Settle(context.Background(), p.rows[:to], 1) }()
		case 2:
			if err := <-settled; err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	others.Wait()
	if clustered < 3 {
		t.Errorf("clustered %d times", clustered)
	}
	var stats vector.SearchStats
	if got := p.recall(t, g, 0.95, &stats); got < 0.94 {
		t.Errorf("recall %.3f, %+v", got, stats)
	}

	moved, from := make(column, len(p.rows)*2/3), make([]uint32, len(p.rows))
	for old, to := range r.Perm(len(p.rows)) {
		from[old] = uint32(to)
		if to < len(moved) {
			moved[to] = p.rows[old]
		}
	}
	parts := memory{}
	if err := g.Save(context.Background(), parts, func(old uint32) (uint32, bool) { return from[old], int(from[old]) < len(moved) }); err != nil {
		t.Fatal(err)
	}
	after := newProblem(p.space, append(moved, p.queries...), len(p.queries), 10, nil)
	if got := after.recall(t, open(t, "ivfflat", parts), 0.95, &stats); got < 0.94 {
		t.Errorf("recall %.3f after it was saved", got)
	}
}

// TestRecallOfAnyLimit: a recall holds however few or many rows are asked for, of
// lists as they were clustered and of some that have become longer since.
func TestRecallOfAnyLimit(t *testing.T) {
	const rows, queries = 4000, 250
	for i, set := range datasets {
		t.Run(set.name, func(t *testing.T) {
			t.Parallel()
			s := vector.Space{Dim: set.dim}
			all := encodeAll(s, set.make(rand.New(rand.NewPCG(35, uint64(i))), rows+queries))
			for _, clustered := range []int{1500, rows} {
				g := grow(t, s)
				for _, end := range []int{clustered, rows} {
					if err := g.Append(context.Background(), all[:end], end, 1); err != nil {
						t.Fatal(err)
					}
				}
				for _, k := range []int{1, 3, 20, 60} {
					var stats vector.SearchStats
					if got := newProblem(s, all, queries, k, nil).recall(t, g, 0.95, &stats); got < 0.94 {
						t.Errorf("recall@%d %.3f, %d of %d rows clustered, %+v", k, got, clustered, rows, stats)
					}
				}
			}
		})
	}
}

// checkFindsLast: rows that have just come are found, each once.
func checkFindsLast(t *testing.T, g *growing, p *problem, to int) {
	t.Helper()
	var stats vector.SearchStats
	known := p.rows[:to]
	for at := to - 1; at > to-20; at -= 5 {
		if known[at] == nil || p.space.Distance == vector.InnerProduct {
			continue
		}
		got, err := g.Search(context.Background(), nil, &vector.SearchRequest{Query: known[at], K: 10, Recall: 0.95, Column: known}, &stats)
		if err != nil || len(got) == 0 {
			t.Fatalf("%v, %v", got, err)
		}
		p.check(t, got)
		if nearest := p.space.Exact(known[at], known[got[0].Position]); nearest > p.space.Exact(known[at], known[at])+1e-9 {
			t.Errorf("row %d is not found: %v", at, got)
		}
	}
}

// TestGrowingUnderBitmapAndBound: of a growing index as of a saved one, filters
// find k rows, and rows beyond a bound that is known are left out.
func TestGrowingUnderBitmapAndBound(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	s := vector.Space{Distance: vector.L2, Dim: 64}
	const rows = 3000
	keep := make([]byte, rows/8)
	for i := range keep {
		keep[i] = byte(1 << r.IntN(8))
	}
	p := newProblem(s, encodeAll(s, clusteredData(64, 30, 0.4)(r, rows+30)), 30, 10, keep)
	g := grow(t, s)
	for to := 500; to <= rows; to += 500 {
		if err := g.Append(context.Background(), p.rows[:to], to, 1); err != nil {
			t.Fatal(err)
		}
	}
	var stats vector.SearchStats
	if got := p.recall(t, g, 0.95, &stats); got < 0.95 {
		t.Errorf("recall %.3f under a bitmap", got)
	}
	it := g.Iterate(&vector.SearchRequest{Query: p.queries[0], K: 10, Recall: 0.95, Column: p.rows}, &stats)
	defer it.Close()
	seen := map[uint32]bool{}
	for {
		batch, err := it.Next(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 {
			break
		}
		for _, c := range batch {
			if seen[c.Position] {
				t.Fatalf("position %d is proposed twice", c.Position)
			}
			seen[c.Position] = true
		}
	}
	if len(seen) != rows {
		t.Errorf("%d of %d rows are proposed", len(seen), rows)
	}
	for i, q := range p.queries {
		bound := float32(p.last[i]) / 2
		within := 0
		for j, row := range p.rows {
			if p.keeps(uint32(j)) && p.space.Exact(q, row) <= float64(bound) {
				within++
			}
		}
		got, err := g.Search(context.Background(), nil, &vector.SearchRequest{
			Query: q, K: 10, Recall: 0.99, Column: p.rows, Keep: keep, Kept: p.kept, Known: slices.Repeat([]float32{bound}, 10),
		}, &stats)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, c := range got {
			if p.space.Exact(q, p.rows[c.Position]) <= float64(bound) {
				found++
			}
		}
		if found < min(within, 10) {
			t.Errorf("query %d: %d of %d rows within the bound are found", i, found, within)
		}
	}
}

// TestGrowingOfNoRows: nothing but nulls, then a row.
func TestGrowingOfNoRows(t *testing.T) {
	s := vector.Space{Distance: vector.Cosine, Dim: 4}
	g := grow(t, s)
	rows := make(column, 50)
	rows[3] = make([]byte, s.RowBytes()) // no length
	rows[40] = encode(s, []float32{1, 2, 3, 4})
	search := func() []vector.Candidate {
		var stats vector.SearchStats
		got, err := g.Search(context.Background(), nil, &vector.SearchRequest{Query: rows[40], K: 3, Recall: 0.95, Column: rows}, &stats)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := search(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for _, to := range []int{10, 30, 40, 41, 50} {
		if err := g.Append(context.Background(), rows[:to], to, 1); err != nil {
			t.Fatal(err)
		}
		want := 0
		if to > 40 {
			want = 1
		}
		if got := search(); len(got) != want || g.Len() != want {
			t.Errorf("%v of %d rows", got, to)
		}
	}
}
