package segment

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/bitutil"
)

// tombstoneRows is how many rows one block of tombstones covers.
const tombstoneRows = 4096

// Tombstones says which rows of a segment are deleted: by position, the
// timestamp of the delete and the row that replaced it. Blocks exist only
// where something is deleted, so a scan of untouched rows does no work a row.
//
// One writer at a time; readers need no lock. A reader that found a timestamp
// finds its successor, too, and one that found a bit of gone finds a timestamp
// and a newest that is no older.
type Tombstones struct {
	mu     sync.Mutex // makes blocks
	blocks atomic.Pointer[[]atomic.Pointer[tombstoneBlock]]
	count  atomic.Int64
	newest atomic.Uint64
}

// tombstoneBlock has what its deletes need: those of one statement have one timestamp,
// and only updates have successors.
type tombstoneBlock struct {
	gone [tombstoneRows / 64]atomic.Uint64 // a bit a deleted row; set last
	// same is the timestamp of all deletes while each is nil.
	same            atomic.Uint64
	each, successor atomic.Pointer[[tombstoneRows]atomic.Uint64]
	newest          atomic.Uint64
	count           atomic.Int32
}

func (b *tombstoneBlock) isGone(i int) bool { return b.gone[i/64].Load()>>(i%64)&1 != 0 }

// at is the timestamp of a row that is gone.
func (b *tombstoneBlock) at(i int) uint64 {
	if each := b.each.Load(); each != nil {
		return each[i].Load()
	}
	return b.same.Load()
}

// setAt is called by the one writer.
func (b *tombstoneBlock) setAt(i int, at uint64) {
	each := b.each.Load()
	if each == nil {
		same := b.same.Load()
		if same == 0 {
			b.same.Store(at)
			return
		}
		if same == at {
			return
		}
		each = &[tombstoneRows]atomic.Uint64{}
		for j := range each {
			each[j].Store(same)
		}
		b.each.Store(each)
	}
	each[i].Store(at)
}

// setSuccessor is called by the one writer.
func (b *tombstoneBlock) setSuccessor(i int, successor uint64) {
	list := b.successor.Load()
	if list == nil {
		if successor == 0 {
			return
		}
		list = &[tombstoneRows]atomic.Uint64{}
		b.successor.Store(list)
	}
	list[i].Store(successor)
}

// Count is the number of deleted rows.
func (t *Tombstones) Count() int64 { return t.count.Load() }

// Newest is no older than any timestamp.
func (t *Tombstones) Newest() uint64 { return t.newest.Load() }

// Set deletes the row at pos. A second Set of a row changes nothing.
func (t *Tombstones) Set(pos int, at, successor uint64) {
	b := t.makeBlock(pos / tombstoneRows)
	i := pos % tombstoneRows
	if b.isGone(i) {
		return
	}
	b.setSuccessor(i, successor)
	b.count.Add(1) // before the bit: Mask skips blocks without any
	b.setAt(i, at)
	t.raise(b, at)
	b.gone[i/64].Or(1 << (i % 64))
	t.count.Add(1)
}

// raise is called by the one writer.
func (t *Tombstones) raise(b *tombstoneBlock, at uint64) {
	if at > b.newest.Load() {
		b.newest.Store(at)
	}
	if at > t.newest.Load() {
		t.newest.Store(at)
	}
}

// Move gives a deleted row another timestamp.
func (t *Tombstones) Move(pos int, at uint64) {
	if b := t.block(pos / tombstoneRows); b != nil && b.isGone(pos%tombstoneRows) {
		b.setAt(pos%tombstoneRows, at)
		t.raise(b, at)
	}
}

// Clear undoes Set.
func (t *Tombstones) Clear(pos int) {
	b := t.block(pos / tombstoneRows)
	i := pos % tombstoneRows
	if b == nil || !b.isGone(i) {
		return
	}
	b.gone[i/64].And(^uint64(1 << (i % 64)))
	b.count.Add(-1)
	t.count.Add(-1)
}

// Get returns the delete of the row at pos; at is 0 when there is none.
func (t *Tombstones) Get(pos int) (at, successor uint64) {
	b := t.block(pos / tombstoneRows)
	i := pos % tombstoneRows
	if b == nil || !b.isGone(i) {
		return 0, 0
	}
	if list := b.successor.Load(); list != nil {
		successor = list[i].Load()
	}
	return b.at(i), successor
}

