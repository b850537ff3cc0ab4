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
	ids    []uint32
	scores []float32
	// What the last walks did.
	visited, scored int64
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

// descend goes from the entry down to a layer, on each to the nearest node it
// can reach step by step.
func (w *walker) descend(g *graph, node uint32, from, to int) (uint32, float32) {
	nearest := w.one(node)
	for layer := from; layer > to; layer-- {
		for moved := true; moved; {
			moved = false
			w.ids = w.ids[:0]
			block := g.block(node, layer)
			for i := range block {
				id := atomic.LoadUint32(&block[i])
				if id == noNode {
					break
				}
				w.ids = append(w.ids, id)
			}
			w.scorer.score(w.ids, w.scores)
			w.scored += int64(len(w.ids))
			for i, id := range w.ids {
				if w.scores[i] < nearest {
					nearest, node, moved = w.scores[i], id, true
				}
			}
		}
	}
	return node, nearest
}

// start begins a walk of a layer over n nodes.
func (w *walker) start(n, limit int) {
	w.seen.reset(n)
	w.pool.reset(limit)
}

// seed puts a node into the pool.
func (w *walker) seed(node uint32, score float32) {
	if w.seen.mark(node) {
		if e := newPoolEntry(score, node); e < w.pool.worst() {
			w.pool.insert(e)
		}
	}
}

// ctxHops is how many nodes are visited between looks at the context.
const ctxHops = 256

// run follows links on a layer until the pool holds the nearest nodes that they
// lead to.
func (w *walker) run(ctx context.Context, g *graph, layer int) error {
	lineCount := g.m / 8 // of 64 bytes, in 2m links
	for hop := 1; ; hop++ {
		node, ok := w.pool.follow()
		if !ok {
			return nil
		}
		if hop%ctxHops == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		w.visited++
		block := g.block(node, layer)
		ids := w.ids[:len(block)]
		n := 0
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
		if next, ok := w.pool.peek(); ok && layer == 0 {
			prefetch(&g.links[int(next)*2*g.m], lineCount)
		}
		ids = ids[:n]
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
