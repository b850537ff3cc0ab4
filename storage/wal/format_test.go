package wal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"quiver/storage/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *rewrite {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// sampleLog is a log of two files: three records, and one more after a restart.
func sampleLog(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	o := FileOptions{Stream: 1, Epoch: 2, FileBytes: 8 << 10}
	l := open(t, m, o)
	appendWait(t, l, "alpha")
	appendWait(t, l, "")
	appendWait(t, l, "a longer record")
	must(t, l.Close())
	o.Epoch = 3
	l = open(t, m, o)
	appendWait(t, l, "beta")
	must(t, l.Close())
	return m
}

func fileContent(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b, err := readWhole(f, size)
	must(t, err)
	return b
}

// TestGoldenBytes pins the format: what is written now was written so before.
func TestGoldenBytes(t *testing.T) {
	m := sampleLog(t)
	var out strings.Builder
	for _, base := range []uint64{0, 8 << 10} {
		b := fileContent(t, m, "wal/"+fileName(base))
		out.WriteString(fileName(base) + " header\n" + hex.Dump(b[:headerLength]) + "records\n")
		out.WriteString(hex.Dump(bytes.TrimRight(b[fileHeaderBytes:], "\x00")))
	}
	golden(t, "bytes", out.String())
}

func TestDump(t *testing.T) {
	m := sampleLog(t)
	var out strings.Builder
	must(t, Dump(&out, m, "wal", nil))
	out.WriteString("\n# a flipped bit in record 2\n")
	name := "wal/" + fileName(0)
	b := fileContent(t, m, name)
	b[fileHeaderBytes+32+16] ^= 1
	must(t, m.Remove(name))
	must(t, vfs.WriteFile(m, "wal", fileName(0), "tmp", b))
	if err := Dump(&out, m, "wal", nil); !errors.As(err, new(*CorruptionError)) {
		t.Errorf("dump of a damaged log: %v", err)
	}
	out.WriteString("\n# no header\n")
	must(t, vfs.WriteFile(m, "wal", fileName(0), "tmp", []byte("short")))
	if err := Dump(&out, m, "wal", func([]byte) (string, error) { return "", errors.New("what is this") }); err == nil {
		t.Error("dump of a damaged log without error")
	}
	golden(t, "dump", out.String())
}

// FuzzFile opens any bytes as the log's one file: it is refused, or what it
// holds can be read, and the log goes on.
func FuzzFile(f *testing.F) {
	m := sampleLog(f)
	f.Add(fileContent(f, m, "wal/"+fileName(0)))
	torn := fileContent(f, m, "wal/"+fileName(0))
	clear(torn[fileHeaderBytes+40:])
	f.Add(torn)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		m := vfs.NewMem()
		must(t, m.MkdirAll("wal"))
		must(t, vfs.WriteFile(m, "wal", fileName(0), "tmp", b))
		var out strings.Builder
		dumpErr := Dump(&out, m, "wal", nil)
		l, err := OpenFiles(m, "wal", FileOptions{Stream: 1, Epoch: 9, FileBytes: 8 << 10})
		if err != nil {
			return
		}
		defer l.Close()
		if dumpErr != nil {
			t.Errorf("opens, but dumps %v", dumpErr)
		}
		before := readAll(t, l, Position{})
		appendWait(t, l, "more")
		if after := readAll(t, l, Position{}); len(after) != len(before)+1 {
			t.Errorf("%d records, then %d", len(before), len(after))
		}
	})
}

// FuzzFrame decodes any bytes as a frame; what decodes encodes to the same.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, 8, 2, 1, []byte("record")), uint64(8))
	f.Fuzz(func(t *testing.T, b []byte, base uint64) {
		fr, reason := decodeFrame(b, base)
		if reason != "" {
			return
		}
		if again := appendFrame(nil, base, fr.sequence, fr.behind, fr.record); !bytes.Equal(again, b[:fr.bytes]) {
			t.Errorf("%x encodes to %x", b[:fr.bytes], again)
		}
	})
}
