package vfs

import (
	"bytes"
	"testing"
)

// TestUnload: what is given back is read again, and nothing else is touched.
func TestUnload(t *testing.T) {
	fsys, err := NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("mapped "), 10_000)
	f, err := fsys.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	data, unmap, err := f.Map(int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !bytes.Equal(data, content) {
			t.Fatal("the mapping has other bytes than the file")
		}
		if !Unload(data) {
			t.Error("a mapped file is not taken for one")
		}
	}
	for name, other := range map[string][]byte{"memory": content, "a part": data[:5], "nothing": nil} {
		if Unload(other) {
			t.Errorf("%s is taken for a mapped file", name)
		}
	}
	if !bytes.HasPrefix(content, []byte("mapped mapped")) {
		t.Error("memory was lost")
	}
	if err := unmap(); err != nil {
		t.Fatal(err)
	}
	if Unload(data) {
		t.Error("what was unmapped is taken for a mapped file")
	}
}

// TestResident: what was read of a mapped file counts until it is given back.
func TestResident(t *testing.T) {
	fsys, err := NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	f, err := fsys.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, size), 0); err != nil {
		t.Fatal(err)
	}
	data, unmap, err := f.Map(size)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want int64) {
		t.Helper()
		if got, err := Resident(); got != want || err != nil {
			t.Errorf("%d bytes are resident, %v: want %d", got, err, want)
		}
	}
	UnloadAll()
	expect(0)
	if bytes.IndexByte(data, 1) >= 0 { // reads all of it
		t.Error("the mapping has other bytes than the file")
	}
	expect(size)
	UnloadAll()
	expect(0)
	if err := unmap(); err != nil {
		t.Fatal(err)
	}
}

// TestPopulate: all of a file and parts of it, across large pages and within one, and
// bytes that are not of a file.
func TestPopulate(t *testing.T) {
	fsys, err := NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content := bytes.Repeat([]byte("quiver "), 1_000_000)
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	size := len(content)
	data, unmap, err := f.Map(int64(size))
	if err != nil {
		t.Fatal(err)
	}
	heap := bytes.Clone(content)
	for _, r := range [][2]int{{0, size}, {1, 2}, {size - 1, size}, {5 << 19, 5 << 20}, {3_000_000, 3_000_001}, {7, 7}} {
		Populate(data, r[0], r[1])
		Populate(heap, r[0], r[1])
	}
	Populate(nil, 0, 0)
	if !bytes.Equal(data, content) || !bytes.Equal(heap, content) {
		t.Error("bytes changed")
	}
	if got, err := Resident(); got > int64(size)+1<<20 || err != nil {
		t.Errorf("%d bytes of a file of %d are resident, %v", got, size, err)
	}
	if err := unmap(); err != nil {
		t.Fatal(err)
	}
}
