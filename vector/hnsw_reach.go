package vector

import (
	"context"
	"slices"
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
//
// Where all that leads to some nodes are links from afar, they are within reach, but
// not of the walks that look for them; leadHome finds these.
type reach struct {
	*inserter
	// parent of each node in its tree; of a root itself; noNode out of reach.
	// stack has room for as many.
	parent, stack []uint32
}

// connectAll brings all nodes into reach that have links; skip says which have
// none. The parents that it leaves are what leadHome goes by.
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
	r.approach(r.graph, r.room, entry, top, 0)
	r.start(r.room, r.ef)
	r.seed()
	if err := r.run(ctx, r.graph, 0); err != nil {
		return err
	}
	r.candidates = append(r.candidates[:0], r.pool.entries...)
	for _, c := range r.candidates {
		if from := c.node(); from != node && r.parent[from] != noNode {
			if _, ok := r.lead(from, node); ok {
				r.follow(node, from)
				return nil
			}
		}
	}
	return nil
}

// lead puts a link to a node into the block of another, if there is room or a
// link that is not of the tree: the farthest spare one goes or, if none is spare,
// the farthest. It returns the node that the other led to until now, or noNode.
func (r *reach) lead(from, to uint32) (was uint32, ok bool) {
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
		return noNode, true
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
		return noNode, false
	}
	was = block[goes]
	atomic.StoreUint32(&block[goes], to)
	setSpare(spares, goes, false)
	return was, true
}

const (
	// companyMin is how many nodes must be joined by links both ways for walks to
	// be trusted to find them: among so many some are on the layers above.
	companyMin = 128
	// companyLinks is how many links both ways of a node are looked for.
	companyLinks = 4
	// homeRounds bounds how often what links that gave way had led to is looked for.
	homeRounds = 8
)

// leadHome searches for the vectors of the nodes that are in small company, as a
// query for the nearest homeK at a recall of 0.95 would. One that is not found gets a
// link from the nearest node that was; then what this node led to instead is looked
// for. All nodes are in the graph, and connectAll has run. The inserters are the
// workers' own.
func (b *graphBuilder) leadHome(ctx context.Context, inserters []*inserter, parent, stack []uint32, effort *effortTable, o Options) error {
	gain, _ := effort.at(homeK, 0.95)
	nodes := b.inSmallCompany(parent, stack)
	o.Workers, o.Progress = min(o.Workers, len(inserters)), nil
	for round := 0; round < homeRounds && len(nodes) > 0; round++ {
		led := make([][]uint32, o.Workers)
		if err := share(ctx, o, "", len(nodes), func(worker, i int) error {
			r := reach{inserter: inserters[worker], parent: parent}
			was, err := r.home(ctx, nodes[i], gain)
			if was != noNode {
				led[worker] = append(led[worker], was)
			}
			return err
		}); err != nil {
			return err
		}
		nodes = slices.Concat(led...)
		slices.Sort(nodes)
		nodes = slices.Compact(nodes)
	}
	return nil
}

// homeK is how many neighbours the searches of leadHome are for.
const homeK = 10

// inSmallCompany are the nodes that links both ways, from one to the next, join to
// less than companyMin others. Nodes that parent has no parent of are left out. They
// are returned in company, which on the way has the size of a company at one of its
// nodes, above companySize, and at the others the way to that.
func (b *graphBuilder) inSmallCompany(parent, company []uint32) []uint32 {
	const companySize = 1 << 31
	for i := range company {
		company[i] = companySize + 1
	}
	find := func(node uint32) uint32 {
		for company[node] < companySize {
			if up := company[node]; company[up] < companySize {
				company[node] = company[up]
			}
			node = company[node]
		}
		return node
	}
	for node := range uint32(len(parent)) {
		if parent[node] == noNode {
			continue
		}
		found := 0
		for _, to := range b.block(node, 0) {
			if to == noNode || found == companyLinks {
				break
			}
			if !slices.Contains(b.block(to, 0), node) {
				continue
			}
			found++
			one, other := find(node), find(to)
			if one == other {
				continue
			}
			if company[one] < company[other] {
				one, other = other, one
			}
			company[one] += company[other] - companySize
			company[other] = one
		}
	}
	for node := range uint32(len(parent)) {
		company[node] = company[find(node)]
	}
	nodes := company[:0]
	for node := range uint32(len(parent)) {
		if parent[node] != noNode && company[node] < companySize+companyMin {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// home searches for a node's own vector, and leads a link to the node if it was not
// met. It returns the node that this link's place had led to, or noNode.
func (r *reach) home(ctx context.Context, node uint32, gain float32) (was uint32, err error) {
	r.scorer.setNode(node)
	r.begin(r.graph, r.room, look{limit: homeK, rank: homeK, margin: r.scorer.margin(gain)})
	if err := r.run(ctx, r.graph, 0); err != nil || !r.seen.mark(node) {
		return noNode, err
	}
	r.candidates = append(r.candidates[:0], r.pool.entries...)
	for _, c := range r.candidates {
		if was, ok := r.lead(c.node(), node); ok {
			return was, nil
		}
	}
	return noNode, nil
}
