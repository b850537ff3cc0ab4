// Command gather writes the kernels that score the nodes of a graph, for amd64.
// Run it by go generate in package vector.
//
// Each kernel scores n rows of a table, named by their numbers, against one
// query. A row's number is known before its bytes are at hand, so the first rows
// are prefetched at once, and then, bit by bit as rows are scored, those that
// are some rows ahead: as many as the caller says, enough to cover the time that
// memory takes and few enough to stay in the cache. Four short rows go together:
// the query is loaded once for all, and their independent sums hide latencies.
// Long rows, and what is left, go one by one.
//
// Query and rows are filled up with zeros to whole steps of 32 elements, so
// there are no tails: 128 bytes of a row go in a turn, then the steps left. Elements
// are float32, or int8 against a query of int16.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"quiver/tools/asmgen/simd"
)

// prefetchBytesMax is how much of each of the first rows is prefetched at once;
// the processor sees the rest of long ones coming.
const prefetchBytesMax = 1024

// longBytes is the length of a row from which rows go one by one: memory is read
// faster in order.
const longBytes = 512

// turnBytes of a row are scored in a turn.
const turnBytes = 128

// stepElements is what rows are filled up to whole steps of.
const stepElements = 32

// family is a kind of element and an instruction set.
type family struct {
	simd.Set
	codes bool // int8 against int16; else float32
	vnni  bool // with the extension that multiplies and adds at once
}

// elements in one register of the query.
func (f family) elements() int { return f.Bytes / f.queryBytes() }

// queryBytes and rowBytes are those of an element.
func (f family) queryBytes() int {
	if f.codes {
		return 2
	}
	return 4
}

func (f family) rowBytes() int {
	if f.codes {
		return 1
	}
	return 4
}

