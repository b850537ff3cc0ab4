package executor

import (
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
)

// Budget is an allocator that refuses to hold more than a limit: the allocation
// beyond it ends the statement with 53200. Goroutines may share one.
type Budget struct {
	parent memory.Allocator
	limit  int64
	used   atomic.Int64
}

// NewBudget returns an allocator that takes at most limit bytes from parent.
func NewBudget(parent memory.Allocator, limit int64) *Budget {
	return &Budget{parent: parent, limit: limit}
}

// Used is the bytes held now.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take(size int) {
	if err := b.hold(size); err != nil {
		panic(err)
	}
}

func (b *Budget) hold(size int) error {
	if b.used.Add(int64(size)) <= b.limit {
		return nil
	}
	b.used.Add(-int64(size))
	return sqlerr.New(sqlerr.OutOfMemory, "out of memory").
		WithDetail("Failed on request of size %d: the statement's memory is limited to %d bytes.", size, b.limit).
		WithHint("Fewer or narrower rows in one set operation, partition or result take less memory.")
}

// heldMemory accounts in the statement's budget for what an operator keeps
// outside of Arrow: maps, keys, lists of rows.
type heldMemory struct {
	bytes int
}

// grow accounts for more bytes: 53200 when that is beyond the budget.
func (h *heldMemory) grow(x *execution, bytes int) error {
	b, ok := x.mem.(*Budget)
	if !ok {
		return nil
	}
	if err := b.hold(bytes); err != nil {
		return err
	}
	h.bytes += bytes
	return nil
}

// release gives all of it back.
func (h *heldMemory) release(x *execution) {
	if b, ok := x.mem.(*Budget); ok && h.bytes > 0 {
		b.used.Add(-int64(h.bytes))
	}
	h.bytes = 0
}

// Allocate returns size bytes or panics with the error that Cursor.Next returns.
func (b *Budget) Allocate(size int) []byte {
	b.take(size)
	return b.parent.Allocate(size)
}

// Reallocate changes the size of a buffer.
func (b *Budget) Reallocate(size int, buf []byte) []byte {
	if grow := size - cap(buf); grow > 0 {
		b.take(size - len(buf))
	} else {
		b.used.Add(int64(size - len(buf)))
	}
	return b.parent.Reallocate(size, buf)
}

// Free gives a buffer back.
func (b *Budget) Free(buf []byte) {
	b.used.Add(-int64(len(buf)))
	b.parent.Free(buf)
}
