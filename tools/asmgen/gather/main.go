// Command gather writes the kernels that score the nodes of a graph, for amd64.
// Run it by go generate in package vector.
//
// Each kernel scores n rows of a table, named by their numbers, against one
// query. A row's number is known before its bytes are at hand, so the first rows
// are prefetched at once, and then those further on, a fixed number of rows
// ahead, lest many rows push each other out of the cache. Four rows go together: the query is loaded once for
// all, and their independent sums hide latencies. What is left goes one by one.
//
// Query and rows are filled up with zeros to whole steps of 32 elements, so
// there are no tails. Elements are float32, or int8 against a query of int16.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// prefetchBytesMax is how much of a long row is prefetched; the processor sees
// the rest coming.
const prefetchBytesMax = 1024

// rowsAhead is how many rows before they are scored rows are prefetched.
const rowsAhead = 16

// family is a kind of element and an instruction set.
type family struct {
	suffix string
	codes  bool // int8 against int16; else float32
	wide   bool // 512 bits
	vnni   bool // with the extension that multiplies and adds at once
}

func (f family) register() reg.VecVirtual {
	if f.wide {
		return ZMM()
	}
	return YMM()
}

// elements in one register of the query.
func (f family) elements() int {
	switch {
	case f.codes && f.wide:
		return 32
	case f.codes:
		return 16
	case f.wide:
		return 16
	}
	return 8
}

func (f family) zero(v reg.VecVirtual) {
	switch {
	case f.wide:
		VPXORD(v, v, v)
	case f.codes:
		VPXOR(v, v, v)
	default:
		VXORPS(v, v, v)
	}
}

func main() {
	for _, f := range []family{
		{suffix: "AVX2", codes: true},
		{suffix: "AVX512", codes: true, wide: true},
		{suffix: "VNNI", codes: true, wide: true, vnni: true},
		{suffix: "AVX2"},
		{suffix: "AVX512", wide: true},
	} {
		generate(f, "Dot", "inner products", dot)
		generate(f, "L2", "squared Euclidean distances", l2)
		generate(f, "L1", "taxicab distances", l1)
	}
	TEXT("prefetchLines", NOSPLIT, "func(address *byte, lines int)")
	Doc("prefetchLines asks for so many cache lines of 64 bytes.")
	address, lines := Load(Param("address"), GP64()), Load(Param("lines"), GP64())
	Label("lines")
	PREFETCHT0(Mem{Base: address})
	ADDQ(Imm(64), address)
	DECQ(lines)
	JNZ(LabelRef("lines"))
	RET()
	widen()
	Generate()
}

// widen makes a query of a row of codes.
func widen() {
	TEXT("widenAVX2", NOSPLIT, "func(codes *byte, query *int16, dim, factor int)")
	Doc("widenAVX2 writes the products of dim int8 and a factor; dim is a multiple of 32.")
	codes, query := Load(Param("codes"), GP64()), Load(Param("query"), GP64())
	dim, factor := Load(Param("dim"), GP64()), Load(Param("factor"), GP64())
	x, factors := XMM(), YMM()
	VMOVQ(factor, x)
	VPBROADCASTW(x, factors)
	Label("widen")
	for i := range 2 {
		v := YMM()
		VPMOVSXBW(Mem{Base: codes, Disp: 16 * i}, v)
		VPMULLW(factors, v, v)
		VMOVDQU(v, Mem{Base: query, Disp: 32 * i})
	}
	ADDQ(Imm(32), codes)
	ADDQ(Imm(64), query)
	SUBQ(Imm(32), dim)
	JG(LabelRef("widen"))
	VZEROUPPER()
	RET()
}

// kernel is what the steps of one function share.
type kernel struct {
	family
	mask  reg.VecVirtual // for L1: all bits but the sign, or ones
	shift reg.VecVirtual // XMM: how far codes are shifted to the query's scale
}

// step adds one register of query and row to the sum.
type step func(k *kernel, query, row, sum reg.VecVirtual)

// multiplyAdd adds the products of int16 in pairs.
func (k *kernel) multiplyAdd(a, b, sum reg.VecVirtual) {
	if k.vnni {
		// VPDPWSSD, which avo does not know.
		Instruction(&ir.Instruction{
			Opcode: "VPDPWSSD", Operands: []Op{a, b, sum},
			Inputs: []Op{a, b, sum}, Outputs: []Op{sum},
			ISA: []string{"AVX512VNNI"},
		})
		return
	}
	VPMADDWD(a, b, b)
	VPADDD(b, sum, sum)
}

