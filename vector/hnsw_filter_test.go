package vector

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// bitmapOf sets the bits of some positions.
func bitmapOf(n int, positions []int) []byte {
	out := make([]byte, (n+7)/8)
	for _, p := range positions {
		out[p/8] |= 1 << (p % 8)
	}
	return out
}

// filtersFor are, for a query, the rows that a filter of a share keeps: any, the
// nearest, and the farthest.
func filtersFor(r *rand.Rand, s Space, column Column, query []byte, share float64) map[string][]int {
	n := column.Len()
	kept := max(int(share*float64(n)), 1)
	order := r.Perm(n)
	distances := make([]float64, n)
	for p := range n {
		distances[p] = s.Exact(query, column.Row(p))
	}
	byDistance := slices.Clone(order)
	slices.SortFunc(byDistance, func(a, b int) int { return Compare(distances[a], distances[b]) })
	return map[string][]int{"any": order[:kept], "nearest": byDistance[:kept], "farthest": byDistance[n-kept:]}
}

// TestHNSWFilterSelectivity: a filter of any share, whatever it has to do with
// the query, gets as many rows as there are, the nearest of them.
func TestHNSWFilterSelectivity(t *testing.T) {
	const rows, queries, k = 2500, 4, 10
	var sets sweep
	for _, set := range []string{"clustered", "uniform", "duplicates"} {
		if sets.passes() {
			continue
		}
		r := rand.New(rand.NewPCG(21, 22))
		all := floatColumn(Float32, vectorSets[set](r, rows+queries, 16))
		s := Space{Float32, L2, 16}
		column := all[:rows]
		index, parts := buildIndex(t, s, column, Options{Workers: 2})
		for _, moved := range []bool{false, true} {
			if moved {
				order := r.Perm(rows)
				to := make(rowColumn, rows)
				for old, p := range order {
					to[p] = column[old]
				}
				reordered := &memoryParts{parts: map[string][]byte{}}
				for name, part := range parts.parts {
					reordered.parts[name] = part
				}
				if err := KindByName("hnsw").Reorder(parts, reordered, func(old uint32) (uint32, bool) { return uint32(order[old]), true }); err != nil {
					t.Fatal(err)
				}
				var err error
				if index, err = KindByName("hnsw").Open(reordered); err != nil {
					t.Fatal(err)
				}
				column = to
			}
			for _, share := range []float64{1, 0.5, 0.2, 0.1, 0.03, 0.01, 0.001, 0.0001} {
				hits, wanted := map[string]int{}, 0
				for q := range queries {
					query := all[rows+q]
					for name, positions := range filtersFor(r, s, column, query, share) {
						keep := bitmapOf(rows, positions)
						kept := func(p int) bool { return keep[p/8]>>(p%8)&1 != 0 }
						truth := nearestOf(s, column, query, k, kept)
						var stats SearchStats
						got, err := index.Search(context.Background(), nil, &SearchRequest{Query: query, K: k, Recall: 0.95, Keep: keep, Kept: len(positions), Column: column}, &stats)
						if err != nil || len(got) != len(truth) {
							t.Fatalf("%s, %s of %v: %d rows, want %d, %v", set, name, share, len(got), len(truth), err)
						}
						hits[name] += recallOf(t, s, column, query, truth, got, kept)
						wanted = max(wanted, (q+1)*len(truth))
					}
				}
				for name, n := range hits {
					if recall := float64(n) / float64(wanted); recall < 0.95 {
						t.Errorf("%s, moved %v, %s of %v: recall %.3f", set, moved, name, share, recall)
					}
				}
			}
		}
	}
}

