package vector

import (
	"encoding/binary"
	"math/bits"
)

// packedLinks are the links of layer 0 in as few bits as numbers of nodes need,
// one after the other: 2m a node, all bits set where there is none. They take
// two thirds of the memory of words, and a little time to unpack.
type packedLinks struct {
	bytes []byte // and linksPadding
	count int    // 2m
	width int    // bits
}

// linksPadding lets every number be read as part of eight bytes.
const linksPadding = 8

func newPackedLinks(nodes, m int) packedLinks {
	return packedLinks{count: 2 * m, width: bits.Len(uint(nodes))}
}

// size in bytes for so many nodes.
func (p *packedLinks) size(nodes int) int { return (nodes*p.count*p.width+7)/8 + linksPadding }

// pack sets the links of a node, all zero before.
func (p *packedLinks) pack(node int, links []uint32) {
	at := node * p.count * p.width
	for _, id := range links {
		b := p.bytes[at>>3:][:8]
		word := binary.LittleEndian.Uint64(b) | (uint64(id)&(1<<p.width-1))<<(at&7)
		binary.LittleEndian.PutUint64(b, word)
		at += p.width
	}
}

// unpack writes the links of a node to ids, which has room for count, and
// returns their number.
func (p *packedLinks) unpack(node uint32, ids []uint32) (n int) {
	none := uint64(1)<<p.width - 1
	at := int(node) * p.count * p.width
	for ; n < p.count; n++ {
		id := binary.LittleEndian.Uint64(p.bytes[at>>3:]) >> (at & 7) & none
		if id == none {
			break
		}
		ids[n] = uint32(id)
		at += p.width
	}
	return n
}

// prefetch asks for the links of a node.
func (p *packedLinks) prefetch(node uint32) {
	at := int(node) * p.count * p.width / 8
	prefetchBytes(p.bytes[at:], p.count*p.width/8)
}

// Prefetch asks for bytes that are soon to be read.
func Prefetch(b []byte) {
	if len(b) >= 4 {
		prefetchBytes(b, len(b))
	}
}

// prefetchBytes asks for the first n bytes.
func prefetchBytes(b []byte, n int) {
	prefetch(&wordsOf(b[:4])[0], (n+addressOf(b)&63+63)/64)
}