func dot(k *kernel, query, row, sum reg.VecVirtual) {
	if k.codes {
		k.multiplyAdd(query, row, sum)
		return
	}
	VFMADD231PS(query, row, sum)
}

func l2(k *kernel, query, row, sum reg.VecVirtual) {
	if k.codes {
		VPSLLW(k.shift, row, row)
		VPSUBW(row, query, row)
		k.multiplyAdd(row, row, sum)
		return
	}
	VSUBPS(query, row, row)
	VFMADD231PS(row, row, sum)
}

func l1(k *kernel, query, row, sum reg.VecVirtual) {
	switch {
	case k.codes:
		VPSLLW(k.shift, row, row)
		VPSUBW(row, query, row)
		VPABSW(row, row)
		k.multiplyAdd(k.mask, row, sum)
	case k.wide:
		VSUBPS(query, row, row)
		VPANDD(k.mask, row, row)
		VADDPS(row, sum, sum)
	default:
		VSUBPS(query, row, row)
		VANDPS(k.mask, row, row)
		VADDPS(row, sum, sum)
	}
}

// generate writes one function.
func generate(f family, name, what string, do step) {
	shifted := f.codes && name != "Dot"
	prefix, element := "floats", "float32"
	signature := "func(query, rows *float32, dim, stride int, ids *uint32, n int, out *float32)"
	if f.codes {
		prefix, element = "codes", "int8"
		signature = "func(query *int16, rows *byte, dim, stride int, ids *uint32, n int, out *float32)"
		if shifted {
			signature = "func(query *int16, rows *byte, dim, stride int, ids *uint32, n int, out *float32, shift int)"
		}
	}
	full := prefix + name + f.suffix
	TEXT(full, NOSPLIT, signature)
	Doc(fmt.Sprintf("%s writes the %s of n rows of %s, stride bytes apart; dim is a multiple of 32.", full, what, element))
	k := &kernel{family: f}
	query, rows := Load(Param("query"), GP64()), Load(Param("rows"), GP64())
	dim, stride := Load(Param("dim"), GP64()), Load(Param("stride"), GP64())
	ids, n := Load(Param("ids"), GP64()), Load(Param("n"), GP64())
	out := Load(Param("out"), GP64())
	if shifted {
		shift := Load(Param("shift"), GP64())
		x := XMM()
		VMOVQ(shift, x)
		k.shift = x
	}
	if name == "L1" {
		bits := GP32()
		if f.codes {
			MOVL(U32(0x00010001), bits)
		} else {
			MOVL(U32(0x7fffffff), bits)
		}
		x := XMM()
		VMOVD(bits, x)
		k.mask = f.register()
		VPBROADCASTD(x, k.mask)
	}

	lines := linesOf(stride)
	first := GP64()
	MOVQ(U32(rowsAhead), first)
	CMPQ(n, first)
	CMOVQLT(n, first)
	prefetch("first", rows, stride, lines, ids, 0, first)
	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("rows%d", together)
		Label(label)
		CMPQ(n, Imm(uint64(together)))
		JL(LabelRef(fmt.Sprintf("end%d", together)))
		if together > 1 {
			CMPQ(n, Imm(uint64(rowsAhead+together)))
			JL(LabelRef(label + "_last"))
			left := GP64()
			MOVQ(U32(uint32(together)), left)
			prefetch("next", rows, stride, lines, ids, rowsAhead, left)
			Label(label + "_last")
		}
		k.block(label, together, query, rows, stride, dim, ids, do, out)
		SUBQ(Imm(uint64(together)), n)
		ADDQ(Imm(uint64(4*together)), ids)
		ADDQ(Imm(uint64(4*together)), out)
		JMP(LabelRef(label))
		Label(fmt.Sprintf("end%d", together))
	}
	VZEROUPPER()
	RET()
}

// address puts the address of row ids[i] into a register.
func address(rows, stride, ids reg.Register, i int) reg.GPVirtual {
	a := GP64()
	MOVL(Mem{Base: ids, Disp: 4 * i}, a.As32())
	IMULQ(stride, a)
	ADDQ(rows, a)
	return a
}

