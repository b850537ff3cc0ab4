package executor

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
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
	runs  []sortedRun
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
			return s.finish(ctx)
		}
		k, err := keysOf(in)
		if err != nil {
			in.release()
			return err
		}
		if err := s.add(in, k); err != nil {
			return err
		}
		if err := s.mergeLevel(ctx); err != nil {
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

// finish ends the input.
func (s *sorter) finish(ctx context.Context) error {
	if len(s.runs) == 0 {
		s.sort()
		return nil
	}
	if len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if err := s.mergeDown(ctx); err != nil {
		return err
	}
	merge, err := newRunMerge(s.runs)
	s.merge = merge
	return err
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
		s.merge.drop()
		s.merge = nil
	}
	for _, run := range s.runs {
		run.file.close()
	}
	s.runs, s.entries, s.bytes, s.at, s.bound = nil, nil, 0, 0, nil
}
