package vector

import (
	"math"
	"sync/atomic"
)

// A graph is a hierarchical navigable small world (Malkov and Yashunin 2016):
// every node is on layer 0, one in m of a layer is on the next as well, and on
// each it has links to near nodes in different directions.
//
// Links are numbers of nodes in blocks of a fixed size, ended by noNode when
// there are fewer. They are read and written atomically: while nodes are added,
// searches see some of the links of a node before, and some after.
type graph struct {
	m     int      // links a node and layer; 2m on layer 0
	links []uint32 // layer 0: 2m a node
	// packed has the links of layer 0 instead, if its bytes are not nil.
	packed packedLinks
	// upperAt has the highest layer of a node, from bit levelShift up, over its
	// first block in upper, which has a block of m a layer, from layer 1 up;
	// noNode for a node of layer 0 only.
	upperAt []uint32
	upper   []uint32
	// entry is where searches begin: the layer in the high 32 bits, the node in
	// the low ones; noEntry for a graph without nodes.
	entry atomic.Uint64
}

const (
	noNode  = ^uint32(0)
	noEntry = ^uint64(0)
)

// levelMax bounds the layers; levelShift leaves room for the blocks above
// graphNodesMax nodes.
const (
	levelMax   = 16
	levelShift = 27
)

// levelOf is the highest layer of a node: drawn from its number alone, so that
// graphs do not depend on who built them in what order.
func levelOf(node uint32, m int) int {
	// splitmix64.
	x := (uint64(node) + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	u := (float64(x>>11) + 0.5) / (1 << 53)
	return min(int(-math.Log(u)/math.Log(float64(m))), levelMax)
}

// block is the links of a node on a layer.
func (g *graph) block(node uint32, layer int) []uint32 {
	if layer == 0 {
		return g.links[int(node)*2*g.m:][:2*g.m]
	}
	return g.upper[(int(g.upperAt[node]&(1<<levelShift-1))+layer-1)*g.m:][:g.m]
}

// level is the highest layer of a node.
func (g *graph) level(node uint32) int {
	if at := g.upperAt[node]; at != noNode {
		return int(at >> levelShift)
	}
	return 0
}

// entryPoint is the entry and its layer; ok is false if there is no node.
func (g *graph) entryPoint() (node uint32, layer int, ok bool) {
	e := g.entry.Load()
	return uint32(e), int(e >> 32), e != noEntry
}

// marks are a set of nodes: a word has the bits of 32 of them, below the number
// of the walk that set these. So a new walk need not clear what the last left.
type marks struct {
	words []uint64
	walk  uint64
}

// reset makes room for n nodes, none marked.
func (m *marks) reset(n int) {
	if words := (n + 31) / 32; len(m.words) < words {
		m.words, m.walk = make([]uint64, words+words/4), 0
	}
	if m.walk++; m.walk == 1<<32 {
		clear(m.words)
		m.walk = 1
	}
}

// mark marks a node and says whether it was not.
func (m *marks) mark(node uint32) bool {
	word := m.words[node>>5]
	if word>>32 != m.walk {
		word = m.walk << 32
	}
	bit := uint64(1) << (node & 31)
	m.words[node>>5] = word | bit
	return word&bit == 0
}

// An entry of a pool is a score, in a form that sorts as an unsigned number,
// over the node and whether its links have been followed.
type poolEntry uint64

// scoreBits maps float32 to uint32 in order; NaN is after all numbers.
func scoreBits(score float32) uint32 {
	b := math.Float32bits(score)
	if score != score {
		return math.MaxUint32
	}
	return b ^ (uint32(int32(b)>>31) | 0x80000000)
}

func newPoolEntry(score float32, node uint32) poolEntry {
	return poolEntry(uint64(scoreBits(score))<<32 | uint64(node)<<1)
}

func (e poolEntry) node() uint32   { return uint32(e) >> 1 }
func (e poolEntry) followed() bool { return e&1 != 0 }

// score gives the score back.
func (e poolEntry) score() float32 {
	b := uint32(e >> 32)
	if b&0x80000000 != 0 {
		return math.Float32frombits(b ^ 0x80000000)
	}
	return math.Float32frombits(^b)
}

// graphNodesMax is what an entry has room for.
const graphNodesMax = 1<<31 - 1

// A pool keeps the nearest nodes that a search has met, the nearest first: limit
// of them, and more that are hardly farther than the one at rank, by a margin. The
// scores of others, known from elsewhere, count for the rank as entries do.
type pool struct {
	entries []poolEntry
	limit   int
	next    int // no entry before it is unfollowed
	rank    int // 0: no more than limit
	margin  margin
	reach   poolEntry // what goes beyond limit is below
	others  []float32 // ascending
	// margins, where there are others, are margin by the part of those up to rank
	// that are entries, from few to all.
	margins []margin
	// discarded keeps what fell out, or did not get in, if a search may go on
	// with a larger limit.
	discarded []poolEntry
	keep      bool
}

// A margin is what a score may be above another: a factor and a term, of scores
// or of their square roots.
type margin struct {
	gain, slack float32
	squared     bool
}

func (m margin) above(score float32) float32 {
	if !m.squared {
		return score*m.gain + m.slack
	}
	root := float32(math.Sqrt(float64(max(score, 0))))*m.gain + m.slack
	return root * root
}

// poolMax is how many entries there are at most.
func poolMax(limit int) int { return 4*limit + 1<<12 }

func (p *pool) reset(limit int) {
	p.limit, p.next, p.keep = max(limit, 1), 0, false
	p.rank, p.reach, p.others = 0, 0, nil
	p.entries, p.discarded = p.entries[:0], p.discarded[:0]
	if room := min(p.limit, 1<<12); cap(p.entries) < room {
		p.entries = make([]poolEntry, 0, room+room/4)
	}
}

// stretch lets the pool hold more, by the margin above the entry at rank.
func (p *pool) stretch(rank int, m margin) {
	p.rank, p.margin = min(rank, p.limit), m
}

// worst is what an entry must be below to get in.
func (p *pool) worst() poolEntry {
	n := len(p.entries)
	switch {
	case n < p.limit:
		return math.MaxUint64
	case p.reach <= p.entries[p.limit-1]:
		return p.entries[p.limit-1]
	case n < poolMax(p.limit):
		return p.reach
	}
	return p.entries[n-1]
}

// insert puts in an entry that is below worst.
func (p *pool) insert(e poolEntry) {
	// A binary search without branches that the processor would guess wrong.
	base, n := 0, len(p.entries)
	for n > 1 {
		half := n >> 1
		if p.entries[base+half-1] < e {
			base += half
		}
		n -= half
	}
	if n == 1 && p.entries[base] < e {
		base++
	}
	p.entries = append(p.entries, 0)
	copy(p.entries[base+1:], p.entries[base:])
	p.entries[base] = e
	p.next = min(p.next, base)
	if base < p.rank {
		p.aim()
	}
	p.trim()
}

// aim sets reach.
func (p *pool) aim() {
	if p.reach = 0; p.rank == 0 || len(p.entries)+len(p.others) < p.rank {
		return
	}
	score, own := p.ranked()
	m := p.margin
	if own < p.rank {
		m = p.margins[own*len(p.margins)/p.rank]
	}
	p.reach = newPoolEntry(m.above(score), 0)
}

// ranked is the score at rank, of the entries and the others together, and how many
// of those up to rank are entries.
func (p *pool) ranked() (score float32, own int) {
	// The fewest entries that leave so many others that all of these are nearer than
	// the next entry.
	own, most := max(p.rank-len(p.others), 0), min(p.rank, len(p.entries))
	for own < most {
		half := (own + most) / 2
		if p.others[p.rank-half-1] <= p.entries[half].score() {
			most = half
		} else {
			own = half + 1
		}
	}
	switch own {
	case 0:
		return p.others[p.rank-1], own
	case p.rank:
		return p.entries[own-1].score(), own
	}
	return max(p.entries[own-1].score(), p.others[p.rank-own-1]), own
}

// near is what entries within a margin above the one at a rank are up to.
func (p *pool) near(rank int, m margin) poolEntry {
	return newPoolEntry(m.above(p.entries[rank-1].score()), noNode>>1) | 1
}

// trim lets go of what is neither among the first nor within reach.
func (p *pool) trim() {
	n := len(p.entries)
	for n > p.limit && (p.entries[n-1] >= p.reach || n > poolMax(p.limit)) {
		n--
	}
	if p.keep {
		p.discarded = append(p.discarded, p.entries[n:]...)
	}
	p.entries = p.entries[:n]
}

// follow returns the nearest node whose links have not been followed, and marks
// it; false if there is none.
func (p *pool) follow() (uint32, bool) {
	for p.next < len(p.entries) {
		e := &p.entries[p.next]
		p.next++
		if !e.followed() {
			*e |= 1
			return e.node(), true
		}
	}
	return 0, false
}

// peek is the node that follow would return.
func (p *pool) peek() (uint32, bool) {
	for i := p.next; i < len(p.entries); i++ {
		if !p.entries[i].followed() {
			return p.entries[i].node(), true
		}
	}
	return 0, false
}
