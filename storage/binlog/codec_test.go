package binlog

import (
	"bytes"
	"fmt"
	"testing"
)

// TestCodecs packs and unpacks; what does not shrink is kept as it is.
func TestCodecs(t *testing.T) {
	var words []byte
	for i := range 3000 {
		words = fmt.Appendf(words, "w%d", i)
	}
	for codec := None; codec <= Snappy; codec++ {
		if got, err := ParseCodec(codec.String()); got != codec || err != nil {
			t.Errorf("%v parses as %v, %v", codec, got, err)
		}
		for name, src := range map[string][]byte{"empty": nil, "one": {7}, "zeros": make([]byte, 100_000), "words": words} {
			used, packed, err := compress(codec, src, make([]byte, 0, 64))
			if err != nil || len(packed) > len(src) || used != codec && used != None {
				t.Fatalf("%v of %s: %v, %d bytes of %d, %v", codec, name, used, len(packed), len(src), err)
			}
			if codec != None && name == "zeros" && len(packed) > len(src)/10 {
				t.Errorf("%v packs zeros to %d bytes", codec, len(packed))
			}
			if codec == Zstd && name == "words" && len(packed) > len(src)*2/3 {
				t.Errorf("%v packs words to %d bytes of %d", codec, len(packed), len(src))
			}
			if used == None {
				continue
			}
			dst := make([]byte, len(src))
			if err := decompress(used, packed, dst); err != nil || !bytes.Equal(dst, src) {
				t.Errorf("%v of %s does not unpack: %v", codec, name, err)
			}
			for _, wrong := range []int{len(src) - 1, len(src) + 1} {
				if err := decompress(used, packed, make([]byte, wrong)); err == nil {
					t.Errorf("%v of %s unpacks to %d bytes", codec, name, wrong)
				}
			}
		}
	}
	if _, err := ParseCodec("brotli"); err == nil {
		t.Error("an unknown codec parses")
	}
}
