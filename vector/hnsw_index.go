package vector

import (
	"context"
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

// A graphIndex is a graph of one segment, opened: it does not change.
type graphIndex struct {
	*graphMeta
	graph     *graph
	codes     []byte
	positions []uint32 // by ordinal
	twins     []uint32 // by ordinal; nil without twins
	walkers   *sync.Pool
	// rows is the number of ordinals that have a position.
	rows int
	// heads, of a growing graph, tells the ordinals that are no nodes: the first
	// of their chain; noNode of nodes. nil where nodes are the first ordinals.
	heads []uint32
	// room is the number of nodes that links may lead to.
	room int
	// plain says that ordinals are positions; nodeAt, made when first asked for,
	// has the node of each position where they are not, noNode where there is none.
	plain  bool
	nodeAt func() []uint32
}

// survey looks at positions once.
func (x *graphIndex) survey() {
	x.plain = x.twins == nil
	for ordinal, position := range x.positions {
		if position != NoPosition {
			x.rows++
		}
		x.plain = x.plain && position == uint32(ordinal)
	}
	x.nodeAt = sync.OnceValue(x.nodesByPosition)
}

// nodesByPosition is the node that has the code of the row at each position.
func (x *graphIndex) nodesByPosition() []uint32 {
	last := 0
	for _, p := range x.positions {
		if p != NoPosition {
			last = max(last, int(p)+1)
		}
	}
	out := make([]uint32, last)
	for p := range out {
		out[p] = noNode
	}
	for node := range uint32(x.nodes) {
		for o := node; o != noNode; o = x.twin(o) {
			if p := x.positions[o]; p != NoPosition {
				out[p] = node
			}
		}
	}
	return out
}

// Kind implements Index.
func (x *graphIndex) Kind() string { return hnswName }

// Space implements Index.
func (x *graphIndex) Space() Space { return x.codec.space }

// Len implements Index.
func (x *graphIndex) Len() int { return x.rows }

// ResidentBytes implements Index.
func (x *graphIndex) ResidentBytes() int64 {
	return int64(4*(len(x.graph.links)+len(x.graph.upperAt)+len(x.graph.upper)+len(x.positions)+len(x.twins)) + len(x.graph.packed.bytes) + len(x.codes) + 4*len(x.codec.records))
}

// Close implements Index.
func (x *graphIndex) Close() {}

// A graphWalker is a walker with what a search of an index needs besides.
type graphWalker struct {
	walker
	exact exactScorer
	top   pool
}

func (x *graphIndex) newWalker() *graphWalker {
	w := &graphWalker{}
	w.init(newGraphScorer(x.codec, x.codes), 2*x.m)
	w.exact.space = x.codec.space
	return w
}

// Search implements Index.
func (x *graphIndex) Search(ctx context.Context, dst []Candidate, r *SearchRequest, stats *SearchStats) ([]Candidate, error) {
	if r.K <= 0 || x.nodes == 0 {
		return dst, nil
	}
	w := x.walkers.Get().(*graphWalker)
	defer x.walkers.Put(w)
	s := graphSearch{graphIndex: x, graphWalker: w, request: r, stats: stats}
	defer s.count()
	if !w.scorer.setVector(r.Query) {
		return s.undirected(dst), nil
	}
	s.exact.set(r.Query)
	if err := s.find(ctx); err != nil {
		return dst, err
	}
	return s.nearest(dst), nil
}

// A graphSearch is one search under way.
type graphSearch struct {
	*graphIndex
	*graphWalker
	request *SearchRequest
	stats   *SearchStats
}

// count adds the work up.
func (s *graphSearch) count() {
	s.stats.Visited += s.visited
	if s.codec.form.rough() {
		s.stats.Codes += s.scored
	} else {
		s.stats.Distances += s.scored
	}
	s.visited, s.scored = 0, 0
}

// restricted says whether some ordinals are not to be proposed.
func (s *graphSearch) restricted() bool {
	return s.request.Keep != nil || s.rows < s.ordinals
}

// keeps says whether the row of an ordinal may be proposed.
func (s *graphSearch) keeps(ordinal uint32) bool {
	if ordinal >= uint32(s.ordinals) {
		return false // added since the search began
	}
	position := s.positions[ordinal]
	keep := s.request.Keep
	return position != NoPosition && (keep == nil || position>>3 < uint32(len(keep)) && keep[position>>3]&(1<<(position&7)) != 0)
}

// lookFor is how far to look for the nearest k nodes.
func (s *graphSearch) lookFor(k int) look {
	if effort := s.request.Effort; effort > 0 {
		// As many of those that are kept, as hnsw.ef_search counts.
		limit := min(max(effort, s.request.K)*max(1, k/max(s.request.K, 1)), s.nodes)
		return look{limit, k, s.scorer.margin(1), float64(limit)}
	}
	k = min(max(k, effortK[0]), s.nodes)
	gain, visits := s.effort.at(k, s.request.Recall)
	return look{k, k, s.scorer.margin(gain), visits}
}

// find fills the pool with the nodes near the query: more of them, the fewer
// may be proposed, and all that may be where these are few.
func (s *graphSearch) find(ctx context.Context) error {
	restricted := s.restricted()
	k := s.request.K
	if restricted {
		share := float64(s.rows) / float64(s.ordinals)
		if s.request.Keep != nil {
			share = float64(s.request.Kept) / float64(s.ordinals)
		}
		k = s.scaled(share)
	}
	l := s.lookFor(k)
	if s.scanIsCheaper(l.visits) {
		return s.scan(ctx)
	}
	s.begin(s.graph, s.room, l)
	s.pool.keep = restricted
	if err := s.run(ctx, s.graph, 0); err != nil {
		return err
	}
	if !restricted {
		return s.complete(ctx)
	}
	for {
		// The rows kept may be rarer near the query than elsewhere: as many nodes
		// are looked for as it takes.
		needed := s.kept(s.request.K)
		if needed <= k {
			return nil
		}
		if k >= s.nodes {
			return s.scan(ctx) // not all nodes can be reached
		}
		// Twice as many at most: what lies there may be richer.
		k = min(max(needed, k+k/8), 2*k, s.nodes)
		l := s.lookFor(k)
		if s.scanIsCheaper(l.visits) {
			return s.scan(ctx)
		}
		s.widen(l)
		if err := s.run(ctx, s.graph, 0); err != nil {
			return err
		}
	}
}

// complete sees to it that the pool of a search of all rows holds K: nodes added
// since it began may have taken their places, or not all nodes can be reached.
func (s *graphSearch) complete(ctx context.Context) error {
	k := s.request.K
	if s.kept(k) <= s.nodes {
		return nil
	}
	if 2*k < s.nodes {
		s.begin(s.graph, s.room, s.lookFor(2*k))
		if err := s.run(ctx, s.graph, 0); err != nil || s.kept(k) <= s.nodes {
			return err
		}
	}
	return s.scan(ctx)
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

func (x *graphIndex) twin(ordinal uint32) uint32 {
	if x.twins == nil {
		return noNode
	}
	return atomic.LoadUint32(&x.twins[ordinal])
}

// isNode says whether an ordinal has links.
func (x *graphIndex) isNode(ordinal uint32) bool {
	return x.heads == nil || x.heads[ordinal] == noNode
}

// Costs of a walk and of a scan, in the time of scoring one code in order.
const (
	costOfHop     = 40    // for each node visited
	costOfOrdinal = 0.05  // for looking whether a row is kept
	costOfBit     = 0.002 // for passing over it among others that are not
)

// scanIsCheaper says whether scoring all that are kept costs less than a walk.
func (s *graphSearch) scanIsCheaper(visits float64) bool {
	kept := s.rows
	if s.request.Keep != nil {
		kept = s.request.Kept
	}
	look := costOfOrdinal
	if s.byBits() {
		look = costOfBit
	}
	return float64(kept)+look*float64(s.ordinals) < costOfHop*visits
}

// byBits says whether the nodes kept can be found by the bits of the filter: not
// in a growing graph, whose positions are not settled.
func (s *graphSearch) byBits() bool { return s.request.Keep != nil && s.nodeAt != nil }

// eachKept calls add for each node that holds a row that may be proposed, once.
func (s *graphSearch) eachKept(ctx context.Context, add func(node uint32)) error {
	keep := s.request.Keep
	var nodeAt []uint32
	if !s.plain {
		nodeAt = s.nodeAt()
		s.seen.reset(s.nodes)
	}
	for at := 0; at < len(keep); at += 8 {
		if at%(1<<13) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var word uint64
		if at+8 <= len(keep) {
			word = binary.LittleEndian.Uint64(keep[at:])
		} else {
			for i, b := range keep[at:] {
				word |= uint64(b) << (8 * i)
			}
		}
		for ; word != 0; word &= word - 1 {
			node := uint32(at*8 + bits.TrailingZeros64(word))
			switch {
			case s.plain:
				if node >= uint32(s.nodes) {
					return nil
				}
			case node >= uint32(len(nodeAt)):
				return nil
			default:
				if node = nodeAt[node]; node == noNode || !s.seen.mark(node) {
					continue
				}
			}
			add(node)
		}
	}
	return nil
}

// scan fills the pool with the nearest of all nodes that may be proposed.
func (s *graphSearch) scan(ctx context.Context) error {
	s.pool.reset(min(s.request.K, s.nodes))
	s.pool.stretch(s.request.K, s.scorer.margin(1))
	var ids [256]uint32
	var scores [256]float32
	n := 0
	flush := func() {
		s.scorer.score(ids[:n], scores[:n])
		s.scored += int64(n)
		worst := s.pool.worst()
		for i, score := range scores[:n] {
			if e := newPoolEntry(score, ids[i]); e < worst {
				s.pool.insert(e)
				worst = s.pool.worst()
			}
		}
		n = 0
	}
	add := func(node uint32) {
		ids[n] = node
		if n++; n == len(ids) {
			flush()
		}
	}
	if s.byBits() {
		if err := s.eachKept(ctx, add); err != nil {
			return err
		}
		flush()
		return nil
	}
	for node := range uint32(s.nodes) {
		if node%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !s.isNode(node) {
			continue
		}
		for o := node; o != noNode; o = s.twin(o) {
			if s.keeps(o) {
				add(node)
				break
			}
		}
	}
	flush()
	return nil
}

// widen lets the pool hold more: of what it could not hold before, the nearest.
func (w *walker) widen(l look) {
	p := &w.pool
	p.entries = mergeEntries(p.entries, p.discarded)
	p.discarded = p.discarded[:0]
	p.limit, p.next = l.limit, 0
	p.stretch(l.rank, l.margin)
	p.aim()
	p.trim()
}

// undirected proposes any rows: all are as far from a query without direction.
func (s *graphSearch) undirected(dst []Candidate) []Candidate {
	most := len(dst) + s.request.K
	for o := uint32(0); o < uint32(s.ordinals) && len(dst) < most; o++ {
		if s.keeps(o) {
			dst = append(dst, Candidate{s.positions[o], float32(math.NaN())})
		}
	}
	return dst
}

// nearest appends the nearest K rows of the pool. They are compared exactly, as
// long as the codes leave open whether one is among the nearest.
func (s *graphSearch) nearest(dst []Candidate) []Candidate {
	k := s.request.K
	s.top.reset(k)
	sure := s.scorer.sureMargin()
	last := poolEntry(math.MaxUint64)
	for _, e := range s.pool.entries {
		if e > last {
			break
		}
		if s.compare(e) > 0 && len(s.top.entries) == k {
			last = newPoolEntry(sure.above(s.scorer.scoreOf(s.top.entries[k-1].score())), noNode>>1) | 1
		}
	}
	return s.propose(dst)
}

// compare puts the rows of a node that may be proposed into top, by their exact
// distances, and returns how many there are.
func (s *graphSearch) compare(e poolEntry) (n int) {
	for o := e.node(); o != noNode; o = s.twin(o) {
		if !s.keeps(o) {
			continue
		}
		n++
		var distance float32
		if s.codec.form.rough() {
			if int(s.positions[o]) >= s.request.Column.Len() {
				n-- // came since the request
				continue
			}
			row := s.request.Column.Row(int(s.positions[o]))
			distance = s.exact.distance(row)
			s.stats.Reranked++
			s.stats.BytesRead += int64(len(row))
		} else {
			distance = s.scorer.distance(e.score())
		}
		if e := newPoolEntry(distance, o); e < s.top.worst() {
			s.top.insert(e)
		}
	}
	return n
}

// propose appends the rows in top.
func (s *graphSearch) propose(dst []Candidate) []Candidate {
	for _, e := range s.top.entries {
		dst = append(dst, Candidate{s.positions[e.node()], e.score()})
	}
	return dst
}
