package segment

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// writesFS tells where files are written, and how much at once.
type writesFS struct {
	vfs.FS
	writes []string
}

type writesFile struct {
	vfs.File
	fs *writesFS
}

func (w *writesFS) Create(name string) (vfs.File, error) {
	f, err := w.FS.Create(name)
	return &writesFile{f, w}, err
}

func (f *writesFile) WriteAt(p []byte, offset int64) (int, error) {
	if len(p) > 0 {
		f.fs.writes = append(f.fs.writes, fmt.Sprintf("%d at %d", len(p), offset))
	}
	return f.File.WriteAt(p, offset)
}

// TestPartsAreWrittenByChunks: whatever comes for a part of an index, its file is
// written by whole chunks at multiples of them, but for the rest.
func TestPartsAreWrittenByChunks(t *testing.T) {
	fsys, err := vfs.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := &writesFS{FS: fsys}
	store := objstore.NewDir(files, "parts")
	w := &PartWriter{Objects: store, Scratch: fsys, NewLog: func() uint64 { return 1 }, Context: context.Background()}
	part, err := w.Create("part")
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for i, n := range []int{64, 100, 0, 3 * partChunkBytes / 2, 1, partChunkBytes, 4} {
		piece := bytes.Repeat([]byte{byte('a' + i)}, n)
		want = append(want, piece...)
		if _, err := part.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	f := w.Files()[0]
	got, err := objstore.ReadAll(context.Background(), store, f.Key)
	if err != nil || !bytes.Equal(got, want) || f.Bytes != int64(len(want)) || f.CRC != crc32.Checksum(want, castagnoli) {
		t.Errorf("%d bytes, not %d, listed with %d: %v", len(got), len(want), f.Bytes, err)
	}
	writes := []string{fmt.Sprintf("%d at 0", partChunkBytes), fmt.Sprintf("%d at %d", partChunkBytes, partChunkBytes), fmt.Sprintf("%d at %d", len(want)-2*partChunkBytes, 2*partChunkBytes)}
	if !slices.Equal(files.writes, writes) {
		t.Errorf("written %v, not %v", files.writes, writes)
	}
}
