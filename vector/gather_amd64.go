package vector

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

type (
	codesDotFunc = func(query *int16, rows *byte, dim, stride int, ids *uint32, n, ahead int, out *float32)
	codesFunc    = func(query *int16, rows *byte, dim, stride int, ids *uint32, n, ahead int, out *float32, shift int)
	floatsFunc   = func(query, rows *float32, dim, stride int, ids *uint32, n, ahead int, out *float32)
)

// machineGathers are the assembly kernels that this processor allows.
func machineGathers() (out []gatherKernels) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		out = append(out, assemblyGather(codesDotAVX2, codesL2AVX2, codesL1AVX2, floatsDotAVX2, floatsL2AVX2, floatsL1AVX2))
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
		out = append(out, assemblyGather(codesDotAVX512, codesL2AVX512, codesL1AVX512, floatsDotAVX512, floatsL2AVX512, floatsL1AVX512))
		if cpu.X86.HasAVX512VNNI {
			out = append(out, assemblyGather(codesDotVNNI, codesL2VNNI, codesL1VNNI, floatsDotAVX512, floatsL2AVX512, floatsL1AVX512))
		}
	}
	return out
}

func assemblyGather(dot codesDotFunc, l2, l1 codesFunc, fdot, fl2, fl1 floatsFunc) gatherKernels {
	codes := func(f codesFunc) func([]int16, []byte, int, int, []uint32, []float32, int) {
		return func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32, shift int) {
			if len(ids) > 0 {
				f(&query[:dim][0], &rows[0], dim, stride, &ids[0], len(ids), rowsAhead(stride), &out[:len(ids)][0], shift)
			}
		}
	}
	floats := func(f floatsFunc) func(_, _ []float32, _, _ int, _ []uint32, _ []float32) {
		return func(query, rows []float32, dim, stride int, ids []uint32, out []float32) {
			if len(ids) > 0 {
				f(&query[:dim][0], &rows[0], dim, stride, &ids[0], len(ids), rowsAhead(stride), &out[:len(ids)][0])
			}
		}
	}
	return gatherKernels{
		widen: func(code []byte, query []int16, factor int) {
			widenAVX2(&code[0], &query[:len(code)][0], len(code), factor)
		},
		codesDot: func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32) {
			if len(ids) > 0 {
				dot(&query[:dim][0], &rows[0], dim, stride, &ids[0], len(ids), rowsAhead(stride), &out[:len(ids)][0])
			}
		},
		codesL2: codes(l2), codesL1: codes(l1),
		floatsDot: floats(fdot), floatsL2: floats(fl2), floatsL1: floats(fl1),
	}
}

// rowsAhead is how many rows before they are scored rows of so many bytes are
// prefetched: as many as memory brings while it answers once.
func rowsAhead(bytes int) int { return (aheadBytes + bytes - 1) / bytes }

// aheadBytes is how much is under way at a time.
const aheadBytes = 6 << 10

// prefetch asks for so many lines from p on.
func prefetch(p *uint32, lines int) {
	if lines > 0 {
		prefetchLines((*byte)(unsafe.Pointer(p)), lines)
	}
}
