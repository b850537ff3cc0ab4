package vector

import "golang.org/x/sys/cpu"

// machineBits are the assembly kernels of bit strings, if the processor has
// POPCNT; what is left of a row after its full words is counted in Go.
func machineBits() bitKernels {
	if !cpu.X86.HasPOPCNT {
		return portableBits
	}
	return bitKernels{
		hamming: func(query, rows []byte, stride, n int, out []float32) {
			words := len(query) / 8
			if words == 0 {
				portableBits.hamming(query, rows, stride, n, out)
				return
			}
			hammingPOPCNT(&query[0], &rows[0], words, stride, n, &out[0])
			if query = query[8*words:]; len(query) > 0 {
				for i := range n {
					out[i] += float32(hammingCount(query, rows[i*stride+8*words:]))
				}
			}
		},
		jaccard: func(query, rows []byte, stride, n int, both, set []float32) {
			words := len(query) / 8
			if words == 0 {
				portableBits.jaccard(query, rows, stride, n, both, set)
				return
			}
			jaccardPOPCNT(&query[0], &rows[0], words, stride, n, &both[0], &set[0])
			if query = query[8*words:]; len(query) > 0 {
				for i := range n {
					row := rows[i*stride+8*words:][:len(query)]
					common, _ := jaccardCounts(query, row)
					own, _ := jaccardCounts(row, row)
					both[i] += float32(common)
					set[i] += float32(own)
				}
			}
		},
	}
}
