package cache

// aheadShare is what part of the budget files being copied ahead may take.
const aheadShare = 4

// Prefetch begins to copy the file of a key, of an object of so many bytes, for an
// Open soon to come. It does nothing if the file is at hand, or needs no copying,
// or the budget has no room for it beside what is in use. An error is that of the
// Open that waits for it; if none does, the next one tries anew.
func (c *Files) Prefetch(key string, size int64) {
	if !c.Remote() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.files[key] != nil || c.ahead+size > c.o.BytesMax/aheadShare || c.inUse()+c.ahead+size > c.o.BytesMax {
		return
	}
	f := &File{c: c, key: key, ready: make(chan struct{}), pins: 1}
	c.files[key] = f
	c.ahead += size
	c.prefetched++
	c.prefetches.Go(func() {
		err := c.load(f, c.loader(c.ctx, key, size))
		c.mu.Lock()
		c.ahead -= size
		c.mu.Unlock()
		if err == nil {
			f.Unpin()
		}
	})
}

// Remote says whether files are copied to be opened.
func (c *Files) Remote() bool { return c.local == nil }

// inUse is the bytes of copies that somebody pins; called under mu.
func (c *Files) inUse() int64 {
	n := c.bytes
	for e := c.idle.Front(); e != nil; e = e.Next() {
		n -= e.Value.(*File).size
	}
	return n
}
