package lock

import (
	"math/bits"
	"slices"
)

// The methods of shard run under its mu.

// holder returns who has r and in which modes, if it is none of objects.
func (s *shard) holder(r Resource) (owner uint32, held modes, locked bool) {
	if e, ok := s.extra.m[r]; ok {
		return e.owner, e.held, true
	}
	if e, ok := s.single.m[r.block()]; ok {
		return e.owner, e.held, e.sameAs(r)
	}
	b, ok := s.blocks.m[r.block()]
	return b.owner, b.held, ok && b.places&r.bit() != 0
}

// add locks r, which nobody has.
func (s *shard) add(o *Owner, r Resource, mode Mode) {
	alike := func(owner uint32, mark uint16, held modes) bool {
		return owner == o.id && mark == o.mark && mark < marksMax && held == setOf(mode)
	}
	mine := single{owner: o.id, mark: o.mark, place: uint8(r & placeMask), held: setOf(mode)}
	e, hasSingle := s.single.m[r.block()]
	b, hasBlock := s.blocks.m[r.block()]
	switch {
	case hasSingle && alike(e.owner, e.mark, e.held):
		s.single.remove(r.block())
		s.blocks.put(r.block(), block{places: 1<<e.place | r.bit(), owner: e.owner, mark: e.mark, held: e.held})
		r = r.blockItem()
	case hasBlock && alike(b.owner, b.mark, b.held):
		b.places |= r.bit()
		s.blocks.put(r.block(), b)
		return // the list has the block
	case hasSingle || hasBlock:
		s.extra.put(r, mine)
	default:
		s.single.put(r.block(), mine)
	}
	o.list = append(o.list, r)
}

// hold changes the modes of r, which one owner has.
func (s *shard) hold(r Resource, owner uint32, held modes) {
	if e, ok := s.extra.m[r]; ok {
		e.held = held
		s.extra.put(r, e)
		return
	}
	if e, ok := s.single.m[r.block()]; ok {
		e.held = held
		s.single.put(r.block(), e)
		return
	}
	b := s.blocks.m[r.block()]
	if b.places == r.bit() {
		b.held = held
	} else {
		b.split = true
		s.extra.put(r, single{owner: owner, held: held})
	}
	s.blocks.put(r.block(), b)
}

// object makes an object of r, which one owner has, for others to wait at. Manager.mu
// is held, too.
func (s *shard) object(m *Manager, r Resource) *object {
	owner, held, _ := s.holder(r)
	x := &object{resource: r, holders: []holder{{m.owners[owner], held}}}
	s.objects[r] = x
	s.extra.remove(r)
	if e, ok := s.single.m[r.block()]; ok && e.sameAs(r) {
		s.single.remove(r.block())
	}
	if b, ok := s.blocks.m[r.block()]; ok && b.places&r.bit() != 0 {
		b.split = true
		s.blocks.put(r.block(), b)
	}
	return x
}

// release takes r from o, be it not as one of a block.
func (s *shard) release(o *Owner, r Resource) {
	if e, ok := s.extra.m[r]; ok && e.owner == o.id {
		s.extra.remove(r)
	}
	if e, ok := s.single.m[r.block()]; ok && e.owner == o.id && e.sameAs(r) {
		s.single.remove(r.block())
	}
	x := s.objects[r]
	if x == nil {
		return
	}
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	x.holders = slices.DeleteFunc(x.holders, func(h holder) bool { return h.owner == o })
	x.grantWaiters()
	if len(x.holders) == 0 && len(x.queue) == 0 {
		delete(s.objects, r)
	}
}

// releaseBlock takes the resources of a block from o that it locked together.
func (s *shard) releaseBlock(o *Owner, r Resource) {
	b, ok := s.blocks.m[r]
	if !ok || b.owner != o.id {
		return
	}
	for rest := b.places; b.split && rest != 0; rest &= rest - 1 {
		s.release(o, r|Resource(bits.TrailingZeros64(rest)))
	}
	s.blocks.remove(r)
}
