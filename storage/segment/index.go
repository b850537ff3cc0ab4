package segment

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"sync"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/cache"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/vector"
)

// Current is the segment's newest manifest: Manifest with the vector indexes
// that were built since.
func (s *Flushed) Current() *manifest.Manifest { return s.current.Load() }

// Install makes m, which differs from the current manifest in vector indexes
// alone, the current one. What readers have open of an index that is gone stays
// until they are done.
func (s *Flushed) Install(m *manifest.Manifest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current.Swap(m)
	for _, x := range old.Indexes() {
		if !slices.EqualFunc(old.Parts(x), m.Parts(x), func(a, b manifest.File) bool { return a.Key == b.Key }) {
			s.shelf.Files.Forget(s.indexKey(x))
		}
	}
}

func (s *Flushed) indexKey(index catalog.StorageID) string {
	if last := s.lastKey.Load(); last != nil && last.index == index {
		return last.key
	}
	k := &indexKey{index, s.indexPrefix + strconv.FormatUint(uint64(index), 10)}
	s.lastKey.Store(k)
	return k.key
}

// indexKey is the key of an index in the cache.
type indexKey struct {
	index catalog.StorageID
	key   string
}

// OpenedIndex is Index of what is open already; nil if it is not.
func (s *Flushed) OpenedIndex(index catalog.StorageID) *cache.File {
	if !s.Current().HasParts(index) {
		return nil
	}
	return s.shelf.Files.Opened(s.indexKey(index))
}

// Index opens a vector index of the segment, pinned: the File's Value is what
// open made of the parts. It is nil if the index was not built.
func (s *Flushed) Index(ctx context.Context, index catalog.StorageID, open func(vector.Parts) (vector.Index, error)) (*cache.File, error) {
	if !s.Current().HasParts(index) {
		return nil, nil
	}
	f, err := s.shelf.Files.OpenWith(ctx, s.indexKey(index), func(f *cache.File) (any, func() error, int64, error) {
		parts := s.OpenParts(ctx, index)
		parts.file = f
		var x vector.Index
		err := binlog.Guard(s.indexKey(index), func() (err error) {
			x, err = open(parts)
			return err
		})
		if err != nil {
			return nil, nil, 0, errors.Join(fmt.Errorf("vector index of segment %d: %w", s.Manifest.Segment, err), parts.Close())
		}
		return x, func() error { x.Close(); return parts.Close() }, parts.copied, nil
	})
	if err != nil && !s.Current().HasParts(index) {
		return nil, nil // dropped meanwhile
	}
	return f, err
}

// Parts are the files of a vector index: a vector.RangeParts. One goroutine at a
// time may open them.
type Parts struct {
	ctx    context.Context // of the opening
	files  *cache.Files
	file   *cache.File // what the index is in the cache; nil outside of it
	list   []manifest.File
	data   map[string][]byte
	close  []func() error
	copied int64
}

// OpenParts returns the files of an index, which are mapped, or copied, when they
// are opened; the caller closes them.
func (s *Flushed) OpenParts(ctx context.Context, index catalog.StorageID) *Parts {
	return &Parts{ctx: ctx, files: s.shelf.Files, list: s.Current().Parts(index), data: map[string][]byte{}}
}

// Names lists the parts.
func (p *Parts) Names() (names []string) {
	for i := range p.list {
		names = append(names, p.list[i].Part)
	}
	return names
}

func (p *Parts) find(part string) (*manifest.File, error) {
	for i := range p.list {
		if p.list[i].Part == part {
			return &p.list[i], nil
		}
	}
	return nil, fmt.Errorf("%w: no part %q", vector.ErrCorrupt, part)
}

