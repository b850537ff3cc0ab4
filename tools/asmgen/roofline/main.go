// Command roofline writes the loops that package vector/roofline measures a
// machine with.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	read()
	multiplyAdd()
	Generate()
}

// read loads every byte of a multiple of 256, once.
func read() {
	TEXT("readAVX2", NOSPLIT, "func(p *byte, n int)")
	Doc("readAVX2 loads n bytes, a multiple of 256.")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	sums := make([]reg.VecVirtual, 4)
	for i := range sums {
		sums[i] = YMM()
		VPXOR(sums[i], sums[i], sums[i])
	}
	Label("next")
	for i := range 8 {
		VPOR(Mem{Base: p, Disp: 32 * i}, sums[i%4], sums[i%4])
	}
	ADDQ(U32(256), p)
	SUBQ(U32(256), n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// multiplyAdd keeps as many fused multiply-adds going as hide their latency.
func multiplyAdd() {
	TEXT("multiplyAddAVX2", NOSPLIT, "func(n int)")
	Doc("multiplyAddAVX2 does 12 fused multiply-adds of 8 float32, n times.")
	n := Load(Param("n"), GP64())
	x := YMM()
	VXORPS(x, x, x)
	sums := make([]reg.VecVirtual, 12)
	for i := range sums {
		sums[i] = YMM()
		VXORPS(sums[i], sums[i], sums[i])
	}
	Label("again")
	for _, s := range sums {
		VFMADD231PS(x, x, s)
	}
	DECQ(n)
	JNZ(LabelRef("again"))
	VZEROUPPER()
	RET()
}
