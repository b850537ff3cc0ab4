package cache

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// TestPrefetch: what is copied ahead is at hand, within a share of the budget and
// only where there is room beside what is in use.
func TestPrefetch(t *testing.T) {
	store := remote{objstore.NewMem()}
	sizes := map[string]int64{}
	for i := range 8 {
		key := fmt.Sprint("files/", i)
		sizes[key] = putFile(t, store, key, 1000)
	}
	size := sizes["files/0"]
	c := NewFiles(Options{Store: store, Scratch: vfs.NewMem(), BytesMax: 4*size + 10, Mem: memory.DefaultAllocator})
	ahead := func(key string, want int64) {
		t.Helper()
		c.Prefetch(key, size)
		c.prefetches.Wait()
		if s := c.Stats(); s.Prefetched != want {
			t.Errorf("%s: %d files copied ahead, not %d", key, s.Prefetched, want)
		}
	}
	ahead("files/0", 1)
	ahead("files/0", 1) // at hand
	f, err := c.Open(ctx, "files/0", size)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Hits != 1 || s.Misses != 0 || f.Reader == nil {
		t.Errorf("%+v after a file was copied ahead", s)
	}
	pinned := []*File{f}
	for i := 1; i < 4; i++ {
		f, err := c.Open(ctx, fmt.Sprint("files/", i), size)
		if err != nil {
			t.Fatal(err)
		}
		pinned = append(pinned, f)
	}
	ahead("files/4", 1) // no room beside those
	pinned[0].Unpin()
	ahead("files/4", 2) // in the place of what is not in use
	if s := c.Stats(); s.Bytes > s.BytesMax {
		t.Errorf("%+v: beyond the budget", s)
	}
	for _, f := range pinned[1:] {
		f.Unpin()
	}
	c.Prefetch("files/5", 2*size) // more than a share of the budget
	ahead("files/none", 3)        // which is not there
	if _, err := c.Open(ctx, "files/none", size); err == nil {
		t.Error("an object that is not there was opened")
	}
	c.Prefetch("files/6", size) // perhaps still under way
	c.Close()
	c.Prefetch("files/7", size)
	if s := c.Stats(); s.Bytes != 0 || s.Entries != 0 || s.Prefetched != 4 {
		t.Errorf("%+v after Close", s)
	}
}
