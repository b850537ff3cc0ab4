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

type tombstoneBlock struct {
	at, successor [tombstoneRows]atomic.Uint64
	gone          [tombstoneRows / 64]atomic.Uint64 // a bit a row that has a timestamp
	newest        atomic.Uint64
	count         atomic.Int32
}

// Count is the number of deleted rows.
func (t *Tombstones) Count() int64 { return t.count.Load() }

// Newest is no older than any timestamp.
func (t *Tombstones) Newest() uint64 { return t.newest.Load() }

// Set deletes the row at pos. A second Set of a row changes nothing.
func (t *Tombstones) Set(pos int, at, successor uint64) {
	b := t.makeBlock(pos / tombstoneRows)
	i := pos % tombstoneRows
	if b.at[i].Load() != 0 {
		return
	}
	b.successor[i].Store(successor)
	b.count.Add(1) // before the timestamp: Mask skips blocks without any
	b.at[i].Store(at)
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
	if b := t.block(pos / tombstoneRows); b != nil && b.at[pos%tombstoneRows].Load() != 0 {
		b.at[pos%tombstoneRows].Store(at)
		t.raise(b, at)
	}
}

// Clear undoes Set.
func (t *Tombstones) Clear(pos int) {
	b := t.block(pos / tombstoneRows)
	if b == nil || b.at[pos%tombstoneRows].Load() == 0 {
		return
	}
	i := pos % tombstoneRows
	b.gone[i/64].And(^uint64(1 << (i % 64)))
	b.at[i].Store(0)
	b.count.Add(-1)
	t.count.Add(-1)
}

// Get returns the delete of the row at pos; at is 0 when there is none.
func (t *Tombstones) Get(pos int) (at, successor uint64) {
	b := t.block(pos / tombstoneRows)
	if b == nil {
		return 0, 0
	}
	i := pos % tombstoneRows
	return b.at[i].Load(), b.successor[i].Load()
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
		for ; pos < end; pos++ {
			at := b.at[pos%tombstoneRows].Load()
			if at != 0 && gone(at) && bitutil.BitIsSet(visible, pos-start) {
				bitutil.ClearBit(visible, pos-start)
				cleared++
			}
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
		if b == nil {
			continue
		}
		for word := range b.gone {
			if gone := b.gone[word].Load(); gone != 0 {
				n += int64(bits.OnesCount64(b.before(word, gone, at)))
			}
		}
	}
	return n
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
		if b.at[word*64+i].Load() > t {
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