// Mask clears the bits of visible that stand for rows of [start, start+n)
// deleted at a timestamp for which gone is true, and returns how many.
func (t *Tombstones) Mask(start, n int, visible []byte, gone func(at uint64) bool) int {
	cleared := 0
	for pos := start; pos < start+n; {
		end := min(start+n, (pos/tombstoneRows+1)*tombstoneRows)
		b := t.block(pos / tombstoneRows)
		if b == nil || b.count.Load() == 0 {
			pos = end
			continue
		}
		for pos < end {
			i := pos % tombstoneRows
			next := min(end, pos+64-i%64)
			for rest := b.gone[i/64].Load() >> (i % 64); rest != 0; rest &= rest - 1 {
				j := bits.TrailingZeros64(rest)
				if pos+j >= next {
					break
				}
				if gone(b.at(i+j)) && bitutil.BitIsSet(visible, pos+j-start) {
					bitutil.ClearBit(visible, pos+j-start)
					cleared++
				}
			}
			pos = next
		}
	}
	return cleared
}

// CountBefore is the number of rows deleted at or before t.
func (t *Tombstones) CountBefore(at uint64) (n int64) {
	blocks := t.blocks.Load()
	if blocks == nil {
		return 0
	}
	for i := range *blocks {
		b := (*blocks)[i].Load()
		if b == nil || b.each.Load() == nil && b.same.Load() > at {
			continue
		}
		for word := range b.gone {
			gone := b.gone[word].Load()
			if gone != 0 && b.newest.Load() > at {
				gone = b.before(word, gone, at)
			}
			n += int64(bits.OnesCount64(gone))
		}
	}
	return n
}

// Each calls f with the rows deleted from since to until, both included, by position,
// until it fails.
func (t *Tombstones) Each(since, until uint64, f func(pos int, at, successor uint64) error) error {
	blocks := t.blocks.Load()
	if blocks == nil || t.newest.Load() < since {
		return nil
	}
	for i := range *blocks {
		b := (*blocks)[i].Load()
		if b == nil || b.newest.Load() < since {
			continue
		}
		for word := range b.gone {
			for gone := b.gone[word].Load(); gone != 0; gone &= gone - 1 {
				row := word*64 + bits.TrailingZeros64(gone)
				at := b.at(row)
				if at < since || at > until {
					continue
				}
				successor := uint64(0)
				if list := b.successor.Load(); list != nil {
					successor = list[row].Load()
				}
				if err := f(i*tombstoneRows+row, at, successor); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Live fills alive, which has (rows+63)/64*8 bytes, with a bit for each row of
// [0, rows) that was not deleted at or before t, and returns how many there are.
func (t *Tombstones) Live(rows int, at uint64, alive []byte) (kept int) {
	for word := range (rows + 63) / 64 {
		keep := ^uint64(0)
		if left := rows - word*64; left < 64 {
			keep = 1<<left - 1
		}
		if b := t.block(word * 64 / tombstoneRows); b != nil {
			gone := b.gone[word%(tombstoneRows/64)].Load()
			if gone != 0 && b.newest.Load() > at {
				gone = b.before(word%(tombstoneRows/64), gone, at)
			}
			keep &^= gone
		}
		binary.LittleEndian.PutUint64(alive[word*8:], keep)
		kept += bits.OnesCount64(keep)
	}
	return kept
}

// before keeps the bits of rows deleted at or before t.
func (b *tombstoneBlock) before(word int, gone, t uint64) uint64 {
	for rest := gone; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		if b.at(word*64+i) > t {
			gone &^= 1 << i
		}
	}
	return gone
}

// Any says whether a row of [start, start+n) may be deleted.
func (t *Tombstones) Any(start, n int) bool {
	if t.count.Load() == 0 {
		return false
	}
	for i := start / tombstoneRows; i <= (start+n-1)/tombstoneRows; i++ {
		if b := t.block(i); b != nil && b.count.Load() != 0 {
			return true
		}
	}
	return false
}

func (t *Tombstones) block(i int) *tombstoneBlock {
	blocks := t.blocks.Load()
	if blocks == nil || i >= len(*blocks) {
		return nil
	}
	return (*blocks)[i].Load()
}

func (t *Tombstones) makeBlock(i int) *tombstoneBlock {
	if b := t.block(i); b != nil {
		return b
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.blocks.Load()
	if old == nil || i >= len(*old) {
		grown := make([]atomic.Pointer[tombstoneBlock], max(2*i, i+1))
		if old != nil {
			for j := range *old {
				grown[j].Store((*old)[j].Load())
			}
		}
		t.blocks.Store(&grown)
	}
	blocks := *t.blocks.Load()
	if blocks[i].Load() == nil {
		blocks[i].Store(&tombstoneBlock{})
	}
	return blocks[i].Load()
}
