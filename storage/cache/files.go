package cache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// Options make a Files.
type Options struct {
	Store objstore.Store
	// Scratch holds the copies of remote objects; nil keeps them in memory.
	Scratch vfs.FS
	// BytesMax bounds the copies.
	BytesMax int64
	// ResidentMax bounds what mapped files take of the resident memory of the
	// process; 0 leaves it to the system.
	ResidentMax int64
	Mem         memory.Allocator
}

// Files are the binlog files of an object store, mapped, and what was opened of
// several files together.
type Files struct {
	o     Options
	local objstore.Local

	mu    sync.Mutex // guards what follows and the fields of File
	files map[string]*File
	idle  *list.List // of *File: those that nobody pins, the oldest first
	bytes int64      // of copies
	// idleBytes are the bytes of the copies in idle.
	idleBytes int64
	next      uint64
	uses      uint64
	// ahead are the bytes of the files being copied by Prefetch.
	ahead  int64
	closed bool

	hits, misses, prefetched, evictions int64

	memory *residency
	// prefetches end with ctx.
	ctx        context.Context
	stop       context.CancelFunc
	prefetches sync.WaitGroup
}

// File is a pinned file.
type File struct {
	// Reader reads the file; its uncompressed arrays are valid while a pin is.
	// nil for what OpenWith opened.
	Reader *binlog.Reader
	// Value is what OpenWith opened, valid while a pin is.
	Value any

	c     *Files
	key   string
	size  int64 // 0 when nothing was copied
	pins  int
	ready chan struct{}
	err   error
	data  [][]byte // mapped, complete once ready
	close func() error
	place *list.Element // in idle
	gone  bool          // forgotten: closed at the last unpin
	used  atomic.Uint64 // the last pin, by uses of the cache

	derivedMu sync.Mutex // guards derived
	derived   map[any]any
}

// Known returns what Derived computed for key, nil before it did.
func (f *File) Known(key any) any {
	f.derivedMu.Lock()
	defer f.derivedMu.Unlock()
	return f.derived[key]
}

// Derived returns what compute made of the file at the first call with key: a
// view of its pages, say. It is valid while the file is pinned and needs no
// closing.
func (f *File) Derived(key any, compute func() (any, error)) (any, error) {
	f.derivedMu.Lock()
	defer f.derivedMu.Unlock()
	if v, ok := f.derived[key]; ok {
		return v, nil
	}
	v, err := compute()
	if err != nil {
		return nil, err
	}
	if f.derived == nil {
		f.derived = map[any]any{}
	}
	f.derived[key] = v
	return v, nil
}

// NewFiles returns an empty cache.
func NewFiles(o Options) *Files {
	c := &Files{o: o, files: map[string]*File{}, idle: list.New()}
	c.local, _ = o.Store.(objstore.Local)
	c.memory = newResidency(o.ResidentMax)
	c.ctx, c.stop = context.WithCancel(context.Background())
	if o.ResidentMax > 0 {
		c.prefetches.Go(c.watchMemory)
	}
	return c
}

// watchMemory looks at the resident memory until Close.
func (c *Files) watchMemory() {
	tick := time.NewTicker(residentEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
			c.memory.check()
		}
	}
}

// Touch says that so many bytes of a mapped file are about to be read.
func (c *Files) Touch(n int64) { c.memory.touch(n) }

// Open returns the file of a key, pinned; the caller calls Unpin. size is that
// of the object.
func (c *Files) Open(ctx context.Context, key string, size int64) (*File, error) {
	return c.open(ctx, key, c.loader(ctx, key, size))
}

// readKey is what the file of a key is known by that OpenRead opened.
func readKey(key string) string { return key + "#read" }

// OpenRead is Open of a file that is not mapped: what is read of it is a copy,
// whose memory its reader gives back.
func (c *Files) OpenRead(ctx context.Context, key string, size int64) (*File, error) {
	return c.open(ctx, readKey(key), func(f *File) (func() error, int64, error) {
		read, closeFile, copied, err := c.reading(ctx, key, size)
		if err != nil {
			return nil, 0, err
		}
		if f.Reader, err = binlog.Open(ctx, key, size, read, c.o.Mem); err != nil {
			return nil, 0, errors.Join(err, closeFile())
		}
		return closeFile, copied, nil
	})
}

