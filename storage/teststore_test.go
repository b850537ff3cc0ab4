package storage

import (
	"bytes"
	"context"
	"io"
	"sort"
	"strings"
	"sync"

	"quiver/storage/objstore"
)

// testStore is an object store in memory. fail, when set, is asked before each
// write and, with lost, makes it fail after it was done.
type testStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	failing sync.Mutex // a call of fail at a time
	fail    func(key string) (err error, lost bool)
	// hold, when set by holdDeletes, has deletes of columns wait until it is closed.
	hold chan struct{}
}

func newTestStore() *testStore { return &testStore{objects: map[string][]byte{}} }

func (s *testStore) write(key string, data []byte) error {
	var err error
	lost := false
	if s.fail != nil {
		s.failing.Lock()
		err, lost = s.fail(key)
		s.failing.Unlock()
		if err != nil && !lost {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = data
	return err
}

func (s *testStore) Put(_ context.Context, key string, body io.Reader, _ int64) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return s.write(key, data)
}

func (s *testStore) PutIfAbsent(_ context.Context, key string, data []byte) error {
	s.mu.Lock()
	_, exists := s.objects[key]
	s.mu.Unlock()
	if exists {
		return objstore.ErrExists
	}
	return s.write(key, bytes.Clone(data))
}

func (s *testStore) ReadAt(_ context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[key]
	if !ok {
		return nil, objstore.ErrNotFound
	}
	if offset+length > int64(len(data)) {
		return append(dst[:0], data[min(offset, int64(len(data))):]...), io.EOF
	}
	return append(dst[:0], data[offset:offset+length]...), nil
}

func (s *testStore) Head(_ context.Context, key string) (objstore.ObjectInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[key]
	if !ok {
		return objstore.ObjectInfo{}, objstore.ErrNotFound
	}
	return objstore.ObjectInfo{Key: key, Size: int64(len(data))}, nil
}

func (s *testStore) List(_ context.Context, prefix string, f func(objstore.ObjectInfo) error) error {
	s.mu.Lock()
	var list []objstore.ObjectInfo
	for key, data := range s.objects {
		if strings.HasPrefix(key, prefix) {
			list = append(list, objstore.ObjectInfo{Key: key, Size: int64(len(data))})
		}
	}
	s.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].Key < list[j].Key })
	for _, o := range list {
		if err := f(o); err != nil {
			return err
		}
	}
	return nil
}

// holdDeletes keeps deletes of insert logs waiting until release is called.
func (s *testStore) holdDeletes() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hold := make(chan struct{})
	s.hold = hold
	return func() { close(hold) }
}

func (s *testStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hold := s.hold; hold != nil && strings.HasPrefix(key, "files/insert_log/") {
		s.mu.Unlock()
		<-hold
		s.mu.Lock()
	}
	delete(s.objects, key)
	return nil
}

func (s *testStore) URL() string { return "test:" }
