package vector

import (
	"context"
	"slices"
)

// graphIterator proposes ever farther candidates: each batch holds what a wider
// walk found besides.
type graphIterator struct {
	search   graphSearch
	limit    int
	proposed marks // nodes
	begun    bool
	// rest are the nodes left, sorted, once all have been scored.
	rest     []poolEntry
	scanned  bool
	finished bool
	// undirected is the next ordinal for a query without direction.
	undirected uint32
	blind      bool
}

// Iterate implements Index.
func (x *graphIndex) Iterate(r *SearchRequest, stats *SearchStats) Iterator {
	it := &graphIterator{search: graphSearch{graphIndex: x, request: r, stats: stats, iterating: true}}
	if it.finished = x.nodes == 0; it.finished {
		return it
	}
	it.search.graphWalker = x.walkers.Get().(*graphWalker)
	it.proposed.reset(x.room)
	it.blind = !it.search.scorer.setVector(r.Query)
	if !it.blind {
		it.search.exact.set(r.Query)
	}
	return it
}

// Next implements Iterator.
func (it *graphIterator) Next(ctx context.Context, dst []Candidate) ([]Candidate, error) {
	s := &it.search
	if it.finished {
		return dst, nil
	}
	defer s.count()
	if it.blind {
		return it.nextOrdinals(dst), nil
	}
	for start := len(dst); !it.finished && len(dst) == start; {
		if it.scanned {
			dst = it.proposeRest(dst)
			continue
		}
		var l look
		if it.limit *= 2; !it.begun {
			it.limit = max(s.request.K, s.request.Effort, 1)
		}
		if l = s.lookFor(it.limit); s.request.Effort > 0 {
			l = look{it.limit, it.limit, l.margin, float64(it.limit)}
		}
		if s.scanIsCheaper(l.visits) || it.begun && it.limit/2 >= s.nodes {
			if err := it.scanRest(ctx); err != nil {
				return dst, err
			}
			continue
		}
		if it.begun {
			s.widen(l)
		} else {
			s.begin(s.graph, s.room, l)
			s.pool.keep = true
			it.begun = true
		}
		if err := s.run(ctx, s.graph, 0); err != nil {
			return dst, err
		}
		dst = it.propose(dst)
	}
	return dst, nil
}

// restBatch is how many nodes are proposed at a time once all have been scored.
const restBatch = 1 << 12

// scanRest scores all nodes that have not been proposed.
func (it *graphIterator) scanRest(ctx context.Context) error {
	s := &it.search
	it.scanned = true
	for node := range uint32(s.nodes) {
		if node%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if s.isNode(node) && it.proposed.mark(node) {
			it.rest = append(it.rest, newPoolEntry(s.one(node), node))
		}
	}
	s.scored += int64(len(it.rest))
	slices.Sort(it.rest)
	return nil
}

// proposeRest appends the next of the rest.
func (it *graphIterator) proposeRest(dst []Candidate) []Candidate {
	s := &it.search
	n := min(len(it.rest), restBatch)
	s.top.reset(s.ordinals)
	for _, e := range it.rest[:n] {
		s.compare(e)
	}
	it.rest = it.rest[n:]
	it.finished = len(it.rest) == 0
	return s.propose(dst)
}

// propose appends those of the nearest limit nodes that have not been proposed.
func (it *graphIterator) propose(dst []Candidate) []Candidate {
	s := &it.search
	s.top.reset(s.ordinals)
	for i, e := range s.pool.entries {
		if i >= it.limit && e > s.pool.near(it.limit, s.scorer.margin(1)) {
			break
		}
		if it.proposed.mark(e.node()) {
			s.compare(e)
		}
	}
	return s.propose(dst)
}

// nextOrdinals proposes rows in any order.
func (it *graphIterator) nextOrdinals(dst []Candidate) []Candidate {
	s := &it.search
	for n := 0; it.undirected < uint32(s.ordinals) && n < max(s.request.K, 64); it.undirected++ {
		if s.keeps(it.undirected) {
			dst = append(dst, Candidate{s.positions[it.undirected], s.exact.none()})
			n++
		}
	}
	return dst
}

// Close implements Iterator.
func (it *graphIterator) Close() {
	if it.search.graphWalker != nil {
		it.search.walkers.Put(it.search.graphWalker)
		it.search.graphWalker, it.finished = nil, true
	}
}