// reading returns what reads ranges of an object: of the object itself if it is
// local, else of a copy.
func (c *Files) reading(ctx context.Context, key string, size int64) (read binlog.ReadFunc, closeFile func() error, copied int64, err error) {
	if c.local != nil || c.o.Scratch == nil {
		read = func(ctx context.Context, offset, length int64, dst []byte) ([]byte, error) {
			return c.o.Store.ReadAt(ctx, key, offset, length, dst)
		}
		return read, func() error { return nil }, 0, nil
	}
	file, remove, err := c.copyOf(ctx, key, size)
	if err != nil {
		return nil, nil, 0, err
	}
	read = func(_ context.Context, offset, length int64, dst []byte) ([]byte, error) {
		b := slices.Grow(dst[:0], int(length))[:length]
		n, err := file.ReadAt(b, offset)
		return b[:n], err
	}
	return read, remove, size, nil
}

// copyOf copies an object into a scratch file, which remove removes.
func (c *Files) copyOf(ctx context.Context, key string, size int64) (file vfs.File, remove func() error, err error) {
	name := c.scratchName()
	if file, err = c.o.Scratch.Create(name); err != nil {
		return nil, nil, err
	}
	remove = func() error { return errors.Join(file.Close(), c.o.Scratch.Remove(name)) }
	if err := c.copyTo(ctx, file, key, size); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return file, remove, nil
}

// loader opens a binlog file.
func (c *Files) loader(ctx context.Context, key string, size int64) func(*File) (func() error, int64, error) {
	return func(f *File) (func() error, int64, error) {
		data, unmap, copied, err := f.Fetch(ctx, key, size)
		if err != nil {
			return nil, 0, err
		}
		if f.Reader, err = binlog.OpenBytes(key, data, c.o.Mem); err != nil {
			return nil, 0, errors.Join(err, unmap())
		}
		return unmap, copied, nil
	}
}

// Opened is Open and OpenWith of what is open already; nil if it is not, or is
// being opened.
func (c *Files) Opened(key string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[key]
	if f == nil {
		return nil
	}
	select {
	case <-f.ready:
	default:
		return nil
	}
	if f.err != nil {
		return nil
	}
	f.pin()
	c.hits++
	return f
}

// OpenWith returns what load opened at the first call with key, pinned, as File
// does: in its Value. close is called when it is given up, and copied is what
// Fetch said of the files in it. load gets the File, for Ranges.
func (c *Files) OpenWith(ctx context.Context, key string, load func(*File) (value any, close func() error, copied int64, err error)) (*File, error) {
	return c.open(ctx, key, func(f *File) (close func() error, copied int64, err error) {
		f.Value, close, copied, err = load(f)
		return close, copied, err
	})
}

func (c *Files) open(ctx context.Context, key string, load func(*File) (close func() error, copied int64, err error)) (*File, error) {
	c.mu.Lock()
	f := c.files[key]
	if f == nil {
		f = c.newFile(key)
		c.misses++
		c.mu.Unlock()
		if err := c.load(f, load); err != nil {
			return nil, err
		}
		return f, nil
	}
	f.pin()
	c.hits++
	c.mu.Unlock()
	select {
	case <-f.ready:
	case <-ctx.Done():
		f.Unpin()
		return nil, context.Cause(ctx)
	}
	if f.err != nil {
		err := f.err
		f.Unpin()
		if ctx.Err() == nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
			return c.open(ctx, key, load) // another's statement was cancelled
		}
		return nil, err
	}
	return f, nil
}

// newFile adds a file that is to be opened, pinned; called under mu.
func (c *Files) newFile(key string) *File {
	f := &File{c: c, key: key, ready: make(chan struct{})}
	f.pin()
	c.files[key] = f
	return f
}

