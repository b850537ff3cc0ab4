package vector

import (
	"context"
	"sync/atomic"
)

// Links are chosen by those that they leave from, near ones in different
// directions. A vector far from all others, as the long ones of inner products
// are, is among the nearest of none: every link to it may give way to another,
// and then no walk comes there. reach finds such nodes and leads a link to each
// from the nearest node that a walk does come to.
//
// A walk comes to layer 0 by the nodes of the layers above, so these are where reach
// begins. The links that it finds nodes by make trees, whose edges never give way
// to the links added: what was within reach stays so.
type reach struct {
	*inserter
	// parent of each node in its tree; of a root itself; noNode out of reach.
	// stack has room for as many.
	parent, stack []uint32
}

// connectAll brings all nodes into reach that have links; skip says which have
// none.
func (r *reach) connectAll(ctx context.Context, skip func(node uint32) bool) error {
	if _, _, ok := r.entryPoint(); !ok {
		return nil
	}
	for i := range r.parent {
		r.parent[i] = noNode
	}
	for _, root := range r.fromAbove() {
		if r.parent[root] == noNode {
			r.follow(root, root)
		}
	}
	for node := range uint32(len(r.parent)) {
		if r.parent[node] != noNode || skip(node) {
			continue
		}
		if err := r.attach(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// fromAbove is the nodes by which walks come to layer 0: what the entry leads to on
// each layer above, and that on the next.
func (r *reach) fromAbove() []uint32 {
	entry, top, _ := r.entryPoint()
	nodes := []uint32{entry}
	for layer := top; layer > 0; layer-- {
		r.seen.reset(r.room)
		for _, node := range nodes {
			r.seen.mark(node)
		}
		for i := 0; i < len(nodes); i++ {
			for _, to := range r.block(nodes[i], layer) {
				if to == noNode {
					break
				}
				if r.seen.mark(to) {
					nodes = append(nodes, to)
				}
			}
		}
	}
	return nodes
}

// follow adds a node and all that it leads to to the tree. Each node comes onto
// the stack once.
func (r *reach) follow(node, parent uint32) {
	r.parent[node] = parent
	r.stack[0] = node
	for n := 1; n > 0; {
		n--
		from := r.stack[n]
		for _, to := range r.block(from, 0) {
			if to == noNode {
				break
			}
			if r.parent[to] == noNode {
				r.parent[to] = from
				r.stack[n] = to
				n++
			}
		}
	}
}

// attach leads a link to a node.
func (r *reach) attach(ctx context.Context, node uint32) error {
	r.scorer.setNode(node)
	entry, top, _ := r.entryPoint()
	nearest, score := r.descend(r.graph, entry, top, 0)
	r.start(r.room, r.ef)
	r.seed(nearest, score)
	if err := r.run(ctx, r.graph, 0); err != nil {
		return err
	}
	r.candidates = append(r.candidates[:0], r.pool.entries...)
	for _, c := range r.candidates {
		if from := c.node(); from != node && r.parent[from] != noNode && r.lead(from, node) {
			r.follow(node, from)
			return nil
		}
	}
	return nil
}

// lead puts a link to a node into the block of another, if there is room or a
// link that is not of the tree: the farthest spare one goes or, if none is spare,
// the farthest.
func (r *reach) lead(from, to uint32) bool {
	lock := &r.locks[from%uint32(len(r.locks))]
	lock.Lock()
	defer lock.Unlock()
	block, spares := r.block(from, 0), r.sparesOf(from, 0)
	n := 0
	for n < len(block) && block[n] != noNode {
		n++
	}
	if n < len(block) {
		atomic.StoreUint32(&block[n], to)
		spares[0] = sparesUnknown
		return true
	}
	if spares[0] == sparesUnknown {
		r.findSpares(block, spares, from)
	}
	r.pruner.setNode(from)
	r.pruner.score(block, r.scores)
	goes := -1
	for i, id := range block {
		if r.parent[id] == from {
			continue
		}
		if goes < 0 || isSpare(spares, i) && !isSpare(spares, goes) ||
			isSpare(spares, i) == isSpare(spares, goes) && r.scores[i] > r.scores[goes] {
			goes = i
		}
	}
	if goes < 0 {
		return false
	}
	atomic.StoreUint32(&block[goes], to)
	setSpare(spares, goes, false)
	return true
}
