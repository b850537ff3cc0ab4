package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"quiver/storage/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// small options make many files of few records.
var small = FileOptions{Stream: 3, Epoch: 7, FileBytes: 8 << 10}

func open(t testing.TB, fsys vfs.FS, o FileOptions) *FileLog {
	t.Helper()
	l, err := OpenFiles(fsys, "wal", o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entry is a record as Read gives it.
type entry struct {
	position Position
	record   string
}

func readAll(t testing.TB, l Log, from Position) []entry {
	t.Helper()
	var out []entry
	err := l.Read(ctx, from, func(p Position, record []byte) error {
		out = append(out, entry{p, string(record)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func appendWait(t testing.TB, l Log, record string) Position {
	t.Helper()
	f, err := l.Append([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(); err != nil {
		t.Fatal(err)
	}
	return f.Position()
}

func sameEntries(a, b []entry) error {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return fmt.Errorf("record %d differs: %d records and %d", i, len(a), len(b))
		}
	}
	return nil
}

func filesystems(t *testing.T) map[string]vfs.FS {
	o, err := vfs.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]vfs.FS{"os": o, "mem": vfs.NewMem()}
}

// TestLog appends, reads from every position, reopens, cuts.
func TestLog(t *testing.T) {
	for name, fsys := range filesystems(t) {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			var want []entry
			for life := range 4 {
				l := open(t, fsys, small)
				if err := sameEntries(readAll(t, l, Position{}), want); err != nil {
					t.Fatalf("life %d: %v", life, err)
				}
				for i := range 60 {
					record := string(bytes.Repeat([]byte{byte('a' + i%26)}, r.IntN(700)))
					p := appendWait(t, l, record)
					if n := len(want); n > 0 && !want[n-1].position.Less(p) {
						t.Fatalf("position %v after %v", p, want[n-1].position)
					}
					want = append(want, entry{p, record})
				}
				if l.Flushed() != l.Last() {
					t.Errorf("flushed %v of %v", l.Flushed(), l.Last())
				}
				for i := 0; i < len(want); i += 7 {
					if err := sameEntries(readAll(t, l, want[i].position), want[i:]); err != nil {
						t.Fatalf("from %d: %v", i, err)
					}
				}
				if got := readAll(t, l, l.Last()); len(got) != 0 {
					t.Errorf("%d records after the last", len(got))
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestCut(t *testing.T) {
	o := small
	o.SparesMax = 4
	for name, fsys := range filesystems(t) {
		t.Run(name, func(t *testing.T) {
			l := open(t, fsys, o)
			var want []entry
			for i := range 200 {
				record := fmt.Sprintf("%0500d", i)
				want = append(want, entry{appendWait(t, l, record), record})
			}
			before := l.Bytes()
			if err := l.Cut(ctx, want[150].position); err != nil {
				t.Fatal(err)
			}
			if got := l.Bytes(); got >= before {
				t.Errorf("%d bytes after the cut, %d before", got, before)
			}
			if err := sameEntries(readAll(t, l, want[150].position), want[150:]); err != nil {
				t.Error(err)
			}
			if err := l.Read(ctx, want[0].position, nil); !errors.Is(err, ErrCut) {
				t.Errorf("read below the cut: %v", err)
			}
			for i := range 200 { // into recycled files
				record := fmt.Sprintf("%0400d", i)
				want = append(want, entry{appendWait(t, l, record), record})
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = open(t, fsys, o)
			defer l.Close()
			if err := sameEntries(readAll(t, l, want[150].position), want[150:]); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEmptyRestarts: opening and closing keeps one file, and zeroes no more of them.
func TestEmptyRestarts(t *testing.T) {
	fsys := &countingFS{FS: vfs.NewMem()}
	l := open(t, fsys, small)
	p := appendWait(t, l, "only")
	for range 20 {
		l.Close()
		l = open(t, fsys, small)
	}
	defer l.Close()
	if got := readAll(t, l, Position{}); len(got) != 1 || got[0] != (entry{p, "only"}) {
		t.Errorf("read %v", got)
	}
	if len(l.files) != 2 {
		t.Errorf("%d files", len(l.files))
	}
	if n := fsys.made.Load(); n > 4 {
		t.Errorf("%d files were zeroed for 20 starts", n)
	}
}

// TestConcurrent: many appenders share syncs, and positions are in the order of
// appends.
func TestConcurrent(t *testing.T) {
	l := open(t, vfs.NewMem(), FileOptions{FileBytes: 64 << 10, PendingBytesMax: 4 << 10})
	defer l.Close()
	var mu sync.Mutex // the commit lock
	var want []entry
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 300 {
				record := fmt.Sprintf("%d-%d", i, j)
				mu.Lock()
				f, err := l.Append([]byte(record))
				if err != nil {
					t.Error(err)
					mu.Unlock()
					return
				}
				want = append(want, entry{f.Position(), record})
				mu.Unlock()
				if err := f.Wait(); err != nil {
					t.Error(err)
				}
				if end := l.Flushed(); !f.Position().Less(end) {
					t.Errorf("record at %v is done, flushed is %v", f.Position(), end)
				}
			}
		})
	}
	wg.Wait()
	if err := sameEntries(readAll(t, l, Position{}), want); err != nil {
		t.Error(err)
	}
}

// TestSparesAreKept: a file that was cut is used again, also by the next process;
// one of another size is not.
func TestSparesAreKept(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, small)
	var last Position
	for range 100 {
		last = appendWait(t, l, string(make([]byte, 500)))
	}
	must(t, l.Cut(ctx, last))
	must(t, l.Close())
	must(t, vfs.WriteFile(fsys, "wal", "spare-999", "tmp", []byte("short")))
	spares := len(l.spares)
	if spares < 10 {
		t.Errorf("%d spares after a cut of more than ten files", spares)
	}
	l = open(t, fsys, small)
	defer l.Close()
	if l.Bytes() > int64(2+spares)*small.FileBytes {
		t.Errorf("%d bytes after a restart with %d spares", l.Bytes(), spares)
	}
	if _, err := fsys.Stat("wal/spare-999"); err == nil {
		t.Error("a spare of another size is kept")
	}
}

func TestLimits(t *testing.T) {
	l := open(t, vfs.NewMem(), FileOptions{FileBytes: 4 << 20})
	for _, n := range []int{0, 1, RecordBytesMax} {
		appendWait(t, l, string(make([]byte, n)))
	}
	if _, err := l.Append(make([]byte, RecordBytesMax+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if got := readAll(t, l, Position{}); len(got) != 3 || len(got[2].record) != RecordBytesMax {
		t.Errorf("%d records", len(got))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestFence(t *testing.T) {
	fsys := vfs.NewFaulty(vfs.NewMem())
	l := open(t, fsys, small)
	defer l.Close()
	appendWait(t, l, "before")
	cause := errors.New("lease lost")
	l.Fence(cause)
	if _, err := l.Append(nil); !errors.Is(err, ErrFenced) || !errors.Is(err, cause) {
		t.Errorf("append: %v", err)
	}
	if got := readAll(t, l, Position{}); len(got) != 1 {
		t.Errorf("%d records are readable", len(got))
	}
}

// TestFailedSyncFences: no later append succeeds, even if the disk recovers.
func TestFailedSyncFences(t *testing.T) {
	for _, kind := range []string{"write", "sync"} {
		fsys := vfs.NewFaulty(vfs.NewMem())
		l := open(t, fsys, small)
		appendWait(t, l, "good")
		fsys.Set(&vfs.Fault{Match: func(o vfs.Op) bool { return o.Kind == kind && filepath.Ext(o.Name) == fileSuffix }})
		f, err := l.Append([]byte("bad"))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Wait(); !errors.Is(err, ErrFenced) || !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := l.Append(nil); !errors.Is(err, ErrFenced) {
			t.Errorf("%s, later: %v", kind, err)
		}
		l.Close()
	}
}

func TestOwners(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, small)
	if _, err := OpenFiles(fsys, "wal", small); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second owner: %v", err)
	}
	l.Close()
	older := small
	older.Epoch--
	if _, err := OpenFiles(fsys, "wal", older); !errors.Is(err, ErrFenced) {
		t.Errorf("an older owner: %v", err)
	}
	other := small
	other.Stream++
	if _, err := OpenFiles(fsys, "wal", other); !errors.As(err, new(*CorruptionError)) {
		t.Errorf("another stream: %v", err)
	}
}

// TestFlippedBits: every flipped bit in a durable record but the last batch's
// is corruption; there it ends the log; in the header it is corruption.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	fsys, err := vfs.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := FileOptions{FileBytes: 8 << 10}
	l := open(t, fsys, o)
	for _, record := range []string{"first", "second", "third!!!"} {
		appendWait(t, l, record)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "wal", fileName(0))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, last := fileHeaderBytes, fileHeaderBytes+2*32
	for at := range last + 32 {
		if at >= headerLength && at < first && at%100 != 0 {
			continue // header padding: a sample
		}
		bit := byte(1) << (at % 8)
		flipped := bytes.Clone(content)
		flipped[at] ^= bit
		m := vfs.NewMem()
		must(t, m.MkdirAll("wal"))
		must(t, vfs.WriteFile(m, "wal", fileName(0), "tmp", flipped))
		l, err := OpenFiles(m, "wal", o)
		if at < last {
			var c *CorruptionError
			if !errors.As(err, &c) {
				t.Fatalf("byte %d: %v", at, err)
			}
			if want := uint64(at) &^ 31; at >= first && c.Position.Offset != want {
				t.Errorf("byte %d: corruption at %v, want %X", at, c.Position, want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if got := readAll(t, l, Position{}); len(got) != 2 {
			t.Errorf("byte %d: %d records", at, len(got))
		}
		l.Close()
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCorruptMiddleFile: damage in a file that another follows is found by Read.
func TestCorruptMiddleFile(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, small)
	var want []entry
	for i := range 60 {
		record := fmt.Sprintf("%0300d", i)
		want = append(want, entry{appendWait(t, l, record), record})
	}
	l.Close()
	f, err := m.OpenReadWrite("wal/" + fileName(0))
	must(t, err)
	_, err = f.WriteAt([]byte{'x'}, fileHeaderBytes+frameHeaderBytes)
	must(t, err)
	must(t, f.Close())
	l = open(t, m, small)
	defer l.Close()
	err = l.Read(ctx, Position{}, func(Position, []byte) error { return nil })
	var c *CorruptionError
	if !errors.As(err, &c) || c.Position != want[0].position {
		t.Errorf("read: %v", err)
	}
	if err := sameEntries(readAll(t, l, want[30].position), want[30:]); err != nil {
		t.Errorf("after the damage: %v", err)
	}
}

func BenchmarkDurableAppend(b *testing.B) {
	o, err := vfs.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l := open(b, o, FileOptions{})
	defer l.Close()
	record := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		f, err := l.Append(record)
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