// linesOf is how many cache lines of a row are prefetched.
func linesOf(stride reg.Register) reg.GPVirtual {
	lines, most := GP64(), GP64()
	MOVQ(stride, lines)
	ADDQ(Imm(63), lines)
	SHRQ(Imm(6), lines)
	MOVQ(U32(prefetchBytesMax/64), most)
	CMPQ(lines, most)
	CMOVQGT(most, lines)
	return lines
}

// prefetch asks for the beginning of so many (left) rows, from the one numbered
// ids[from] on.
func prefetch(label string, rows, stride, lines, ids reg.Register, from int, left reg.Register) {
	id := GP64()
	LEAQ(Mem{Base: ids, Disp: 4 * from}, id)
	Label(label)
	TESTQ(left, left)
	JZ(LabelRef(label + "_end"))
	a := address(rows, stride, id, 0)
	line := GP64()
	MOVQ(lines, line)
	Label(label + "_line")
	PREFETCHT0(Mem{Base: a})
	ADDQ(Imm(64), a)
	DECQ(line)
	JNZ(LabelRef(label + "_line"))
	ADDQ(Imm(4), id)
	DECQ(left)
	JMP(LabelRef(label))
	Label(label + "_end")
}

// block scores so many rows.
func (k *kernel) block(label string, together int, query, rows, stride, dim, ids reg.Register, do step, out reg.Register) {
	starts := make([]reg.GPVirtual, together)
	sums := make([]reg.VecVirtual, together)
	for r := range starts {
		starts[r] = address(rows, stride, ids, r)
		sums[r] = k.register()
		k.zero(sums[r])
	}
	q, left := GP64(), GP64()
	MOVQ(query, q)
	MOVQ(dim, left)
	queryBytes, rowBytes := 4, 4
	if k.codes {
		queryBytes, rowBytes = 2, 1
	}
	loop := label + "_steps"
	Label(loop)
	for i := 0; i < 32; i += k.elements() {
		qv := k.register()
		VMOVUPS(Mem{Base: q, Disp: i * queryBytes}, qv)
		for r, start := range starts {
			v := k.register()
			if k.codes {
				VPMOVSXBW(Mem{Base: start, Disp: i * rowBytes}, v)
			} else {
				VMOVUPS(Mem{Base: start, Disp: i * rowBytes}, v)
			}
			do(k, qv, v, sums[r])
		}
	}
	ADDQ(Imm(uint64(32*queryBytes)), q)
	for _, start := range starts {
		ADDQ(Imm(uint64(32*rowBytes)), start)
	}
	SUBQ(Imm(32), left)
	JG(LabelRef(loop))
	k.store(sums, out)
}

// store adds the lanes of each sum up and writes the results side by side, as
// float32.
func (k *kernel) store(sums []reg.VecVirtual, out reg.Register) {
	halves := make([]reg.VecVirtual, len(sums))
	for r, s := range sums {
		halves[r] = s
		if k.wide {
			high := YMM()
			VEXTRACTF64X4(Imm(1), s, high)
			halves[r] = YMM()
			k.add(high, s.AsY(), halves[r])
		}
	}
	if len(sums) == 1 {
		high, low := XMM(), XMM()
		VEXTRACTF128(Imm(1), halves[0], high)
		k.add(high, halves[0].AsX(), low)
		k.addPairs(low, low, low)
		k.addPairs(low, low, low)
		if k.codes {
			VCVTDQ2PS(low, low)
		}
		VMOVSS(low, Mem{Base: out})
		return
	}
	a, b := YMM(), YMM()
	k.addPairs(halves[1], halves[0], a)
	k.addPairs(halves[3], halves[2], b)
	k.addPairs(b, a, a)
	high := XMM()
	VEXTRACTF128(Imm(1), a, high)
	k.add(high, a.AsX(), high)
	if k.codes {
		VCVTDQ2PS(high, high)
	}
	VMOVUPS(high, Mem{Base: out})
}

func (k *kernel) add(a, b, sum reg.Register) {
	if k.codes {
		VPADDD(a, b, sum)
		return
	}
	VADDPS(a, b, sum)
}

func (k *kernel) addPairs(a, b, sum reg.Register) {
	if k.codes {
		VPHADDD(a, b, sum)
		return
	}
	VHADDPS(a, b, sum)
}
