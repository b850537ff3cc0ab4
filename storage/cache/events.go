package cache

import (
	"container/list"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
)

// EventKey names an event of a segment's field.
type EventKey struct {
	Segment uint64
	Field   int32
	Event   int
}

// Events keeps decoded events under a byte budget, so that a scan by small
// steps and warm point reads unpack an event once.
type Events struct {
	bytesMax int64

	mu      sync.Mutex // guards what follows
	entries map[EventKey]*list.Element
	order   *list.List // of *eventEntry, the least recently used first
	bytes   int64
	// loading has the events that somebody unpacks just now.
	loading map[EventKey]chan struct{}

	hits, misses, evictions int64
}

type eventEntry struct {
	key   EventKey
	array arrow.Array
	bytes int64
}

// NewEvents returns an empty cache.
func NewEvents(bytesMax int64) *Events {
	return &Events{bytesMax: bytesMax, entries: map[EventKey]*list.Element{}, order: list.New(), loading: map[EventKey]chan struct{}{}}
}

// Load is Get that has an event unpacked which is not there: once, whoever asks for
// it meanwhile. bytes is about its size.
func (c *Events) Load(key EventKey, bytes int64, unpack func() (arrow.Array, error)) (arrow.Array, error) {
	for {
		if a := c.Get(key); a != nil {
			return a, nil
		}
		c.mu.Lock()
		loading := c.loading[key]
		if loading == nil {
			done := make(chan struct{})
			c.loading[key] = done
			c.mu.Unlock()
			return c.load(key, bytes, done, unpack)
		}
		c.mu.Unlock()
		<-loading
	}
}

func (c *Events) load(key EventKey, bytes int64, done chan struct{}, unpack func() (arrow.Array, error)) (arrow.Array, error) {
	defer func() {
		c.mu.Lock()
		delete(c.loading, key)
		c.mu.Unlock()
		close(done)
	}()
	a, err := unpack()
	if err == nil {
		c.Put(key, a, bytes)
	}
	return a, err
}

// Get returns a decoded event, which the caller releases, or nil.
func (c *Events) Get(key EventKey) arrow.Array {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		c.misses++
		return nil
	}
	c.hits++
	c.order.MoveToBack(e)
	a := e.Value.(*eventEntry).array
	a.Retain()
	return a
}

// Put keeps an event of about the given size, which must not view a mapped file.
func (c *Events) Put(key EventKey, a arrow.Array, bytes int64) {
	if bytes > c.bytesMax/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != nil {
		return
	}
	a.Retain()
	c.entries[key] = c.order.PushBack(&eventEntry{key, a, bytes})
	c.bytes += bytes
	for c.bytes > c.bytesMax {
		c.remove(c.order.Front())
		c.evictions++
	}
}

func (c *Events) remove(e *list.Element) {
	entry := c.order.Remove(e).(*eventEntry)
	delete(c.entries, entry.key)
	c.bytes -= entry.bytes
	entry.array.Release()
}

// Stats returns the counters.
func (c *Events) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Entries: len(c.entries), Bytes: c.bytes, BytesMax: c.bytesMax, Hits: c.hits, Misses: c.misses, Evictions: c.evictions}
}

// Shrink gives up entries until at most bytes are left.
func (c *Events) Shrink(bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.bytes > bytes {
		c.remove(c.order.Front())
	}
}
