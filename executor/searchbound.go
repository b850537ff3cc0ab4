package executor

import (
	"context"
	"math"
	"slices"
	"sync"

	"quiver/vector"
)

// knownRows are the distances of the k nearest rows that a search has found in any
// segment so far: the others need not look for more than are nearer. Nil knows
// nothing.
type knownRows struct {
	k    int
	mu   sync.Mutex // guards near
	near []float32  // ascending
}

// add takes the rows found in a segment.
func (r *knownRows) add(found []foundRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range found {
		if !f.null && !math.IsNaN(f.distance) {
			r.near = append(r.near, roomy(f.distance))
		}
	}
	slices.Sort(r.near)
	r.near = r.near[:min(len(r.near), r.k)]
}

// boundRoom is what float32 distances of indexes may be off by, in relation.
const boundRoom = 1e-4

// roomy is a distance with room for that.
func roomy(d float64) float32 { return float32(d + boundRoom*(math.Abs(d)+boundRoom)) }

// distances are those of the nearest rows known, k at most, appended to dst.
func (r *knownRows) distances(dst []float32) []float32 {
	if r == nil {
		return dst
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(dst, r.near...)
}

// bound is a distance that no row beyond which is wanted; false if k rows are not
// known yet.
func (r *knownRows) bound() (float32, bool) {
	if r == nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.k == 0 || len(r.near) < r.k {
		return 0, false
	}
	return r.near[r.k-1], true
}

const (
	// largeShare is how many times as many rows as all others the largest segment
	// has for them to be searched one after the other: what is found in it spares
	// more of the others than another worker would.
	largeShare = 2
	// elsewhereShare is the share of the largest segment's rows that the others
	// have for them to be searched when the largest has been glanced at: what is
	// found in them spares more of it than the glance costs.
	elsewhereShare = 0.125
)

// A sharedSearch searches segments for the nearest rows of them all.
type sharedSearch struct {
	// searches of most rows first.
	searches []*segmentSearch
	k        int
	workers  int
	known    *knownRows
	// others says that all searches but the first have been made.
	others bool
}

// searchShared searches segments, which tell each other what they found.
func searchShared(ctx context.Context, searches []*segmentSearch, k, workers int) error {
	for _, s := range searches {
		s.known, s.elsewhere = nil, nil
	}
	if len(searches) < 2 {
		return inParallel(ctx, len(searches), workers, func(ctx context.Context, i int) error { return searches[i].run(ctx) })
	}
	slices.SortStableFunc(searches, func(a, b *segmentSearch) int { return b.indexed - a.indexed })
	s := &sharedSearch{searches: searches, k: k, workers: workers, known: &knownRows{k: k}}
	rest := 0
	for i, search := range searches {
		if search.known = s.known; i > 0 {
			rest += search.indexed
		}
	}
	first := searches[0]
	switch {
	case first.indexed >= largeShare*rest:
		s.workers = 1
	case workers > 1:
		return s.run(ctx, searches)
	}
	if float64(rest) >= elsewhereShare*float64(first.indexed) {
		first.elsewhere = s.elsewhere
	}
	if err := s.run(ctx, searches[:1]); err != nil || s.others {
		return err
	}
	return s.run(ctx, searches[1:])
}

// elsewhere searches the other segments, while the first is being searched and has
// found some rows near by, and returns what is known of them.
func (s *sharedSearch) elsewhere(ctx context.Context, near []vector.Candidate) ([]float32, error) {
	found := make([]foundRow, len(near))
	for i, c := range near {
		found[i].distance = float64(c.Distance)
	}
	s.known.add(found)
	s.others = true
	if err := s.run(ctx, s.searches[1:]); err != nil {
		return nil, err
	}
	others := knownRows{k: s.k}
	for _, search := range s.searches[1:] {
		others.add(search.found)
	}
	return others.near, nil
}

func (s *sharedSearch) run(ctx context.Context, searches []*segmentSearch) error {
	return inParallel(ctx, len(searches), s.workers, func(ctx context.Context, i int) error {
		if err := searches[i].run(ctx); err != nil {
			return err
		}
		searches[i].known.add(searches[i].found)
		return nil
	})
}
