package cache

import (
	"context"

	"quiver/storage/vfs"
)

// aheadShare is what part of the budget files that come ahead of their use may take.
const aheadShare = 4

// Prefetch begins to bring the file of a key, of an object of so many bytes, for
// an Open soon to come: a remote object is copied, of a local one the system is told
// to read it. It does nothing if the file is at hand or the budget has no room for
// it beside what is in use. An error is that of the Open that waits for it; if none
// does, the next one tries anew.
func (c *Files) Prefetch(key string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.files[key] != nil || !c.roomAhead(size) {
		return
	}
	f := c.newFile(key)
	c.ahead += size
	c.prefetched++
	c.prefetches.Go(func() {
		err := c.load(f, c.loader(c.ctx, key, size))
		if err == nil && !c.Remote() {
			f.Preload()
		}
		c.mu.Lock()
		c.ahead -= size
		c.mu.Unlock()
		if err == nil {
			f.Unpin()
		}
	})
}

// roomAhead says whether size more bytes may come ahead of their use; called under
// mu.
func (c *Files) roomAhead(size int64) bool {
	if !c.Remote() {
		return c.o.ResidentMax == 0 || c.ahead+size <= c.o.ResidentMax/aheadShare
	}
	return c.ahead+size <= c.o.BytesMax/aheadShare && c.inUse()+c.ahead+size <= c.o.BytesMax
}

// Preload has the system begin to read what is mapped of the file.
func (f *File) Preload() {
	for _, data := range f.data {
		vfs.Preload(data)
	}
}

// Remote says whether files are copied to be opened.
func (c *Files) Remote() bool { return c.local == nil }

// inUse is the bytes of copies that somebody pins; called under mu.
func (c *Files) inUse() int64 { return c.bytes - c.idleBytes }

// Warm brings the file of a key before it is wanted: a remote object is copied when
// it returns, of a local one the system has begun to read it.
func (c *Files) Warm(ctx context.Context, key string, size int64) error {
	f, err := c.Open(ctx, key, size)
	if err != nil {
		return err
	}
	defer f.Unpin()
	if !c.Remote() {
		c.Touch(size)
		f.Preload()
	}
	return nil
}
