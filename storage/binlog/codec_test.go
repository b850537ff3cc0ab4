package binlog

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// TestCodecs packs and unpacks; what does not shrink is kept as it is.
func TestCodecs(t *testing.T) {
	var words []byte
	for i := range 3000 {
		words = fmt.Appendf(words, "w%d", i)
	}
	for codec := None; codec <= codecMax; codec++ {
		if got, err := ParseCodec(codec.String()); got != codec || err != nil {
			t.Errorf("%v parses as %v, %v", codec, got, err)
		}
	}
	for codec := None; codec <= ZstdSplit; codec++ {
		for _, level := range []int{0, 1, 4, 7, 10, LevelMax} {
			testCodec(t, codec, level, words)
		}
	}
	if _, err := ParseCodec("brotli"); err == nil {
		t.Error("an unknown codec parses")
	}
}

func testCodec(t *testing.T, codec Codec, level int, words []byte) {
	const width = 1 // the texts are no numbers
	for name, src := range map[string][]byte{"empty": nil, "one": {7}, "zeros": make([]byte, 100_000), "words": words} {
		used, packed, err := compress(codec, level, width, src, make([]byte, 0, 64))
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
		if err := decompress(used, width, packed, dst); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("%v of %s does not unpack: %v", codec, name, err)
		}
		for _, wrong := range []int{len(src) - 1, len(src) + 1} {
			if err := decompress(used, width, packed, make([]byte, wrong)); err == nil {
				t.Errorf("%v of %s unpacks to %d bytes", codec, name, wrong)
			}
		}
	}
}

// TestSplit packs floats, whose exponents are alike.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, width := range []int{1, 2, 4, 8, 16} {
		src := make([]byte, 128<<10*width)
		for i := range src {
			src[i] = byte(r.Uint32())
			if i%width == width-1 {
				src[i] = 60 + byte(r.IntN(4))
			}
		}
		split, back := make([]byte, len(src)), make([]byte, len(src))
		splitBytes(split, src, width)
		joinBytes(back, split, width)
		if !bytes.Equal(back, src) {
			t.Fatalf("%d bytes a value: not joined as they were", width)
		}
		used, packed, err := compress(ZstdSplit, 0, width, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		if width > 1 && (used != ZstdSplit || len(packed) > len(src)-len(src)/width/2) {
			t.Errorf("%d bytes a value: %v, %d bytes of %d", width, used, len(packed), len(src))
		}
		if used == None {
			continue
		}
		clear(back)
		if err := decompress(used, width, packed, back); err != nil || !bytes.Equal(back, src) {
			t.Errorf("%d bytes a value: does not unpack: %v", width, err)
		}
		if width > 1 && decompress(used, width, packed, back[:len(back)-1]) == nil {
			t.Errorf("%d bytes a value: unpacks to half a value", width)
		}
	}
}

// TestSequence stores integers of equal distance by two of them.
func TestSequence(t *testing.T) {
	const rows = 1000
	progression := func(first, step int64, flaw int) *array.Int64Builder {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		for i := range int64(rows) {
			b.Append(first + i*step)
		}
		if flaw >= 0 {
			a := b.NewInt64Array()
			defer a.Release()
			for i, v := range a.Int64Values() {
				if i == flaw {
					v++
				}
				b.Append(v)
			}
		}
		return b
	}
	for name, c := range map[string]struct {
		first, step int64
		flaw        int
		want        Codec
	}{
		"ascending":  {5, 1, -1, Sequence},
		"descending": {5, -3, -1, Sequence},
		"constant":   {-7, 0, -1, Sequence},
		"wrapping":   {math.MaxInt64 - 10, 1 << 40, -1, Sequence},
		"last":       {5, 1, rows - 1, None},
		"second":     {5, 1, 1, None},
	} {
		b := progression(c.first, c.step, c.flaw)
		a := b.NewInt64Array()
		d := Descriptor{Kind: Run, Fields: []Field{{ID: 1, Type: arrow.PrimitiveTypes.Int64, Codec: Sequence}}}
		data, summary := writeFile(t, memory.DefaultAllocator, d, [][]arrow.Array{{a}}, [][]uint64{nil})
		r, err := OpenBytes(name, data, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Event(1, 0).Codec; got != c.want || summary.Fields[0].Codec != c.want {
			t.Errorf("%s: codec %v, summed up as %v, not %v", name, got, summary.Fields[0].Codec, c.want)
		}
		if c.want == Sequence && r.Event(1, 0).StoredBytes != sequenceBytes {
			t.Errorf("%s: %d bytes", name, r.Event(1, 0).StoredBytes)
		}
		back, err := r.Read(t.Context(), 1, 0)
		if err != nil || !array.Equal(back, a) {
			t.Errorf("%s: read %v, %v", name, back, err)
		}
		back.Release()
		a.Release()
		b.Release()
	}
}