// TestHNSWFilterCost: walk and scan together cost hardly more than twice what the
// better of them costs alone, whatever a filter has to do with the query.
func TestHNSWFilterCost(t *testing.T) {
	const rows, queries = 20000, 6
	r := rand.New(rand.NewPCG(31, 32))
	s := Space{Float32, L2, 8}
	all := floatColumn(Float32, vectorSets["clustered"](r, rows+queries, 8))
	column := all[:rows]
	index, _ := buildIndex(t, s, column, Options{Workers: 2})
	x := index.(*graphIndex)
	gaveUp := 0
	for _, share := range []float64{1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01} {
		sums := map[string][3]float64{}
		for q := range queries {
			for name, positions := range filtersFor(r, s, column, all[rows+q], share) {
				request := &SearchRequest{Query: all[rows+q], K: 10, Recall: 0.95, Keep: bitmapOf(rows, positions), Kept: len(positions), Column: column}
				both, _, scanned := costOfFind(t, x, request, false)
				walk, scan, _ := costOfFind(t, x, request, true)
				if scanned && both > scan {
					gaveUp++
				}
				sum := sums[name]
				sums[name] = [3]float64{sum[0] + both, sum[1] + walk, sum[2] + scan}
			}
		}
		for name, sum := range sums {
			if t.Logf("%s of %v: %.0f, by walks alone %.0f, by scans alone %.0f", name, share, sum[0], sum[1], sum[2]); sum[0] > 2.1*min(sum[1], sum[2]) {
				t.Errorf("%s of %v: %.0f, by walks alone %.0f, by scans alone %.0f", name, share, sum[0], sum[1], sum[2])
			}
		}
	}
	if gaveUp == 0 {
		t.Error("no walk was given up")
	}
}

// costOfFind is the cost of finding nodes, or of walking however long it takes,
// that of a scan, and whether there was one.
func costOfFind(t *testing.T, x *graphIndex, r *SearchRequest, walk bool) (cost, scan float64, scanned bool) {
	s := graphSearch{graphIndex: x, graphWalker: x.newWalker(), request: r, stats: &SearchStats{}}
	s.scorer.setVector(r.Query)
	scan = s.costOfScan()
	most := scan
	if walk {
		most = math.Inf(1)
	}
	if err := s.findKept(context.Background(), most); err != nil {
		t.Fatal(err)
	}
	cost = costOfHop * float64(s.visited)
	if scanned = !s.pool.keep; scanned {
		cost += scan
	}
	return cost, scan, scanned
}

// TestLeastEntries: the least are at the front.
func TestLeastEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	for range 2000 {
		entries := make([]poolEntry, r.IntN(40))
		for i := range entries {
			entries[i] = poolEntry(r.IntN(30))
		}
		want := slices.Sorted(slices.Values(entries))
		n := r.IntN(len(entries) + 1)
		leastEntries(entries, n)
		got := slices.Sorted(slices.Values(entries[:n]))
		if !slices.Equal(got, want[:n]) || !slices.Equal(slices.Sorted(slices.Values(entries)), want) {
			t.Fatalf("%v: not the least %d of %v", entries, n, want)
		}
	}
}

// twoHops is a walk that visits rows kept alone, by links and, where one leads to
// a row that is not, by those of that (Patel and others, ACORN, 2024): what
// BenchmarkFilters compares searches with.
func twoHops(x *graphIndex, w *graphWalker, r *SearchRequest, ef int) (nodes []uint32) {
	keeps := func(node uint32) bool { return r.Keep[node>>3]>>(node&7)&1 != 0 }
	entry, top, _ := x.graph.entryPoint()
	w.approach(x.graph, x.nodes, entry, top, 0)
	w.start(x.nodes, ef)
	var reached marks
	reached.reset(x.nodes)
	w.seed()
	ids := make([]uint32, 0, 1024)
	scores := make([]float32, 1024)
	for {
		node, ok := w.pool.follow()
		if !ok {
			break
		}
		ids = ids[:0]
		for _, to := range x.graph.block(node, 0) {
			if to == noNode {
				break
			}
			if keeps(to) {
				if w.seen.mark(to) {
					ids = append(ids, to)
				}
				continue
			}
			if !reached.mark(to) {
				continue
			}
			for _, next := range x.graph.block(to, 0) {
				if next == noNode {
					break
				}
				if len(ids) < cap(ids) && keeps(next) && w.seen.mark(next) {
					ids = append(ids, next)
				}
			}
		}
		w.scorer.score(ids, scores)
		for i, id := range ids {
			if e := newPoolEntry(scores[i], id); e < w.pool.worst() {
				w.pool.insert(e)
			}
		}
	}
	for _, e := range w.pool.entries {
		if keeps(e.node()) && len(nodes) < r.K {
			nodes = append(nodes, e.node())
		}
	}
	return nodes
}

