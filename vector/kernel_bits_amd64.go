package vector

import "golang.org/x/sys/cpu"

// bitsBytesMin is the least length of bit strings that the kernels compare.
const bitsBytesMin = 8

// machineBits are the assembly kernels of bit strings of a processor with AVX2
// and POPCNT, or, if it may be wide, with AVX-512 and VPOPCNTDQ.
func machineBits(wide bool) bitKernels {
	if !cpu.X86.HasPOPCNT {
		return portableBits
	}
	hamming, jaccard := hammingAVX2, jaccardAVX2
	if wide && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VPOPCNTDQ {
		hamming, jaccard = hammingAVX512, jaccardAVX512
	}
	return bitKernels{
		hamming: func(query, rows []byte, stride, n int, out []float32) {
			if len(query) < bitsBytesMin {
				portableBits.hamming(query, rows, stride, n, out)
				return
			}
			hamming(&query[0], &rows[0], len(query), stride, n, &out[0])
		},
		jaccard: func(query, rows []byte, stride, own, n int, out []float32) {
			if len(query) < bitsBytesMin {
				portableBits.jaccard(query, rows, stride, own, n, out)
				return
			}
			jaccard(&query[0], &rows[0], len(query), stride, own, n, &out[0])
		},
	}
}
