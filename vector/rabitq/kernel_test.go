package rabitq

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestKernelsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, k := range implementations[1:] {
		for _, width := range []int{8, 4, 2, 1} {
			for n := 4; n <= 300; n += 4 {
				f := &field{width: width, n: n, shift: r.IntN(8)}
				weights := make([]int16, 8/width*padPart(n))
				for j := range 8 / width {
					for i := range n {
						weights[j*padPart(n)+i] = int16(r.IntN(65535) - 32767)
					}
				}
				stride := n + r.IntN(20)
				const codes = 9
				// Nothing behind the last code may be read, and an odd address.
				data := make([]byte, 1+(codes-1)*stride+n)[1:]
				for i := range data {
					data[i] = byte(r.Uint32())
				}
				var ordinals []uint32
				for range 1 + r.IntN(20) {
					ordinals = append(ordinals, uint32(r.IntN(codes)))
				}
				got, want := make([]int32, len(ordinals)+1), make([]int32, len(ordinals)+1)
				for i := range got {
					got[i] = int32(r.IntN(1000))
				}
				copy(want, got)
				k.dots(f, weights, data, stride, ordinals, got)
				portable.dots(f, weights, data, stride, ordinals, want)
				if !slices.Equal(got, want) {
					t.Fatalf("%s, %d bits, %d bytes: got %v, want %v", k.name, width, n, got, want)
				}
			}
		}
		for pairs := 1; pairs <= tablesMax/2; pairs++ {
			block, tables := make([]byte, 32*pairs), make([]byte, 32*pairs)
			for i := range block {
				block[i], tables[i] = byte(r.Uint32()), byte(r.Uint32())
				if pairs%5 == 0 {
					tables[i] = 255
				}
			}
			var got, want [BlockCodes]uint32
			got[3], want[3] = 70000, 70000
			k.blockSums(block, tables, &got)
			portable.blockSums(block, tables, &want)
			if got != want {
				t.Fatalf("%s, %d pairs: got %v, want %v", k.name, pairs, got, want)
			}
		}
	}
}

// TestFinishingAgrees: to the bit.
func TestFinishingAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	for _, k := range implementations[1:] {
		for range 50 {
			var sums [BlockCodes]uint32
			var factors BlockFactors
			f := finishing{r.Float32(), r.Float32() - 1, r.Float32() * 9, 1.9, r.Float32() * 3, r.Float32()}
			for i := range sums {
				sums[i] = r.Uint32N(70000)
				factors.Set(i, Factors{Add: float32(r.NormFloat64()), Rescale: -r.Float32(), Error: r.Float32()})
			}
			var got, want [BlockCodes]Estimate
			k.finish(&sums, &factors, &f, &got)
			portableFinish(&sums, &factors, &f, &want)
			if got != want {
				t.Fatalf("%s: %v, not %v", k.name, got, want)
			}
		}
	}
}

// TestEncodingAgrees: rotations and codes are the same to the bit.
func TestEncodingAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 64))
	for _, k := range implementations[1:] {
		for _, n := range []int{8, 16, 24, 104, 128, 200, 768} {
			p := newRotation(n, 1)
			v := normal(r, n)
			v[r.IntN(n)] = 0
			v[r.IntN(n)] = float32(math.Copysign(0, -1))
			for round, signs := range p.signs {
				got, want := slices.Clone(v), slices.Clone(v)
				k.rotation.multiply(got, signs)
				portableMultiply(want, signs)
				start := p.start(round)
				k.rotation.hadamard(got[start : start+p.mixed])
				portableHadamard(want[start : start+p.mixed])
				k.rotation.turn(got[:n/2], got[n/2:])
				portableTurn(want[:n/2], want[n/2:])
				if !slices.Equal(got, want) {
					t.Fatalf("%s, %d dimensions: rotated to %v, not %v", k.name, n, got, want)
				}
			}
			for bits := 1; bits <= BitsMax; bits++ {
				top, cell := 1<<(bits-1)-1, float32(r.IntN(2<<bits))
				var gotQuality, wantQuality [2]float32
				got, want := make([]uint8, n), make([]uint8, n)
				k.quality(v, cell, top, &gotQuality)
				portableQuality(v, cell, top, &wantQuality)
				k.quantise(v, cell, top, got)
				portableQuantise(v, cell, top, want)
				if gotQuality != wantQuality || !slices.Equal(got, want) {
					t.Fatalf("%s, %d dimensions of %d bits: %v %v, not %v %v", k.name, n, bits, gotQuality, got, wantQuality, want)
				}
			}
		}
	}
}