// BenchmarkFilters prints recall and time of searches under a filter, of walks and
// of scans alone, and of walks of two hops with the list that has the same recall,
// or the longest tried. QUIVER_FILTER_VECTORS is a file of float32: rows and
// dimensions as int32, then the rows.
func BenchmarkFilters(b *testing.B) {
	var all rowColumn
	dim := 32
	if path := os.Getenv("QUIVER_FILTER_VECTORS"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		numbers := Float32sOf(aligned(data))
		words := wordsOf(EncodeFloat32s(numbers))
		dim = int(words[1])
		numbers = numbers[2:]
		for i := range len(numbers) / dim {
			all = append(all, EncodeFloat32s(numbers[i*dim:(i+1)*dim]))
		}
	} else {
		all = floatColumn(Float32, vectorSets["clustered"](rand.New(rand.NewPCG(1, 1)), 50000, dim))
	}
	const queries, k = 40, 10
	r := rand.New(rand.NewPCG(2, 2))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	column := all[queries:]
	s := Space{Float32, L2, dim}
	index, _ := buildIndex(b, s, column, Options{Workers: 2})
	x := index.(*graphIndex)
	w := x.newWalker()
	type figure struct {
		time time.Duration
		hits int
	}
	for _, share := range []float64{1, 0.5, 0.3, 0.1, 0.03, 0.01, 0.001} {
		sums, wanted := map[string]map[string]*figure{}, 0
		efs := []int{10, 20, 40, 80, 160, 320}
		for q := range queries {
			for name, positions := range filtersFor(r, s, column, all[q], share) {
				keep := bitmapOf(len(column), positions)
				kept := func(p int) bool { return keep[p/8]>>(p%8)&1 != 0 }
				truth := nearestOf(s, column, all[q], k, kept)
				if sums[name] == nil {
					sums[name] = map[string]*figure{}
				}
				count := func(way string, search func() []uint32) {
					search() // once for the caches
					begun := time.Now()
					found := search()
					f := sums[name][way]
					if f == nil {
						f = &figure{}
						sums[name][way] = f
					}
					f.time += time.Since(begun)
					for _, p := range found {
						if s.Exact(all[q], column[p]) <= truth[len(truth)-1].Distance {
							f.hits++
						}
					}
				}
				request := &SearchRequest{Query: all[q], K: k, Recall: 0.95, Keep: keep, Kept: len(positions), Column: column}
				var got []Candidate
				count("search", func() (out []uint32) {
					var stats SearchStats
					got, _ = index.Search(context.Background(), got[:0], request, &stats)
					for _, c := range got {
						out = append(out, c.Position)
					}
					return out
				})
				alone := func(find func(s *graphSearch)) func() []uint32 {
					return func() (out []uint32) {
						s := graphSearch{graphIndex: x, graphWalker: w, request: request, stats: &SearchStats{}}
						s.scorer.setVector(request.Query)
						s.exact.set(request.Query)
						find(&s)
						got = s.nearest(got[:0])
						for _, c := range got {
							out = append(out, c.Position)
						}
						return out
					}
				}
				count("walk", alone(func(s *graphSearch) { _ = s.findKept(context.Background(), math.Inf(1)) })) // not cancelled
				count("scan", alone(func(s *graphSearch) { _ = s.scan(context.Background()) }))                  // not cancelled
				w.scorer.setVector(all[q])
				for _, ef := range efs {
					count(fmt.Sprintf("two hops, ef %d", ef), func() []uint32 { return twoHops(x, w, request, ef) })
				}
			}
			wanted += k
		}
		for _, name := range []string{"any", "nearest", "farthest"} {
			print := func(way string) float64 {
				f := sums[name][way]
				recall := float64(f.hits) / float64(wanted)
				fmt.Printf("%g%% %s: %s: recall %.3f, %v\n", 100*share, name, way, recall, f.time/queries)
				return recall
			}
			least := min(print("search"), 0.95)
			print("walk")
			print("scan")
			for _, ef := range efs {
				if print(fmt.Sprintf("two hops, ef %d", ef)) >= least {
					break
				}
			}
		}
	}
}
