package objstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"quiver/storage/vfs"
)

// tempDir holds objects that are being written.
const tempDir = ".tmp"

// Dir is a Store of files: key a/b is file a/b. An object is written to a file
// of its own in .tmp, synced, and renamed or linked to its name.
type Dir struct {
	fs   vfs.FS
	name string
	temp atomic.Uint64
	// token, of a directory that several processes write, begins the names of
	// this one's files in .tmp.
	token string

	mu    sync.Mutex // guards what follows
	ready bool       // .tmp is there and empty of old files
	made  map[string]bool
}

// NewDir makes a store of the files of fsys; name is its URL. At its first
// write it removes what an earlier process left half written, so only one
// process may write.
func NewDir(fsys vfs.FS, name string) *Dir {
	return &Dir{fs: fsys, name: name, made: map[string]bool{}}
}

// NewSharedDir makes a store of the files of fsys that several processes may
// write. What one of them leaves half written stays until ClearLeftovers.
func NewSharedDir(fsys vfs.FS, name string) *Dir {
	d := NewDir(fsys, name)
	d.token = uuid.NewString() + "-"
	return d
}

// ClearLeftovers removes what other processes left half written. The caller makes
// sure that none of them is writing.
func (d *Dir) ClearLeftovers() error {
	left, err := d.fs.List(tempDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range left {
		if d.token != "" && strings.HasPrefix(e.Name(), d.token) {
			continue
		}
		if err := d.fs.Remove(tempDir + "/" + e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// URL is the directory.
func (d *Dir) URL() string { return d.name }

// prepare makes .tmp and the directory of key. Its name and those of the
// directories above it last once it returns, whoever made them.
func (d *Dir) prepare(key string) error {
	missing, err := d.missing(path.Dir(key))
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := d.fs.MkdirAll(missing[0]); err != nil {
		return err
	}
	for _, dir := range missing {
		if err := d.fs.SyncDir(path.Dir(dir)); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range missing {
		d.made[dir] = true
	}
	return nil
}

// missing lists dir and those above it that are not known to be there, the deepest
// first.
func (d *Dir) missing(dir string) (list []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ready {
		if err := d.clearTemp(); err != nil {
			return nil, err
		}
		d.ready = true
	}
	for ; dir != "." && !d.made[dir]; dir = path.Dir(dir) {
		list = append(list, dir)
	}
	return list, nil
}

func (d *Dir) clearTemp() error {
	if err := d.fs.MkdirAll(tempDir); err != nil {
		return err
	}
	if d.token != "" {
		return nil
	}
	return d.ClearLeftovers()
}

// Put writes a file and renames it.
func (d *Dir) Put(ctx context.Context, key string, body io.Reader, size int64) error {
	return d.put(ctx, key, body, size, d.fs.Rename)
}

// PutIfAbsent writes a file and links it, which fails if the name is taken.
func (d *Dir) PutIfAbsent(ctx context.Context, key string, data []byte) error {
	err := d.put(ctx, key, strings.NewReader(string(data)), int64(len(data)), func(temp, key string) error {
		if err := d.fs.Link(temp, key); err != nil {
			return err
		}
		return d.fs.Remove(temp)
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, key)
	}
	return err
}

func (d *Dir) put(ctx context.Context, key string, body io.Reader, size int64, publish func(temp, key string) error) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := d.prepare(key); err != nil {
		return err
	}
	temp := d.newTemp()
	f, err := d.fs.Create(temp)
	if err != nil {
		return err
	}
	if err = copyTo(ctx, f, body, size); err == nil {
		err = f.SyncData()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = publish(temp, key)
	}
	if err != nil {
		if rmErr := d.fs.Remove(temp); !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
		return err
	}
	return d.fs.SyncDir(path.Dir(key))
}

// copyTo writes exactly size bytes of body.
func copyTo(ctx context.Context, f vfs.File, body io.Reader, size int64) error {
	buf := make([]byte, min(size+1, 1<<20))
	for at := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(body, buf)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		if at+int64(n) > size || err != nil && at+int64(n) < size {
			return wrongSize(size)
		}
		if _, err := f.WriteAt(buf[:n], at); n > 0 && err != nil {
			return err
		}
		at += int64(n)
		if err != nil {
			return nil
		}
	}
}

func (d *Dir) open(key string) (vfs.File, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	info, err := d.fs.Stat(key)
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	var f vfs.File
	if err == nil {
		f, err = d.fs.Open(key)
	}
	return f, notFound(key, err)
}

func notFound(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return err
}

// ReadAt reads a part of a file.
func (d *Dir) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	if err := errors.Join(ctx.Err(), checkRange(offset, length)); err != nil {
		return nil, err
	}
	f, err := d.open(key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	have := max(0, min(length, size-offset)) // never allocates past the object
	dst = room(dst, have)
	n, err := f.ReadAt(dst, offset)
	if err == io.EOF || err == nil && have < length {
		err = io.EOF
	}
	if int64(n) == length {
		err = nil
	}
	return dst[:n], err
}

// Head is a file's size.
func (d *Dir) Head(_ context.Context, key string) (ObjectInfo, error) {
	if err := checkKey(key); err != nil {
		return ObjectInfo{}, err
	}
	info, err := d.fs.Stat(key)
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return ObjectInfo{}, notFound(key, err)
	}
	return ObjectInfo{Key: key, Size: info.Size()}, nil
}

// List walks the directories that can hold keys with the prefix.
func (d *Dir) List(ctx context.Context, prefix string, f func(ObjectInfo) error) error {
	return d.list(ctx, ".", prefix, f)
}

func (d *Dir) list(ctx context.Context, dir, prefix string, f func(ObjectInfo) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := d.fs.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	keyOf := func(e fs.DirEntry) string {
		key := e.Name()
		if dir != "." {
			key = dir + "/" + key
		}
		if e.IsDir() {
			key += "/" // so that a.b comes before a/b, as in keys
		}
		return key
	}
	sort.Slice(entries, func(i, j int) bool { return keyOf(entries[i]) < keyOf(entries[j]) })
	for _, e := range entries {
		key := keyOf(e)
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			if strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key) {
				err = d.list(ctx, strings.TrimSuffix(key, "/"), prefix, f)
			}
		case strings.HasPrefix(key, prefix):
			var info fs.FileInfo
			if info, err = e.Info(); errors.Is(err, fs.ErrNotExist) {
				err = nil // deleted meanwhile
			} else if err == nil {
				err = f(ObjectInfo{Key: key, Size: info.Size()})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Delete removes a file. Directories stay.
func (d *Dir) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if info, err := d.fs.Stat(key); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	if err := d.fs.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.fs.SyncDir(path.Dir(key))
}

// Map maps a file.
func (d *Dir) Map(_ context.Context, key string) (data []byte, unmap func() error, err error) {
	f, err := d.open(key)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, nil, err
	}
	return f.Map(size)
}
