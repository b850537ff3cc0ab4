package ivf

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"quiver/vector"
)

// small is an index of few rows, some of them null or without length, and what
// it was built from.
func small(t testing.TB, method, quantization string) (*problem, memory) {
	d := datasets[0]
	s := vector.Space{Distance: vector.Cosine, Dim: d.dim}
	all := encodeAll(s, d.make(rand.New(rand.NewPCG(7, 8)), 900))
	all[3], all[500] = nil, nil
	all[17] = make([]byte, s.RowBytes())
	p := newProblem(s, all, 20, 10, nil)
	return p, build(t, method, s, p.rows, vector.Options{Quantization: quantization, Lists: 30})
}

func search(t testing.TB, x vector.Index, p *problem, query []byte) []vector.Candidate {
	t.Helper()
	var stats vector.SearchStats
	got, err := x.Search(context.Background(), nil, &vector.SearchRequest{Query: query, K: p.k, Recall: 0.95, Column: p.rows}, &stats)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRangesAnswerAsMapped: lists read by ranges give what mapped ones do, and
// the requests that the statistics count are those made.
func TestRangesAnswerAsMapped(t *testing.T) {
	p, parts := small(t, "diskann", "rabitq")
	mapped, far := open(t, "diskann", parts), &ranged{memory: parts}
	x := open(t, "diskann", far)
	far.requests, far.bytes = 0, 0
	var stats vector.SearchStats
	for _, q := range p.queries {
		r := &vector.SearchRequest{Query: q, K: p.k, Effort: 6, Column: p.rows}
		got, err := x.Search(context.Background(), nil, r, &stats)
		if err != nil {
			t.Fatal(err)
		}
		var other vector.SearchStats
		want, err := mapped.Search(context.Background(), nil, r, &other)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v, mapped %v (%v)", got, want, err)
		}
	}
	if stats.Requests == 0 || stats.Requests != int64(far.requests) || stats.BytesRead != far.bytes {
		t.Errorf("%+v for %d requests of %d bytes", stats, far.requests, far.bytes)
	}
}

// TestEveryFailedReadIsAnError: for each request of a search in turn.
func TestEveryFailedReadIsAnError(t *testing.T) {
	p, parts := small(t, "diskann", "rabitq")
	for failAt := 1; ; failAt++ {
		far := &ranged{memory: parts, failAt: failAt}
		x, err := vector.KindByName("diskann").Open(far)
		if err == nil {
			var stats vector.SearchStats
			_, err = x.Search(context.Background(), nil, &vector.SearchRequest{Query: p.queries[0], K: 10, Recall: 0.99}, &stats)
			x.Close()
		}
		if far.closed != 1 {
			t.Fatalf("closed %d times", far.closed)
		}
		if far.requests < failAt {
			if failAt < 3 {
				t.Fatalf("only %d requests", far.requests)
			}
			return
		}
		if !errors.Is(err, errRead) {
			t.Fatalf("request %d failed: %v", failAt, err)
		}
	}
}

// TestEveryFlippedBitIsCaught in the order of the parts, when they are opened or
// read; padding between lists alone means nothing.
func TestEveryFlippedBitIsCaught(t *testing.T) {
	for _, method := range methods {
		p, parts := small(t, method, "rabitq")
		x := open(t, method, parts)
		padding := func(at int) bool {
			for _, l := range x.meta.lists {
				if at := int64(at - headerBytes); at < 0 || at >= l.offset && at < l.offset+l.bytes {
					return false
				}
			}
			return true
		}
		r := rand.New(rand.NewPCG(9, 10))
		for name, part := range parts {
			for range 150 {
				at, bit := r.IntN(len(part)), byte(1)<<r.IntN(8)
				if name == partNames[partLists] && padding(at) {
					continue
				}
				part[at] ^= bit
				err := readAll(method, parts, p)
				part[at] ^= bit
				if !errors.Is(err, vector.ErrCorrupt) {
					t.Errorf("%s, part %s, byte %d: %v", method, name, at, err)
				}
			}
		}
	}
}

// readAll opens an index and reads all its lists.
func readAll(method string, parts vector.Parts, p *problem) error {
	x, err := vector.KindByName(method).Open(parts)
	if err != nil {
		return err
	}
	defer x.Close()
	var stats vector.SearchStats
	_, err = x.Search(context.Background(), nil, &vector.SearchRequest{Query: p.queries[0], K: 1000, Effort: ListsMax, Column: p.rows}, &stats)
	return err
}

