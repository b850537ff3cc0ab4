package storage

import (
	"sort"
	"unsafe"

	"quiver/storage/wal"
)

// deletion is one row that a transaction deleted.
type deletion struct {
	target    *wal.Target
	row       RowID
	successor RowID
	// key is valid until the deletions are released or cut.
	key []byte
	// private says that the row was the transaction's own, not a committed one.
	private bool
}

// deletions are what a transaction deleted, in order. A statement may delete tens of
// millions of rows, so beyond deletionsOnHeap they lie in scratch files, as memory.
type deletions struct {
	// scratch is Engine.scratchMemory; nil without a place for scratch files.
	scratch func(bytes int64) (memory []byte, release func(), err error)
	chunks  []*deletionChunk
	count   int
}

// deletionChunk is some of the deletions, by columns.
type deletionChunk struct {
	first      int // index of the first one
	rows       []uint64
	successors []uint64
	keyEnds    []uint32
	keys       []byte
	targets    []targetRun
	// fixed says that the columns cannot grow; release gives their memory back.
	fixed   bool
	release func()
}

// targetRun says what the target is from the nth of a chunk on.
type targetRun struct {
	from   int
	target *wal.Target
}

const (
	deletionsOnHeap = 64 << 10
	// deletionsPerChunk is how many a chunk on the heap has.
	deletionsPerChunk = 4 << 10
	// deletionChunkBytes is the size of a chunk in a scratch file.
	deletionChunkBytes = 8 << 20
	// privateRow marks, in a column of row ids, the own ones.
	privateRow = 1 << 63
)

// add appends a deletion and returns its index.
func (d *deletions) add(n deletion) int {
	k := d.chunkFor(len(n.key))
	if last := len(k.targets) - 1; last < 0 || k.targets[last].target != n.target {
		k.targets = append(k.targets, targetRun{len(k.rows), n.target})
	}
	row := uint64(n.row)
	if n.private {
		row |= privateRow
	}
	k.rows = append(k.rows, row)
	k.successors = append(k.successors, uint64(n.successor))
	k.keys = append(k.keys, n.key...)
	k.keyEnds = append(k.keyEnds, uint32(len(k.keys)))
	d.count++
	return d.count - 1
}

// chunkFor returns the chunk that takes a deletion with so long a key.
func (d *deletions) chunkFor(key int) *deletionChunk {
	if n := len(d.chunks); n > 0 {
		k := d.chunks[n-1]
		switch {
		case k.fixed && len(k.rows) < cap(k.rows) && len(k.keys)+key <= cap(k.keys), !k.fixed && len(k.rows) < deletionsPerChunk:
			return k
		}
	}
	k := &deletionChunk{first: d.count}
	if d.count >= deletionsOnHeap && d.scratch != nil {
		k.allocate(d.scratch, key)
	}
	d.chunks = append(d.chunks, k)
	return k
}

// allocate gives the chunk columns of a fixed size in a scratch file, for keys of about
// some length. Without a file they stay on the heap.
func (k *deletionChunk) allocate(scratch func(int64) ([]byte, func(), error), key int) {
	const fixedBytes = 8 + 8 + 4
	rows := deletionChunkBytes / (fixedBytes + key)
	if rows < deletionsPerChunk { // keys so long that their columns can as well grow
		return
	}
	memory, release, err := scratch(deletionChunkBytes)
	if err != nil {
		return
	}
	start := unsafe.Pointer(unsafe.SliceData(memory))
	k.rows = unsafe.Slice((*uint64)(start), rows)[:0]
	k.successors = unsafe.Slice((*uint64)(unsafe.Add(start, rows*8)), rows)[:0]
	k.keyEnds = unsafe.Slice((*uint32)(unsafe.Add(start, rows*16)), rows)[:0]
	k.keys = memory[rows*fixedBytes:][:0]
	k.fixed, k.release = true, release
}

// chunkOf returns the chunk of the nth deletion and its place there.
func (d *deletions) chunkOf(n int) (*deletionChunk, int) {
	i := sort.Search(len(d.chunks), func(i int) bool { return d.chunks[i].first > n }) - 1
	return d.chunks[i], n - d.chunks[i].first
}