// load opens the file; after an error nobody finds it any more.
func (c *Files) load(f *File, open func(*File) (func() error, int64, error)) error {
	shut, copied, err := open(f)
	c.mu.Lock()
	f.err, f.close = err, shut
	f.size += copied
	c.bytes += copied
	if err != nil {
		c.bytes -= f.size
		f.close, f.size, f.gone = nil, 0, true
		if c.files[f.key] == f {
			delete(c.files, f.key)
		}
		f.pins--
	}
	victims := c.shrink()
	c.mu.Unlock()
	closeAll(victims)
	close(f.ready)
	return err
}

// Fetch makes the bytes of an object addressable until unmap is called; copied is
// how many of them were copied, which count against the budget.
func (c *Files) Fetch(ctx context.Context, key string, size int64) (data []byte, unmap func() error, copied int64, err error) {
	return c.fetchFor(ctx, nil, key, size)
}

// Fetch is Fetch of the cache for a file that is being opened: uses of the file
// are uses of the bytes.
func (f *File) Fetch(ctx context.Context, key string, size int64) (data []byte, unmap func() error, copied int64, err error) {
	if data, unmap, copied, err = f.c.fetchFor(ctx, f, key, size); err == nil {
		f.data = append(f.data, data)
	}
	return data, unmap, copied, err
}

func (c *Files) fetchFor(ctx context.Context, f *File, key string, size int64) (data []byte, unmap func() error, copied int64, err error) {
	data, shut, copied, err := c.fetch(ctx, key, size)
	if err != nil {
		return nil, nil, 0, err
	}
	m := &mapping{data: data, owner: f}
	c.mu.Lock()
	c.uses++
	m.used.Store(c.uses)
	c.mu.Unlock()
	c.memory.add(m)
	return data, func() error { c.memory.remove(m); return shut() }, copied, nil
}

func (c *Files) fetch(ctx context.Context, key string, size int64) (data []byte, unmap func() error, copied int64, err error) {
	if c.local != nil {
		data, unmap, err = c.local.Map(ctx, key)
		return data, unmap, 0, err
	}
	if c.o.Scratch == nil {
		data, err = c.o.Store.ReadAt(ctx, key, 0, size, nil)
		return data, func() error { return nil }, size, whole(key, data, size, err)
	}
	file, remove, err := c.copyOf(ctx, key, size)
	if err != nil {
		return nil, nil, 0, err
	}
	data, unmapFile, err := file.Map(size)
	if err != nil {
		return nil, nil, 0, errors.Join(err, remove())
	}
	return data, func() error { return errors.Join(unmapFile(), remove()) }, size, nil
}

func (c *Files) scratchName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return fmt.Sprintf("cache-%d", c.next)
}

// count counts a read that a copy served or did not.
func (c *Files) count(hit bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if hit {
		c.hits++
	} else {
		c.misses++
	}
}

// grow counts n more bytes as copies of the file, which is in use; false, with
// nothing counted, if there is no room for them.
func (f *File) grow(n int64) bool {
	c := f.c
	c.mu.Lock()
	c.bytes += n
	victims := c.shrink()
	ok := c.bytes <= c.o.BytesMax
	if ok {
		f.size += n
	} else {
		c.bytes -= n
	}
	c.mu.Unlock()
	closeAll(victims)
	return ok
}

const (
	// partBytes is the size of a ranged read, partsMax how many run at a time.
	partBytes = 4 << 20
	partsMax  = 4
)

