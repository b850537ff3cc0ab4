// Command sparse writes the kernels of sparse vectors for amd64. Run it by go
// generate in package vector.
//
// Each kernel goes through the elements of one sparse vector and looks up what
// another one has at the same index: that one is written out in a table. They are
// looked up by a load each, which takes less time than a gather. Terms are summed in
// float64. Indexes beyond the table are taken for the last one, so that nothing else
// is read whatever they are; they do not occur, and a register of which one does is
// gathered.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"quiver/tools/asmgen/simd"
)

// aheadBytes is how far ahead of the elements being looked up others are prefetched:
// those of the vectors that follow. What is looked up keeps the processor from
// reading far ahead by itself.
const aheadBytes = 4096

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
	var mask Op = k.absMask
	if t.Size() < k.absMask.Size() {
		mask = k.absMask.AsY()
	}
	VSUBPD(t, x, x)
	k.And(mask, x, x)
	k.And(mask, t, t)
	VSUBPD(t, x, x)
	VADDPD(x, sum, sum)
}

func generate(s simd.Set, name, what string, do step) {
	TEXT(name+s.Name, NOSPLIT, "func(table *float32, last uint32, indexes *uint32, values *float32, n int) float64")
	Doc(fmt.Sprintf("%s%s is %s, of n elements; the table goes up to an index.", name, s.Name, what))
	k := &kernel{Set: s}
	table, n := Load(Param("table"), GP64()), Load(Param("n"), GP64())
	indexes, values := Load(Param("indexes"), GP64()), Load(Param("values"), GP64())
	lastIndex, last, x := Load(Param("last"), GP32()), s.Register(), XMM()
	VMOVD(lastIndex, x)
	VPBROADCASTD(x, last)
	if name == "sparseL1" {
		k.absMask = s.Register()
		general, x := GP64(), XMM()
		MOVQ(U64(1<<63-1), general)
		VMOVQ(general, x)
		VPBROADCASTQ(x, k.absMask)
	}
	sums := []reg.VecVirtual{s.Zero(), s.Zero()}
	var lane [4]Op // masks of one lane each
	for i := 1; s.Wide() && i < len(lane); i++ {
		mask, bit := K(), GP32()
		MOVL(U32(1<<i), bit)
		KMOVW(bit, mask)
		lane[i] = mask
	}
	// find puts what the index at so many bytes selects into a lane of found: with
	// AVX-512 it is broadcast to one lane, which takes no shuffle.
	find := func(found reg.VecVirtual, i, disp int, clamped bool) {
		index := GP64()
		MOVL(Mem{Base: indexes, Disp: disp}, index.As32())
		if clamped {
			CMPL(index.As32(), lastIndex)
			CMOVLHI(lastIndex, index.As32())
		}
		switch from := (Mem{Base: table, Index: index, Scale: 4}); {
		case i == 0:
			VMOVSS(from, found)
		case s.Wide():
			VPBROADCASTD(from, lane[i], found)
		default:
			VINSERTPS(Imm(uint64(16*i)), from, found, found)
		}
	}
	four := func(disp int, clamped bool) reg.VecVirtual {
		found := XMM()
		for i := range 4 {
			find(found, i, disp+4*i, clamped)
		}
		return found
	}
	// checked goes elsewhere if any of the next indexes is beyond the table.
	checked := func(otherwise string) {
		at := s.Load(Mem{Base: indexes})
		if s.Wide() {
			const notGreater = 2
			within := K()
			VPCMPUD(Imm(notGreater), last, at, within)
			KORTESTW(within, within)
			JNC(LabelRef(otherwise))
			return
		}
		within, all := s.Register(), GP32()
		VPMINUD(last, at, within)
		VPCMPEQD(at, within, within)
		VMOVMSKPS(within, all)
		CMPL(all, U32(0xff))
		JNE(LabelRef(otherwise))
	}
	lanes := s.Floats()
	prefetch := func() {
		PREFETCHT0(Mem{Base: indexes, Disp: aheadBytes})
		PREFETCHT0(Mem{Base: values, Disp: aheadBytes})
	}
	move := func(elements int) {
		ADDQ(Imm(uint64(4*elements)), indexes)
		ADDQ(Imm(uint64(4*elements)), values)
	}
	Label("full")
	SUBQ(Imm(uint64(lanes)), n)
	JL(LabelRef("rest"))
	Label("turn")
	prefetch()
	checked("beyond")
	for half, sum := range sums {
		disp := half * s.Bytes / 2
		found, t, x := four(disp, false), s.Register(), s.Register()
		if s.Wide() {
			VINSERTF32X4(Imm(1), four(disp+16, false), found.AsY(), found.AsY())
			VCVTPS2PD(found.AsY(), t)
		} else {
			VCVTPS2PD(found, t)
		}
		VCVTPS2PD(Mem{Base: values, Disp: disp}, x)
		do(k, x, t, sum)
	}
	Label("next")
	move(lanes)
	SUBQ(Imm(uint64(lanes)), n)
	JGE(LabelRef("turn"))
	Label("rest")
	ADDQ(Imm(uint64(lanes)), n)
	JZ(LabelRef("sum"))
	prefetch()
	few := s.Zero()
	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("by%d", together)
		SUBQ(Imm(uint64(together)), n)
		JL(LabelRef(label + "_end"))
		Label(label)
		x, t := YMM(), YMM()
		if together == 4 {
			VCVTPS2PD(four(0, true), t)
			VCVTPS2PD(Mem{Base: values}, x)
		} else {
			found, value := XMM(), XMM()
			find(found, 0, 0, true)
			VMOVSS(Mem{Base: values}, value)
			VCVTPS2PD(found, t)
			VCVTPS2PD(value, x)
		}
		do(k, x, t, few.AsY().(reg.VecVirtual))
		move(together)
		SUBQ(Imm(uint64(together)), n)
		JGE(LabelRef(label))
		Label(label + "_end")
		ADDQ(Imm(uint64(together)), n)
	}
	VADDPD(few, sums[0], sums[0])
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
	Label("beyond")
	at, v := s.Load(Mem{Base: indexes}), s.Load(Mem{Base: values})
	VPMINUD(last, at, at)
	t := s.Gather(table, at, s.AllLanes(at))
	for half, sum := range sums {
		do(k, s.Doubles(v, half), s.Doubles(t, half), sum)
	}
	JMP(LabelRef("next"))
}
