package vector

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
)

// A graphBuilder adds nodes to a graph; several goroutines may do so, each with
// an inserter of its own, while others search.
type graphBuilder struct {
	*graph
	codec *graphCodec
	codes []byte
	room  int // nodes
	ef    int // ef_construction
	// twins chains nodes of equal codes: only the first of a chain has links.
	// Where many vectors are equal, or nearly so, links between them would leave
	// no room for links to others.
	twins []uint32
	// heads, if not nil, is the first of the chain of each node that is not the
	// first itself, noNode of others.
	heads []uint32
	// locks guard the links of nodes, and entries the entry point.
	locks   [1 << 10]sync.Mutex
	entries sync.Mutex
}

// inserter is what one goroutine of a build needs.
type inserter struct {
	*graphBuilder
	walker
	pruner     *graphScorer
	candidates []poolEntry
	selected   []uint32
	passed     []uint32
	// own are the links chosen for the new node, by layer.
	own    [levelMax + 1][]uint32
	scores []float32
}

func (b *graphBuilder) newInserter() *inserter {
	in := &inserter{graphBuilder: b, pruner: newGraphScorer(b.codec, b.codes)}
	in.walker.init(newGraphScorer(b.codec, b.codes), 2*b.m)
	in.scores = make([]float32, 2*b.m+1)
	return in
}

// insert adds a node, whose code is in place.
func (in *inserter) insert(ctx context.Context, node uint32) error {
	level := levelOf(node, in.m)
	entry, top, ok := in.entryPoint()
	if !ok {
		in.entries.Lock()
		if entry, top, ok = in.entryPoint(); !ok {
			in.graph.entry.Store(uint64(level)<<32 | uint64(node))
			in.entries.Unlock()
			return nil
		}
		in.entries.Unlock()
	}
	in.scorer.setNode(node)
	nearest, score := in.descend(in.graph, entry, top, min(level, top))
	for layer := min(level, top); layer >= 0; layer-- {
		in.start(in.room, in.ef)
		// A node is found by its own links while it is added: never by itself.
		in.seen.mark(node)
		in.seed(nearest, score)
		if err := in.run(ctx, in.graph, layer); err != nil {
			return err
		}
		if layer == 0 && in.isTwin(node) {
			return nil
		}
		in.candidates = append(in.candidates[:0], in.pool.entries...)
		if len(in.candidates) > 0 {
			nearest, score = in.candidates[0].node(), in.candidates[0].score()
		}
		in.own[layer] = append(in.own[layer][:0], in.choose(in.candidates, in.linksOf(layer))...)
	}
	// All lists of the node stand before any other leads to it, and the lower
	// layers before the upper: who comes to it finds the way on.
	for layer := min(level, top); layer >= 0; layer-- {
		setLinks(in.block(node, layer), in.own[layer])
	}
	for layer := 0; layer <= min(level, top); layer++ {
		for _, to := range in.own[layer] {
			in.link(to, node, layer)
		}
	}
	if level > top {
		in.entries.Lock()
		if _, top, _ := in.entryPoint(); level > top {
			in.graph.entry.Store(uint64(level)<<32 | uint64(node))
		}
		in.entries.Unlock()
	}
	return nil
}

// linksOf is how many links a layer has room for.
func (g *graph) linksOf(layer int) int {
	if layer == 0 {
		return 2 * g.m
	}
	return g.m
}

// isTwin looks for a code equal to the node's among what was found and, if there
// is one, chains the node to it.
func (in *inserter) isTwin(node uint32) bool {
	self := in.one(node)
	for _, e := range in.pool.entries {
		if e.score() > self {
			return false
		}
		if !in.same(node, e.node()) {
			continue
		}
		if in.heads != nil {
			in.heads[node] = e.node()
		}
		head := &in.twins[e.node()]
		for {
			first := atomic.LoadUint32(head)
			atomic.StoreUint32(&in.twins[node], first)
			if atomic.CompareAndSwapUint32(head, first, node) {
				return true
			}
		}
	}
	return false
}

// same compares codes.
func (b *graphBuilder) same(x, y uint32) bool {
	stride := b.codec.stride
	return bytes.Equal(b.codes[int(x)*stride:][:stride], b.codes[int(y)*stride:][:stride])
}

// choose takes up to most of the candidates, which are sorted: each that is
// nearer to the node than to any chosen before it, so that links go in
// different directions; then, if there is room, the nearest passed over.
func (in *inserter) choose(candidates []poolEntry, most int) []uint32 {
	in.selected, in.passed = in.selected[:0], in.passed[:0]
	for _, c := range candidates {
		if len(in.selected) == most {
			break
		}
		if in.diverse(c) {
			in.selected = append(in.selected, c.node())
		} else {
			in.passed = append(in.passed, c.node())
		}
	}
	room := min(most-len(in.selected), len(in.passed))
	in.selected = append(in.selected, in.passed[:room]...)
	return in.selected
}

// diverse says whether no node chosen is as near to c as the node itself.
func (in *inserter) diverse(c poolEntry) bool {
	n := len(in.selected)
	if n == 0 {
		return true
	}
	in.pruner.setNode(c.node())
	in.pruner.score(in.selected, in.scores)
	score := c.score()
	for _, s := range in.scores[:n] {
		if s < score || s == 0 {
			return false
		}
	}
	return true
}

// link adds a link from a node; if it has no room it chooses anew.
func (in *inserter) link(from, to uint32, layer int) {
	lock := &in.locks[from%uint32(len(in.locks))]
	lock.Lock()
	defer lock.Unlock()
	block := in.block(from, layer)
	n := 0
	for n < len(block) && block[n] != noNode {
		if block[n] == to {
			return
		}
		n++
	}
	if n < len(block) {
		atomic.StoreUint32(&block[n], to)
		return
	}
	in.replace(block, from, to)
}

// replace puts a link to a node into a full block, if it is worth it: it is not
// when some linked node is nearer both to from and to the new node than these
// are to each other. Its place is that of the farthest node that the new one
// makes needless in the same way or, if there is none, the farthest of all.
func (in *inserter) replace(block []uint32, from, to uint32) {
	n := len(block)
	ids := in.ids[:n+1]
	copy(ids, block)
	ids[n] = to
	near, cross := in.walker.scores[:n+1], in.scores[:n]
	in.scorer.setNode(from)
	in.scorer.score(ids, near)
	in.scorer.setNode(to)
	in.scorer.score(ids[:n], cross)
	own := near[n]
	needless, farthest := -1, 0
	for i, score := range near[:n] {
		if score <= own {
			if cross[i] < own || cross[i] == 0 {
				return
			}
		} else if (cross[i] < score || cross[i] == 0) && (needless < 0 || score > near[needless]) {
			needless = i
		}
		if score > near[farthest] {
			farthest = i
		}
	}
	if needless < 0 {
		if needless = farthest; near[farthest] < own {
			return
		}
	}
	atomic.StoreUint32(&block[needless], to)
}

// setLinks replaces the links of a block.
func setLinks(block, links []uint32) {
	for i, to := range links {
		atomic.StoreUint32(&block[i], to)
	}
	for i := len(links); i < len(block); i++ {
		atomic.StoreUint32(&block[i], noNode)
	}
}