func TestRecordsOutOfRangePanic(t *testing.T) {
	c := newCodec(t, L2, 10, 4, 1)
	q := c.NewQuery(make([]float32, 10))
	records := make([]byte, 3*c.RecordBytes())
	var out [3]Estimate
	for _, ordinal := range []uint32{3, math.MaxUint32} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("ordinal %d: no panic", ordinal)
				}
			}()
			q.ScoreGathered(records, c.RecordBytes(), []uint32{0, ordinal, 1}, out[:])
		}()
	}
}

func BenchmarkScore(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	const n = 4096
	for _, dim := range []int{100, 768} {
		for _, bits := range []int{1, 2, 4, 5, 8} {
			c := newCodec(b, L2, dim, bits, 1)
			e := c.NewEncoder()
			var records []byte
			var ordinals []uint32
			blocks := make([]byte, n/BlockCodes*c.BlockBytes())
			factors := make([]BlockFactors, n/BlockCodes)
			for i := range n {
				records = e.Record(records, normal(r, dim), nil)
				e.PackSigns(blocks[i/BlockCodes*c.BlockBytes():], i%BlockCodes)
				factors[i/BlockCodes].Set(i%BlockCodes, e.Sign())
				ordinals = append(ordinals, uint32(r.IntN(n)))
			}
			q := c.NewQuery(normal(r, dim))
			out := make([]Estimate, n)
			for _, k := range implementations {
				kernel = k
				report := func(b *testing.B) {
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/code")
				}
				b.Run(fmt.Sprintf("%s/rows/%d/%d", k.name, dim, bits), func(b *testing.B) {
					for b.Loop() {
						q.ScoreRows(records, c.RecordBytes(), n, out)
					}
					report(b)
				})
				b.Run(fmt.Sprintf("%s/gathered/%d/%d", k.name, dim, bits), func(b *testing.B) {
					for b.Loop() {
						q.ScoreGathered(records, c.RecordBytes(), ordinals, out)
					}
					report(b)
				})
				if bits > 1 {
					continue
				}
				b.Run(fmt.Sprintf("%s/blocks/%d", k.name, dim), func(b *testing.B) {
					for b.Loop() {
						for i := range factors {
							q.ScoreBlock(blocks[i*c.BlockBytes():], &factors[i], (*[BlockCodes]Estimate)(out[i*BlockCodes:]))
						}
					}
					report(b)
				})
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, dim := range []int{100, 768} {
		for _, bits := range []int{1, 4, 8} {
			b.Run(fmt.Sprintf("%d/%d", dim, bits), func(b *testing.B) {
				c := newCodec(b, Cosine, dim, bits, 1)
				e, x, code := c.NewEncoder(), normal(r, dim), make([]byte, c.CodeBytes())
				for b.Loop() {
					e.Encode(code, x, nil)
				}
			})
		}
	}
}

func BenchmarkCentre(b *testing.B) {
	for _, dim := range []int{100, 768} {
		b.Run(fmt.Sprint(dim), func(b *testing.B) {
			r := rand.New(rand.NewPCG(9, 9))
			c := newCodec(b, L2, dim, 4, 1)
			q, centre := c.NewQuery(normal(r, dim)), normal(r, c.Padded())
			for b.Loop() {
				q.Centre(centre)
				q.prepareBlocks()
			}
		})
	}
}
