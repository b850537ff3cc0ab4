// Package objstore is the object store as storage uses it: a local directory,
// the S3 protocol by minio-go, one in memory, and one that is slow, fails and
// loses replies after storing.
//
// Keys are slash-separated and never begin with a slash. Objects are written
// whole, never changed and their names never reused. Every implementation
// passes the suite in objstoretest.go.
package objstore

import (
	"context"
	"errors"
	"io"
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

// Store is an object store. Implementations are safe for concurrent use. An
// error that is none of the sentinels leaves a write's outcome unknown.
type Store interface {
	// Put stores size bytes of body under key, replacing what is there. The
	// object appears whole or not at all, and survives a power cut once Put
	// returns nil.
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
