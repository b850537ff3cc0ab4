package vector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// besideSearch searches graphs for the nearest of all their rows.
type besideSearch struct {
	t       *testing.T
	indexes []Index
	columns []rowColumn
	recall  float64
	query   []byte
	stats   SearchStats
}

// search asks one graph, and returns the distances of what it found.
func (s *besideSearch) search(i int, known []float32, elsewhere func(context.Context, []Candidate) ([]float32, error)) []float32 {
	r := &SearchRequest{Query: s.query, K: 10, Recall: s.recall, Column: s.columns[i], Known: known, Elsewhere: elsewhere}
	got, err := s.indexes[i].Search(context.Background(), nil, r, &s.stats)
	if err != nil {
		s.t.Fatal(err)
	}
	return distancesOf(got)
}

func distancesOf(candidates []Candidate) (out []float32) {
	for _, c := range candidates {
		out = append(out, c.Distance)
	}
	return out
}

func nearestTen(lists ...[]float32) []float32 {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all[:min(len(all), 10)]
}

// alone asks each graph for the nearest of its own.
func (s *besideSearch) alone() (found []float32) {
	for i := range s.indexes {
		found = nearestTen(found, s.search(i, nil, nil))
	}
	return found
}

// inTurn tells each what the graphs before it found.
func (s *besideSearch) inTurn() (found []float32) {
	for i := range s.indexes {
		found = nearestTen(found, s.search(i, found, nil))
	}
	return found
}

// within asks the others while the first is searched.
func (s *besideSearch) within() []float32 {
	var others []float32
	first := s.search(0, nil, func(_ context.Context, near []Candidate) ([]float32, error) {
		for i := 1; i < len(s.indexes); i++ {
			others = nearestTen(others, s.search(i, nearestTen(others, distancesOf(near)), nil))
		}
		return others, nil
	})
	return nearestTen(first, others)
}

// TestSearchBesideOthers: graphs that are told what is known from elsewhere look less
// far, and what they find together has the recall wanted still, be the rows spread
// over them by chance or each neighbourhood in one of them.
func TestSearchBesideOthers(t *testing.T) {
	const dim, rows, queries, graphs = 24, 9000, 300, 3
	for _, name := range []string{"uniform", "clustered"} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, apart %t", name, apart), func(t *testing.T) {
				vectors := vectorSets[name](rand.New(rand.NewPCG(91, 92)), rows+queries, dim)
				all, asked := vectors[:rows], floatColumn(Float32, vectors[rows:])
				if apart {
					slices.SortFunc(all, func(a, b []float32) int { return Compare(float64(a[0]), float64(b[0])) })
				}
				s := &besideSearch{t: t}
				space, column := Space{Float32, L2, dim}, floatColumn(Float32, all)
				for i := range graphs {
					part := column[i*rows/graphs : (i+1)*rows/graphs]
					x, _ := buildIndex(t, space, part, Options{Workers: 2})
					s.indexes, s.columns = append(s.indexes, x), append(s.columns, part)
				}
				for _, s.recall = range []float64{0.90, 0.95, 0.99} {
					var alone int64
					for way, find := range []func() []float32{s.alone, s.inTurn, s.within} {
						s.stats = SearchStats{}
						hits := 0
						for _, s.query = range asked {
							worst := nearestOf(space, column, s.query, 10, nil)[9].Distance
							for _, d := range find() {
								if float64(d) <= worst*(1+1e-6) {
									hits++
								}
							}
						}
						recall := float64(hits) / (10 * queries)
						t.Logf("recall %.2f, way %d: %.4f, %d nodes visited a query", s.recall, way, recall, s.stats.Visited/queries)
						if recall < s.recall {
							t.Errorf("way %d: recall %.4f, want %.2f", way, recall, s.recall)
						}
						if way == 0 {
							alone = s.stats.Visited
						} else if s.stats.Visited > alone {
							t.Errorf("way %d: %d nodes visited, %d without knowing of the others", way, s.stats.Visited, alone)
						}
					}
				}
			})
		}
	}
}