// Open maps a part.
func (p *Parts) Open(part string) ([]byte, error) {
	if data, ok := p.data[part]; ok {
		return data, nil
	}
	f, err := p.find(part)
	if err != nil {
		return nil, err
	}
	fetch := p.files.Fetch
	if p.file != nil {
		fetch = p.file.Fetch
	}
	data, unmap, copied, err := fetch(p.ctx, f.Key, f.Bytes)
	if err != nil {
		return nil, err
	}
	p.close = append(p.close, unmap)
	p.copied += copied
	if int64(len(data)) != f.Bytes {
		return nil, &binlog.CorruptionError{Object: f.Key, Offset: int64(len(data)), Reason: fmt.Sprintf("object has %d bytes, the manifest says %d", len(data), f.Bytes)}
	}
	p.data[part] = data
	return data, nil
}

// OpenRanges opens a part for reading by ranges, which must end before Close.
func (p *Parts) OpenRanges(part string) (vector.Ranges, error) {
	f, err := p.find(part)
	if err != nil {
		return nil, err
	}
	if p.file == nil {
		return nil, fmt.Errorf("segment: part %q is read by ranges outside of the cache", part)
	}
	return p.file.Ranges(f.Key, f.Bytes), nil
}

// Close unmaps the files.
func (p *Parts) Close() error {
	var err error
	for _, unmap := range p.close {
		err = errors.Join(err, unmap())
	}
	p.data, p.close = nil, nil
	return err
}

// PartWriter puts the files of a vector index: a vector.PartWriter. It is safe
// for concurrent use; a file counts once it is closed.
type PartWriter struct {
	Segment manifest.Segment
	Field   catalog.FieldID
	Index   catalog.StorageID
	Rows    int64
	Objects objstore.Store
	Scratch vfs.FS
	NewLog  func() uint64
	// Context ends the puts: that of the build.
	Context context.Context

	mu    sync.Mutex // guards files
	files []manifest.File
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Create begins a part.
func (w *PartWriter) Create(part string) (io.WriteCloser, error) {
	log := w.NewLog()
	return &partFile{
		w: w, stage: newStagedFile(w.Objects, w.Scratch, log),
		file: manifest.File{Kind: manifest.KindIndex, Key: w.Segment.IndexPart(w.Field, w.Index, part, log), Index: w.Index, Part: part, Rows: w.Rows},
	}, nil
}

// Files are those that were closed.
func (w *PartWriter) Files() []manifest.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files
}

// Abandon removes what was put: the index will not be.
func (w *PartWriter) Abandon(ctx context.Context) error {
	var err error
	for _, f := range w.Files() {
		err = errors.Join(err, w.Objects.Delete(ctx, f.Key))
	}
	return err
}

// partChunkBytes is what a part is written by, at multiples of it. A system that keeps
// files in pages as large as the writes that make them, as Linux does on ext4 and
// XFS, then maps a part by pages of 2 MB, so that a search of an index misses one
// cache at each step and not two. (A bufio.Writer passes on what is longer than its
// buffer as it comes.)
const partChunkBytes = vfs.LargePage

// partFile is a part that is being written.
type partFile struct {
	w     *PartWriter
	stage *stagedFile
	chunk []byte // what is not staged yet
	file  manifest.File
}

func (f *partFile) Write(p []byte) (int, error) {
	for left := p; len(left) > 0; {
		n := min(len(left), partChunkBytes-len(f.chunk))
		f.chunk, left = append(f.chunk, left[:n]...), left[n:]
		if len(f.chunk) == partChunkBytes {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (f *partFile) flush() error {
	f.file.CRC = crc32.Update(f.file.CRC, castagnoli, f.chunk)
	_, err := f.stage.Write(f.chunk)
	f.chunk = f.chunk[:0]
	return err
}

func (f *partFile) Close() error {
	defer f.stage.drop()
	if err := context.Cause(f.w.Context); err != nil {
		return err
	}
	if err := f.flush(); err != nil {
		return err
	}
	f.file.Bytes, f.file.RawBytes = f.stage.size, f.stage.size
	if err := f.stage.put(f.w.Context, f.file.Key); err != nil {
		return fmt.Errorf("put %s: %w", f.file.Key, err)
	}
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.files = append(f.w.files, f.file)
	return nil
}
