package wal

import (
	"strings"
	"sync/atomic"
	"testing"

	"quiver/storage/vfs"
)

// countingFS counts the spares that are made anew.
type countingFS struct {
	vfs.FS
	made atomic.Int64
}

func (f *countingFS) Create(name string) (vfs.File, error) {
	if strings.Contains(name, sparePrefix) {
		f.made.Add(1)
	}
	return f.FS.Create(name)
}

// write appends about n files' worth of records.
func write(t *testing.T, l *FileLog, n int) (last Position) {
	t.Helper()
	record := string(make([]byte, 500))
	for range n * int(small.FileBytes) / len(record) {
		last = appendWait(t, l, record)
	}
	return last
}

func spareCount(l *FileLog) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.spares)
}

// In a steady state, and after a restart, no file is made and zeroed: what was
// cut is used again. Once less is written, the spares go.
func TestSteadyStateZeroesNothing(t *testing.T) {
	fsys := &countingFS{FS: vfs.NewMem()}
	l := open(t, fsys, small)
	must(t, l.Cut(ctx, write(t, l, 20)))
	before := fsys.made.Load()
	for range 5 {
		must(t, l.Cut(ctx, write(t, l, 20)))
	}
	must(t, l.Close())
	l = open(t, fsys, small)
	defer l.Close()
	must(t, l.Cut(ctx, write(t, l, 20)))
	// The prepared file may be one that a cut would have given a moment later.
	if n := fsys.made.Load() - before; n > 12 {
		t.Errorf("%d files were zeroed for 120", n)
	}
	for range 60 {
		must(t, l.Cut(ctx, write(t, l, 2)))
	}
	if n := spareCount(l); n > sparesMin+2 {
		t.Errorf("%d spares while cuts free two files", n)
	}
}

func TestSparesHaveALimit(t *testing.T) {
	o := small
	o.SparesMax = 3
	l := open(t, vfs.NewMem(), o)
	defer l.Close()
	must(t, l.Cut(ctx, write(t, l, 20)))
	if n := spareCount(l); n > 4 { // one may be on its way
		t.Errorf("%d spares, wanted 3 at most", n)
	}
}
