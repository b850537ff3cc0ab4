package vector

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestDumpPart prints every part of a graph, and finds every flipped byte.
func TestDumpPart(t *testing.T) {
	vectors := vectorSets["duplicates"](rand.New(rand.NewPCG(3, 4)), 60, 2)
	s := Space{Float32, L2, 2}
	_, parts := buildIndex(t, s, floatColumn(s.Element, vectors), Options{M: 4})
	want := map[string]string{
		partGraph: "vectors vector(2), L2, codes sq8", PartPositions: "60 ordinals, 0 of rows that are gone",
		partLinks: "part \"links\" of a graph, object", partCodes: "bytes of payload",
	}
	for name, b := range parts.parts {
		var out strings.Builder
		if err := DumpPart(&out, "object", b, 2); err != nil || !strings.Contains(out.String(), want[name]) {
			t.Errorf("%s: %v, lacks %q:\n%s", name, err, want[name], out.String())
		}
		for at := 0; at < len(b); at += 1 + len(b)/50 {
			broken := bytes.Clone(b)
			broken[at] ^= 4
			out.Reset()
			if err := DumpPart(&out, "object", broken, 2); !errors.Is(err, ErrCorrupt) || !strings.Contains(out.String(), "CORRUPT") {
				t.Errorf("%s, byte %d flipped: %v\n%s", name, at, err, out.String())
			}
		}
	}
}

// FuzzDumpPart prints any bytes.
func FuzzDumpPart(f *testing.F) {
	f.Add([]byte(partMagic))
	for _, g := range fuzzedGraphs(f) {
		for _, b := range g.parts.parts {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := DumpPart(io.Discard, "object", b, 10); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	})
}
