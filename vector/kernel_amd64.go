package vector

import "golang.org/x/sys/cpu"

// machineKernels are the assembly kernels that this processor, and the
// operating system's saving of its registers, allow.
func machineKernels() (out []Kernels) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		out = append(out, assembly("AVX2", l2SquaredAVX2, l1AVX2, dotAVX2))
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasFMA {
		out = append(out, assembly("AVX-512", l2SquaredAVX512, l1AVX512, dotAVX512))
	}
	return out
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
