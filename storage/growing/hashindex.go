package growing

import (
	"sync/atomic"
)

// hashIndex maps a 64-bit hash to the positions of the rows that have it, the
// newest first: one slot a hash, older rows in a chain. One writer at a time,
// readers without a lock; equal hashes of different keys are told apart by the
// caller.
type hashIndex struct {
	table atomic.Pointer[hashTable]
	used  int
	// older[pos] is 1 + the next older position of the same hash. It exists
	// only where a hash came twice.
	older atomic.Pointer[[]atomic.Uint32]
}

type hashTable struct {
	mask   uint64
	hashes []atomic.Uint64 // 0 is empty
	heads  []atomic.Uint32
}

func newHashTable(size int) *hashTable {
	return &hashTable{mask: uint64(size - 1), hashes: make([]atomic.Uint64, size), heads: make([]atomic.Uint32, size)}
}

// hashBytesPerEntry is what an entry takes about, for accounting.
const hashBytesPerEntry = 20

// add makes pos the newest row of hash.
func (x *hashIndex) add(hash uint64, pos int) {
	hash = max(hash, 1)
	t := x.table.Load()
	if t == nil {
		t = newHashTable(64)
		x.table.Store(t)
	}
	if x.used*4 >= len(t.heads)*3 {
		t = x.grow(t)
	}
	slot, found := t.find(hash)
	if found {
		x.link(pos, t.heads[slot].Load())
		t.heads[slot].Store(uint32(pos))
		return
	}
	t.heads[slot].Store(uint32(pos))
	t.hashes[slot].Store(hash)
	x.used++
}

// each calls f with the positions of hash, newest first, until f says false.
func (x *hashIndex) each(hash uint64, f func(pos int) bool) {
	hash = max(hash, 1)
	t := x.table.Load()
	if t == nil {
		return
	}
	slot, found := t.find(hash)
	if !found {
		return
	}
	for pos := t.heads[slot].Load(); f(int(pos)); {
		older := x.older.Load()
		if older == nil || int(pos) >= len(*older) {
			return
		}
		next := (*older)[pos].Load()
		if next == 0 {
			return
		}
		pos = next - 1
	}
}

func (t *hashTable) find(hash uint64) (slot uint64, found bool) {
	// The low bits choose the shard of a table; the high ones choose the slot.
	for slot = (hash * 0x9e3779b97f4a7c15 >> 20) & t.mask; ; slot = (slot + 1) & t.mask {
		switch t.hashes[slot].Load() {
		case hash:
			return slot, true
		case 0:
			return slot, false
		}
	}
}

func (x *hashIndex) grow(t *hashTable) *hashTable {
	grown := newHashTable(2 * len(t.heads))
	for i := range t.hashes {
		if hash := t.hashes[i].Load(); hash != 0 {
			slot, _ := grown.find(hash)
			grown.heads[slot].Store(t.heads[i].Load())
			grown.hashes[slot].Store(hash)
		}
	}
	x.table.Store(grown)
	return grown
}

func (x *hashIndex) link(pos int, older uint32) {
	list := x.older.Load()
	if list == nil || pos >= len(*list) {
		grown := make([]atomic.Uint32, max(2*pos, 64))
		if list != nil {
			for i := range *list {
				grown[i].Store((*list)[i].Load())
			}
		}
		list = &grown
		x.older.Store(list)
	}
	(*list)[pos].Store(older + 1)
}
