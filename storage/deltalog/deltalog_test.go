package deltalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

var ctx = context.Background()

// readers opens a file in place and by ranges.
func readers(t *testing.T, file []byte, mem memory.Allocator) []*binlog.Reader {
	t.Helper()
	mapped, err := binlog.OpenBytes("mapped", file, mem)
	if err != nil {
		t.Fatal(err)
	}
	read := func(_ context.Context, offset, length int64, dst []byte) ([]byte, error) {
		if offset+length > int64(len(file)) {
			return nil, io.ErrUnexpectedEOF
		}
		return append(dst, file[offset:offset+length]...), nil
	}
	ranged, err := binlog.Open(ctx, "ranged", int64(len(file)), read, mem)
	if err != nil {
		t.Fatal(err)
	}
	return []*binlog.Reader{mapped, ranged}
}

func key(i int) []byte { return binary.BigEndian.AppendUint64([]byte("k"), uint64(i)) }

func TestDeltaLog(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 40_000} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		r := rand.New(rand.NewPCG(1, uint64(n)))
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{RowID: r.Uint64(), Timestamp: uint64(100 + i), Successor: r.Uint64N(2) * r.Uint64(), Key: key(r.IntN(100))[:r.IntN(9)]}
		}
		var out bytes.Buffer
		s, err := Write(&out, IDs{Table: 1, Segment: 2}, mem, Entries(entries))
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && (s.MinTimestamp != 100 || s.MaxTimestamp != uint64(99+n)) {
			t.Errorf("timestamps [%d, %d]", s.MinTimestamp, s.MaxTimestamp)
		}
		for _, rd := range readers(t, out.Bytes(), mem) {
			i := 0
			err := Read(ctx, rd, func(e Entry) error {
				w := entries[i]
				if e.RowID != w.RowID || e.Timestamp != w.Timestamp || e.Successor != w.Successor || !bytes.Equal(e.Key, w.Key) {
					t.Fatalf("entry %d is %v, want %v", i, e, w)
				}
				i++
				return nil
			})
			if err != nil || i != n {
				t.Errorf("%d entries of %d: %v", i, n, err)
			}
			if _, err := OpenRowRun(rd, mem); !errors.As(err, new(*binlog.CorruptionError)) {
				t.Errorf("a delta log opened as a run: %v", err)
			}
		}
		mem.AssertSize(t, 0)
	}
}

// TestStats: no key of the segment is denied, and at most one in a thousand
// others is not.
func TestStats(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, n := range []int{1, 100, 100_000} {
		s := NewStats(n)
		for i := range n {
			s.Add(key(2 * i))
		}
		var out bytes.Buffer
		if _, err := WriteStats(&out, IDs{}, s, mem); err != nil {
			t.Fatal(err)
		}
		for _, rd := range readers(t, out.Bytes(), mem) {
			got, err := ReadStats(ctx, rd)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.MinKey, key(0)) || !bytes.Equal(got.MaxKey, key(2*n-2)) {
				t.Errorf("bounds %x, %x", got.MinKey, got.MaxKey)
			}
			wrong := 0
			for i := range n {
				if !got.MayContain(key(2 * i)) {
					t.Fatalf("key %d of %d is denied", i, n)
				}
			}
			for i := range 200_000 {
				if got.Bloom.MayContain(key(2*i + 1)) {
					wrong++
				}
			}
			if wrong > 200 {
				t.Errorf("%d keys: %d of 200000 answers are false", n, wrong)
			}
			got.Release()
		}
	}
}

// TestRuns compares look-ups with a map, over keys with several positions,
// long keys, and more than one event.
func TestRuns(t *testing.T) {
	for _, n := range []int{0, 1, 500, 50_000} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		r := rand.New(rand.NewPCG(2, uint64(n)))
		rows, keys := map[uint64]uint32{}, map[string][]uint32{}
		for p := range n {
			rows[r.Uint64N(uint64(4*n))] = uint32(p)
			k := string(key(r.IntN(n)))
			if r.IntN(10) == 0 {
				k += string(make([]byte, 300))
			}
			keys[k] = append(keys[k], uint32(p))
		}
		rowFile, keyFile := writeRuns(t, rows, keys, mem)
		for _, rd := range readers(t, rowFile, mem) {
			run, err := OpenRowRun(rd, mem)
			if err != nil {
				t.Fatal(err)
			}
			for id := range uint64(4*n + 1) {
				got, ok, err := run.Find(ctx, id)
				want, has := rows[id]
				if err != nil || ok != has || got != want {
					t.Fatalf("row %d at %d, %v, %v; want %d, %v", id, got, ok, err, want, has)
				}
			}
			run.Close()
		}
		for _, rd := range readers(t, keyFile, mem) {
			run, err := OpenKeyRun(rd, mem)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n + 1 {
				got, err := run.Find(ctx, key(i), nil)
				if err != nil || !slices.Equal(got, keys[string(key(i))]) {
					t.Fatalf("key %d at %v, %v; want %v", i, got, err, keys[string(key(i))])
				}
			}
			all, err := run.Range(ctx, nil, func([]byte) bool { return true }, nil)
			if err != nil || len(all) != n {
				t.Errorf("range over all has %d rows of %d: %v", len(all), n, err)
			}
			run.Close()
		}
		mem.AssertSize(t, 0)
	}
}

func writeRuns(t *testing.T, rows map[uint64]uint32, keys map[string][]uint32, mem memory.Allocator) (rowFile, keyFile []byte) {
	t.Helper()
	var rowOut, keyOut bytes.Buffer
	w, err := NewRowRun(&rowOut, IDs{}, mem)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]uint64, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := w.AddRow(id, rows[id]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if w, err = NewKeyRun(&keyOut, IDs{}, mem); err != nil {
		t.Fatal(err)
	}
	sorted := make([]string, 0, len(keys))
	for k := range keys {
		sorted = append(sorted, k)
	}
	sort.Strings(sorted)
	for _, k := range sorted {
		for _, p := range keys[k] {
			if err := w.AddKey([]byte(k), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return rowOut.Bytes(), keyOut.Bytes()
}
