// Command asmgen writes the distance kernels for amd64. Run it by go generate
// in package vector.
//
// Each kernel scores n rows of dim float32 or float16, stride elements apart,
// against one query of float32. Halves are widened as they are loaded. Four rows go together: the query is loaded once for all, and their
// independent sums hide the latency of FMA. What is left of the rows goes one
// by one. Within a row full registers come first, two at a time, then one, then
// the rest under a mask.
package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width is a vector instruction set: lanes of float32 a register, and whether
// rows are halves, of which dim is at least the lanes.
type width struct {
	name   string
	lanes  int
	halves bool
}

var (
	avx2   = width{name: "AVX2", lanes: 8}
	avx512 = width{name: "AVX512", lanes: 16}
)

// rowElement is the bytes of an element of a row.
func (w width) rowElement() int {
	if w.halves {
		return 2
	}
	return 4
}

func (w width) wide() bool { return w.name == avx512.name }

func (w width) register() reg.VecVirtual {
	if w.wide() {
		return ZMM()
	}
	return YMM()
}

func (w width) zero(v reg.VecVirtual) {
	if w.wide() {
		VPXORD(v, v, v)
		return
	}
	VXORPS(v, v, v)
}

func main() {
	for _, w := range []width{avx2, avx512} {
		generate(w, "l2Squared", "squared Euclidean distances", 1, l2Squared)
		generate(w, "l1", "taxicab distances", 1, l1)
		generate(w, "dot", "inner products, and the rows' squared lengths", 2, dot)
	}
	halves := avx2
	halves.halves = true
	generate(halves, "halfL2Squared", "squared Euclidean distances", 1, l2Squared)
	generate(halves, "halfL1", "taxicab distances", 1, l1)
	generate(halves, "halfDot", "inner products, and the rows' squared lengths", 2, dot)
	Generate()
}

// kernel is what the steps of one function share.
type kernel struct {
	width
	absMask reg.VecVirtual // all bits but the sign, for l1
}

// step adds one register of query and row to the sums.
type step func(k *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual)

func l2Squared(_ *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual) {
	VSUBPS(query, row, row)
	VFMADD231PS(row, row, sums[0])
}

func l1(k *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual) {
	VSUBPS(query, row, row)
	if k.wide() {
		VPANDD(k.absMask, row, row)
	} else {
		VANDPS(k.absMask, row, row)
	}
	VADDPS(row, sums[0], sums[0])
}

func dot(_ *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual) {
	VFMADD231PS(query, row, sums[0])
	VFMADD231PS(row, row, sums[1])
}

// generate writes one function; results is how many sums a row has.
func generate(w width, name, what string, results int, do step) {
	rowsType, outs := "*float32", "out *float32"
	if w.halves {
		rowsType = "*uint16"
	}
	if results == 2 {
		outs = "out, squares *float32"
	}
	signature := fmt.Sprintf("func(query *float32, rows %s, dim, stride, n int, %s)", rowsType, outs)
	TEXT(name+w.name, NOSPLIT, signature)
	Doc(fmt.Sprintf("%s%s writes the %s of n rows.", name, w.name, what))
	k := &kernel{width: w}
	query, rows := Load(Param("query"), GP64()), Load(Param("rows"), GP64())
	dim, stride, n := Load(Param("dim"), GP64()), Load(Param("stride"), GP64()), Load(Param("n"), GP64())
	sumsOut := []reg.Register{Load(Param("out"), GP64())}
	if results == 2 {
		sumsOut = append(sumsOut, Load(Param("squares"), GP64()))
	}
	SHLQ(Imm(uint64(w.rowElement()/2)), stride) // in bytes
	if strings.HasSuffix(name, "L1") || name == "l1" {
		k.absMask = w.register()
		mask := GP32()
		MOVL(U32(0x7fffffff), mask)
		x := XMM()
		VMOVD(mask, x)
		if w.wide() {
			VPBROADCASTD(x, k.absMask)
		} else {
			VBROADCASTSS(x, k.absMask)
		}
	}
	tail := tailMask(w, dim)

	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("rows%d", together)
		Label(label)
		CMPQ(n, Imm(uint64(together)))
		JL(LabelRef(fmt.Sprintf("end%d", together)))
		k.block(label, together, results, query, rows, stride, dim, tail, do, sumsOut)
		SUBQ(Imm(uint64(together)), n)
		for _, out := range sumsOut {
			ADDQ(Imm(uint64(4*together)), out)
		}
		JMP(LabelRef(label))
		Label(fmt.Sprintf("end%d", together))
	}
	VZEROUPPER()
	RET()
}

// tailMask makes the mask of the dim%lanes elements at the end of a row.
func tailMask(w width, dim reg.Register) Op {
	rest := GP64()
	MOVQ(dim, rest)
	ANDQ(Imm(uint64(w.lanes-1)), rest)
	if w.wide() {
		// The rest lowest bits.
		bits := GP64()
		MOVQ(U32(1), bits)
		MOVQ(rest, reg.RCX)
		SHLQ(reg.CL, bits)
		DECQ(bits)
		mask := K()
		KMOVW(bits.As32(), mask)
		return mask
	}
	// Eight words of zero before and behind eight of all ones, read from rest words
	// before the second boundary; for halves, behind the first.
	table := tailTable()
	address := GP64()
	LEAQ(table, address)
	SHLQ(Imm(2), rest)
	mask := YMM()
	if w.halves {
		ADDQ(rest, address)
		VMOVUPS(Mem{Base: address}, mask)
		return mask
	}
	SUBQ(rest, address)
	VMOVUPS(Mem{Base: address, Disp: 64}, mask)
	return mask
}

var tailTableMem Mem

