package objstore

import (
	"context"
	"io"
	"strings"
)

// prefixed is a store within another: its keys are those that begin with prefix.
type prefixed struct {
	Store
	prefix string // ends with a slash
}

// WithPrefix returns the store of the objects of s under a prefix, "" for all of
// them.
func WithPrefix(s Store, prefix string) Store {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return s
	}
	return &prefixed{s, prefix + "/"}
}

// Put implements Store.
func (p *prefixed) Put(ctx context.Context, key string, body io.Reader, size int64) error {
	return p.Store.Put(ctx, p.prefix+key, body, size)
}

// PutIfAbsent implements Store.
func (p *prefixed) PutIfAbsent(ctx context.Context, key string, data []byte) error {
	return p.Store.PutIfAbsent(ctx, p.prefix+key, data)
}

// ReadAt implements Store.
func (p *prefixed) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	return p.Store.ReadAt(ctx, p.prefix+key, offset, length, dst)
}

// Head implements Store.
func (p *prefixed) Head(ctx context.Context, key string) (ObjectInfo, error) {
	info, err := p.Store.Head(ctx, p.prefix+key)
	info.Key = strings.TrimPrefix(info.Key, p.prefix)
	return info, err
}

// List implements Store.
func (p *prefixed) List(ctx context.Context, prefix string, f func(ObjectInfo) error) error {
	return p.Store.List(ctx, p.prefix+prefix, func(info ObjectInfo) error {
		info.Key = strings.TrimPrefix(info.Key, p.prefix)
		return f(info)
	})
}

// Delete implements Store.
func (p *prefixed) Delete(ctx context.Context, key string) error {
	return p.Store.Delete(ctx, p.prefix+key)
}

// URL implements Store.
func (p *prefixed) URL() string {
	bucket, query, ok := strings.Cut(p.Store.URL(), "?")
	u := strings.TrimSuffix(bucket, "/") + "/" + strings.TrimSuffix(p.prefix, "/")
	if ok {
		u += "?" + query
	}
	return u
}

// Close closes the store that p lies in.
func (p *prefixed) Close() error {
	if c, ok := p.Store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
