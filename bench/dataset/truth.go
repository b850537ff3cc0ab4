package dataset

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"quiver/vector"
)

// Truth is, for each query, the distance of the k-th nearest row that passes
// a filter.
type Truth struct {
	K int
	// Worst is the distance of the k-th row, or of the last if fewer pass; Found
	// is how many there are.
	Worst []float64
	Found []int
}

// block is how many rows all queries are compared with before the next: they
// stay in the processor's cache.
const block = 512

// Exact finds the k nearest rows of the first n queries by exact search. keep
// says which rows pass for a query, a bit a row; nil passes all.
func (s *Set) Exact(n, k int, keep func(query int) []byte) *Truth {
	t := &Truth{K: k, Worst: make([]float64, n), Found: make([]int, n)}
	e := NewExactSearch(s.Distance, s.Dim, s.Queries[:n*s.Dim], k)
	masks := make([][]byte, n)
	if keep != nil {
		for q := range masks {
			masks[q] = keep(q)
		}
	}
	for from := 0; from < s.Len(); from += block {
		e.add(s.Rows[from*s.Dim:min(from+block, s.Len())*s.Dim], func(q int) []byte {
			if masks[q] == nil {
				return nil
			}
			return masks[q][from/8:]
		})
	}
	return e.truth(t)
}

// ExactSearch is exact search for many queries over rows that come in blocks.
type ExactSearch struct {
	dim      int
	searches []*vector.Search
	next     uint64
}

// NewExactSearch begins a search for the k rows nearest to each query.
func NewExactSearch(d vector.Distance, dim int, queries []float32, k int) *ExactSearch {
	e := &ExactSearch{dim: dim}
	for q := 0; q < len(queries); q += dim {
		e.searches = append(e.searches, vector.NewSearch(d, queries[q:q+dim], k))
	}
	return e
}

// Add compares the next rows, whose ids follow those before.
func (e *ExactSearch) Add(rows []float32) { e.add(rows, func(int) []byte { return nil }) }

func (e *ExactSearch) add(rows []float32, keep func(q int) []byte) {
	n := len(rows) / e.dim
	var wg sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		wg.Go(func() {
			for q := w; q < len(e.searches); q += workers {
				e.searches[q].Add(vector.Rows{Values: rows, Stride: e.dim, N: n, FirstID: e.next, Keep: keep(q)})
			}
		})
	}
	wg.Wait()
	e.next += uint64(n)
}

// Truth is what was found so far.
func (e *ExactSearch) Truth(k int) *Truth {
	return e.truth(&Truth{K: k, Worst: make([]float64, len(e.searches)), Found: make([]int, len(e.searches))})
}

func (e *ExactSearch) truth(t *Truth) *Truth {
	for q, s := range e.searches {
		top := s.Top().Sorted()
		t.Found[q] = len(top)
		if len(top) > 0 {
			t.Worst[q] = top[len(top)-1].Distance
		}
	}
	return t
}

// Nearest is Exact for all queries without a filter, from the cache if it was
// computed before.
func (s *Set) Nearest(cache string, k int) (*Truth, error) {
	file := filepath.Join(cache, fmt.Sprintf("%s-%d-top%d.truth", s.Name, s.Len(), k))
	t := new(Truth)
	if err := read(file, t); err == nil && len(t.Worst) == s.NumQueries() {
		return t, nil
	}
	t = s.Exact(s.NumQueries(), k, nil)
	return t, save(file, t)
}

// Recall is the share of the true nearest rows of query q that ids has: those
// whose distance is no greater than the k-th's, so that ties count. Ids that
// pass says are wrong, or that come twice, do not count; nil passes all.
func (t *Truth) Recall(s *Set, q int, ids []int32, pass func(id int32) bool) float64 {
	if t.Found[q] == 0 {
		return 1
	}
	good := 0
	seen := make(map[int32]bool, len(ids))
	for _, id := range ids {
		if id < 0 || int(id) >= s.Len() || seen[id] || pass != nil && !pass(id) {
			continue
		}
		seen[id] = true
		if vector.Exact(s.Distance, s.Query(q), s.Row(int(id))) <= t.Worst[q] {
			good++
		}
	}
	return float64(min(good, t.Found[q])) / float64(t.Found[q])
}
