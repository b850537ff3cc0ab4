package vector

import "golang.org/x/sys/cpu"

// machineKernels are the assembly kernels that this processor, and the
// operating system's saving of its registers, allow.
func machineKernels() (out []Kernels) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		k := assembly("AVX2", l2SquaredAVX2, l1AVX2, dotAVX2)
		k.halves = assemblyHalves(8, halfL2SquaredAVX2, halfL1AVX2, halfDotAVX2)
		k.bits = machineBits(false)
		k.sparse = assemblySparse(sparseDotAVX2, sparseL2AVX2, sparseL1AVX2)
		k.panels = assemblyPanels(16, panelsNearestAVX2, panelsScoresAVX2)
		out = append(out, k)
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasFMA && cpu.X86.HasF16C {
		k := assembly("AVX-512", l2SquaredAVX512, l1AVX512, dotAVX512)
		k.halves = assemblyHalves(1, halfL2SquaredAVX512, halfL1AVX512, halfDotAVX512)
		k.bits = machineBits(true)
		k.sparse = assemblySparse(sparseDotAVX512, sparseL2AVX512, sparseL1AVX512)
		k.panels = assemblyPanels(32, panelsNearestAVX512, panelsScoresAVX512)
		out = append(out, k)
	}
	return out
}

type halfFunc = func(query *float32, rows *uint16, dim, stride, n int, out *float32)

// assemblyHalves leaves rows of fewer than so many elements to Go.
func assemblyHalves(least int, l2, l1 halfFunc, dot func(query *float32, rows *uint16, dim, stride, n int, out, squares *float32)) halfKernels {
	with := func(f halfFunc, short func(query []float32, rows []uint16, stride, n int, out []float32)) func([]float32, []uint16, int, int, []float32) {
		return func(query []float32, rows []uint16, stride, n int, out []float32) {
			if len(query) < least {
				short(query, rows, stride, n, out)
				return
			}
			f(&query[0], &rows[0], len(query), stride, n, &out[0])
		}
	}
	return halfKernels{
		squaredL2: with(l2, portableHalves.squaredL2), l1: with(l1, portableHalves.l1),
		dot: func(query []float32, rows []uint16, stride, n int, out, squares []float32) {
			if len(query) < least {
				portableHalves.dot(query, rows, stride, n, out, squares)
				return
			}
			dot(&query[0], &rows[0], len(query), stride, n, &out[0], &squares[0])
		},
	}
}

type scoreFunc = func(query, rows *float32, dim, stride, n int, out *float32)

func assembly(name string, l2, l1 scoreFunc, dot func(query, rows *float32, dim, stride, n int, out, squares *float32)) Kernels {
	slices := func(f scoreFunc) func(query, rows []float32, stride, n int, out []float32) {
		return func(query, rows []float32, stride, n int, out []float32) {
			f(first(query), first(rows), len(query), stride, n, &out[0])
		}
	}
	return Kernels{
		Name: name, squaredL2: slices(l2), l1: slices(l1),
		dot: func(query, rows []float32, stride, n int, out, squares []float32) {
			dot(first(query), first(rows), len(query), stride, n, &out[0], &squares[0])
		},
	}
}

// first is the address of the first element; vectors of length 0 have none.
func first(v []float32) *float32 {
	if len(v) == 0 {
		return nil
	}
	return &v[0]
}
