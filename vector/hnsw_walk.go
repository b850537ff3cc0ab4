package vector

import (
	"context"
	"sync/atomic"
)

// A walker holds what one search, or one worker of a build, needs. It belongs
// to one goroutine at a time and is used again.
type walker struct {
	scorer *graphScorer
	seen   marks
	pool   pool
	seeds  []poolEntry
	ids    []uint32
	scores []float32
	// What the last walks did.
	visited, scored int64
	// pause, if not 0, is the number of nodes visited at which a walk stops, to be
	// gone on with.
	pause int64
}

func (w *walker) init(scorer *graphScorer, links int) {
	w.scorer = scorer
	if cap(w.ids) < links+1 {
		w.ids, w.scores = make([]uint32, links+1), make([]float32, links+1)
	}
}

// one scores one node.
func (w *walker) one(node uint32) float32 {
	w.ids = w.ids[:1]
	w.ids[0] = node
	w.scorer.score(w.ids, w.scores)
	return w.scores[0]
}

// start begins a walk of a layer over n nodes.
func (w *walker) start(n, limit int) {
	w.seen.reset(n)
	w.pool.reset(limit)
}

// seed puts the seeds into the pool.
func (w *walker) seed() {
	for _, e := range w.seeds {
		if w.seen.mark(e.node()) {
			if e := newPoolEntry(e.score(), e.node()); e < w.pool.worst() {
				w.pool.insert(e)
			}
		}
	}
}

// look is how far a walk goes: it holds so many nodes, and those within a margin
// above the node at rank.
type look struct {
	limit, rank int
	margin      margin
	visits      float64 // expected
}

// seedsMax is how many nodes are held on layer 1, seedsAbove on those above it; the
// walk of the next layer begins at them. Of clusters that lie about as far from each
// other, as those of many dimensions do, a way down by the nearest node alone often
// ends in a wrong one; and a query between clusters that are hardly linked has its
// neighbours in several. An inner product is largest in a direction, however far from
// all vectors of a graph that is: of 1,000 clusters 25 in 2,000 queries found none of
// their neighbours with eight, 7 with seedsProduct.
const (
	seedsMax     = 8
	seedsAbove   = 4
	seedsProduct = 32
)

// approach goes from the entry down to above a layer, and leaves in seeds where the
// walk of that layer begins: the nearest nodes that it found, the nearest first.
func (w *walker) approach(g *graph, nodes int, entry uint32, top, layer int) {
	w.seeds = append(w.seeds[:0], newPoolEntry(w.one(entry), entry))
	for above := top; above > layer; above-- {
		width := seedsMax
		switch {
		case above > 1:
			width = seedsAbove
		case w.scorer.product && w.scorer.space.Distance == InnerProduct:
			width = seedsProduct
		}
		w.start(nodes, width)
		w.seed()
		_ = w.run(context.Background(), g, above) // a few steps
		w.seeds = append(w.seeds[:0], w.pool.entries...)
	}
}

// begin starts a walk of layer 0 from the entry point.
func (w *walker) begin(g *graph, nodes int, l look) {
	w.pause = 0
	entry, top, ok := g.entryPoint()
	if !ok {
		w.start(nodes, l.limit)
		return
	}
	w.approach(g, nodes, entry, top, 0)
	w.start(nodes, l.limit)
	w.pool.stretch(l.rank, l.margin)
	w.seed()
}

// ctxHops is how many nodes are visited between looks at the context.
const ctxHops = 256

// run follows links on a layer until the pool holds the nearest nodes that they
// lead to.
func (w *walker) run(ctx context.Context, g *graph, layer int) error {
	lineCount := g.m / 8 // of 64 bytes, in 2m links
	for hop := 1; ; hop++ {
		if w.pause > 0 && w.visited >= w.pause {
			return nil
		}
		node, ok := w.pool.follow()
		if !ok {
			return nil
		}
		if hop%ctxHops == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		w.visited++
		ids := w.unmet(g, node, layer)
		n := len(ids)
		if next, ok := w.pool.peek(); ok && layer == 0 {
			if g.packed.bytes != nil {
				g.packed.prefetch(next)
			} else {
				prefetch(&g.links[int(next)*2*g.m], lineCount)
			}
		}
		scores := w.scores[:n]
		w.scorer.score(ids, scores)
		w.scored += int64(n)
		worst := w.pool.worst()
		for i, score := range scores {
			if e := newPoolEntry(score, ids[i]); e < worst {
				w.pool.insert(e)
				worst = w.pool.worst()
			} else if w.pool.keep {
				w.pool.discarded = append(w.pool.discarded, e)
			}
		}
	}
}

// unmet are the nodes linked from a node that the walk meets for the first time.
func (w *walker) unmet(g *graph, node uint32, layer int) []uint32 {
	n := 0
	if layer == 0 && g.packed.bytes != nil {
		ids := w.ids[:g.packed.count]
		for _, id := range ids[:g.packed.unpack(node, ids)] {
			ids[n] = id
			if w.seen.mark(id) {
				n++
			}
		}
		return ids[:n]
	}
	block := g.block(node, layer)
	ids := w.ids[:len(block)]
	for i := range block {
		id := atomic.LoadUint32(&block[i])
		if id == noNode {
			break
		}
		ids[n] = id
		if w.seen.mark(id) {
			n++
		}
	}
	return ids[:n]
}