// tailTable is the constant that tailMask reads.
func tailTable() Mem {
	if tailTableMem.Symbol.Name == "" {
		tailTableMem = GLOBL("tailTable", RODATA|NOPTR)
		for i := range 24 {
			v := U32(0)
			if i >= 8 && i < 16 {
				v = 0xffffffff
			}
			DATA(4*i, v)
		}
	}
	return tailTableMem
}

// block scores so many rows and moves rows behind them.
func (k *kernel) block(label string, together, results int, query, rows, stride, dim reg.Register, tail Op, do step, outs []reg.Register) {
	// A second set of sums for the second register of a step; those with two
	// results a row have sums enough.
	sets := 2
	if results == 2 {
		sets = 1
	}
	starts := make([]reg.Register, together)
	for r := range starts {
		starts[r] = GP64()
		if r == 0 {
			MOVQ(rows, starts[r])
			continue
		}
		LEAQ(Mem{Base: starts[r-1], Index: stride, Scale: 1}, starts[r])
	}
	sums := make([][][]reg.VecVirtual, together) // row, set, result
	for r := range sums {
		for range sets {
			var set []reg.VecVirtual
			for range results {
				v := k.register()
				k.zero(v)
				set = append(set, v)
			}
			sums[r] = append(sums[r], set)
		}
	}
	q, left := GP64(), GP64()
	MOVQ(query, q)
	MOVQ(dim, left)
	advance := func(registers int) {
		ADDQ(U32(uint32(4*k.lanes*registers)), q)
		for _, start := range starts {
			ADDQ(U32(uint32(k.rowElement()*k.lanes*registers)), start)
		}
		SUBQ(U32(uint32(registers*k.lanes)), left)
	}
	load := func(base reg.Register, disp int) reg.VecVirtual {
		v := k.register()
		VMOVUPS(Mem{Base: base, Disp: disp}, v)
		return v
	}

	for registers := sets; registers >= 1; registers-- {
		loop := fmt.Sprintf("%s_by%d", label, registers)
		Label(loop)
		CMPQ(left, Imm(uint64(registers*k.lanes)))
		JL(LabelRef(loop + "_end"))
		if together > 1 && (registers == sets || sets == 1) {
			// The same place of the next rows: where rows are short, they are
			// further ahead than a processor looks by itself.
			for _, start := range starts {
				PREFETCHT0(Mem{Base: start, Index: stride, Scale: 4})
			}
		}
		for set := range registers {
			qv := load(q, 4*k.lanes*set)
			for r, start := range starts {
				do(k, qv, k.loadRow(start, k.rowElement()*k.lanes*set), sums[r][set])
			}
		}
		advance(registers)
		JMP(LabelRef(loop))
		Label(loop + "_end")
	}

	done := label + "_sum"
	TESTQ(left, left)
	JZ(LabelRef(done))
	if k.halves {
		// The last register of the row, less what was counted already.
		qv := k.register()
		VANDPS(Mem{Base: q, Index: left, Scale: 4, Disp: -4 * k.lanes}, tail, qv)
		for r, start := range starts {
			v := k.register()
			VCVTPH2PS(Mem{Base: start, Index: left, Scale: 2, Disp: -2 * k.lanes}, v)
			VANDPS(tail, v, v)
			do(k, qv, v, sums[r][0])
		}
	} else {
		qv := k.loadMasked(q, tail)
		for r, start := range starts {
			do(k, qv, k.loadMasked(start, tail), sums[r][0])
		}
	}
	Label(done)

	for result := range results {
		totals := make([]reg.VecVirtual, together)
		for r := range totals {
			totals[r] = sums[r][0][result]
			if sets == 2 {
				VADDPS(sums[r][1][result], totals[r], totals[r])
			}
		}
		k.store(totals, outs[result])
	}
	// The next rows begin a stride behind the last one of these.
	for range together {
		ADDQ(stride, rows)
	}
}

// loadRow loads a register of a row.
func (k *kernel) loadRow(base reg.Register, disp int) reg.VecVirtual {
	v := k.register()
	if k.halves {
		VCVTPH2PS(Mem{Base: base, Disp: disp}, v)
	} else {
		VMOVUPS(Mem{Base: base, Disp: disp}, v)
	}
	return v
}

// loadMasked loads the tail of a row; lanes beyond it are zero.
func (k *kernel) loadMasked(base reg.Register, mask Op) reg.VecVirtual {
	v := k.register()
	if k.wide() {
		VMOVUPS_Z(Mem{Base: base}, mask, v)
	} else {
		VMASKMOVPS(Mem{Base: base}, mask, v)
	}
	return v
}

// store adds the lanes of each total up and writes the results side by side.
func (k *kernel) store(totals []reg.VecVirtual, out reg.Register) {
	halves := make([]reg.VecVirtual, len(totals))
	for r, t := range totals {
		halves[r] = t
		if k.wide() {
			high := YMM()
			VEXTRACTF64X4(Imm(1), t, high)
			halves[r] = YMM()
			VADDPS(high, t.AsY(), halves[r])
		}
	}
	if len(totals) == 1 {
		high, low := XMM(), XMM()
		VEXTRACTF128(Imm(1), halves[0], high)
		VADDPS(high, halves[0].AsX(), low)
		VHADDPS(low, low, low)
		VHADDPS(low, low, low)
		VMOVSS(low, Mem{Base: out})
		return
	}
	a, b := YMM(), YMM()
	VHADDPS(halves[1], halves[0], a)
	VHADDPS(halves[3], halves[2], b)
	VHADDPS(b, a, a)
	high := XMM()
	VEXTRACTF128(Imm(1), a, high)
	VADDPS(high, a.AsX(), high)
	VMOVUPS(high, Mem{Base: out})
}
