package growing

import (
	"bytes"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/internal/hlc"
	"quiver/internal/offheap"
	"quiver/storage/segment"
)

// Rows is a run of rows to append: one array a field, the row ids, and, in a
// keyed segment, the encoded primary keys with their hashes.
type Rows struct {
	Columns []arrow.Array
	RowIDs  []uint64
	Keys    *array.Binary
	Hashes  []uint64
}

// Segment is a growing segment. See the package comment for who may call what.
type Segment struct {
	schema *Schema
	layout layout
	mem    *offheap.Allocator
	shared bool

	// Tombstones are by position. In a private segment the values are the
	// transaction's own (see storage.Txn), otherwise timestamps.
	Tombstones segment.Tombstones

	mu     sync.RWMutex // guards the chunk list and the buffer pointers within
	chunks []*chunk

	rows  atomic.Int64 // published
	bytes atomic.Int64
	refs  atomic.Int32
	// at is the commit timestamp of every row of an adopted segment; 0 while
	// the segment is private.
	at atomic.Uint64
	// lastRowID and ascending say whether row ids can be found by bisection.
	lastRowID uint64
	ascending atomic.Bool
	spilled   atomic.Bool
	// spilledBytes is the part that lies in a file.
	spilledBytes atomic.Int64

	onFree []func() // guarded by mu

	keys   hashIndex
	rowIDs hashIndex // filled once the row ids stopped ascending
}

// NewShared makes the segment that a shard appends commits to, NewPrivate one
// for a transaction's own rows. The caller owns one reference.
func NewShared(s *Schema, mem *offheap.Allocator) *Segment { return newSegment(s, mem, true) }

// NewPrivate makes a segment whose rows get one timestamp at Adopt.
func NewPrivate(s *Schema, mem *offheap.Allocator) *Segment { return newSegment(s, mem, false) }

func newSegment(s *Schema, mem *offheap.Allocator, shared bool) *Segment {
	g := &Segment{schema: s, layout: layout{s.chunkRows}, mem: mem, shared: shared}
	g.refs.Store(1)
	g.ascending.Store(true)
	return g
}

// Schema returns the schema, which must not be changed.
func (s *Segment) Schema() *Schema { return s.schema }

// Rows is the number of published rows.
func (s *Segment) Rows() int { return int(s.rows.Load()) }

// Bytes is the memory held, on and off the heap.
func (s *Segment) Bytes() int64 { return s.bytes.Load() }

// Size is what the rows take, in memory or spilled.
func (s *Segment) Size() int64 { return s.bytes.Load() + s.spilledBytes.Load() }

// Retain keeps the segment for another owner.
func (s *Segment) Retain() { s.refs.Add(1) }

// Release gives up one reference; the last one frees the memory.
func (s *Segment) Release() {
	switch n := s.refs.Add(-1); {
	case n == 0:
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.chunks {
			c.release()
		}
		s.chunks = nil
		for _, f := range s.onFree {
			f()
		}
	case n < 0:
		panic("growing: too many releases")
	}
}

// OnFree has f called at the last Release. The caller holds a reference.
func (s *Segment) OnFree(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onFree = append(s.onFree, f)
}

// Adopt makes a private segment's rows committed at at.
func (s *Segment) Adopt(at hlc.Timestamp) { s.at.Store(uint64(at)) }

// Append adds rows, committed at at (ignored in a private segment), and
// publishes them. On an error, a *offheap.BudgetError or a type that does not
// fit, nothing is added.
func (s *Segment) Append(r Rows, at hlc.Timestamp) error {
	n := len(r.RowIDs)
	start := s.Rows()
	for done := 0; done < n; {
		c, row := s.layout.locate(start + done)
		k, err := s.chunk(c)
		if err == nil {
			count := min(n-done, k.capacity-row)
			if err = s.appendTo(k, row, r, done, count, at); err == nil {
				done += count
				continue
			}
		}
		s.truncate(start)
		return err
	}
	s.index(r, start)
	s.rows.Store(int64(start + n))
	return nil
}

