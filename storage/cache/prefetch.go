package cache

import (
	"context"

	"quiver/storage/vfs"
)

// aheadShare is what part of the budget files that come ahead of their use may take.
const aheadShare = 4

// Prefetch begins to copy the remote object of a key, of so many bytes, for an Open
// soon to come. It does nothing if the file is at hand or the budget has no room for
// it beside what is in use, and where objects are local. An error is that of the Open
// that waits for it; if none does, the next one tries anew.
func (c *Files) Prefetch(key string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Remote() || c.closed || c.files[key] != nil || !c.roomAhead(size) {
		return
	}
	f := c.newFile(key)
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

// roomAhead says whether size more bytes may come ahead of their use; called under
// mu.
func (c *Files) roomAhead(size int64) bool {
	return c.ahead+size <= c.o.BytesMax/aheadShare && c.inUse()+c.ahead+size <= c.o.BytesMax
}

// preloadAtOnce is how much is read before Preload looks whether it shall go on.
const preloadAtOnce = 16 << 20

// Preload reads what is mapped of the file into the system's memory.
func (f *File) Preload(ctx context.Context) error {
	for _, data := range f.data {
		for at := 0; at < len(data); at += preloadAtOnce {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			vfs.Populate(data, at, min(at+preloadAtOnce, len(data)))
		}
	}
	return nil
}

// Remote says whether files are copied to be opened.
func (c *Files) Remote() bool { return c.local == nil }

// inUse is the bytes of copies that somebody pins; called under mu.
func (c *Files) inUse() int64 { return c.bytes - c.idleBytes }

// Warm brings the file of a key before it is wanted: a remote object is copied when
// it returns, a local one read.
func (c *Files) Warm(ctx context.Context, key string, size int64) error {
	f, err := c.Open(ctx, key, size)
	if err != nil {
		return err
	}
	defer f.Unpin()
	if c.Remote() {
		return nil
	}
	c.Touch(size)
	return f.Preload(ctx)
}
