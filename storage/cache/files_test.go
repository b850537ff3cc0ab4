package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

var ctx = context.Background()

// remote hides that a store can map its objects.
type remote struct{ objstore.Store }

// putFile stores a binlog file of n numbers and returns its size.
func putFile(t *testing.T, s objstore.Store, key string, n int) int64 {
	t.Helper()
	var out bytes.Buffer
	w, err := binlog.NewWriter(&out, binlog.Descriptor{Kind: binlog.Insert, Fields: []binlog.Field{{ID: 100, Type: arrow.PrimitiveTypes.Int64}}}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range n {
		b.Append(int64(i))
	}
	if err := w.Write([]arrow.Array{b.NewArray()}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	size := int64(out.Len())
	if err := s.Put(ctx, key, &out, size); err != nil {
		t.Fatal(err)
	}
	return size
}

// TestFiles: a remote store's files are copied, kept under the budget while
// nobody pins them, and gone at Close.
func TestFiles(t *testing.T) {
	store := remote{objstore.NewMem()}
	scratch := vfs.NewMem()
	sizes := map[string]int64{}
	for i := range 5 {
		key := fmt.Sprint("files/", i)
		sizes[key] = putFile(t, store, key, 1000)
	}
	budget := 2*sizes["files/0"] + 10
	c := NewFiles(Options{Store: store, Scratch: scratch, BytesMax: budget, Mem: memory.DefaultAllocator})
	var wrapped []arrow.Array
	for i := range 5 {
		key := fmt.Sprint("files/", i)
		f, err := c.Open(ctx, key, sizes[key])
		if err != nil {
			t.Fatal(err)
		}
		a, err := f.Reader.Read(ctx, 100, 0)
		if err != nil {
			t.Fatal(err)
		}
		wrapped = append(wrapped, f.Wrap(a))
		f.Unpin()
	}
	if s := c.Stats(); s.Entries != 5 || s.Pinned != 5 || s.Bytes <= budget {
		t.Errorf("while pinned: %+v", s)
	}
	for i, a := range wrapped {
		part := array.NewSlice(a, 10, 20)
		a.Release()
		if part.(*array.Int64).Value(5) != 15 {
			t.Errorf("file %d reads %v", i, part)
		}
		part.Release()
	}
	if s := c.Stats(); s.Entries != 2 || s.Pinned != 0 || s.Bytes > budget {
		t.Errorf("afterwards: %+v", s)
	}
	c.Close()
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("closed: %+v", s)
	}
	if list, err := scratch.List("."); err != nil || len(list) != 0 {
		t.Errorf("scratch keeps %v, %v", list, err)
	}
}

func TestForgetWhilePinned(t *testing.T) {
	store := remote{objstore.NewMem()}
	size := putFile(t, store, "files/a", 100)
	c := NewFiles(Options{Store: store, Scratch: vfs.NewMem(), BytesMax: 1 << 20, Mem: memory.DefaultAllocator})
	defer c.Close()
	f, err := c.Open(ctx, "files/a", size)
	if err != nil {
		t.Fatal(err)
	}
	c.Forget("files/a")
	a, err := f.Reader.Read(ctx, 100, 0)
	if err != nil || a.(*array.Int64).Value(99) != 99 {
		t.Errorf("a pinned file is gone: %v", err)
	}
	a.Release()
	f.Unpin()
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

// TestOpened: what is open is found without being opened, and what was derived of it
// without being computed.
func TestOpened(t *testing.T) {
	store := remote{objstore.NewMem()}
	size := putFile(t, store, "files/a", 100)
	c := NewFiles(Options{Store: store, Scratch: vfs.NewMem(), BytesMax: 1 << 20, Mem: memory.DefaultAllocator})
	defer c.Close()
	if f := c.Opened("files/a"); f != nil {
		t.Fatal("a file that nobody has opened is open")
	}
	f, err := c.Open(ctx, "files/a", size)
	if err != nil {
		t.Fatal(err)
	}
	again := c.Opened("files/a")
	if again != f {
		t.Fatalf("Opened finds %p, not %p", again, f)
	}
	if v := f.Known("sum"); v != nil {
		t.Errorf("%v is known before it was derived", v)
	}
	if _, err := f.Derived("sum", func() (any, error) { return 7, nil }); err != nil {
		t.Fatal(err)
	}
	if v := again.Known("sum"); v != 7 {
		t.Errorf("%v is known, not 7", v)
	}
	f.Unpin()
	if s := c.Stats(); s.Pinned != 1 {
		t.Errorf("%d files are pinned, not the one of Opened", s.Pinned)
	}
	again.Unpin()
	c.Forget("files/a")
	if f := c.Opened("files/a"); f != nil {
		t.Error("a forgotten file is open")
	}
}

func TestOpenFails(t *testing.T) {
	store := remote{objstore.NewMem()}
	size := putFile(t, store, "files/a", 100)
	scratch := vfs.NewMem()
	c := NewFiles(Options{Store: store, Scratch: scratch, BytesMax: 1 << 20, Mem: memory.DefaultAllocator})
	defer c.Close()
	if _, err := c.Open(ctx, "files/none", 10); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("no object: %v", err)
	}
	if _, err := c.Open(ctx, "files/a", size+1); !errors.As(err, new(*binlog.CorruptionError)) {
		t.Errorf("a short object: %v", err)
	}
	if _, err := c.Open(ctx, "files/a", size-1); !errors.As(err, new(*binlog.CorruptionError)) {
		t.Errorf("a cut object: %v", err)
	}
	if list, err := scratch.List("."); err != nil || len(list) != 0 {
		t.Errorf("scratch keeps %v, %v", list, err)
	}
	if _, err := c.Open(ctx, "files/a", size); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestConcurrentOpens: many open few files under a budget for none.
func TestConcurrentOpens(t *testing.T) {
	store := remote{objstore.NewMem()}
	size := putFile(t, store, "files/0", 1000)
	putFile(t, store, "files/1", 1000)
	c := NewFiles(Options{Store: store, BytesMax: 1, Mem: memory.DefaultAllocator})
	defer c.Close()
	var readers sync.WaitGroup
	for n := range 8 {
		readers.Go(func() {
			for range 50 {
				f, err := c.Open(ctx, fmt.Sprint("files/", n%2), size)
				if err != nil {
					t.Error(err)
					return
				}
				if f.Reader.Rows() != 1000 {
					t.Error("wrong file")
				}
				f.Unpin()
			}
		})
	}
	readers.Wait()
	if s := c.Stats(); s.Pinned != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestEvents(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	c := NewEvents(100)
	put := func(event int) {
		b := array.NewInt64Builder(mem)
		b.Append(int64(event))
		a := b.NewArray()
		b.Release()
		c.Put(EventKey{Segment: 1, Event: event}, a, 20)
		a.Release()
	}
	for i := range 7 {
		put(i)
		if a := c.Get(EventKey{Segment: 1, Event: 0}); a != nil { // keeps 0 young
			a.Release()
		}
	}
	for i, want := range []bool{true, false, false, true, true, true, true} {
		a := c.Get(EventKey{Segment: 1, Event: i})
		if (a != nil) != want {
			t.Errorf("event %d is there: %v", i, a != nil)
		}
		if a != nil {
			a.Release()
		}
	}
	c.Shrink(0)
	if c.Get(EventKey{Segment: 1, Event: 6}) != nil {
		t.Error("Shrink keeps an event")
	}
}

// TestOpenRead: files are read without a mapping, of local stores themselves and of
// copies of remote ones, which are gone with their objects.
func TestOpenRead(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for name, wrap := range map[string]func(*objstore.Mem) objstore.Store{
		"local":  func(m *objstore.Mem) objstore.Store { return m },
		"remote": func(m *objstore.Mem) objstore.Store { return remote{m} },
	} {
		store := wrap(objstore.NewMem())
		size := putFile(t, store, "files/a", 1000)
		scratch := vfs.NewMem()
		c := NewFiles(Options{Store: store, Scratch: scratch, BytesMax: 10 * size, Mem: mem})
		for range 2 {
			f, err := c.OpenRead(ctx, "files/a", size)
			if err != nil {
				t.Fatal(name, err)
			}
			a, err := f.Reader.Read(ctx, 100, 0)
			if err != nil {
				t.Fatal(name, err)
			}
			if f.Reader.InPlace(100, 0) {
				t.Errorf("%s: the file is mapped", name)
			}
			f.Unpin()
			if v := a.(*array.Int64); v.Len() != 1000 || v.Value(999) != 999 { // a copy, which outlives the pin
				t.Errorf("%s: read %v", name, a)
			}
			a.Release()
		}
		if s := c.Stats(); s.Entries != 1 || s.Hits != 1 || s.Misses != 1 || name == "remote" && s.Bytes != size {
			t.Errorf("%s: %+v", name, s)
		}
		mapped, err := c.Open(ctx, "files/a", size)
		if err != nil || !mapped.Reader.InPlace(100, 0) {
			t.Errorf("%s: a mapping beside: %v", name, err)
		}
		mapped.Unpin()
		c.Forget("files/a")
		if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
			t.Errorf("%s: after Forget %+v", name, s)
		}
		names, err := scratch.List(".")
		if err != nil || len(names) != 0 {
			t.Errorf("%s: scratch files %v, %v", name, names, err)
		}
		c.Close()
	}
}