func (s *Segment) appendTo(k *chunk, row int, r Rows, from, n int, at hlc.Timestamp) error {
	before := k.bytes()
	for i, v := range k.cols {
		if err := v.appendRows(r.Columns[i], from, n, &s.mu); err != nil {
			return fmt.Errorf("field %d: %w", s.schema.Fields[i].ID, err)
		}
	}
	if k.keys != nil {
		if err := k.keys.appendRows(r.Keys, from, n, &s.mu); err != nil {
			return err
		}
	}
	copy(uint64s(k.rowIDs)[row:], r.RowIDs[from:from+n])
	if k.at != nil {
		stamps := uint64s(k.at)[row : row+n]
		for i := range stamps {
			stamps[i] = uint64(at)
		}
	}
	s.bytes.Add(k.bytes() - before)
	return nil
}

func (s *Segment) index(r Rows, start int) {
	for i, id := range r.RowIDs {
		if s.ascending.Load() {
			if id > s.lastRowID {
				s.lastRowID = id
				continue
			}
			s.indexRowIDs(start + i)
		}
		s.rowIDs.add(segment.RowIDHash(id), start+i)
	}
	for i, hash := range r.Hashes {
		s.keys.add(hash, start+i)
	}
	s.bytes.Add(int64(len(r.Hashes)) * hashBytesPerEntry)
}

// indexRowIDs goes over from bisection to hashing: rows [0, n) are added.
func (s *Segment) indexRowIDs(n int) {
	for pos := range n {
		s.rowIDs.add(segment.RowIDHash(s.rowID(pos)), pos)
	}
	s.bytes.Add(int64(n) * hashBytesPerEntry)
	s.ascending.Store(false)
}

// truncate forgets rows beyond rows, which were never published.
func (s *Segment) truncate(rows int) {
	for _, k := range s.chunks {
		k.truncate(min(max(rows-k.start, 0), k.capacity))
	}
}

// chunk returns chunk c, made if it is the next one.
func (s *Segment) chunk(c int) (*chunk, error) {
	if c < len(s.chunks) {
		return s.chunks[c], nil
	}
	var last *chunk
	if c > 0 {
		last = s.chunks[c-1]
	}
	k, err := newChunk(s.schema, c, last, s.shared, s.mem)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.chunks = append(s.chunks, k)
	s.mu.Unlock()
	s.bytes.Add(k.bytes())
	return k, nil
}

func (s *Segment) locked(pos int) (*chunk, int) {
	c, row := s.layout.locate(pos)
	return s.chunks[c], row
}

func (s *Segment) rowID(pos int) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(pos)
	return uint64s(k.rowIDs)[row]
}

// RowID returns the row id at a published position.
func (s *Segment) RowID(pos int) uint64 { return s.rowID(pos) }

// Timestamp returns the commit timestamp at a published position; 0 while the
// segment is private.
func (s *Segment) Timestamp(pos int) hlc.Timestamp {
	if !s.shared {
		return hlc.Timestamp(s.at.Load())
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(pos)
	return hlc.Timestamp(uint64s(k.at)[row])
}

// Committed returns how many of the rows were committed at or before t. Rows
// are in commit order, so they are a prefix.
func (s *Segment) Committed(t hlc.Timestamp) int {
	rows := s.Rows()
	if rows == 0 || s.Timestamp(rows-1) <= t {
		return rows
	}
	if !s.shared {
		return 0
	}
	return sort.Search(rows, func(pos int) bool { return s.Timestamp(pos) > t })
}

// AppendKey appends the encoded primary key at a published position.
func (s *Segment) AppendKey(dst []byte, pos int) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(pos)
	return append(dst, k.key(row)...)
}

// EachKey calls f with the published positions that have key, newest first,
// until f says false.
func (s *Segment) EachKey(hash uint64, key []byte, f func(pos int) bool) {
	s.keys.each(hash, func(pos int) bool {
		if pos >= s.Rows() || !s.keyIs(pos, key) {
			return true
		}
		return f(pos)
	})
}

