package executor

import (
	"math"
	"slices"
	"sync"

	"quiver/vector"
)

// knownBound is the distance of the k-th nearest row that a search has found in
// any segment so far: in the others there is no need to look further. Nil knows
// nothing.
type knownBound struct {
	mu  sync.Mutex // guards top
	top *vector.TopK
}

func newKnownBound(k int) *knownBound { return &knownBound{top: vector.NewTopK(k)} }

// add takes the rows found in a segment.
func (b *knownBound) add(found []foundRow) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range found {
		if !f.null && !math.IsNaN(f.distance) {
			b.top.Push(vector.Neighbor{Row: uint64(f.id), Distance: f.distance})
		}
	}
}

// boundRoom is what float32 distances of indexes may be off by, in relation.
const boundRoom = 1e-4

// bound is a distance that no row beyond which is wanted; false if k rows are not
// known yet.
func (b *knownBound) bound() (float32, bool) {
	if b == nil {
		return 0, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.top.Len() == 0 || !b.top.Full() {
		return 0, false
	}
	d := b.top.Farthest().Distance
	return float32(d + boundRoom*(math.Abs(d)+boundRoom)), true
}

// largeShare is how many times as many rows as all others the largest segment
// has for them to be searched one after the other: what is found in it spares
// more of the others than another worker would.
const largeShare = 2

// shareBound prepares searches of segments to tell each other what they found,
// those of most rows first, and returns how many of the workers should run them.
func shareBound(searches []*segmentSearch, k, workers int) int {
	for _, s := range searches {
		s.known = nil
	}
	if len(searches) < 2 {
		return workers
	}
	slices.SortStableFunc(searches, func(a, b *segmentSearch) int { return b.indexed - a.indexed })
	known, others := newKnownBound(k), 0
	for i, s := range searches {
		if s.known = known; i > 0 {
			others += s.indexed
		}
	}
	if searches[0].indexed >= largeShare*others {
		return 1
	}
	return workers
}
