package cache

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// TestResidency reads, through mappings, eight times what may be resident: never
// much more than that is, what was used last stays, and every byte is right.
func TestResidency(t *testing.T) {
	const (
		files    = 64
		size     = 1 << 20
		resident = 8 << 20
	)
	disk, err := vfs.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store := objstore.NewDir(disk, "objects")
	content := make([]byte, size)
	for i := range files {
		for at := range content {
			content[at] = byte(at>>12 + i)
		}
		if err := store.Put(ctx, key(i), bytes.NewReader(content), size); err != nil {
			t.Fatal(err)
		}
	}
	c := NewFiles(Options{Store: store, ResidentMax: resident})
	defer c.Close()
	before, err := residentFiles()
	if err != nil {
		t.Fatal(err)
	}
	peak := int64(0)
	read := func(i int) {
		f, err := c.OpenWith(ctx, key(i), func(f *File) (any, func() error, int64, error) {
			data, unmap, _, err := f.Fetch(ctx, key(i), size)
			return data, unmap, 0, err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Unpin()
		data := f.Value.([]byte)
		for from := 0; from < size; from += 64 << 10 {
			c.Touch(64 << 10)
			for at := from; at < from+64<<10; at += 4 << 10 {
				if data[at] != byte(at>>12+i) {
					t.Fatalf("file %d has another byte at %d", i, at)
				}
			}
			now, err := residentFiles()
			if err != nil {
				t.Fatal(err)
			}
			peak = max(peak, now-before)
		}
	}
	for i := range files {
		read(i)
		read(0) // always in use
	}
	if limit := int64(resident + resident/residentShare + size); peak > limit {
		t.Errorf("%d bytes were resident, more than %d", peak, limit)
	}
	if s := c.MappedStats(); s.Entries != files || s.Evictions < files/2 || s.BytesMax != resident || s.Bytes > resident+size {
		t.Errorf("%+v", s)
	}
	if s := c.Stats(); s.Pinned != 0 || s.Hits != files || s.Misses != files {
		t.Errorf("%+v", s)
	}
}

// TestResidencyOfOthers: a file that the cache did not map, several times as large as
// what may be resident, is given back too; once it is gone, the budget is what it was.
func TestResidencyOfOthers(t *testing.T) {
	const resident = 4 << 20
	disk, err := vfs.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := newResidency(resident)
	before, err := residentFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{16 << 20, 8 << 20} {
		f, err := disk.Create("scratch")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		data, unmap, err := f.Map(size)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data, 1) >= 0 { // reads all of it
			t.Error("the file is not empty")
		}
		r.check()
		if now, err := residentFiles(); err != nil || now-before > resident+1<<20 {
			t.Errorf("%d bytes of %d are resident, %v", now-before, size, err)
		}
		if err := errors.Join(unmap(), f.Close(), disk.Remove("scratch")); err != nil {
			t.Fatal(err)
		}
	}
}

func key(i int) string { return fmt.Sprintf("files/%d", i) }

// TestOpenMax: files that nobody reads do not stay open without bound.
func TestOpenMax(t *testing.T) {
	c := NewFiles(Options{Store: objstore.NewMem()})
	open, closed := 0, 0
	for i := range openMax + 10 {
		f, err := c.OpenWith(ctx, key(i), func(*File) (any, func() error, int64, error) {
			open++
			return nil, func() error { closed++; return nil }, 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f.Unpin()
	}
	if s := c.Stats(); open-closed != openMax || s.Entries != openMax || s.Evictions != 10 {
		t.Errorf("%d were opened, %d closed; %+v", open, closed, s)
	}
	if c.Opened(key(9)) != nil || c.Opened(key(10)) == nil {
		t.Error("others than those used the longest ago were closed")
	}
}