// TestIterate proposes every row once, nearly in order.
func TestIterate(t *testing.T) {
	for _, method := range methods {
		for _, quantization := range []string{"none", "rabitq"} {
			p, parts := small(t, method, quantization)
			x := open(t, method, parts)
			var stats vector.SearchStats
			it := x.Iterate(&vector.SearchRequest{Query: p.queries[0], K: 25, Recall: 0.95, Column: p.rows}, &stats)
			seen := map[uint32]bool{}
			for {
				got, err := it.Next(context.Background(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) == 0 {
					break
				}
				p.check(t, got)
				for _, g := range got {
					if seen[g.Position] {
						t.Fatalf("%s: position %d again", method, g.Position)
					}
					seen[g.Position] = true
				}
			}
			it.Close()
			if _, err := it.Next(context.Background(), nil); err == nil {
				t.Error("a closed iterator goes on")
			}
			if len(seen) != x.Len() || x.Len() != len(p.rows)-3 {
				t.Errorf("%s: %d rows of %d, %d given", method, len(seen), x.Len(), len(p.rows))
			}
		}
	}
}

// TestIterateOfFewBits: however coarse the codes, the first batch has the nearest
// rows, for as many as were asked for.
func TestIterateOfFewBits(t *testing.T) {
	const n, nq, k = 2000, 30, 20
	d := datasets[0]
	for _, distance := range []vector.Distance{vector.L2, vector.InnerProduct, vector.Cosine} {
		s := vector.Space{Distance: distance, Dim: d.dim}
		p := newProblem(s, encodeAll(s, d.make(rand.New(rand.NewPCG(11, 12)), n+nq)), nq, k, nil)
		for _, method := range methods {
			for _, bits := range []int{1, 2, 8} {
				x := open(t, method, build(t, method, s, p.rows, vector.Options{Quantization: "rabitq", Bits: bits}))
				found, proposed := 0, 0
				for i, q := range p.queries {
					var stats vector.SearchStats
					it := x.Iterate(&vector.SearchRequest{Query: q, K: k, Recall: 0.95, Column: p.rows}, &stats)
					got, err := it.Next(context.Background(), nil)
					it.Close()
					if err != nil {
						t.Fatal(err)
					}
					p.check(t, got)
					proposed += len(got)
					for _, g := range got {
						if s.Exact(q, p.rows[g.Position]) <= p.last[i] {
							found++
						}
					}
				}
				recall := float64(found) / (nq * k)
				t.Logf("%s, %s, %d bits: recall %.3f of %d proposed", method, s, bits, recall, proposed/nq)
				if recall < 0.95 {
					t.Errorf("%s, %s, %d bits: recall %.3f of %d proposed", method, s, bits, recall, proposed/nq)
				}
			}
		}
	}
}

// TestReorder: a segment whose rows moved, some away, keeps its lists.
func TestReorder(t *testing.T) {
	for _, method := range methods {
		p, parts := small(t, method, "rabitq")
		before := search(t, open(t, method, parts), p, p.queries[0])
		gone := before[0].Position
		last := uint32(len(p.rows) - 1)
		fresh := memory{}
		for name, b := range parts {
			fresh[name] = b
		}
		err := vector.KindByName(method).Reorder(parts, fresh, func(old uint32) (uint32, bool) { return last - old, old != gone })
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		q.rows = slices.Clone(p.rows)
		slices.Reverse(q.rows)
		after := search(t, open(t, method, fresh), &q, q.queries[0])
		for i, c := range before[1:p.k] {
			if after[i].Position != last-c.Position {
				t.Errorf("%s: %v, before %v", method, after, before)
				break
			}
		}
	}
}

// TestNothingIndexed: without rows that have a distance an index is empty.
func TestNothingIndexed(t *testing.T) {
	s := vector.Space{Distance: vector.Cosine, Dim: 3}
	for _, method := range methods {
		for _, c := range []column{{}, {nil, make([]byte, 12)}} {
			x := open(t, method, build(t, method, s, c, vector.Options{}))
			p := &problem{space: s, rows: c, k: 5}
			if got := search(t, x, p, make([]byte, 12)); len(got) != 0 || x.Len() != 0 {
				t.Errorf("%s: %v of %d", method, got, x.Len())
			}
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	v := vector.Space{Distance: vector.L2, Dim: 3}
	for _, c := range []struct {
		s vector.Space
		o vector.Options
	}{
		{vector.Space{Element: vector.Sparse, Dim: 3}, vector.Options{}},
		{vector.Space{Element: vector.Bit, Distance: vector.Jaccard, Dim: 3}, vector.Options{}},
		{vector.Space{Element: vector.Bit, Distance: vector.Hamming, Dim: 3}, vector.Options{Quantization: "sq8"}},
		{vector.Space{Distance: vector.L1, Dim: 3}, vector.Options{Quantization: "rabitq"}},
		{v, vector.Options{Lists: -1}},
		{v, vector.Options{Lists: ListsMax + 1}},
		{v, vector.Options{Bits: 9}},
		{v, vector.Options{Quantization: "pq"}},
		{vector.Space{}, vector.Options{}},
	} {
		if err := vector.KindByName("ivfflat").Check(c.s, c.o); !errors.Is(err, vector.ErrUnsupported) {
			t.Errorf("%v %+v: %v", c.s, c.o, err)
		}
	}
}

// TestBuildStaysWithinMemory or says what it needs.
func TestBuildStaysWithinMemory(t *testing.T) {
	p, _ := small(t, "ivfflat", "none")
	k := vector.KindByName("ivfflat")
	err := k.Build(context.Background(), p.space, p.rows, vector.Options{MemoryBytes: 1 << 10}, memory{})
	var need *vector.MemoryError
	if !errors.As(err, &need) || !errors.Is(err, vector.ErrMemory) {
		t.Fatal(err)
	}
	if err := k.Build(context.Background(), p.space, p.rows, vector.Options{MemoryBytes: need.Needed + 1<<10}, memory{}); err != nil {
		t.Error(err)
	}
}

func TestCancelledBuild(t *testing.T) {
	p, _ := small(t, "ivfflat", "none")
	ctx, cancel := context.WithCancel(context.Background())
	o := vector.Options{Workers: 2, Progress: func(phase string, _, _ int64) {
		if phase == "assigning tuples" {
			cancel()
		}
	}}
	if err := vector.KindByName("ivfflat").Build(ctx, p.space, p.rows, o, memory{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
