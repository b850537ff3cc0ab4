package ivf

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"quiver/vector"
)

// TestDumpPart prints every part of an index of lists, and finds every flipped
// byte but those between lists.
func TestDumpPart(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	vectors := make([][]float32, 150)
	for i := range vectors {
		vectors[i] = gaussian(r, 16, 1)
	}
	s := vector.Space{Distance: vector.L2, Dim: 16}
	parts := build(t, "ivfflat", s, encodeAll(s, vectors), vector.Options{Quantization: "none", Lists: 3})
	centroids := parts["centroids"]
	for name, want := range map[string]string{
		"centroids": "ivfflat of vector(16), L2: vectors as they are, 3 lists",
		"lists":     "3 lists, as the part centroids says", "positions": "150 ordinals, 0 of rows that are gone",
	} {
		b := parts[name]
		var out strings.Builder
		if err := DumpPart(&out, "object", b, 2, []byte("none"), centroids); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, lacks %q:\n%s", name, err, want, out.String())
		}
		for at := 0; at < len(b); at += 1 + len(b)/50 {
			broken := bytes.Clone(b)
			broken[at] ^= 4
			out.Reset()
			if err := DumpPart(&out, "object", broken, 2, centroids); !errors.Is(err, vector.ErrCorrupt) || !strings.Contains(out.String(), "CORRUPT") {
				t.Errorf("%s, byte %d flipped: %v\n%s", name, at, err, out.String())
			}
		}
	}
	var out strings.Builder
	if err := DumpPart(&out, "object", parts["lists"], 2); err != nil || !strings.Contains(out.String(), "which is not here") {
		t.Errorf("lists alone: %v\n%s", err, out.String())
	}
}

// FuzzDumpPart prints any bytes.
func FuzzDumpPart(f *testing.F) {
	f.Add([]byte(magic), []byte(magic))
	for _, x := range fuzzed(f) {
		for _, b := range x.parts {
			f.Add([]byte(b), []byte(x.parts["centroids"]))
		}
	}
	f.Fuzz(func(t *testing.T, b, sibling []byte) {
		if err := DumpPart(io.Discard, "object", b, 10, sibling); err != nil && !errors.Is(err, vector.ErrCorrupt) {
			t.Error(err)
		}
	})
}
