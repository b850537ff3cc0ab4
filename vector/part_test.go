package vector

import (
	"io"
	"testing"
)

// chunkParts tells how parts are written.
type chunkParts struct{ writes []int }

func (c *chunkParts) Create(string) (io.WriteCloser, error) { return c, nil }
func (c *chunkParts) Close() error                          { return nil }
func (c *chunkParts) Write(p []byte) (int, error) {
	c.writes = append(c.writes, len(p))
	return len(p), nil
}

// TestPartsAreWrittenByChunks: whatever is put into a part, the file gets it by whole
// chunks, but for the rest and the checksum.
func TestPartsAreWrittenByChunks(t *testing.T) {
	var c chunkParts
	payload := make([]byte, chunkBytes+chunkBytes/2)
	if err := writePart(&c, "part", 1, payload[:100], payload, nil, payload); err != nil {
		t.Fatal(err)
	}
	rest := partHeaderBytes + 100 + 2*len(payload) - 3*chunkBytes
	for i, want := range []int{chunkBytes, chunkBytes, chunkBytes, rest, 4} {
		if i >= len(c.writes) || c.writes[i] != want {
			t.Fatalf("writes of %v bytes, the %dth not of %d", c.writes, i+1, want)
		}
	}
}