func (s *Segment) keyIs(pos int, key []byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(pos)
	return bytes.Equal(k.key(row), key)
}

// FindRow returns the position of a row id, or -1.
func (s *Segment) FindRow(id uint64) int {
	rows := s.Rows()
	if s.ascending.Load() {
		// Most of the segments that are asked have it not.
		if rows == 0 || id < s.rowID(0) || id > s.rowID(rows-1) {
			return -1
		}
		pos := sort.Search(rows, func(pos int) bool { return s.rowID(pos) >= id })
		if pos < rows && s.rowID(pos) == id {
			return pos
		}
		return -1
	}
	found := -1
	s.rowIDs.each(segment.RowIDHash(id), func(pos int) bool {
		if pos < s.Rows() && s.rowID(pos) == id {
			found = pos
			return false
		}
		return true
	})
	return found
}

// Locate returns the chunk of a position, counted from 0, and the row there.
func (s *Segment) Locate(pos int) (chunk, row int) { return s.layout.locate(pos) }

// ChunkAt returns the bounds of the chunk that holds pos, cut at the published
// rows.
func (s *Segment) ChunkAt(pos int) (start, end int) {
	c, _ := s.layout.locate(pos)
	start, capacity := s.layout.extent(c)
	return start, min(start+capacity, s.Rows())
}

// View appends to dst the arrays of fields (by index in the schema) for rows
// [start, end) of one chunk, without copying values. The caller releases them.
func (s *Segment) View(dst []arrow.Array, fields []int, start, end int) []arrow.Array {
	c, row := s.layout.locate(start)
	full := s.isFull(c) && row == 0
	if full {
		s.mu.Lock()
		defer s.mu.Unlock()
	} else {
		s.mu.RLock()
		defer s.mu.RUnlock()
	}
	k := s.chunks[c]
	full = full && end-start == k.capacity
	if full && k.full == nil {
		k.full = make([]arrow.Array, len(k.cols))
	}
	for _, f := range fields {
		if full && k.full[f] != nil {
			k.full[f].Retain()
			dst = append(dst, k.full[f])
			continue
		}
		data := k.cols[f].view(row, end-start)
		a := array.MakeFromData(data)
		data.Release()
		if full {
			a.Retain()
			k.full[f] = a
		}
		dst = append(dst, a)
	}
	return dst
}

// RowIDView returns the row ids of rows [start, end) of one chunk.
func (s *Segment) RowIDView(start, end int) arrow.Array {
	return s.hidden(start, end, func(k *chunk) *memory.Buffer { return k.rowIDs })
}

// TimestampView returns the commit timestamps of rows [start, end) of one
// chunk of a shared segment; nil for others, whose rows share one.
func (s *Segment) TimestampView(start, end int) arrow.Array {
	if !s.shared {
		return nil
	}
	return s.hidden(start, end, func(k *chunk) *memory.Buffer { return k.at })
}

func (s *Segment) hidden(start, end int, buffer func(*chunk) *memory.Buffer) arrow.Array {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(start)
	data := array.NewData(arrow.PrimitiveTypes.Uint64, end-start, []*memory.Buffer{nil, buffer(k)}, nil, 0, row)
	defer data.Release()
	return array.NewUint64Data(data)
}

// KeyView returns the encoded keys of rows [start, end) of one chunk.
func (s *Segment) KeyView(start, end int) *array.Binary {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(start)
	data := k.keys.view(row, end-start)
	defer data.Release()
	return array.NewBinaryData(data)
}

// IsFull says whether rows [start, end) are a chunk that gets no more rows.
func (s *Segment) IsFull(start, end int) bool {
	c, row := s.layout.locate(start)
	_, capacity := s.layout.extent(c)
	return row == 0 && end-start == capacity
}

// isFull says whether chunk c gets no more rows.
func (s *Segment) isFull(c int) bool {
	start, capacity := s.layout.extent(c)
	return s.Rows() >= start+capacity
}

// Spilled says whether the segment's memory lies in a file.
func (s *Segment) Spilled() bool { return s.spilled.Load() }
