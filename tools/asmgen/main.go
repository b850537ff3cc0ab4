// Command asmgen writes the distance kernels for amd64. Run it by go generate
// in package vector.
//
// Each kernel scores n rows of dim float32 or float16, stride elements apart,
// against one query of float32. Halves are widened as they are loaded. Four rows
// go together: the query is loaded once for all, and their independent sums hide
// the latency of FMA. Long rows, and what is left of the rows, go one by one.
// Within a row some registers go in a turn, then one by one, then the rest under a
// mask.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"quiver/tools/asmgen/simd"
)

// aheadBytes is how far ahead of the rows being scored others are prefetched: less
// does not cover the time that memory takes, nor that of the ends of rows, in which
// nothing is asked for.
const aheadBytes = 8192

// longBytes is the length of a row from which rows go one by one: four at a time
// would be so far apart that memory is no longer read in order.
const longBytes = 1024

// cacheLine is what is prefetched at a time, in bytes.
const cacheLine = 64

// form is a vector instruction set, and whether rows are halves, of which, with
// AVX2, dim is at least the lanes.
type form struct {
	simd.Set
	halves bool
}

// rowElement is the bytes of an element of a row.
func (f form) rowElement() int {
	if f.halves {
		return 2
	}
	return 4
}

// step is the bytes of a row that make one register.
func (f form) step() int { return f.Floats() * f.rowElement() }

func main() {
	for _, f := range []form{{simd.AVX2, false}, {simd.AVX512, false}, {simd.AVX2, true}, {simd.AVX512, true}} {
		generate(f, "l2Squared", "halfL2Squared", "squared Euclidean distances", 1, l2Squared)
		generate(f, "l1", "halfL1", "taxicab distances", 1, l1)
		generate(f, "dot", "halfDot", "inner products, and the rows' squared lengths,", 2, dot)
	}
	Generate()
}

// kernel is what the steps of one function share.
type kernel struct {
	form
	results                    int            // sums of a row
	absMask                    reg.VecVirtual // all bits but the sign, for l1
	tail                       Op             // the mask of what is left of a row
	query, rows, stride, ahead reg.Register   // the latter in bytes
	length                     reg.Register   // of a row, in bytes
	outs                       []reg.Register
	do                         step
}

// step adds one register of query and row to the sums.
type step func(k *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual)

func l2Squared(_ *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual) {
	VSUBPS(query, row, row)
	VFMADD231PS(row, row, sums[0])
}

func l1(k *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual) {
	VSUBPS(query, row, row)
	k.And(k.absMask, row, row)
	VADDPS(row, sums[0], sums[0])
}

func dot(_ *kernel, query, row reg.VecVirtual, sums []reg.VecVirtual) {
	VFMADD231PS(query, row, sums[0])
	VFMADD231PS(row, row, sums[1])
}

// generate writes one function; results is how many sums a row has.
func generate(f form, name, halfName, what string, results int, do step) {
	rowsType, outs, abs := "*float32", "out *float32", name == "l1"
	if f.halves {
		name, rowsType = halfName, "*uint16"
	}
	if results == 2 {
		outs = "out, squares *float32"
	}
	signature := fmt.Sprintf("func(query *float32, rows %s, dim, stride, n int, %s)", rowsType, outs)
	TEXT(name+f.Name, NOSPLIT, signature)
	Doc(fmt.Sprintf("%s%s writes the %s of n rows.", name, f.Name, what))
	k := &kernel{form: f, results: results, do: do}
	k.query, k.rows = Load(Param("query"), GP64()), Load(Param("rows"), GP64())
	k.length, k.stride = Load(Param("dim"), GP64()), Load(Param("stride"), GP64())
	n := Load(Param("n"), GP64())
	k.outs = []reg.Register{Load(Param("out"), GP64())}
	if results == 2 {
		k.outs = append(k.outs, Load(Param("squares"), GP64()))
	}
	k.tail = k.tailMask(k.length)
	shift := Imm(uint64(f.rowElement() / 2)) // to bytes
	SHLQ(shift, k.stride)
	SHLQ(shift, k.length)
	if abs {
		k.absMask = f.Broadcast(0x7fffffff)
	}
	// The same place of the next rows.
	least := GP64()
	k.ahead = GP64()
	MOVQ(k.stride, k.ahead)
	SHLQ(Imm(2), k.ahead)
	MOVQ(U32(aheadBytes), least)
	CMPQ(k.ahead, least)
	CMOVQLT(least, k.ahead)
	CMPQ(k.length, U32(longBytes))
	JGE(LabelRef("rows1"))

	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("rows%d", together)
		Label(label)
		CMPQ(n, Imm(uint64(together)))
		JL(LabelRef(fmt.Sprintf("end%d", together)))
		k.block(label, together)
		SUBQ(Imm(uint64(together)), n)
		for _, out := range k.outs {
			ADDQ(Imm(uint64(4*together)), out)
		}
		JMP(LabelRef(label))
		Label(fmt.Sprintf("end%d", together))
	}
	VZEROUPPER()
	RET()
}

