package vector

import (
	"bytes"
	"context"
	"slices"
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
	// few: a new node takes as many links on layer 0 as on the others, and gets
	// the rest from nodes to come. It is added in half the time.
	few bool
	// twins chains nodes of equal codes: only the first of a chain has links.
	// Where many vectors are equal, or nearly so, links between them would leave
	// no room for links to others.
	twins []uint32
	// heads, if not nil, is the first of the chain of each node that is not the
	// first itself, noNode of others.
	heads []uint32
	// spares and upperSpares have spareWords words a block of layer 0 and of
	// upper, a bit a link: set for those that are there because there was room,
	// and give way first.
	spares, upperSpares []uint32
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
	near       []poolEntry
	selected   []uint32
	passed     []uint32
	// own are the links chosen for the new node, by layer, the spare ones after
	// the first needed of them.
	own    [levelMax + 1][]uint32
	needed [levelMax + 1]int
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
	in.approach(in.graph, in.room, entry, top, level)
	for layer := min(level, top); layer >= 0; layer-- {
		in.start(in.room, in.ef)
		// A node is found by its own links while it is added: never by itself.
		in.seen.mark(node)
		in.seed()
		if err := in.run(ctx, in.graph, layer); err != nil {
			return err
		}
		if layer == 0 && in.isTwin(node) {
			return nil
		}
		in.candidates = append(in.candidates[:0], in.pool.entries...)
		if len(in.candidates) > 0 {
			in.seeds = append(in.seeds[:0], in.candidates[:min(len(in.candidates), seedsMax)]...)
		}
		most := in.linksOf(layer)
		if layer == 0 && in.few {
			most = in.m
		}
		links, needed := in.choose(in.candidates, most)
		in.own[layer], in.needed[layer] = append(in.own[layer][:0], links...), needed
	}
	// All lists of the node stand before any other leads to it, and the lower
	// layers before the upper: who comes to it finds the way on.
	for layer := min(level, top); layer >= 0; layer-- {
		setLinks(in.block(node, layer), in.own[layer])
		spares := in.sparesOf(node, layer)
		clear(spares)
		for i := in.needed[layer]; i < len(in.own[layer]); i++ {
			setSpare(spares, i, true)
		}
	}
	for layer := 0; layer <= min(level, top); layer++ {
		met := false
		for _, to := range in.own[layer] {
			if in.link(to, node, layer) {
				met = true
			}
		}
		if !met && len(in.own[layer]) > 0 {
			in.force(node, layer)
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

// followers tells which of the first n nodes are twins of another, and have no
// links; none without twins. Nothing is inserted meanwhile.
func followers(twins []uint32, n int) []bool {
	out := make([]bool, n)
	for _, next := range twins[:min(n, len(twins))] {
		if next != noNode {
			out[next] = true
		}
	}
	return out
}

// same compares codes.
func (b *graphBuilder) same(x, y uint32) bool {
	stride := b.codec.stride
	one, other := b.codes[int(x)*stride:][:stride], b.codes[int(y)*stride:][:stride]
	if b.codec.form == codeSparse {
		u, v := b.codec.record(one), b.codec.record(other)
		return slices.Equal(u.Indexes, v.Indexes) && slices.Equal(u.Values, v.Values)
	}
	return bytes.Equal(one, other)
}

// choose takes up to most of the candidates, which are sorted: each that is
// nearer to the node than to any chosen before it, so that links go in
// different directions; then, if there is room, the nearest passed over, which
// come after the first needed of the links.
func (in *inserter) choose(candidates []poolEntry, most int) (links []uint32, needed int) {
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
	needed = len(in.selected)
	room := min(most-needed, len(in.passed))
	in.selected = append(in.selected, in.passed[:room]...)
	return in.selected, needed
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

// link adds a link from a node; if it has no room it chooses anew, and says
// whether the link is there.
func (in *inserter) link(from, to uint32, layer int) bool {
	lock := &in.locks[from%uint32(len(in.locks))]
	lock.Lock()
	defer lock.Unlock()
	block := in.block(from, layer)
	n := 0
	for n < len(block) && block[n] != noNode {
		if block[n] == to {
			return true
		}
		n++
	}
	if n < len(block) {
		atomic.StoreUint32(&block[n], to)
		in.sparesOf(from, layer)[0] = sparesUnknown
		return true
	}
	return in.replace(block, in.sparesOf(from, layer), from, to)
}

// force leads a link to a node that is far from all it knows, so that the walks
// to come find it: in place of a spare link of the nearest that has one, or of the
// last of the nearest.
func (in *inserter) force(node uint32, layer int) {
	for _, from := range in.own[layer] {
		if in.forceFrom(from, node, layer, false) {
			return
		}
	}
	in.forceFrom(in.own[layer][0], node, layer, true)
}

func (in *inserter) forceFrom(from, to uint32, layer int, any bool) bool {
	lock := &in.locks[from%uint32(len(in.locks))]
	lock.Lock()
	defer lock.Unlock()
	block, spares := in.block(from, layer), in.sparesOf(from, layer)
	for i := range block {
		if any && i == len(block)-1 || spares[0] != sparesUnknown && isSpare(spares, i) {
			atomic.StoreUint32(&block[i], to)
			setSpare(spares, i, false)
			return true
		}
	}
	return false
}

// spareWords is how many words hold a bit a link of n.
func spareWords(n int) int { return (n + 31) / 32 }

// sparesUnknown, in the first word, stands where links were added without
// looking. A block that has it otherwise is looked at once more.
const sparesUnknown = ^uint32(0)

// sparesOf is the bits of a block.
func (b *graphBuilder) sparesOf(node uint32, layer int) []uint32 {
	if layer == 0 {
		w := spareWords(2 * b.m)
		return b.spares[int(node)*w:][:w]
	}
	w := spareWords(b.m)
	return b.upperSpares[(int(b.upperAt[node]&(1<<levelShift-1))+layer-1)*w:][:w]
}

func isSpare(spares []uint32, i int) bool { return spares[i>>5]&(1<<(i&31)) != 0 }

func setSpare(spares []uint32, i int, spare bool) {
	bit := uint32(1) << (i & 31)
	if spares[i>>5] &^= bit; spare {
		spares[i>>5] |= bit
	}
}

// replace puts a link to a node into a full block, and says so, if it is worth it. As in
// choose, a link is spare if some other, not spare, is nearer to its end than
// from is. The farthest spare one gives way or, if none is spare, the farthest.
func (in *inserter) replace(block, spares []uint32, from, to uint32) bool {
	n := len(block)
	if spares[0] == sparesUnknown {
		in.findSpares(block, spares, from)
	}
	ids := in.ids[:n+1]
	copy(ids, block)
	ids[n] = to
	near, cross := in.walker.scores[:n+1], in.scores[:n]
	in.scorer.setNode(from)
	in.scorer.score(ids, near)
	in.scorer.setNode(to)
	in.scorer.score(ids[:n], cross)
	own := near[n]
	spare := false
	for i, score := range near[:n] {
		if score <= own && (cross[i] < own || cross[i] == 0) && !isSpare(spares, i) {
			spare = true
			break
		}
	}
	goes := -1
	for i, score := range near[:n] {
		if !spare && score > own && (cross[i] < score || cross[i] == 0) {
			setSpare(spares, i, true)
		}
		if isSpare(spares, i) && (goes < 0 || score > near[goes]) {
			goes = i
		}
	}
	switch {
	case goes >= 0:
		if spare && near[goes] <= own {
			return false
		}
	default:
		goes = 0
		for i, score := range near[:n] {
			if score > near[goes] {
				goes = i
			}
		}
		if spare || near[goes] <= own {
			return false
		}
	}
	atomic.StoreUint32(&block[goes], to)
	setSpare(spares, goes, spare)
	return true
}

// findSpares tells the links of a full block apart that choose would pass over.
func (in *inserter) findSpares(block, spares []uint32, from uint32) {
	n := len(block)
	in.scorer.setNode(from)
	copy(in.ids[:n], block)
	in.scorer.score(in.ids[:n], in.walker.scores)
	in.near = in.near[:0]
	for i, score := range in.walker.scores[:n] {
		in.near = append(in.near, newPoolEntry(score, uint32(i)))
	}
	slices.Sort(in.near)
	clear(spares)
	in.selected = in.selected[:0]
	for _, e := range in.near {
		slot := e.node()
		if in.diverse(newPoolEntry(e.score(), block[slot])) {
			in.selected = append(in.selected, block[slot])
		} else {
			setSpare(spares, int(slot), true)
		}
	}
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
