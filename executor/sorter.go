package executor

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// sorter orders rows by byte-string keys: in memory, or, beyond the memory of an
// operator, as sorted runs in temporary files that are merged. Rows of equal
// keys come in the order they were added.
type sorter struct {
	x       *execution
	entries []sortEntry
	batches []*batch
	bytes   int64
	// top, when positive, is how many rows are wanted.
	top   int64
	bound []byte // key of the last row wanted so far
	runs  []*spillFile
	at    int // entries handed out
	merge *runMerge
}

// sortEntry is a row and its key; prefix holds the key's first bytes, which
// settle most comparisons.
type sortEntry struct {
	prefix uint64
	key    []byte
	ref    rowRef
}

func newEntry(key []byte, b *batch, row int) sortEntry {
	e := sortEntry{key: key, ref: rowRef{b, int32(row)}}
	if len(key) >= 8 {
		e.prefix = binary.BigEndian.Uint64(key)
	} else {
		var head [8]byte
		copy(head[:], key)
		e.prefix = binary.BigEndian.Uint64(head[:])
	}
	return e
}

func compareEntries(a, b sortEntry) int {
	if a.prefix != b.prefix {
		if a.prefix < b.prefix {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.key, b.key)
}

// topRowsMax bounds the top-n form; more rows are sorted in full.
const topRowsMax = 1 << 16

// fill sorts what input yields, by the keys of its rows.
func (s *sorter) fill(ctx context.Context, input operator, keysOf func(*batch) (*keys, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		in, err := input.next(ctx)
		if err != nil {
			return err
		}
		if in == nil {
			return s.finish()
		}
		k, err := keysOf(in)
		if err != nil {
			in.release()
			return err
		}
		if err := s.add(in, k); err != nil {
			return err
		}
	}
}

// add takes over a batch with the keys of its rows (which it copies).
func (s *sorter) add(b *batch, k *keys) error {
	first := len(s.entries)
	data := bytes.Clone(k.data)
	start := 0
	for row, end := range k.ends {
		key := data[start:end:end]
		start = end
		if s.bound != nil && bytes.Compare(key, s.bound) >= 0 {
			continue
		}
		s.entries = append(s.entries, newEntry(key, b, row))
	}
	if len(s.entries) == first {
		b.release()
		return nil
	}
	s.batches = append(s.batches, b)
	s.bytes += b.bytes() + int64(len(data)) + int64(len(k.ends))*48
	if s.top > 0 && int64(len(s.entries)) > max(2*s.top, 2*batchRows) {
		if err := s.cut(); err != nil {
			return err
		}
	}
	if s.bytes > s.x.env.WorkMem {
		if s.top > 0 {
			if err := s.cut(); err != nil || s.bytes <= s.x.env.WorkMem {
				return err
			}
		}
		return s.spill()
	}
	return nil
}

func (s *sorter) sort() { slices.SortStableFunc(s.entries, compareEntries) }

// cut keeps the top rows only, in one batch.
func (s *sorter) cut() error {
	s.sort()
	if int64(len(s.entries)) < s.top {
		return nil
	}
	s.entries = s.entries[:s.top]
	s.bound = s.entries[len(s.entries)-1].key
	refs := make([]rowRef, len(s.entries))
	for i, e := range s.entries {
		refs[i] = e.ref
	}
	b, err := gatherRows(s.x.mem, refs)
	if err != nil {
		return err
	}
	s.releaseBatches()
	s.batches = []*batch{b}
	s.bytes = b.bytes()
	for i := range s.entries {
		s.entries[i].ref = rowRef{b, int32(i)}
		s.entries[i].key = bytes.Clone(s.entries[i].key)
		s.bytes += int64(len(s.entries[i].key)) + 48
	}
	s.bound = s.entries[len(s.entries)-1].key
	return nil
}

func (s *sorter) releaseBatches() {
	for _, b := range s.batches {
		b.release()
	}
	s.batches = nil
}

// spill writes what is held as a sorted run: the columns and the key.
func (s *sorter) spill() error {
	s.sort()
	run, err := newSpillFile(s.x)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, run)
	for from := 0; from < len(s.entries); from += batchRows {
		entries := s.entries[from:min(from+batchRows, len(s.entries))]
		if err := s.writeRun(run, entries); err != nil {
			return err
		}
	}
	s.releaseBatches()
	clear(s.entries)
	s.entries, s.bytes = s.entries[:0], 0
	return nil
}

