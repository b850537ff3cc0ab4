package objstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"quiver/storage/vfs"
)

// Sentinels of every Store.
var (
	ErrNotFound    = errors.New("objstore: object not found")
	ErrExists      = errors.New("objstore: object exists")
	ErrUnavailable = errors.New("objstore: store unavailable")
)

// ObjectInfo describes an object.
type ObjectInfo struct {
	Key  string
	Size int64
}

// Store is an object store. Implementations are safe for concurrent use. After
// an error other than ErrNotFound and ErrExists a write may have happened or
// not.
type Store interface {
	// Put stores size bytes of body under key, replacing what is there. The
	// object appears whole or not at all, and survives a power cut once Put
	// returns nil. A body of another size is an error and stores nothing. Only
	// a body that is an io.Seeker can be sent again after a failure.
	Put(ctx context.Context, key string, body io.Reader, size int64) error
	// PutIfAbsent stores data unless key exists (ErrExists). A lost reply is
	// settled inside by reading back, so ErrExists means another's object.
	PutIfAbsent(ctx context.Context, key string, data []byte) error
	// ReadAt reads length bytes from offset; fewer only with io.EOF at the
	// object's end. It appends to dst[:0] when that has room.
	ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error)
	// Head returns an object's size, or ErrNotFound.
	Head(ctx context.Context, key string) (ObjectInfo, error)
	// List calls f for each object whose key starts with prefix, in key order.
	List(ctx context.Context, prefix string, f func(ObjectInfo) error) error
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, key string) error
	// URL names the store for logs and errors, without credentials.
	URL() string
}

// Local is implemented by stores whose objects are files of this machine: they
// can be mapped in place instead of cached.
type Local interface {
	// Map maps the object read-only until unmap is called.
	Map(ctx context.Context, key string) (data []byte, unmap func() error, err error)
}

// Stager is implemented by stores that can take a large object while it is made,
// which spares a copy of it.
type Stager interface {
	// Stage begins an object without a name.
	Stage() (Staged, error)
}

// Staged is an object on its way. It ends in Publish or Discard; what neither
// ended is gone when the store is next opened.
type Staged interface {
	io.WriterAt
	io.ReaderAt
	// Publish gives what was written the name key, with the promises of Put.
	Publish(ctx context.Context, key string) error
	// Discard drops it; after Publish it does nothing.
	Discard()
}

// Open opens the store that target names: s3://bucket?endpoint=… (see NewS3),
// or else a directory, which is made if need be.
func Open(ctx context.Context, target string) (Store, error) {
	if strings.HasPrefix(target, "s3:") {
		return NewS3(ctx, target)
	}
	fsys, err := vfs.NewOS(target)
	if err != nil {
		return nil, err
	}
	return NewDir(fsys, target), nil
}

// OpenExisting opens a store to look at it: nothing is made, probed or cleaned.
func OpenExisting(target string) (Store, error) {
	if strings.HasPrefix(target, "s3:") {
		return newS3(target)
	}
	if info, err := os.Stat(target); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("object store %s is no directory", target)
	}
	fsys, err := vfs.NewOS(target)
	if err != nil {
		return nil, err
	}
	return NewDir(fsys, target), nil
}

// ReadAll reads a whole object.
func ReadAll(ctx context.Context, s Store, key string) ([]byte, error) {
	info, err := s.Head(ctx, key)
	if err != nil {
		return nil, err
	}
	b, err := s.ReadAt(ctx, key, 0, info.Size, nil)
	if err == nil && int64(len(b)) != info.Size || errors.Is(err, io.EOF) {
		err = fmt.Errorf("objstore: %s: %d bytes were read of %d", key, len(b), info.Size)
	}
	return b, err
}

// checkKey refuses keys that some store could not hold. Elements that begin
// with a dot are the directory store's own.
func checkKey(key string) error {
	if !fs.ValidPath(key) || key == "." || len(key) > 1024 || key[0] == '.' || strings.Contains(key, "/.") {
		return fmt.Errorf("objstore: invalid key %q", key)
	}
	return nil
}

// room returns dst with length n and no content, if it has the room.
func room(dst []byte, n int64) []byte {
	if int64(cap(dst)) >= n {
		return dst[:n]
	}
	return make([]byte, n)
}

func checkRange(offset, length int64) error {
	if offset < 0 || length < 0 {
		return fmt.Errorf("objstore: range [%d, +%d)", offset, length)
	}
	return nil
}