// tailMask makes the mask of the dim%lanes elements at the end of a row.
func (k *kernel) tailMask(dim reg.Register) Op {
	rest := GP64()
	MOVQ(dim, rest)
	ANDQ(Imm(uint64(k.Floats()-1)), rest)
	if k.Wide() {
		return simd.LowBits(rest)
	}
	// Eight words of zero before and behind eight of all ones, read from rest words
	// before the second boundary; for halves, behind the first.
	table := tailTable()
	address := GP64()
	LEAQ(table, address)
	SHLQ(Imm(2), rest)
	mask := YMM()
	if k.halves {
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
func (k *kernel) block(label string, together int) {
	// Eight sums, each of registers in turn.
	sets := 8 / together / k.results
	starts := []reg.Register{k.rows}
	for r := 1; r < together; r++ {
		start := GP64()
		LEAQ(Mem{Base: starts[r-1], Index: k.stride, Scale: 1}, start)
		starts = append(starts, start)
	}
	sums := make([][][]reg.VecVirtual, together) // row, set, result
	for r := range sums {
		for range sets {
			var set []reg.VecVirtual
			for range k.results {
				set = append(set, k.Zero())
			}
			sums[r] = append(sums[r], set)
		}
	}
	at, left := GP64(), GP64() // in bytes of a row
	XORQ(at, at)
	MOVQ(k.length, left)
	add := func(number, disp int) {
		qv := k.Register()
		VMOVUPS(k.queryAt(at, disp), qv)
		for r, start := range starts {
			k.do(k, qv, k.loadRow(Mem{Base: start, Index: at, Scale: 1, Disp: disp}), sums[r][number%sets])
		}
	}
	// Rows follow each other, so that as many bytes are asked for as are scored,
	// and those of the ends of rows at last.
	next := GP64()
	if together > 1 {
		LEAQ(Mem{Base: k.rows, Index: k.ahead, Scale: 1}, next)
	} else {
		LEAQ(Mem{Base: k.rows, Disp: aheadBytes}, next)
	}
	prefetch := func(bytes int) {
		for disp := 0; disp < bytes; disp += cacheLine {
			PREFETCHT0(Mem{Base: next, Disp: disp})
		}
		ADDQ(U32(uint32(bytes)), next)
	}
	turn := max(cacheLine, sets*k.step())
	for _, bytes := range []int{turn, k.step()} {
		loop := fmt.Sprintf("%s_by%d", label, bytes)
		SUBQ(U32(uint32(bytes)), left)
		JL(LabelRef(loop + "_end"))
		Label(loop)
		if bytes == turn {
			prefetch(together * bytes)
		}
		for i := range bytes / k.step() {
			add(i, i*k.step())
		}
		ADDQ(U32(uint32(bytes)), at)
		SUBQ(U32(uint32(bytes)), left)
		JGE(LabelRef(loop))
		Label(loop + "_end")
		ADDQ(U32(uint32(bytes)), left)
		if bytes == k.step() {
			break // a turn is one register
		}
	}

	prefetch(together * cacheLine)
	done := label + "_sum"
	TESTQ(left, left)
	JZ(LabelRef(done))
	k.rest(starts, at, sums)
	Label(done)

	for result := range k.results {
		totals := make([]reg.VecVirtual, together)
		for r := range totals {
			totals[r] = sums[r][0][result]
			for _, set := range sums[r][1:] {
				VADDPS(set[result], totals[r], totals[r])
			}
		}
		k.store(totals, k.outs[result])
	}
	// The next rows begin a stride behind the last one of these.
	LEAQ(Mem{Base: starts[together-1], Index: k.stride, Scale: 1}, k.rows)
}

// queryAt is the place in the query that belongs to one in a row.
func (k *kernel) queryAt(at reg.Register, disp int) Mem {
	wider := 4 / k.rowElement()
	return Mem{Base: k.query, Index: at, Scale: uint8(wider), Disp: wider * disp}
}

// rest adds the end of the rows, less than a register, lanes beyond it being zero.
func (k *kernel) rest(starts []reg.Register, at reg.Register, sums [][][]reg.VecVirtual) {
	qv := k.Register()
	overlapping := k.halves && !k.Wide()
	switch {
	case overlapping:
		// The last register of the row, less what was counted already.
		VANDPS(k.queryAt(k.length, -k.step()), k.tail.(reg.VecVirtual), qv)
	case k.Wide():
		VMOVUPS_Z(k.queryAt(at, 0), k.tail, qv)
	default:
		VMASKMOVPS(k.queryAt(at, 0), k.tail, qv)
	}
	for r, start := range starts {
		v, row := k.Register(), Mem{Base: start, Index: at, Scale: 1}
		switch {
		case overlapping:
			VCVTPH2PS(Mem{Base: start, Index: k.length, Scale: 1, Disp: -k.step()}, v)
			VANDPS(k.tail, v, v)
		case k.halves:
			VCVTPH2PS_Z(row, k.tail, v)
		case k.Wide():
			VMOVUPS_Z(row, k.tail, v)
		default:
			VMASKMOVPS(row, k.tail, v)
		}
		k.do(k, qv, v, sums[r][0])
	}
}

// loadRow loads a register of a row.
func (k *kernel) loadRow(m Mem) reg.VecVirtual {
	v := k.Register()
	if k.halves {
		VCVTPH2PS(m, v)
	} else {
		VMOVUPS(m, v)
	}
	return v
}

// store adds the lanes of each total up and writes the results side by side.
func (k *kernel) store(totals []reg.VecVirtual, out reg.Register) {
	add := func(a, b, sum Op) { VADDPS(a, b, sum) }
	if len(totals) == 1 {
		VMOVSS(k.Sum(totals[0], add), Mem{Base: out})
		return
	}
	VMOVUPS(k.FourSums(totals, add), Mem{Base: out})
}