func main() {
	for _, f := range []family{
		{Set: simd.AVX2, codes: true},
		{Set: simd.AVX512, codes: true},
		{Set: simd.Set{Name: "VNNI", Bytes: simd.AVX512.Bytes}, codes: true, vnni: true},
		{Set: simd.AVX2},
		{Set: simd.AVX512},
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
	query, ids, n reg.Register
	length        reg.Register   // of a row, in bytes
	mask          reg.VecVirtual // for L1: all bits but the sign, or ones
	shift         reg.VecVirtual // XMM: how far codes are shifted to the query's scale
}

// step adds one register of query and row to the sum.
type step func(k *kernel, query, row, sum reg.VecVirtual)

// multiplyAdd adds the products of int16 in pairs.
func (k *kernel) multiplyAdd(a, b, sum reg.VecVirtual) {
	if k.vnni {
		simd.MultiplyAddWords(a, b, sum)
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
	if k.codes {
		VPSLLW(k.shift, row, row)
		VPSUBW(row, query, row)
		VPABSW(row, row)
		k.multiplyAdd(k.mask, row, sum)
		return
	}
	VSUBPS(query, row, row)
	k.And(k.mask, row, row)
	VADDPS(row, sum, sum)
}

// generate writes one function.
func generate(f family, name, what string, do step) {
	shifted := f.codes && name != "Dot"
	prefix, element := "floats", "float32"
	signature := "func(query, rows *float32, dim, stride int, ids *uint32, n, ahead int, out *float32)"
	if f.codes {
		prefix, element = "codes", "int8"
		signature = "func(query *int16, rows *byte, dim, stride int, ids *uint32, n, ahead int, out *float32)"
		if shifted {
			signature = "func(query *int16, rows *byte, dim, stride int, ids *uint32, n, ahead int, out *float32, shift int)"
		}
	}
	full := prefix + name + f.Name
	TEXT(full, NOSPLIT, signature)
	Doc(fmt.Sprintf("%s writes the %s of n rows of %s, stride bytes apart; dim is a multiple of %d.", full, what, element, stepElements))
	k := &kernel{family: f}
	k.query, k.length = Load(Param("query"), GP64()), Load(Param("dim"), GP64())
	if !f.codes {
		SHLQ(Imm(2), k.length)
	}
	k.ids, k.n = Load(Param("ids"), GP64()), Load(Param("n"), GP64())
	if shifted {
		shift := Load(Param("shift"), GP64())
		x := XMM()
		VMOVQ(shift, x)
		k.shift = x
	}
	if name == "L1" {
		bits := uint32(0x7fffffff)
		if f.codes {
			bits = 0x00010001
		}
		k.mask = f.Broadcast(bits)
	}
	prefetchFirst(k.ids, k.n)
	if f.codes && f.Wide() {
		for steps := range turnBytes / stepElements {
			k.short(steps+1, do)
		}
	}
	CMPQ(k.length, U32(longBytes))
	JGE(LabelRef("rows1"))
	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("rows%d", together)
		Label(label)
		CMPQ(k.n, Imm(uint64(together)))
		JL(LabelRef(fmt.Sprintf("end%d", together)))
		k.block(label, together, do)
		SUBQ(Imm(uint64(together)), k.n)
		ADDQ(Imm(uint64(4*together)), k.ids)
		ADDQ(Imm(uint64(4*together)), simd.Argument("out"))
		JMP(LabelRef(label))
		Label(fmt.Sprintf("end%d", together))
	}
	VZEROUPPER()
	RET()
}

// address puts the address of row ids[i] into a register.
func address(ids reg.Register, i int) reg.GPVirtual {
	a := GP64()
	MOVL(Mem{Base: ids, Disp: 4 * i}, a.As32())
	IMULQ(simd.Argument("stride"), a)
	ADDQ(simd.Argument("rows"), a)
	return a
}

// prefetchFirst asks for the beginning of the first rows, those that no others go
// ahead of.
func prefetchFirst(ids, n reg.Register) {
	lines, most := GP64(), GP64()
	MOVQ(simd.Argument("stride"), lines)
	ADDQ(Imm(63), lines)
	SHRQ(Imm(6), lines)
	MOVQ(U32(prefetchBytesMax/64), most)
	CMPQ(lines, most)
	CMOVQGT(most, lines)
	left, id := GP64(), GP64()
	MOVQ(simd.Argument("ahead"), left)
	CMPQ(n, left)
	CMOVQLT(n, left)
	MOVQ(ids, id)
	Label("first")
	a, line := address(id, 0), GP64()
	MOVQ(lines, line)
	Label("first_line")
	PREFETCHT0(Mem{Base: a})
	ADDQ(Imm(64), a)
	DECQ(line)
	JNZ(LabelRef("first_line"))
	ADDQ(Imm(4), id)
	DECQ(left)
	JG(LabelRef("first"))
}

// block scores so many rows.
func (k *kernel) block(label string, together int, do step) {
	// Four sums: one a row, or those of one row's registers in turn.
	sets := 4 / together
	starts := make([]reg.GPVirtual, together)
	sums := make([][]reg.VecVirtual, together)
	for r := range starts {
		starts[r] = address(k.ids, r)
		for range sets {
			sums[r] = append(sums[r], k.Zero())
		}
	}
	// The rows ahead; where there are none, these again.
	ids, end := GP64(), GP64()
	MOVQ(simd.Argument("ahead"), end)
	LEAQ(Mem{Base: k.ids, Index: end, Scale: 4}, ids)
	ADDQ(Imm(uint64(together)), end)
	CMPQ(k.n, end)
	CMOVQLT(k.ids, ids)
	next := make([]reg.GPVirtual, together)
	for r := range next {
		next[r] = address(ids, r)
	}
	at, left := GP64(), GP64() // in bytes of a row
	XORQ(at, at)
	MOVQ(k.length, left)
	scale := k.queryBytes() / k.rowBytes()
	prefetch := func(disp int) {
		for _, n := range next {
			PREFETCHT0(Mem{Base: n, Index: at, Scale: 1, Disp: disp})
		}
	}
	add := func(bytes int) {
		elements := bytes / k.rowBytes()
		for i := 0; i < elements; i += k.elements() {
			qv := k.Register()
			VMOVUPS(Mem{Base: k.query, Index: at, Scale: uint8(scale), Disp: i * k.queryBytes()}, qv)
			for r, start := range starts {
				v, row := k.Register(), Mem{Base: start, Index: at, Scale: 1, Disp: i * k.rowBytes()}
				if k.codes {
					VPMOVSXBW(row, v)
				} else {
					VMOVUPS(row, v)
				}
				do(k, qv, v, sums[r][i/k.elements()%sets])
			}
		}
		ADDQ(Imm(uint64(bytes)), at)
	}
	turns, steps, done := label+"_turns", label+"_steps", label+"_done"
	rowStep := stepElements * k.rowBytes()
	if rowStep < turnBytes {
		CMPQ(left, U32(turnBytes))
		JL(LabelRef(steps))
	}
	Label(turns)
	for disp := 0; disp < turnBytes; disp += 64 {
		prefetch(disp)
	}
	SUBQ(U32(turnBytes), left)
	add(turnBytes)
	CMPQ(left, U32(turnBytes))
	JGE(LabelRef(turns))
	if rowStep < turnBytes {
		TESTQ(left, left)
		JZ(LabelRef(done))
		Label(steps)
		TESTQ(U32(uint32(rowStep)), at) // halfway in a line
		JNZ(LabelRef(steps + "_asked"))
		prefetch(0)
		Label(steps + "_asked")
		add(rowStep)
		SUBQ(Imm(uint64(rowStep)), left)
		JG(LabelRef(steps))
		Label(done)
	}
	out := GP64()
	MOVQ(simd.Argument("out"), out)
	totals := make([]reg.VecVirtual, together)
	for r, of := range sums {
		totals[r] = of[0]
		for _, more := range of[1:] {
			k.add(more, totals[r], totals[r])
		}
	}
	k.store(totals, out)
}

// short scores four rows at a time if they have just so many steps: with the query in
// registers and nothing to be counted on the way.
func (k *kernel) short(steps int, do step) {
	label := fmt.Sprintf("short%d", steps)
	end := label + "_end"
	CMPQ(k.length, U32(uint32(steps*stepElements*k.rowBytes())))
	JNE(LabelRef(end))
	rows, stride, out := GP64(), GP64(), GP64()
	MOVQ(simd.Argument("rows"), rows)
	MOVQ(simd.Argument("stride"), stride)
	MOVQ(simd.Argument("out"), out)
	query := make([]reg.VecVirtual, steps*stepElements/k.elements())
	for i := range query {
		query[i] = k.Load(Mem{Base: k.query, Disp: k.Bytes * i})
	}
	ahead := GP64() // as many rows as are asked for, and these four
	MOVQ(simd.Argument("ahead"), ahead)
	Label(label)
	CMPQ(k.n, Imm(4))
	JL(LabelRef(end + "_rows"))
	// The rows ahead; where there are none, these again.
	next, least := GP64(), GP64()
	LEAQ(Mem{Base: k.ids, Index: ahead, Scale: 4}, next)
	LEAQ(Mem{Base: ahead, Disp: 4}, least)
	CMPQ(k.n, least)
	CMOVQLT(k.ids, next)
	for r := range 4 {
		at := offset(next, r, stride)
		for disp := 0; disp < steps*stepElements*k.rowBytes(); disp += 64 {
			PREFETCHT0(Mem{Base: rows, Index: at, Scale: 1, Disp: disp})
		}
	}
	sums := make([]reg.VecVirtual, 4)
	for r := range sums {
		at := offset(k.ids, r, stride)
		sums[r] = k.Zero()
		for i, q := range query {
			v := k.Register()
			VPMOVSXBW(Mem{Base: rows, Index: at, Scale: 1, Disp: i * k.elements() * k.rowBytes()}, v)
			do(k, q, v, sums[r])
		}
	}
	k.store(sums, out)
	SUBQ(Imm(4), k.n)
	ADDQ(Imm(16), k.ids)
	ADDQ(Imm(16), out)
	JMP(LabelRef(label))
	Label(end + "_rows")
	MOVQ(out, simd.Argument("out"))
	Label(end)
}

// offset is where row ids[i] begins.
func offset(ids reg.Register, i int, stride reg.Register) reg.GPVirtual {
	at := GP64()
	MOVL(Mem{Base: ids, Disp: 4 * i}, at.As32())
	IMULQ(stride, at)
	return at
}

// store adds the lanes of each sum up and writes the results side by side, as
// float32.
func (k *kernel) store(sums []reg.VecVirtual, out reg.Register) {
	var total reg.VecVirtual
	if len(sums) == 1 {
		total = k.Sum(sums[0], k.add)
	} else {
		total = k.FourSums(sums, k.add)
	}
	if k.codes {
		VCVTDQ2PS(total, total)
	}
	if len(sums) == 1 {
		VMOVSS(total, Mem{Base: out})
	} else {
		VMOVUPS(total, Mem{Base: out})
	}
}

// add adds lanes of sums.
func (k *kernel) add(a, b, sum Op) {
	if k.codes {
		VPADDD(a, b, sum)
		return
	}
	VADDPS(a, b, sum)
}
