package offheap

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"golang.org/x/sys/unix"
)

// Threshold is the size in bytes up to which buffers come from the Go heap.
const Threshold = 64 << 10

// pageBytes is the granularity of mappings.
const pageBytes = 4 << 10

// spareBytesMax bounds what is kept mapped for reuse: mapping and faulting in
// pages anew for each chunk costs more than filling it.
const spareBytesMax = 32 << 20

// BudgetError says that an allocation went beyond the budget (53200).
type BudgetError struct {
	Asked, Used, Limit int64
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("off-heap memory exhausted: %d bytes asked, %d of %d in use", e.Asked, e.Used, e.Limit)
}

// Allocator hands out memory under a limit.
type Allocator struct {
	limit int64
	*pool
}

// pool is what an Allocator and its Unlimited twin share.
type pool struct {
	used  atomic.Int64
	small memory.Allocator

	mu         sync.Mutex // guards the spares
	spares     map[int][][]byte
	spareBytes int64
}

// New returns an Allocator of at most limit bytes off the heap; 0 is no limit.
func New(limit int64) *Allocator {
	return &Allocator{limit, &pool{small: memory.NewGoAllocator(), spares: map[int][][]byte{}}}
}

// Unlimited returns an Allocator over the same memory that counts but never
// refuses: for what must not fail, such as rows already committed. Its users
// see to it by other means that the budget holds.
func (a *Allocator) Unlimited() *Allocator { return &Allocator{0, a.pool} }

// Used is the number of off-heap bytes handed out.
func (a *Allocator) Used() int64 { return a.used.Load() }

// Limit is the budget in bytes, 0 for none.
func (a *Allocator) Limit() int64 { return a.limit }

// TryAllocate returns size zeroed bytes, aligned to 64, or a *BudgetError.
func (a *Allocator) TryAllocate(size int) ([]byte, error) {
	if size <= Threshold {
		return a.small.Allocate(size), nil
	}
	mapped := roundUp(size)
	if used := a.used.Add(int64(mapped)); a.limit > 0 && used > a.limit {
		a.used.Add(-int64(mapped))
		return nil, &BudgetError{Asked: int64(size), Used: used - int64(mapped), Limit: a.limit}
	}
	if b := a.takeSpare(mapped); b != nil {
		clear(b)
		return b[:size:mapped], nil
	}
	b, err := unix.Mmap(-1, 0, mapped, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		a.used.Add(-int64(mapped))
		return nil, fmt.Errorf("offheap: map %d bytes: %w", mapped, err)
	}
	return b[:size:mapped], nil
}

// Allocate is TryAllocate for Arrow, whose interface knows no errors: it
// panics with the error, which the owner of a statement recovers.
func (a *Allocator) Allocate(size int) []byte {
	b, err := a.TryAllocate(size)
	if err != nil {
		panic(err)
	}
	return b
}

// Reallocate moves b to a buffer of size bytes.
func (a *Allocator) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) && (cap(b) > Threshold) == (size > Threshold) {
		return b[:size]
	}
	grown := a.Allocate(size)
	copy(grown, b)
	a.Free(b)
	return grown
}

// Free gives b back; b must start where Allocate's result did.
func (a *Allocator) Free(b []byte) {
	if cap(b) <= Threshold {
		return // the garbage collector's
	}
	b = b[:cap(b)]
	a.used.Add(-int64(len(b)))
	if a.keepSpare(b) {
		return
	}
	if err := unix.Munmap(b); err != nil {
		panic(fmt.Sprintf("offheap: unmap: %v", err)) // b is not ours: a bug
	}
}

// NewBuffer returns a buffer of size bytes that frees itself at its last
// Release, or a *BudgetError.
func (a *Allocator) NewBuffer(size int) (*memory.Buffer, error) {
	b, err := a.TryAllocate(size)
	if err != nil {
		return nil, err
	}
	return memory.NewBufferWithAllocator(b, a), nil
}

func (a *Allocator) takeSpare(mapped int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.spares[mapped]
	if len(list) == 0 {
		return nil
	}
	b := list[len(list)-1]
	a.spares[mapped] = list[:len(list)-1]
	a.spareBytes -= int64(mapped)
	return b
}

func (a *Allocator) keepSpare(b []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spareBytes+int64(len(b)) > spareBytesMax {
		return false
	}
	a.spares[len(b)] = append(a.spares[len(b)], b)
	a.spareBytes += int64(len(b))
	return true
}

func roundUp(size int) int { return (size + pageBytes - 1) &^ (pageBytes - 1) }
