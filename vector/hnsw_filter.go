package vector

import (
	"context"
	"slices"
)

// Costs of a walk and of a scan, in the time of scoring one code in order.
const (
	costOfHop     = 40    // for each node visited
	costOfOrdinal = 0.05  // for looking whether a row is kept
	costOfBit     = 0.002 // for passing over it among others that are not
)

// costOfScan is that of scoring all rows that are kept.
func (s *graphSearch) costOfScan() float64 {
	kept, look := s.rows, costOfOrdinal
	if s.request.Keep != nil {
		kept = s.request.Kept
	}
	if s.byBits() {
		look = costOfBit
	}
	return float64(kept) + look*float64(s.ordinals)
}

// scanIsCheaper says whether scoring all that are kept costs less than a walk.
func (s *graphSearch) scanIsCheaper(visits float64) bool {
	return s.costOfScan() < costOfHop*visits
}

// firstLook is after how many visits a walk under a filter first looks at what
// share of the nodes it found are kept; it looks again each time it has made half
// as many more.
const firstLook = 16

// findKept fills the pool with the nodes near the query of which K rows may be
// proposed, or with all that may be. How many nodes these lie among is not known
// before: rows that pass a filter may be rarer near the query than elsewhere, or
// more frequent. So the walk looks for few nodes first, for more of them while
// too few of those found are kept, and gives way to a scan of the rows kept when
// by what it has met the rest of it would cost more, or when it has cost as much:
// neither way alone would have cost less than half of both.
func (s *graphSearch) findKept(ctx context.Context, scan float64) error {
	prior := s.keptShare()
	// Twice K, for hardly any filter keeps all that is near.
	k := min(s.scaled(prior), 2*s.request.K, s.nodes)
	l := s.lookFor(k)
	if scan < costOfHop*l.visits {
		return s.scan(ctx)
	}
	s.begin(s.graph, s.room, l)
	s.pool.keep = true
	begun := s.visited
	for s.pause = begun + firstLook; ; s.pause += (s.visited - begun) / 2 {
		if err := s.run(ctx, s.graph, 0); err != nil {
			return err
		}
		needed := s.kept(s.request.K)
		_, more := s.pool.peek()
		if !more && needed <= k {
			return nil
		}
		if !more && k >= s.nodes {
			return s.scan(ctx) // not all nodes can be reached
		}
		if needed > s.nodes {
			needed = s.neededBy(prior)
		}
		visits := float64(s.visited - begun)
		left := max(s.lookFor(max(needed, k)).visits-visits, 0)
		if scan < costOfHop*max(left, visits) {
			return s.scan(ctx)
		}
		if !more {
			// Not far beyond what the rows that were met tell.
			k = min(max(needed, k+k/8), max(2*k, s.scaled(prior)), s.nodes)
			s.widen(s.lookFor(k))
		}
	}
}

// keptShare is the share of all nodes that may be proposed.
func (s *graphSearch) keptShare() float64 {
	kept := s.rows
	if s.request.Keep != nil {
		kept = s.request.Kept
	}
	return float64(kept) / float64(s.ordinals)
}

// neededBy is among how many nodes K rows kept will be, by the nodes in the pool
// and the share of all, which counts as one of them.
func (s *graphSearch) neededBy(prior float64) int {
	kept := prior
	for _, e := range s.pool.entries {
		for o := e.node(); o != noNode; o = s.twin(o) {
			if s.keeps(o) {
				kept++
			}
		}
	}
	return s.scaled(kept / float64(len(s.pool.entries)+1))
}

// scaled is K over the share of nodes that may be proposed.
func (s *graphSearch) scaled(share float64) int {
	if share <= 0 {
		return s.nodes
	}
	return int(min(float64(s.request.K)/min(share, 1), float64(s.nodes)))
}

// kept is how many of the nearest nodes in the pool hold so many rows that may
// be proposed; more than there are if all do not.
func (s *graphSearch) kept(rows int) int {
	for i, e := range s.pool.entries {
		for o := e.node(); o != noNode; o = s.twin(o) {
			if s.keeps(o) {
				rows--
			}
		}
		if rows <= 0 {
			return i + 1
		}
	}
	return s.nodes + 1
}

// widen lets the pool hold more: of what it could not hold before, the nearest.
func (w *walker) widen(l look) {
	p := &w.pool
	more := l.limit - len(p.entries)
	p.limit, p.next = l.limit, 0
	p.stretch(l.rank, l.margin)
	if more > 0 {
		n := min(more, len(p.discarded))
		leastEntries(p.discarded, n)
		p.entries = mergeEntries(p.entries, p.discarded[:n])
		p.discarded = p.discarded[:copy(p.discarded, p.discarded[n:])]
	}
	p.aim()
	// Beyond limit what is within reach. Whatever was discarded is farther than all
	// that the pool holds.
	rest, held := p.discarded, len(p.entries)
	p.discarded = rest[:0]
	for _, e := range rest {
		if e < p.reach {
			p.entries = append(p.entries, e)
		} else {
			p.discarded = append(p.discarded, e)
		}
	}
	slices.Sort(p.entries[held:])
	p.trim()
}

// leastEntries brings the least n of some entries to the front, in any order.
func leastEntries(entries []poolEntry, n int) {
	for low, high := 0, len(entries); high-low > 1 && low < n && n < high; {
		pivot := entries[low+(high-low)/2]
		i, j := low, high-1
		for i <= j {
			for entries[i] < pivot {
				i++
			}
			for entries[j] > pivot {
				j--
			}
			if i <= j {
				entries[i], entries[j] = entries[j], entries[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j+1:
			high = j + 1
		case n >= i:
			low = i
		default:
			return
		}
	}
}
