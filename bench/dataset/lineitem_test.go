package dataset

import (
	"bytes"
	"strings"
	"testing"
)

// TestLineitem: keys ascend and no row lacks a column; two generators agree.
func TestLineitem(t *testing.T) {
	l, again := NewLineitem(5000), NewLineitem(5000)
	seen := map[string]bool{}
	for range 5000 {
		row := l.AppendRow(nil)
		if other := again.AppendRow(nil); !bytes.Equal(row, other) {
			t.Fatalf("%q and %q", row, other)
		}
		columns := strings.Split(strings.TrimSuffix(string(row), "\n"), "\t")
		if len(columns) != 16 {
			t.Fatalf("%d columns: %q", len(columns), row)
		}
		key := columns[0] + "/" + columns[3]
		if seen[key] {
			t.Fatalf("key %s comes twice", key)
		}
		seen[key] = true
		if n := len(columns[15]); n < 10 || n > 43 {
			t.Errorf("comment of %d bytes", n)
		}
	}
}
