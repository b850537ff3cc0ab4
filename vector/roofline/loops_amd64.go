package roofline

import "golang.org/x/sys/cpu"

// reads are the loops that read, of which the fastest counts.
var reads = machineReads()

func machineReads() []func([]byte) {
	if !cpu.X86.HasAVX2 {
		return []func([]byte){readWords}
	}
	return []func([]byte){
		func(b []byte) { readAVX2(&b[0], len(b)) },
		func(b []byte) { readAheadAVX2(&b[0], len(b)) },
	}
}

// rowReads are the loops that read the first n rows of some by their numbers, behind
// which are rowsAheadMax more.
var rowReads = machineRowReads()

func machineRowReads() (out []func(p []byte, ids []uint32, n, bytes int)) {
	if !cpu.X86.HasAVX2 {
		return append(out, readRowsWords)
	}
	for _, ahead := range []int{0, 4, 16, rowsAheadMax} {
		out = append(out, func(p []byte, ids []uint32, n, bytes int) { readRowsAVX2(&p[0], &ids[0], n, bytes, ahead) })
	}
	return out
}

// looking is a loop of lookups in the table of words.
func looking(loop func(n int, table *float32, indexes *uint32, count int)) func(int) {
	return func(n int) {
		table, indexes := words()
		loop(n, &table[0], &indexes[0], len(indexes))
	}
}

// ways are the loops of each mix that this machine can run.
var ways = machineWays()

func machineWays() (out [mixes][]way) {
	add := func(bytes int, loops [mixes]func(int)) {
		for m, loop := range loops {
			rowBytes := bytes
			if m >= int(HalfSquares) && m <= int(CodeMagnitudes) {
				rowBytes /= 2 // widened
			}
			if m == int(Lookups) {
				rowBytes *= 2 // indexes and values
			}
			out[m] = append(out[m], way{loop, rowBytes, bytes == 64})
		}
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		add(32, [mixes]func(int){
			squaresAVX2, productsAVX2, magnitudesAVX2, halfSquaresAVX2, halfProductsAVX2, halfMagnitudesAVX2,
			codeProductsAVX2, codeSquaresAVX2, codeMagnitudesAVX2, differingBitsAVX2, commonBitsAVX2, multiplyAddsAVX2, looking(lookupsAVX2), nibbleLookupsAVX2,
		})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasPOPCNT {
		out[CommonBits] = append(out[CommonBits], way{commonBitsWordsAVX2, 32, false})
		out[Lookups] = append(out[Lookups], way{looking(lookupsOneByOneAVX2), 64, false})
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL &&
		cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512VPOPCNTDQ {
		add(64, [mixes]func(int){
			squaresAVX512, productsAVX512, magnitudesAVX512, halfSquaresAVX512, halfProductsAVX512, halfMagnitudesAVX512,
			codeProductsAVX512, codeSquaresAVX512, codeMagnitudesAVX512, differingBitsAVX512, commonBitsAVX512, multiplyAddsAVX512, looking(lookupsAVX512), nibbleLookupsAVX512,
		})
		out[Lookups] = append(out[Lookups], way{looking(lookupsOneByOneAVX512), 128, true})
	}
	if cpu.X86.HasPOPCNT {
		out[DifferingBits] = append(out[DifferingBits], way{differingWords, 8, false})
		out[CommonBits] = append(out[CommonBits], way{commonWords, 8, false})
	}
	return out
}
