package objstore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Mem is a Store in memory.
type Mem struct {
	mu      sync.RWMutex // guards objects
	objects map[string][]byte
}

// NewMem returns an empty store.
func NewMem() *Mem { return &Mem{objects: map[string][]byte{}} }

// URL names it.
func (m *Mem) URL() string { return "mem:" }

// Clone returns a store with the same objects, as another process would find
// them after this one died.
func (m *Mem) Clone() *Mem {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := NewMem()
	for k, v := range m.objects { // objects never change
		c.objects[k] = v
	}
	return c
}

// Put keeps a copy of body.
func (m *Mem) Put(ctx context.Context, key string, body io.Reader, size int64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(body, size+1))
	if err != nil {
		return err
	}
	if int64(len(data)) != size {
		return wrongSize(size)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = data
	return nil
}

// PutIfAbsent keeps a copy of data.
func (m *Mem) PutIfAbsent(ctx context.Context, key string, data []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[key]; ok {
		return fmt.Errorf("%w: %s", ErrExists, key)
	}
	m.objects[key] = slices.Clone(data)
	return nil
}

func (m *Mem) get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	data, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return data, nil
}

// ReadAt copies a part of an object.
func (m *Mem) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	data, err := m.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := checkRange(offset, length); err != nil {
		return nil, err
	}
	part := data[min(offset, int64(len(data))):]
	if int64(len(part)) < length {
		err = io.EOF
	} else {
		part = part[:length]
	}
	dst = room(dst, int64(len(part)))
	copy(dst, part)
	return dst, err
}

// Head is an object's size.
func (m *Mem) Head(ctx context.Context, key string) (ObjectInfo, error) {
	data, err := m.get(ctx, key)
	if err != nil {
		return ObjectInfo{}, err
	}
	return ObjectInfo{Key: key, Size: int64(len(data))}, nil
}

// List calls f outside the lock.
func (m *Mem) List(ctx context.Context, prefix string, f func(ObjectInfo) error) error {
	var found []ObjectInfo
	m.mu.RLock()
	for k, v := range m.objects {
		if strings.HasPrefix(k, prefix) {
			found = append(found, ObjectInfo{Key: k, Size: int64(len(v))})
		}
	}
	m.mu.RUnlock()
	slices.SortFunc(found, func(a, b ObjectInfo) int { return strings.Compare(a.Key, b.Key) })
	for _, info := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(info); err != nil {
			return err
		}
	}
	return nil
}

// Delete forgets an object.
func (m *Mem) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// Map gives a view of an object, which never changes.
func (m *Mem) Map(ctx context.Context, key string) (data []byte, unmap func() error, err error) {
	data, err = m.get(ctx, key)
	return data, func() error { return nil }, err
}
