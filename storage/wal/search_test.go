package wal

import (
	"errors"
	"strings"
	"testing"

	"quiver/storage/vfs"
)

// TestFindDurableAcrossWindows: a frame is found wherever it begins and ends, among
// zeros and among bytes that look like the beginnings of frames.
func TestFindDurableAcrossWindows(t *testing.T) {
	const base, missing, from = 1 << 30, 41, 4096
	for name, fill := range map[string]byte{"zeros": 0, "lookalikes": 43} {
		for _, length := range []int{0, 100, searchBytes, 3 * searchBytes} {
			for at := from + searchBytes - 48; at <= from+searchBytes+48; at += 8 {
				content := make([]byte, 6*searchBytes)
				for i := 8; i < len(content); i += 24 { // a sequence, of a frame without length
					content[i] = fill
				}
				frame := appendFrame(nil, base, missing+2, 1, make([]byte, length))
				copy(content[at:], frame)
				if got := findDurable(content[from:], base, missing); got != at-from {
					t.Errorf("%s, %d bytes at %d: found at %d", name, length, at, got+from)
				}
				if got := findDurable(content[from:at+len(frame)-8], base, missing); got != -1 {
					t.Errorf("%s, %d bytes at %d, cut off: found at %d", name, length, at, got+from)
				}
				if got := findDurable(content[from:], base, missing+1); got != -1 {
					t.Errorf("%s, %d bytes at %d: found at %d though nothing before it is durable", name, length, at, got+from)
				}
			}
		}
	}
}

// TestLongLogEnds: the end of a file is found behind records of all lengths, and a
// damaged one before others is corruption.
func TestLongLogEnds(t *testing.T) {
	o := FileOptions{FileBytes: 4 << 20}
	fsys := vfs.NewMem()
	l := open(t, fsys, o)
	var want []entry
	for _, length := range []int{10, prefixBytesMin - 2*fileHeaderBytes, prefixBytesMin, 1 << 20, 70_000, 0, 300_000} {
		record := strings.Repeat("x", length)
		want = append(want, entry{appendWait(t, l, record), record})
	}
	must(t, l.Close())
	l = open(t, fsys, o)
	if err := sameEntries(readAll(t, l, Position{}), want); err != nil {
		t.Error(err)
	}
	must(t, l.Close())

	// Another log, whose last file is not followed by one.
	l, err := OpenFiles(fsys, "other", o)
	must(t, err)
	for _, e := range want {
		appendWait(t, l, e.record)
	}
	damaged := fileName(l.current.base)
	must(t, l.Close())
	f, err := fsys.OpenReadWrite("other/" + damaged)
	must(t, err)
	if _, err := f.WriteAt([]byte("y"), int64(want[3].position.Offset-want[0].position.Offset)+fileHeaderBytes+1000); err != nil {
		t.Fatal(err)
	}
	must(t, f.Close())
	var corrupt *CorruptionError
	if _, err := OpenFiles(fsys, "other", o); !errors.As(err, &corrupt) {
		t.Errorf("opened with a damaged record: %v", err)
	}
}
