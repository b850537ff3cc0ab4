package roofline

import "golang.org/x/sys/cpu"

// operations of one turn of multiplyAdd.
const operations = 12 * 8 * 2

func read(b []byte) {
	switch {
	case len(b) == 0:
	case cpu.X86.HasAVX2:
		readAVX2(&b[0], len(b))
	default:
		readWords(b)
	}
}

func multiplyAdd(n int) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		multiplyAddAVX2(n)
		return
	}
	multiplyAddSlow(n)
}
