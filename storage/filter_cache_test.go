package storage

import (
	"fmt"
	"testing"

	"quiver/catalog"
)

// TestFilterCache: an answer is asked for twice before it is worth keeping, and
// the cache stays within its budget, the last used staying.
func TestFilterCache(t *testing.T) {
	c := newFilterCache()
	of := func(i int) filteredSegment { return filteredSegment{catalog.SegmentID(i), fmt.Sprint("filter ", i)} }
	expect := func(of filteredSegment, known, again bool) {
		t.Helper()
		pass, a := c.get(of)
		if (pass != nil) != known || a != again {
			t.Errorf("%v: known %v, again %v; want %v, %v", of, pass != nil, a, known, again)
		}
	}
	expect(of(1), false, false)
	expect(of(1), false, true)
	c.put(of(1), Bitmap{5})
	expect(of(1), true, true)
	expect(filteredSegment{2, "filter 1"}, false, false) // another segment

	for i := 2; i < 40; i++ {
		c.put(of(i), make(Bitmap, filterCacheBytes/16))
		expect(of(1), true, true) // used last
	}
	if c.bytes > filterCacheBytes {
		t.Errorf("%d bytes", c.bytes)
	}
	expect(of(2), false, false) // gave way
	c.put(of(100), make(Bitmap, filterCacheBytes))
	expect(of(100), false, false) // too large to keep
}
