// Command sparse writes the kernels of sparse vectors for amd64. Run it by go
// generate in package vector.
//
// Each kernel goes through the elements of one sparse vector and looks up what
// another one has at the same index: that one is written out in a table. With
// AVX-512 that is a gather; with AVX2 eight loads, which take half the time of a
// gather on the processors that have no more. Terms are summed in float64. Indexes
// beyond the table are taken for the last one, so that nothing else is read whatever
// they are; they do not occur, and eight of which one does are gathered.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"quiver/tools/asmgen/simd"
)

func main() {
	for _, s := range []simd.Set{simd.AVX2, simd.AVX512} {
		generate(s, "sparseDot", "the inner product", dot)
		generate(s, "sparseL2", "what the squared distance from the table's vector exceeds its squared length by", squaredL2)
		generate(s, "sparseL1", "what the taxicab distance from the table's vector exceeds its magnitude by", l1)
	}
	Generate()
}

// kernel is what the steps of one function share.
type kernel struct {
	simd.Set
	absMask reg.VecVirtual // float64
}

// step adds the terms of x and what the table has, t, to a sum, all float64.
type step func(k *kernel, x, t, sum reg.VecVirtual)

func dot(_ *kernel, x, t, sum reg.VecVirtual) { VFMADD231PD(x, t, sum) }

// squaredL2 adds x·(x-2t): what x changes of the square of t.
func squaredL2(_ *kernel, x, t, sum reg.VecVirtual) {
	VADDPD(t, t, t)
	VSUBPD(t, x, t)
	VFMADD231PD(x, t, sum)
}

// l1 adds |x-t|-|t|.
func l1(k *kernel, x, t, sum reg.VecVirtual) {
	VSUBPD(t, x, x)
	k.And(k.absMask, x, x)
	k.And(k.absMask, t, t)
	VSUBPD(t, x, x)
	VADDPD(x, sum, sum)
}

func generate(s simd.Set, name, what string, do step) {
	TEXT(name+s.Name, NOSPLIT, "func(table *float32, last uint32, indexes *uint32, values *float32, n int) float64")
	Doc(fmt.Sprintf("%s%s is %s, of n elements; the table goes up to an index.", name, s.Name, what))
	k := &kernel{Set: s}
	table, n := Load(Param("table"), GP64()), Load(Param("n"), GP64())
	indexes, values := Load(Param("indexes"), GP64()), Load(Param("values"), GP64())
	last, x := s.Register(), XMM()
	VMOVD(Load(Param("last"), GP32()), x)
	VPBROADCASTD(x, last)
	if name == "sparseL1" {
		k.absMask = s.Register()
		general, x := GP64(), XMM()
		MOVQ(U64(1<<63-1), general)
		VMOVQ(general, x)
		VPBROADCASTQ(x, k.absMask)
	}
	sums := []reg.VecVirtual{s.Zero(), s.Zero()}
	// Those lanes of at are looked up that the mask has; values are zero elsewhere.
	add := func(at, v reg.VecVirtual, mask Op) {
		VPMINUD(last, at, at)
		t := s.Gather(table, at, mask)
		for half, sum := range sums {
			do(k, s.Doubles(v, half), s.Doubles(t, half), sum)
		}
	}
	// load adds the next eight, if none is beyond the table.
	load := func(otherwise string) {
		within, all := s.Register(), GP32()
		at := s.Load(Mem{Base: indexes})
		VPMINUD(last, at, within)
		VPCMPEQD(at, within, within)
		VMOVMSKPS(within, all)
		CMPL(all, U32(0xff))
		JNE(LabelRef(otherwise))
		for half, sum := range sums {
			t, x, found := s.Register(), s.Register(), s.Half()
			for i := range 4 {
				index := GP64()
				MOVL(Mem{Base: indexes, Disp: 16*half + 4*i}, index.As32())
				if from := (Mem{Base: table, Index: index, Scale: 4}); i == 0 {
					VMOVSS(from, found)
				} else {
					VINSERTPS(Imm(uint64(16*i)), from, found, found)
				}
			}
			VCVTPS2PD(found, t)
			VCVTPS2PD(Mem{Base: values, Disp: 16 * half}, x)
			do(k, x, t, sum)
		}
	}
	lanes := s.Floats()
	Label("full")
	SUBQ(U32(uint32(lanes)), n)
	JL(LabelRef("rest"))
	Label("turn")
	full := func() {
		at, v := s.Load(Mem{Base: indexes}), s.Load(Mem{Base: values})
		add(at, v, s.AllLanes(at))
	}
	if s.Wide() {
		full()
	} else {
		load("beyond")
		Label("next")
	}
	ADDQ(U32(uint32(4*lanes)), indexes)
	ADDQ(U32(uint32(4*lanes)), values)
	SUBQ(U32(uint32(lanes)), n)
	JGE(LabelRef("turn"))
	Label("rest")
	ADDQ(U32(uint32(lanes)), n)
	JZ(LabelRef("sum"))
	at, v := s.Register(), s.Register()
	if s.Wide() {
		mask := simd.LowBits(n)
		VMOVDQU32_Z(Mem{Base: indexes}, mask, at)
		VMOVUPS_Z(Mem{Base: values}, mask, v)
		add(at, v, mask)
	} else {
		mask, address := s.Register(), GP64()
		LEAQ(restTable(), address)
		NEGQ(n)
		VMOVDQU(Mem{Base: address, Index: n, Scale: 4, Disp: 32}, mask)
		VPMASKMOVD(Mem{Base: indexes}, mask, at)
		VMASKMOVPS(Mem{Base: values}, mask, v)
		add(at, v, mask)
	}
	Label("sum")
	VADDPD(sums[1], sums[0], sums[0])
	total := s.Fold(sums[0], func(a, b, sum Op) { VADDPD(a, b, sum) })
	low, high := s.Upper(total), XMM()
	VADDPD(total.AsX(), low, low)
	VUNPCKHPD(low, low, high)
	VADDSD(high, low, low)
	VZEROUPPER()
	Store(low, ReturnIndex(0))
	RET()
	if !s.Wide() {
		Label("beyond")
		full()
		JMP(LabelRef("next"))
	}
}

var restTableMem Mem

// restTable is eight words of all ones and eight of zero.
func restTable() Mem {
	if restTableMem.Symbol.Name == "" {
		restTableMem = GLOBL("sparseRest", RODATA|NOPTR)
		for i := range 16 {
			v := U32(0)
			if i < 8 {
				v = 0xffffffff
			}
			DATA(4*i, v)
		}
	}
	return restTableMem
}