func (s *sorter) writeRun(run *spillFile, entries []sortEntry) error {
	refs := make([]rowRef, len(entries))
	keys := array.NewBinaryBuilder(s.x.mem, arrow.BinaryTypes.Binary)
	defer keys.Release()
	for i, e := range entries {
		refs[i] = e.ref
		keys.Append(e.key)
	}
	b, err := gatherRows(s.x.mem, refs)
	if err != nil {
		return err
	}
	b.cols = append(b.cols, keys.NewArray())
	defer b.release()
	return run.write(b)
}

// finish ends the input.
func (s *sorter) finish() error {
	if len(s.runs) == 0 {
		s.sort()
		return nil
	}
	if len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.merge = &runMerge{}
	for i, run := range s.runs {
		r, err := run.reader()
		if err != nil {
			return err
		}
		c := &runCursor{reader: r, order: i}
		if err := c.load(); err != nil {
			return err
		}
		if c.batch != nil {
			s.merge.cursors = append(s.merge.cursors, c)
		}
	}
	heap.Init(s.merge)
	return nil
}

// next returns the rows in order, a batch at a time, and their keys when asked.
func (s *sorter) next(ctx context.Context) (*batch, [][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if s.merge != nil {
		return s.merge.next(s.x)
	}
	n := min(batchRows, len(s.entries)-s.at)
	if n == 0 {
		return nil, nil, nil
	}
	refs, keys := make([]rowRef, n), make([][]byte, n)
	for i, e := range s.entries[s.at : s.at+n] {
		refs[i], keys[i] = e.ref, e.key
	}
	s.at += n
	b, err := gatherRows(s.x.mem, refs)
	return b, keys, err
}

// drop forgets everything.
func (s *sorter) drop() {
	s.releaseBatches()
	if s.merge != nil {
		for _, c := range s.merge.cursors {
			if c.batch != nil {
				c.batch.release()
			}
		}
		s.merge = nil
	}
	for _, run := range s.runs {
		run.close()
	}
	s.runs, s.entries, s.bytes, s.at, s.bound = nil, nil, 0, 0, nil
}

// runMerge merges sorted runs: a heap of cursors by their current key.
type runMerge struct{ cursors []*runCursor }

type runCursor struct {
	reader *spillReader
	order  int // of the run: equal keys come in it
	batch  *batch
	keys   *array.Binary
	row    int
	entry  sortEntry
}

// load moves to the next batch of the run.
func (c *runCursor) load() error {
	b, err := c.reader.read()
	c.batch, c.row = b, 0
	if err != nil || b == nil {
		return err
	}
	c.keys = b.cols[len(b.cols)-1].(*array.Binary)
	c.entry = newEntry(c.keys.Value(0), b, 0)
	return nil
}

func (m *runMerge) Len() int { return len(m.cursors) }
func (m *runMerge) Less(i, j int) bool {
	c := compareEntries(m.cursors[i].entry, m.cursors[j].entry)
	return c < 0 || c == 0 && m.cursors[i].order < m.cursors[j].order
}
func (m *runMerge) Swap(i, j int) { m.cursors[i], m.cursors[j] = m.cursors[j], m.cursors[i] }
func (m *runMerge) Push(v any)    { m.cursors = append(m.cursors, v.(*runCursor)) }
func (m *runMerge) Pop() any {
	last := m.cursors[len(m.cursors)-1]
	m.cursors = m.cursors[:len(m.cursors)-1]
	return last
}

func (m *runMerge) next(x *execution) (*batch, [][]byte, error) {
	var refs []rowRef
	var keys [][]byte
	var spent []*batch
	defer func() {
		for _, b := range spent {
			b.release()
		}
	}()
	for len(refs) < batchRows && len(m.cursors) > 0 {
		c := m.cursors[0]
		refs = append(refs, rowRef{c.batch, int32(c.row)})
		keys = append(keys, bytes.Clone(c.entry.key))
		c.row++
		if c.row < c.batch.rows {
			c.entry = newEntry(c.keys.Value(c.row), c.batch, c.row)
		} else {
			spent = append(spent, c.batch)
			if err := c.load(); err != nil {
				return nil, nil, err
			}
			if c.batch == nil {
				heap.Pop(m)
				continue
			}
		}
		heap.Fix(m, 0)
	}
	if len(refs) == 0 {
		return nil, nil, nil
	}
	b, err := gatherRows(x.mem, refs)
	if err != nil {
		return nil, nil, err
	}
	last := len(b.cols) - 1
	b.cols[last].Release()
	b.cols = b.cols[:last]
	return b, keys, nil
}
