package cache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// counted counts the requests to a remote store, and fails those that fail says.
type counted struct {
	remote
	requests, bytes atomic.Int64
	fail            atomic.Pointer[error]
}

func (s *counted) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	if err := s.fail.Load(); err != nil {
		return nil, *err
	}
	s.requests.Add(1)
	s.bytes.Add(length)
	return s.remote.ReadAt(ctx, key, offset, length, dst)
}

// openRanges opens an object of random bytes as a File of its own.
func openRanges(t *testing.T, c *Files, s objstore.Store, key string, size int) (*File, []byte) {
	t.Helper()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	if err := s.Put(ctx, key, bytes.NewReader(data), int64(size)); err != nil {
		t.Fatal(err)
	}
	f, err := c.OpenWith(ctx, key+"#", func(f *File) (any, func() error, int64, error) {
		r := f.Ranges(key, int64(size))
		return r, r.Close, 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f, data
}

// TestRanges: random ranges are what the object has; what was read before is not
// asked for again, and the bytes kept are within the budget.
func TestRanges(t *testing.T) {
	store := &counted{remote: remote{objstore.NewMem()}}
	scratch := vfs.NewMem()
	const size, budget = 100_000, 60_000
	c := NewFiles(Options{Store: store, Scratch: scratch, BytesMax: budget, Mem: memory.DefaultAllocator})
	f, data := openRanges(t, c, store, "files/a", size)
	r := f.Value.(*Ranges)
	read := func(from, to int) {
		t.Helper()
		p := make([]byte, to-from)
		if err := r.ReadRange(ctx, p, int64(from)); err != nil || !bytes.Equal(p, data[from:to]) {
			t.Errorf("[%d, %d): %v", from, to, err)
		}
	}
	read(1000, 3000)
	read(5000, 6000)
	read(2500, 5500) // both sides are there, the middle is not
	if n, b := store.requests.Load(), store.bytes.Load(); n != 3 || b != 6000 {
		t.Errorf("%d requests, %d bytes", n, b)
	}
	read(1000, 6000)
	read(1234, 4321)
	read(99, 99)
	if n := store.requests.Load(); n != 3 {
		t.Errorf("%d requests for what is there", n)
	}
	if s := c.Stats(); s.Bytes != 5000 || s.Hits != 2 || s.Misses != 4 {
		t.Errorf("%+v", s)
	}
	var all sync.WaitGroup
	for n := range uint64(4) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(n, 1))
			for range 300 {
				from := random.IntN(size)
				read(from, min(size, from+random.IntN(4000)))
			}
		})
	}
	all.Wait()
	if s := c.Stats(); s.Bytes > budget || s.Bytes < budget/2 {
		t.Errorf("%d bytes are kept of a budget of %d", s.Bytes, budget)
	}
	// Another index needs the room: the first goes once nobody uses it.
	f.Unpin()
	g, data2 := openRanges(t, c, store, "files/b", size)
	r, data = g.Value.(*Ranges), data2
	read(0, 50_000)
	if s := c.Stats(); s.Bytes != 50_000 || s.Entries != 1 {
		t.Errorf("after another needed the room: %+v", s)
	}
	g.Unpin()
	c.Close()
	if s := c.Stats(); s.Bytes != 0 {
		t.Errorf("%d bytes after Close", s.Bytes)
	}
	if list, err := scratch.List("."); err != nil || len(list) != 0 {
		t.Errorf("scratch holds %v, %v", list, err)
	}
}

// TestBadRanges: what lies outside is corruption, an error of the store an error,
// and neither spoils what is there.
func TestBadRanges(t *testing.T) {
	store := &counted{remote: remote{objstore.NewMem()}}
	c := NewFiles(Options{Store: store, Scratch: vfs.NewMem(), BytesMax: 1 << 20, Mem: memory.DefaultAllocator})
	defer c.Close()
	f, data := openRanges(t, c, store, "files/a", 1000)
	defer f.Unpin()
	r := f.Value.(*Ranges)
	for _, at := range []int64{-1, 991, 1 << 40} {
		var corrupt *binlog.CorruptionError
		if err := r.ReadRange(ctx, make([]byte, 10), at); !errors.As(err, &corrupt) || corrupt.Object != "files/a" {
			t.Errorf("at %d: %v", at, err)
		}
	}
	away := objstore.ErrUnavailable
	store.fail.Store(&away)
	p := make([]byte, 10)
	if err := r.ReadRange(ctx, p, 20); !errors.Is(err, objstore.ErrUnavailable) {
		t.Errorf("store away: %v", err)
	}
	store.fail.Store(nil)
	if err := r.ReadRange(ctx, p, 20); err != nil || !bytes.Equal(p, data[20:30]) {
		t.Errorf("store back: %v", err)
	}
	short := f.Ranges("files/a", 2000) // the manifest says more than there is
	var corrupt *binlog.CorruptionError
	if err := short.ReadRange(ctx, p, 995); !errors.As(err, &corrupt) {
		t.Errorf("object too short: %v", err)
	}
}
