package segment

import (
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
// finds its successor, too.
type Tombstones struct {
	mu     sync.Mutex // makes blocks
	blocks atomic.Pointer[[]atomic.Pointer[tombstoneBlock]]
	count  atomic.Int64
}

type tombstoneBlock struct {
	at, successor [tombstoneRows]atomic.Uint64
	count         atomic.Int32
}

// Count is the number of deleted rows.
func (t *Tombstones) Count() int64 { return t.count.Load() }

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
	t.count.Add(1)
}

// Move gives a deleted row another timestamp.
func (t *Tombstones) Move(pos int, at uint64) {
	if b := t.block(pos / tombstoneRows); b != nil && b.at[pos%tombstoneRows].Load() != 0 {
		b.at[pos%tombstoneRows].Store(at)
	}
}

// Clear undoes Set.
func (t *Tombstones) Clear(pos int) {
	b := t.block(pos / tombstoneRows)
	if b == nil || b.at[pos%tombstoneRows].Load() == 0 {
		return
	}
	b.at[pos%tombstoneRows].Store(0)
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
