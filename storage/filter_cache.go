package storage

import (
	"container/list"
	"context"
	"hash/maphash"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/storage/cache"
)

// PureFilter is a Filter of which the outcome for a row depends on the row's
// columns alone and which cannot fail, deleted rows included.
type PureFilter interface {
	Filter
	// Key names the condition: filters of one table with equal keys pass the same
	// rows. It is empty for a filter that is not pure after all.
	Key() string
}

// filterCache keeps which rows of flushed segments pass conditions that recur,
// as searches of one tenant or category do: segments never change, so neither
// does the answer. The bitmaps say nothing of visibility.
type filterCache struct {
	mu      sync.Mutex
	seed    maphash.Seed
	entries map[filteredSegment]*list.Element // of *filterEntry
	order   list.List                         // the last used first
	bytes   int
	// hits and misses are of the questions.
	hits, misses, evictions int64
	// seen has hashes of what was asked for and not kept: a condition is kept
	// when it comes again, so that those which never do cost nothing.
	seen [4096]uint64
}

type filteredSegment struct {
	segment catalog.SegmentID
	filter  string
}

type filterEntry struct {
	of   filteredSegment
	pass Bitmap
}

const (
	filterCacheBytes = 32 << 20
	// filterKeyMax bounds the keys that are looked up.
	filterKeyMax = 1 << 10
)

func newFilterCache() *filterCache {
	return &filterCache{seed: maphash.MakeSeed(), entries: map[filteredSegment]*list.Element{}}
}

// get returns which rows pass, nil if it is not at hand. again says that the
// answer was asked for before and is worth keeping.
func (c *filterCache) get(of filteredSegment) (pass Bitmap, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[of]; e != nil {
		c.order.MoveToFront(e)
		c.hits++
		return e.Value.(*filterEntry).pass, true
	}
	c.misses++
	h := maphash.Comparable(c.seed, of)
	slot := &c.seen[h%uint64(len(c.seen))]
	again = *slot == h
	*slot = h
	return nil, again
}

func (c *filterCache) stats() cache.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cache.Stats{Entries: len(c.entries), Bytes: int64(c.bytes), BytesMax: filterCacheBytes, Hits: c.hits, Misses: c.misses, Evictions: c.evictions}
}

// put keeps an answer, which must not change any more.
func (c *filterCache) put(of filteredSegment, pass Bitmap) {
	if len(pass) > filterCacheBytes/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[of] != nil {
		return
	}
	c.entries[of] = c.order.PushFront(&filterEntry{of, pass})
	c.bytes += len(pass) + len(of.filter)
	for c.bytes > filterCacheBytes {
		oldest := c.order.Remove(c.order.Back()).(*filterEntry)
		delete(c.entries, oldest.of)
		c.evictions++
		c.bytes -= len(oldest.pass) + len(oldest.of.filter)
	}
}

// passing returns which rows of the segment pass the filter, visible or not; nil
// if that is to be found out for the rows wanted alone.
func (s *searchSegment) passing(ctx context.Context) (Bitmap, error) {
	if s.pass != nil {
		return s.pass, nil
	}
	f, flushed := s.src.(*flushedSegment)
	filter, pure := s.p.spec.Filter.(PureFilter)
	if !flushed || !pure || s.own {
		return nil, nil
	}
	of := filteredSegment{f.id(), filter.Key()}
	if of.filter == "" || len(of.filter) > filterKeyMax {
		return nil, nil
	}
	known := s.p.s.t.e.filters
	pass, again := known.get(of)
	if pass == nil && again {
		pass = make(Bitmap, (s.rows+63)/64*8)
		filtered := s.stats.RowsFiltered // Matching and Test count those of them that are visible
		if _, err := s.match(ctx, 0, s.rows, nil, pass); err != nil {
			return nil, err
		}
		s.stats.RowsFiltered = filtered
		known.put(of, pass)
	}
	s.pass = pass
	return pass, nil
}

// Known says whether the rows that pass are at hand.
func (s *searchSegment) Known(ctx context.Context) (bool, error) {
	pass, err := s.passing(ctx)
	return pass != nil, err
}

// both sets out to the rows from, of a multiple of 8, to to that pass and are
// visible, of which nil is all, and returns their number. out is clear.
func both(out, pass, visible Bitmap, from, to int) int {
	if to <= from {
		return 0
	}
	end := (to + 7) / 8
	copy(out[from/8:end], pass[from/8:end])
	if visible != nil {
		for i := from / 8; i < end; i++ {
			out[i] &= visible[i]
		}
	}
	if to%8 != 0 {
		out[end-1] &= 1<<(to%8) - 1
	}
	return bitutil.CountSetBits(out, from, to-from)
}
