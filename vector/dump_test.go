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
	for _, part := range []string{PartInterim, PartKind} {
		if err := WriteKind(parts, part, hnsw{}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		PartInterim: "part \"interim\" of an index, object", PartKind: "the other parts are of hnsw",
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

// TestReadKind reads the name of a kind back, and that of an interim from before it had
// a frame; any flipped byte is found.
func TestReadKind(t *testing.T) {
	parts := newMemoryParts()
	for _, part := range []string{PartInterim, PartKind} {
		if err := WriteKind(parts, part, hnsw{}); err != nil {
			t.Fatal(err)
		}
		if name, err := ReadKind(parts, part); name != "hnsw" || err != nil {
			t.Errorf("%s: %q, %v", part, name, err)
		}
		whole := parts.parts[part]
		for at := range whole {
			broken := bytes.Clone(whole)
			broken[at] ^= 4
			parts.parts[part] = broken
			if name, err := ReadKind(parts, part); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, byte %d flipped: %q, %v", part, at, name, err)
			}
		}
		parts.parts[part] = []byte("ivfflat")
		if name, err := ReadKind(parts, part); part == PartInterim && (name != "ivfflat" || err != nil) || part == PartKind && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, the name alone: %q, %v", part, name, err)
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
