package manifest

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"quiver/storage/binlog"
)

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

func TestDump(t *testing.T) {
	m := sample()
	content := []byte("the bytes of a file")
	m.Files[0].Bytes, m.Files[0].CRC = int64(len(content)), 0x49488f67
	m.Files[1].Bytes = int64(len(content))
	object, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Dump(&out, "m", object, nil); err != nil {
		t.Error(err)
	}
	out.WriteString("\n# with its files: a good one, a damaged one\n")
	if err := Dump(&out, "m", object, func(string) ([]byte, error) { return content, nil }); !errors.As(err, new(*binlog.CorruptionError)) {
		t.Errorf("a damaged file: %v", err)
	}
	out.WriteString("\n# a short object, one that is not there\n")
	gone := errors.New("not found")
	err = Dump(&out, "m", object, func(key string) ([]byte, error) {
		if key == m.Files[0].Key {
			return content[1:], nil
		}
		return nil, gone
	})
	if !errors.Is(err, gone) {
		t.Errorf("a lost file: %v", err)
	}
	out.WriteString("\n# a flipped bit\n")
	object[100] ^= 1
	if err := Dump(&out, "m", object, nil); err == nil {
		t.Error("a flipped bit is not found")
	}
	object[100] ^= 1
	golden(t, "dump", out.String())
	golden(t, "bytes", string(object))
}
