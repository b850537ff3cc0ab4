package growing

import (
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/internal/offheap"
)

// chunk is a run of rows whose place in memory is fixed.
type chunk struct {
	start, capacity int
	rowIDs          *memory.Buffer
	// at holds the commit timestamps; nil in private segments, whose rows
	// share one.
	at   *memory.Buffer
	keys *vec // nil without a primary key
	cols []*vec

	// full caches the arrays of a chunk that gets no more rows, under the
	// segment's mutex.
	full []arrow.Array
}

// layout maps positions to chunks: 64, 64, 128 … doubling to the maximum.
type layout struct{ rowsMax int }

func (l layout) locate(pos int) (chunk, row int) {
	if pos < chunkRowsMin {
		return 0, pos
	}
	if pos < l.rowsMax {
		c := bits.Len(uint(pos / chunkRowsMin))
		return c, pos - chunkRowsMin<<(c-1)
	}
	doubling := bits.Len(uint(l.rowsMax / chunkRowsMin))
	return doubling + (pos-l.rowsMax)/l.rowsMax, pos % l.rowsMax
}

// extent returns where chunk c starts and how many rows it has.
func (l layout) extent(c int) (start, capacity int) {
	if c == 0 {
		return 0, chunkRowsMin
	}
	doubling := bits.Len(uint(l.rowsMax / chunkRowsMin))
	if c < doubling {
		start = chunkRowsMin << (c - 1)
		return start, start
	}
	return l.rowsMax + (c-doubling)*l.rowsMax, l.rowsMax
}

// newChunk makes chunk number c; last is the one before, whose variable sizes
// are the guess for this one's.
func newChunk(s *Schema, c int, last *chunk, timestamps bool, mem *offheap.Allocator) (*chunk, error) {
	start, capacity := layout{s.chunkRows}.extent(c)
	k := &chunk{start: start, capacity: capacity}
	guess := func(v func(*chunk) *vec) int {
		if last == nil || last.capacity == 0 {
			return 16 * capacity
		}
		return v(last).varUsed() * capacity / last.capacity * 9 / 8
	}
	err := func() (err error) {
		if k.rowIDs, err = mem.NewBuffer(capacity * 8); err != nil {
			return err
		}
		if timestamps {
			if k.at, err = mem.NewBuffer(capacity * 8); err != nil {
				return err
			}
		}
		if s.Keyed {
			if k.keys, err = newVec(arrow.BinaryTypes.Binary, capacity, guess(func(c *chunk) *vec { return c.keys }), mem); err != nil {
				return err
			}
		}
		for i, f := range s.Fields {
			v, err := newVec(f.Type, capacity, guess(func(c *chunk) *vec { return c.cols[i] }), mem)
			if err != nil {
				return err
			}
			k.cols = append(k.cols, v)
		}
		return nil
	}()
	if err != nil {
		k.release()
		return nil, err
	}
	return k, nil
}

func (k *chunk) release() {
	for _, a := range k.full {
		if a != nil {
			a.Release()
		}
	}
	k.full = nil
	k.each(func(b **memory.Buffer) { (*b).Release(); *b = nil })
}

// each visits every buffer.
func (k *chunk) each(f func(**memory.Buffer)) {
	for _, b := range []**memory.Buffer{&k.rowIDs, &k.at} {
		if *b != nil {
			f(b)
		}
	}
	if k.keys != nil {
		k.keys.buffers(f)
	}
	for _, v := range k.cols {
		v.buffers(f)
	}
}

func (k *chunk) bytes() (n int64) {
	k.each(func(b **memory.Buffer) { n += int64((*b).Cap()) })
	return n
}

func (k *chunk) key(row int) []byte {
	from, to := k.keys.offset(row), k.keys.offset(row+1)
	return k.keys.data.Bytes()[from:to:to]
}

// truncate forgets rows beyond row that were never published.
func (k *chunk) truncate(row int) {
	if k.keys != nil {
		k.keys.truncate(row)
	}
	for _, v := range k.cols {
		v.truncate(row)
	}
}
