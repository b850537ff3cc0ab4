package binlog

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// packedRandom packs random integers of so many bits, or those that differ by them,
// and returns them with their packing.
func packedRandom(r *rand.Rand, rows int, bits uint, diffs bool) (p packing, packed []byte, values []int64) {
	p = packing{reference: r.Uint64(), first: r.Uint64(), bits: bits, diffs: diffs}
	v := p.first
	for i := range rows {
		more := r.Uint64()&(1<<bits-1) + p.reference
		switch {
		case !diffs:
			v = more
		case i > 0:
			v += more
		}
		values = append(values, int64(v))
	}
	return p, p.append(nil, nil, values)[packingBytes:], values
}

// TestUnpackWidths unpacks integers of every width and of every number of bits.
func TestUnpackWidths(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for bits := range uint(packedBitsMax + 1) {
		for _, rows := range []int{1, 2, 3, 4, 5, 8, 63, 1000} {
			for _, diffs := range []bool{false, true} {
				p, packed, values := packedRandom(r, rows, bits, diffs)
				reader, err := newBitReader(packed, rows, bits)
				if err != nil {
					t.Fatal(err)
				}
				for _, width := range []int{2, 4, 8, 16} {
					out := make([]byte, rows*width)
					p.unpack(&reader, out, width, rows)
					for i, v := range values {
						want := make([]byte, width)
						putInteger(want, 0, width, uint64(v))
						if got := out[i*width : (i+1)*width]; string(got) != string(want) {
							t.Fatalf("%d bits, %d bytes, differences %v: value %d of %d is %x, want %x", bits, width, diffs, i, rows, got, want)
						}
					}
				}
			}
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	const rows = 1 << 16
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		bits  uint
		width int
		diffs bool
	}{{7, 4, false}, {20, 4, false}, {7, 8, false}, {40, 8, false}, {10, 8, true}} {
		b.Run(fmt.Sprintf("%d bits to %d bytes, differences %v", c.bits, c.width, c.diffs), func(b *testing.B) {
			p, packed, _ := packedRandom(r, rows, c.bits, c.diffs)
			reader, err := newBitReader(packed, rows, c.bits)
			if err != nil {
				b.Fatal(err)
			}
			out := make([]byte, rows*c.width)
			b.SetBytes(int64(len(out)))
			for b.Loop() {
				p.unpack(&reader, out, c.width, rows)
			}
		})
	}
}
