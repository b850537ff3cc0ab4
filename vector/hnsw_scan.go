package vector

import (
	"context"
	"encoding/binary"
	"math/bits"
)

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