func (c *Files) copyTo(ctx context.Context, file vfs.File, key string, size int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	slots := make(chan struct{}, partsMax)
	for at := int64(0); at < size && ctx.Err() == nil; at += partBytes {
		slots <- struct{}{}
		parts.Go(func() {
			defer func() { <-slots }()
			length := min(partBytes, size-at)
			b, err := c.o.Store.ReadAt(ctx, key, at, length, nil)
			if err = whole(key, b, length, err); err == nil {
				_, err = file.WriteAt(b, at)
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	parts.Wait()
	return context.Cause(ctx)
}

func whole(key string, b []byte, size int64, err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if int64(len(b)) != size {
		return &binlog.CorruptionError{Object: key, Offset: int64(len(b)), Reason: fmt.Sprintf("object is shorter than the %d bytes it should have", size)}
	}
	return nil
}

// pin is called under c.mu.
func (f *File) pin() {
	f.pins++
	f.c.uses++
	f.used.Store(f.c.uses)
	f.leaveIdle()
}

// leaveIdle is called under c.mu.
func (f *File) leaveIdle() {
	if f.place != nil {
		f.c.idle.Remove(f.place)
		f.c.idleBytes -= f.size
		f.place = nil
	}
}

// Pin pins the file once more.
func (f *File) Pin() {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.pin()
}

// Unpin gives back one pin.
func (f *File) Unpin() {
	c := f.c
	c.mu.Lock()
	f.pins--
	var victims []*File
	if f.pins == 0 && f.err == nil {
		if f.gone {
			victims = append(victims, f)
			c.bytes -= f.size
		} else {
			f.place = c.idle.PushBack(f)
			c.idleBytes += f.size
			victims = c.shrink()
		}
	}
	c.mu.Unlock()
	closeAll(victims)
}

// Forget gives up the file of a key, now or at its last unpin: its object goes.
func (c *Files) Forget(key string) {
	c.mu.Lock()
	victims := append(c.forget(key), c.forget(readKey(key))...)
	c.mu.Unlock()
	closeAll(victims)
}

// forget is called under mu and returns what is to be closed.
func (c *Files) forget(key string) (victims []*File) {
	f := c.files[key]
	if f == nil {
		return nil
	}
	delete(c.files, key)
	f.gone = true
	f.leaveIdle()
	if f.pins == 0 {
		c.bytes -= f.size
		victims = append(victims, f)
	}
	return victims
}

// openMax is how many files stay open that nobody pins: the system allows a
// process some 65,000 mappings.
const openMax = 16 << 10

// shrink takes out idle files while too many are open, and idle copies while over
// the budget; called under mu.
func (c *Files) shrink() (victims []*File) {
	for c.idle.Len() > openMax || c.bytes > c.o.BytesMax && c.idleBytes > 0 {
		f := c.idle.Front().Value.(*File)
		f.leaveIdle()
		f.gone = true
		delete(c.files, f.key)
		c.bytes -= f.size
		c.evictions++
		victims = append(victims, f)
	}
	return victims
}

// closeAll closes files that nobody can reach any more. A copy that cannot be
// removed is scratch, gone at the next start.
func closeAll(files []*File) {
	for _, f := range files {
		if f.close != nil {
			_ = f.close()
		}
	}
}

// Stats are the counters of a cache, for quiver.cache.
type Stats struct {
	Entries, Pinned int
	// Bytes are those kept, PinnedBytes those of them that are pinned.
	Bytes, BytesMax, PinnedBytes int64
	Hits, Misses                 int64
	// Prefetched files were copied ahead of their use.
	Prefetched int64
	// Evictions are entries given up for want of room.
	Evictions int64
}

// Stats returns the counters.
func (c *Files) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Entries: len(c.files), Bytes: c.bytes, BytesMax: c.o.BytesMax, PinnedBytes: c.inUse(), Hits: c.hits, Misses: c.misses, Prefetched: c.prefetched, Evictions: c.evictions}
	for _, f := range c.files {
		if f.pins > 0 {
			s.Pinned++
		}
	}
	return s
}

// MappedStats counts the mapped files, what of them is resident, and how many were
// given back.
func (c *Files) MappedStats() Stats { return c.memory.stats() }

// Close forgets every file.
func (c *Files) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.prefetches.Wait()
	c.mu.Lock()
	keys := make([]string, 0, len(c.files))
	for key := range c.files {
		keys = append(keys, key)
	}
	c.mu.Unlock()
	for _, key := range keys {
		c.Forget(key)
	}
}
