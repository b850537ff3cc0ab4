package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"quiver/catalog"
	"quiver/storage/objstore"
)

// countingStore notes what is asked of an object store.
type countingStore struct {
	objstore.Store
	mu   sync.Mutex
	asks []string
}

func (s *countingStore) note(kind, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, kind+" "+key)
}

// taken returns the requests since the last call.
func (s *countingStore) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asks := s.asks
	s.asks = nil
	return asks
}

func (s *countingStore) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	s.note("read", key)
	return s.Store.ReadAt(ctx, key, offset, length, dst)
}

func (s *countingStore) Head(ctx context.Context, key string) (objstore.ObjectInfo, error) {
	s.note("head", key)
	return s.Store.Head(ctx, key)
}

func (s *countingStore) List(ctx context.Context, prefix string, f func(objstore.ObjectInfo) error) error {
	s.note("list", prefix)
	return s.Store.List(ctx, prefix, f)
}

// TestPointReadRequests reads rows by their primary key, each for the first time since
// the start, when the bloom filters are known: one request finds the key and one reads
// each group of columns, however many segments have rows and whether or not the key
// lies between their least and greatest ones.
func TestPointReadRequests(t *testing.T) {
	const segments, rows = 5, 2000
	for _, test := range []struct {
		name string
		id   func(segment, i int) int64
	}{
		{"disjoint", func(segment, i int) int64 { return int64(2 * (segment*rows + i)) }},
		{"overlapping", func(segment, i int) int64 { return int64(2 * (i*segments + segment)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			store := &countingStore{Store: w.objects}
			w.e.Close()
			w.opts.Objects = store
			w.open()
			table := w.newTable("a")
			for segment := range segments {
				tx := w.begin(TxnOptions{})
				ids, names := make([]int64, rows), make([]string, rows)
				for i := range ids {
					ids[i], names[i] = test.id(segment, i), fmt.Sprint("name ", test.id(segment, i))
				}
				w.insert(tx, table, ids, names...)
				w.check(tx.Commit(w.ctx))
				w.check(w.e.Checkpoint(w.ctx))
			}
			if n := len(w.e.allShards()[0].view.flushed); n != segments {
				t.Fatalf("%d segments, want %d", n, segments)
			}
			for _, read := range []struct {
				fields []catalog.FieldID
				groups int // files that the fields lie in
			}{
				{[]catalog.FieldID{100}, 1},
				{[]catalog.FieldID{101}, 1},
				{[]catalog.FieldID{100, 101}, 2},
				{[]catalog.FieldID{100, 101, vectorField}, 3},
			} {
				for segment := range segments {
					w.crash()
					w.warmFilters(table, test.id(segments-1, rows-1))
					store.taken()
					id := test.id(segment, rows/2+segment)
					w.readOne(table, id, read.fields)
					asks := store.taken()
					keys := slices.DeleteFunc(slices.Clone(asks), func(ask string) bool { return !strings.HasPrefix(ask, "read files/index/") })
					columns := slices.DeleteFunc(slices.Clone(asks), func(ask string) bool { return !strings.HasPrefix(ask, "read files/insert_log/") })
					if len(keys) != 1 || len(columns) != read.groups || len(asks) != len(keys)+len(columns) {
						t.Errorf("fields %v of id %d of segment %d took %d requests, %d wanted:\n%s",
							read.fields, id, segment, len(asks), 1+read.groups, strings.Join(asks, "\n"))
					}
				}
			}
		})
	}
}

// warmFilters reads keys that no segment has, all below most: of each segment the bloom
// filter is known then, and nothing else.
func (w *world) warmFilters(table *catalog.Table, most int64) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	for id := int64(1); id < most; id += most / 20 &^ 1 {
		if rows := w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, Key: encodedKey(id)}); len(rows) != 0 {
			w.t.Fatalf("id %d is there", id)
		}
	}
}

// readOne reads fields of the row with a key.
func (w *world) readOne(table *catalog.Table, id int64, fields []catalog.FieldID) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: fields, Key: encodedKey(id)})
	w.check(err)
	defer sc.Close()
	kept := 0
	for {
		b, err := sc.Next(w.ctx)
		w.check(err)
		if b == nil {
			break
		}
		kept += b.Kept
		b.Record.Release()
	}
	if kept != 1 {
		w.t.Fatalf("id %d has %d rows", id, kept)
	}
}
