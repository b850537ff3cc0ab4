package rabitq

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// machineImplementations are the assembly kernels that this processor allows.
func machineImplementations() (out []implementation) {
	narrow := fieldDots{dots1AVX2, dots2AVX2, dots4AVX2, dots8AVX2}
	if cpu.X86.HasAVX2 {
		out = append(out, assembly("AVX2", narrow, narrow, blockSumsAVX2, belowAVX2))
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VNNI {
		wide := fieldDots{dots1AVX512, dots2AVX512, dots4AVX512, dots8AVX512}
		out = append(out, assembly("AVX-512", narrow, wide, blockSumsAVX512, belowAVX512))
	}
	return out
}

// fieldDots are dots of fields of 1, 2, 4 and 8 bits.
type fieldDots [4]dotsFunc

type belowFunc = func(blocks, tables *byte, pairs, n int, factors, terms, lows *float32, masks *uint32)

type dotsFunc = func(weights *int16, codes *byte, ordinals *uint32, stride, fieldBytes, partBytes, n int, shift uint64, out *int32)

// shortBytes is how long fields are at most that narrow registers take at once, and
// sooner than wide ones.
const shortBytes = 16

func assembly(name string, short, long fieldDots, blockSums func(block, tables *byte, pairs int, sums *uint32), below belowFunc) implementation {
	return implementation{
		name: name,
		dots: func(f *field, weights []int16, codes []byte, stride int, ordinals []uint32, out []int32) {
			if len(ordinals) == 0 {
				return
			}
			dots := &long
			if f.n <= shortBytes {
				dots = &short
			}
			dots[bits.TrailingZeros(uint(f.width))](&weights[0], &codes[0], &ordinals[0], stride, f.n, padPart(f.n), len(ordinals), uint64(f.shift), &out[:len(ordinals)][0])
		},
		blockSums: func(block, tables []byte, sums *[BlockCodes]uint32) {
			if len(tables) > 0 {
				blockSums(&block[0], &tables[0], len(tables)/32, &sums[0])
			}
		},
		quality: func(o []float32, t float32, top int, out *[2]float32) {
			qualityAVX2(&o[0], len(o), t, uint32(top), &out[0])
		},
		quantise: func(o []float32, t float32, top int, u []uint8) {
			quantiseAVX2(&o[0], len(o), t, uint32(top), &u[:len(o)][0])
		},
		rotation: rotationKernels{
			multiply: func(v, by []float32) { multiplyAVX2(&v[0], &by[:len(v)][0], len(v)) },
			hadamard: func(v []float32) { hadamardAVX2(&v[0], len(v)) },
			turn:     func(a, b []float32) { turnAVX2(&a[0], &b[:len(a)][0], len(a)) },
		},
		lows: func(sums *[BlockCodes]uint32, factors *BlockFactors, terms *boundTerms, lows *[BlockCodes]float32) uint32 {
			return lowsAVX2(&sums[0], &factors.Add[0], &terms.scale, &lows[0])
		},
		below: func(blocks, tables []byte, factors []BlockFactors, terms *boundTerms, out *Below) {
			if len(factors) > 0 {
				below(&blocks[:len(factors)*len(tables)][0], &tables[0], len(tables)/32, len(factors), &factors[0].Add[0], &terms.scale, &out.Lows[:len(factors)][0][0], &out.Masks[0])
			}
		},
		finish: func(sums *[BlockCodes]uint32, factors *BlockFactors, f *finishing, out *[BlockCodes]Estimate) {
			finishBlockAVX2(&sums[0], &factors.Add[0], &f.scale, (*float32)(unsafe.Pointer(out)))
		},
	}
}