// at returns the nth deletion.
func (d *deletions) at(n int) deletion {
	k, i := d.chunkOf(n)
	begin := uint32(0)
	if i > 0 {
		begin = k.keyEnds[i-1]
	}
	run := sort.Search(len(k.targets), func(j int) bool { return k.targets[j].from > i }) - 1
	return deletion{
		target: k.targets[run].target, row: RowID(k.rows[i] &^ privateRow), successor: RowID(k.successors[i]),
		key: k.keys[begin:k.keyEnds[i]], private: k.rows[i]&privateRow != 0,
	}
}

// succeed sets the successor of the nth deletion.
func (d *deletions) succeed(n int, successor RowID) {
	k, i := d.chunkOf(n)
	k.successors[i] = uint64(successor)
}

// cut forgets all but the first n deletions.
func (d *deletions) cut(n int) {
	for last := len(d.chunks) - 1; last >= 0 && d.count > n; last-- {
		k := d.chunks[last]
		if k.first >= n {
			d.chunks = d.chunks[:last]
			d.count = k.first
			k.free()
			continue
		}
		i := n - k.first
		k.rows, k.successors, k.keyEnds = k.rows[:i], k.successors[:i], k.keyEnds[:i]
		k.keys = k.keys[:k.keyEnds[i-1]]
		for k.targets[len(k.targets)-1].from >= i {
			k.targets = k.targets[:len(k.targets)-1]
		}
		d.count = n
	}
}

func (d *deletions) free() {
	for _, k := range d.chunks {
		k.free()
	}
	d.chunks, d.count = nil, 0
}

func (k *deletionChunk) free() {
	if k.release != nil {
		k.release()
	}
}

// of says whether one is of a partition.
func (d *deletions) of(partition uint64) bool {
	for _, k := range d.chunks {
		for _, run := range k.targets {
			if run.target.Partition == partition {
				return true
			}
		}
	}
	return false
}

// ownDeletes are the committed rows of a table that a transaction deleted. Blocks of 64
// row ids have a bit a row: rows that are changed together mostly have successive ids.
type ownDeletes struct {
	blocks map[uint64]ownBlock
	// older are what blocks had before a later command deleted more of them.
	older []ownBlock
	count int
}

// ownBlock is the rows of a block that commands deleted which began at the same number
// of deletions.
type ownBlock struct {
	rows  uint64
	since uint32
	older uint32 // 1 + the index of what it had before; 0 for none
}

const ownBlockRows = 64

// add notes a row that a command deletes which began at since deletions.
func (o *ownDeletes) add(row RowID, since int) {
	id := uint64(row) / ownBlockRows
	b, ok := o.blocks[id]
	if !ok {
		b.since = uint32(since)
	} else if b.since != uint32(since) {
		o.older = append(o.older, b)
		b = ownBlock{since: uint32(since), older: uint32(len(o.older))}
	}
	b.rows |= 1 << (row % ownBlockRows)
	o.blocks[id] = b
	o.count++
}

// has says whether a row is among those of commands that began before so many deletions.
// A command sees the deletions of those alone, so number is always one at which a
// command began.
func (o *ownDeletes) has(row RowID, number uint64) bool {
	if o == nil {
		return false
	}
	b, ok := o.blocks[uint64(row)/ownBlockRows]
	for ; ok; b, ok = o.before(b) {
		if b.rows>>(row%ownBlockRows)&1 != 0 && uint64(b.since) < number {
			return true
		}
	}
	return false
}

func (o *ownDeletes) before(b ownBlock) (ownBlock, bool) {
	if b.older == 0 {
		return ownBlock{}, false
	}
	return o.older[b.older-1], true
}

// remove takes a row back.
func (o *ownDeletes) remove(row RowID) {
	id, bit := uint64(row)/ownBlockRows, uint64(1)<<(row%ownBlockRows)
	b := o.blocks[id]
	o.count--
	if b.rows&bit != 0 {
		b.rows &^= bit
		o.blocks[id] = b
		return
	}
	for at := b.older; at != 0; at = o.older[at-1].older {
		o.older[at-1].rows &^= bit
	}
}

// len is how many rows there are.
func (o *ownDeletes) len() int {
	if o == nil {
		return 0
	}
	return o.count
}

// each calls f with the rows that has would confirm, until it fails.
func (o *ownDeletes) each(number uint64, f func(RowID) error) error {
	for id, b := range o.blocks {
		for ok := true; ok; b, ok = o.before(b) {
			if uint64(b.since) >= number {
				continue
			}
			for i := range RowID(ownBlockRows) {
				if b.rows>>i&1 == 0 {
					continue
				}
				if err := f(RowID(id)*ownBlockRows + i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
