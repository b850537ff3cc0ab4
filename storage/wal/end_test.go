package wal

import (
	"errors"
	"io"
	"strings"
	"testing"

	"quiver/storage/vfs"
)

// TestEndIsKnownAfterClose: what cannot be read of the last records is damage if the
// log was closed behind them, whatever crashes came since, and a torn write if not.
func TestEndIsKnownAfterClose(t *testing.T) {
	for _, closed := range []bool{true, false} {
		fsys := vfs.NewMem()
		l := open(t, fsys, small)
		appendWait(t, l, "first")
		last := appendWait(t, l, "second")
		if !closed {
			l.Fence(errors.New("a crash"))
		}
		must(t, l.Close())
		f, err := fsys.OpenReadWrite("wal/" + fileName(0))
		must(t, err)
		at := int64(last.Offset) + frameHeaderBytes
		b := make([]byte, 1)
		_, err = f.ReadAt(b, at)
		must(t, err)
		_, err = f.WriteAt([]byte{b[0] ^ 1}, at)
		must(t, err)
		must(t, f.Close())

		dumped := Dump(io.Discard, fsys, "wal", nil)
		again, opened := OpenFiles(fsys, "wal", small)
		if !closed {
			if dumped != nil || opened != nil {
				t.Fatalf("a torn record: %v, %v", dumped, opened)
			}
			must(t, again.Close())
			continue
		}
		for _, err := range []error{dumped, opened} {
			var corrupt *CorruptionError
			if !errors.As(err, &corrupt) || corrupt.Position != last || !strings.Contains(err.Error(), "record 2") {
				t.Errorf("a damaged last record: %v", err)
			}
		}
	}
}

// TestEndOfLostFile: a log whose last files are gone is damaged too.
func TestEndOfLostFile(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, small)
	write(t, l, 3)
	name := fileName(l.current.base)
	must(t, l.Close())
	must(t, fsys.Remove("wal/"+name))
	var corrupt *CorruptionError
	if _, err := OpenFiles(fsys, "wal", small); !errors.As(err, &corrupt) {
		t.Errorf("a lost file: %v", err)
	}
	if err := Dump(io.Discard, fsys, "wal", nil); !errors.As(err, &corrupt) {
		t.Errorf("the dump of it: %v", err)
	}
}

// TestFlippedEnd: each bit of the mark counts.
func TestFlippedEnd(t *testing.T) {
	m := endMark{Position{3, 0x1234}, 77}
	b := m.encode()
	if got, err := decodeEnd(b); got != m || err != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		if got, err := decodeEnd(b); err == nil {
			t.Errorf("bit %d: %+v", i, got)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}
