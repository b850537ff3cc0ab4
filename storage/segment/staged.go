package segment

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// stagedFile is a file on its way to the object store, which wants to know its
// size first. A large one waits in the store itself where that can take it, and in
// scratch otherwise.
type stagedFile struct {
	objects objstore.Store
	fs      vfs.FS
	name    string
	object  objstore.Staged
	file    vfs.File
	buffer  bytes.Buffer
	size    int64
}

// stagedBytesMax is what a staged file may hold in memory.
const stagedBytesMax = 1 << 20

func newStagedFile(objects objstore.Store, fs vfs.FS, log uint64) *stagedFile {
	return &stagedFile{objects: objects, fs: fs, name: fmt.Sprintf("flush-%d", log)}
}

func (s *stagedFile) Write(p []byte) (int, error) {
	to := s.out()
	if to == nil && (s.fs == nil || s.buffer.Len()+len(p) <= stagedBytesMax) {
		s.size += int64(len(p))
		return s.buffer.Write(p)
	}
	if to == nil {
		var err error
		if to, err = s.create(); err != nil {
			return 0, err
		}
		if _, err := to.WriteAt(s.buffer.Bytes(), 0); err != nil {
			return 0, err
		}
		s.buffer = bytes.Buffer{}
	}
	n, err := to.WriteAt(p, s.size)
	s.size += int64(n)
	return n, err
}

// out is where the bytes go; nil while they are in memory.
func (s *stagedFile) out() io.WriterAt {
	switch {
	case s.object != nil:
		return s.object
	case s.file != nil:
		return s.file
	}
	return nil
}

func (s *stagedFile) create() (_ io.WriterAt, err error) {
	if stager, ok := s.objects.(objstore.Stager); ok {
		s.object, err = stager.Stage()
		return s.object, err
	}
	s.file, err = s.fs.Create(s.name)
	return s.file, err
}

// put stores the file under key.
func (s *stagedFile) put(ctx context.Context, key string) error {
	switch {
	case s.object != nil:
		return s.object.Publish(ctx, key)
	case s.file != nil:
		return s.objects.Put(ctx, key, io.NewSectionReader(s.file, 0, s.size), s.size)
	}
	return s.objects.Put(ctx, key, bytes.NewReader(s.buffer.Bytes()), s.size)
}

// drop forgets the file. What cannot be removed is scratch, gone at the next
// start.
func (s *stagedFile) drop() {
	if s.object != nil {
		s.object.Discard()
	}
	if s.file != nil {
		_ = s.file.Close()
		_ = s.fs.Remove(s.name)
	}
	s.object, s.file, s.buffer = nil, nil, bytes.Buffer{}
}
