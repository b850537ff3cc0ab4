package deltalog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"go.uber.org/goleak"

	"quiver/storage/binlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// samples returns one file of each kind.
func samples(t testing.TB) (names []string, files [][]byte) {
	t.Helper()
	mem := memory.DefaultAllocator
	ids := IDs{Table: 1, Partition: 2, Segment: 3, Log: 4, SchemaVersion: 5}
	check := func(_ binlog.Summary, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var delta, stats, rows, keys bytes.Buffer
	check(Write(&delta, ids, mem, Entries([]Entry{{RowID: 10, Timestamp: 100, Key: []byte("a")}, {RowID: 11, Timestamp: 101, Successor: 12, Key: []byte("b")}})))
	s := NewStats(2)
	s.Add([]byte("b"))
	s.Add([]byte("a"))
	check(WriteStats(&stats, ids, s, mem))
	rowRun, err := NewRowRun(&rows, ids, mem)
	if err != nil {
		t.Fatal(err)
	}
	keyRun, err := NewKeyRun(&keys, ids, mem)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := errors.Join(rowRun.AddRow(uint64(10*i), uint32(2-i)), keyRun.AddKey(key(i)[7:], uint32(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(rowRun.AddRow(20, 0), keyRun.AddKey(nil, 0)); err == nil {
		t.Error("runs took entries out of order")
	}
	check(rowRun.Finish())
	check(keyRun.Finish())
	return []string{"delta", "stats", "row run", "key run"}, [][]byte{delta.Bytes(), stats.Bytes(), rows.Bytes(), keys.Bytes()}
}

// TestGolden pins bytes and dump of each kind.
func TestGolden(t *testing.T) {
	var dump, raw strings.Builder
	names, files := samples(t)
	for i, file := range files {
		dump.WriteString("# " + names[i] + "\n")
		if err := Dump(&dump, names[i], file, 2); err != nil {
			t.Errorf("%s: %v", names[i], err)
		}
		raw.WriteString("# " + names[i] + "\n" + hex.Dump(file))
		flipped := bytes.Clone(file)
		flipped[len(file)/2] ^= 4
		dump.WriteString("\n# " + names[i] + " with a flipped bit\n")
		if err := Dump(&dump, names[i], flipped, 2); !errors.As(err, new(*binlog.CorruptionError)) {
			t.Errorf("%s with a flipped bit: %v", names[i], err)
		}
		dump.WriteString("\n")
	}
	golden(t, "dump", dump.String())
	golden(t, "bytes", raw.String())
}

// TestFlippedBits: every flipped bit in each kind of file is caught.
func TestFlippedBits(t *testing.T) {
	names, files := samples(t)
	for i, file := range files {
		for at := range file {
			bit := byte(1) << (at % 8)
			file[at] ^= bit
			if err := Dump(&strings.Builder{}, "f", file, 0); !errors.As(err, new(*binlog.CorruptionError)) {
				t.Fatalf("%s, byte %d: %v", names[i], at, err)
			}
			file[at] ^= bit
		}
	}
}

// FuzzDump reads any bytes as each kind of file.
func FuzzDump(f *testing.F) {
	_, files := samples(f)
	for _, file := range files {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var out strings.Builder
		if err := Dump(&out, "f", b, 10); err != nil && !strings.Contains(out.String(), "CORRUPT") {
			t.Errorf("%v is not printed", err)
		}
	})
}
