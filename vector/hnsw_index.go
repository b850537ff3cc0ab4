package vector

import (
	"context"
	"math"
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
	near  []Candidate
	// of pool
	others  []float32
	margins []margin
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
	// iterating: what may be proposed is known only to the caller.
	iterating bool
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

// missesKept is how many misses a walk under a filter may have, of those that it
// may have without: what it looks for is the nearest nodes among which there are K
// kept, and how many these are it knows from what it found.
const missesKept = 0.9

// lookFor is how far to look for the nearest k nodes.
func (s *graphSearch) lookFor(k int) look {
	if effort := s.request.Effort; effort > 0 {
		// As many of those that are kept, as hnsw.ef_search counts.
		limit := min(max(effort, s.request.K)*max(1, k/max(s.request.K, 1)), s.nodes)
		return look{limit, k, s.scorer.margin(1), float64(limit)}
	}
	k = min(max(k, effortK[0]), s.nodes)
	recall := s.request.Recall
	if (s.request.Keep != nil || s.iterating) && recall > 0 {
		recall = 1 - missesKept*(1-recall)
	}
	gain, visits := s.effort.at(k, recall)
	return look{k, k, s.scorer.margin(gain), visits}
}

// find fills the pool with the nodes near the query.
func (s *graphSearch) find(ctx context.Context) error {
	if s.restricted() {
		return s.findKept(ctx, s.costOfScan())
	}
	l := s.lookFor(s.request.K)
	if s.scanIsCheaper(l.visits) {
		return s.scan(ctx)
	}
	var err error
	if s.request.Elsewhere != nil && s.request.Effort == 0 {
		err = s.findAmong(ctx, l)
	} else {
		s.begin(s.graph, s.room, l)
		s.beside(l)
		err = s.run(ctx, s.graph, 0)
	}
	if err != nil {
		return err
	}
	return s.complete(ctx)
}

// findAmong looks about near by first, tells what it found, and then goes as far as
// it must beside what is known from elsewhere.
func (s *graphSearch) findAmong(ctx context.Context, l look) (err error) {
	near := l
	near.margin = s.scorer.margin(1)
	s.begin(s.graph, s.room, near)
	s.pool.keep = true
	if err := s.run(ctx, s.graph, 0); err != nil {
		return err
	}
	s.near = s.nearest(s.near[:0])
	if s.request.Known, err = s.request.Elsewhere(ctx, s.near); err != nil {
		return err
	}
	s.beside(l)
	s.widen(l)
	return s.run(ctx, s.graph, 0)
}

const (
	// marginsMax bounds how many margins a pool has.
	marginsMax = 64
	// gainByShare is the power by which gains, less 1, grow with K over the graph's
	// own part of the nearest K. Word vectors in two and four graphs wanted 0.16 to
	// 0.22 for recalls of 0.90 to 0.99, small graphs of uniform data more for the
	// last, which gainByShareSure, of recalls beyond 0.95, has room for.
	gainByShare     = 0.2
	gainByShareSure = 0.3
)

// beside tells the pool what is known from elsewhere. The fewer of the nearest K are
// the graph's own, the farther a walk for them goes beyond the last, as one for
// as few neighbours would.
func (s *graphSearch) beside(l look) {
	known := s.request.Known
	if len(known) == 0 || s.request.Effort > 0 {
		return
	}
	s.others, s.margins = s.others[:0], s.margins[:0]
	for _, d := range known {
		s.others = append(s.others, s.scorer.scoreOf(d))
	}
	gain, _ := s.effort.at(max(l.rank, effortK[0]), s.request.Recall)
	byShare := gainByShare
	if s.request.Recall > effortRecall[1] {
		byShare = gainByShareSure
	}
	n := min(l.rank, marginsMax)
	for i := range n {
		more := math.Pow(float64(n)/float64(max(i, 1)), byShare)
		s.margins = append(s.margins, s.scorer.margin(1+(gain-1)*float32(more)))
	}
	s.pool.others, s.pool.margins = s.others, s.margins
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
	last, farthest := poolEntry(math.MaxUint64), float32(math.Inf(1))
	reckon := func(distance float32) {
		if distance < farthest {
			last, farthest = s.upTo(distance), distance
		}
	}
	if bound, ok := s.request.Bound(); ok {
		reckon(bound)
	}
	for _, e := range s.pool.entries {
		if e > last {
			if s.codec.form != codeRabitq {
				break
			}
			if !s.scorer.mayReach(e, s.scorer.scoreOf(farthest), s.twin(e.node()) != noNode) {
				continue
			}
		}
		if s.compare(e) > 0 && len(s.top.entries) == k {
			reckon(s.top.entries[k-1].score())
		}
	}
	return s.propose(dst)
}

// upTo is the last entry whose vector may be as near as a distance.
func (s *graphSearch) upTo(distance float32) poolEntry {
	return newPoolEntry(s.scorer.sureMargin().above(s.scorer.scoreOf(distance)), noNode>>1) | 1
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
		if s.scorer.vague(e.score()) {
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
