// Command roofline writes the loops that package vector/roofline measures a
// machine with: one that only reads, and for each kernel one that only does its
// arithmetic.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"quiver/tools/asmgen/simd"
)

// chains is how many sums grow side by side, enough to hide the latency of the
// instructions; a turn adds to each once.
const chains = 10

func main() {
	read("readAVX2", 0)
	read("readAheadAVX2", 2048)
	readRows()
	for _, s := range []simd.Set{simd.AVX2, simd.AVX512} {
		for _, m := range mixes {
			arithmetic(s, m)
		}
		lookups(s, "lookups", "gathers", (*kernel).lookup)
		lookups(s, "lookupsOneByOne", "loads one by one", (*kernel).lookupOneByOne)
	}
	arithmetic(simd.AVX2, mix{"commonBitsWords", "counts the bits in common, and those of the row by words of 64", 1, commonBitsWords})
	words(false)
	words(true)
	Generate()
}

// read loads every byte of a multiple of 256, once.
func read(name string, ahead int) {
	TEXT(name, NOSPLIT, "func(p *byte, n int)")
	how := "left to the processor to foresee"
	if ahead > 0 {
		how = "which are asked for ahead of time"
	}
	Doc(fmt.Sprintf("%s loads n bytes, a multiple of 256, %s.", name, how))
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	sums := make([]reg.VecVirtual, 4)
	for i := range sums {
		sums[i] = simd.AVX2.Zero()
	}
	Label("next")
	for i := 0; ahead > 0 && i < 256; i += 64 {
		PREFETCHT0(Mem{Base: p, Disp: ahead + i})
	}
	for i := range 8 {
		VPOR(Mem{Base: p, Disp: 32 * i}, sums[i%4], sums[i%4])
	}
	ADDQ(U32(256), p)
	SUBQ(U32(256), n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// readRows loads rows of a multiple of 64 bytes: the first are asked for at once, then
// each line is loaded while the one of a row ahead is asked for.
func readRows() {
	TEXT("readRowsAVX2", NOSPLIT, "func(p *byte, ids *uint32, n, bytes, ahead int)")
	Doc("readRowsAVX2 loads n rows of so many bytes, a multiple of 64, by their numbers, of which there are ahead more; that far ahead they are asked for.")
	p, ids := Load(Param("p"), GP64()), Load(Param("ids"), GP64())
	n, bytes, ahead := Load(Param("n"), GP64()), Load(Param("bytes"), GP64()), Load(Param("ahead"), GP64())
	sums := []reg.VecVirtual{simd.AVX2.Zero(), simd.AVX2.Zero()}
	at, left, id, row := GP64(), GP64(), GP64(), GP64()
	MOVQ(ahead, left)
	CMPQ(left, n)
	CMOVQGT(n, left)
	MOVQ(ids, id)
	Label("first")
	DECQ(left)
	JL(LabelRef("row"))
	MOVL(Mem{Base: id}, row.As32())
	IMULQ(bytes, row)
	ADDQ(p, row)
	XORQ(at, at)
	Label("first_line")
	PREFETCHT0(Mem{Base: row, Index: at, Scale: 1})
	ADDQ(Imm(64), at)
	CMPQ(at, bytes)
	JL(LabelRef("first_line"))
	ADDQ(Imm(4), id)
	JMP(LabelRef("first"))
	Label("row")
	next := GP64()
	MOVL(Mem{Base: ids}, row.As32())
	MOVL(Mem{Base: ids, Index: ahead, Scale: 4}, next.As32())
	for _, r := range []reg.GPVirtual{row, next} {
		IMULQ(bytes, r)
		ADDQ(p, r)
	}
	XORQ(at, at)
	Label("line")
	PREFETCHT0(Mem{Base: next, Index: at, Scale: 1})
	for i, sum := range sums {
		VPOR(Mem{Base: row, Index: at, Scale: 1, Disp: 32 * i}, sum, sum)
	}
	ADDQ(Imm(64), at)
	CMPQ(at, bytes)
	JL(LabelRef("line"))
	ADDQ(Imm(4), ids)
	DECQ(n)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// mix is what a kernel does to one register of a row.
type mix struct {
	name, what string
	sums       int // registers that a row's sum takes
	step       func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual)
}

// kernel has what steps work with: what is in the registers does not matter.
type kernel struct {
	simd.Set
	query, mask reg.VecVirtual
	table       reg.Register
	// Of lookups: where the next indexes are, and masks of a lane each.
	indexes reg.Register
	at      reg.GPVirtual
	lane    [4]Op
	words   [2]reg.GPVirtual // sums
}

var mixes = []mix{
	{"squares", "subtracts, multiplies and adds", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.squares(row, sums[0])
	}},
	{"products", "multiplies and adds twice", 2, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.products(row, sums)
	}},
	{"magnitudes", "subtracts, clears signs and adds", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.magnitudes(row, sums[0])
	}},
	{"halfSquares", "widens halves, subtracts, multiplies and adds", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.squares(k.halves(row), sums[0])
	}},
	{"halfProducts", "widens halves, multiplies and adds twice", 2, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.products(k.halves(row), sums)
	}},
	{"halfMagnitudes", "widens halves, subtracts, clears signs and adds", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.magnitudes(k.halves(row), sums[0])
	}},
	{"codeProducts", "widens int8, multiplies and adds in pairs", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.pairs(k.query, k.codes(row), sums[0])
	}},
	{"codeSquares", "widens int8, shifts, subtracts, multiplies and adds in pairs", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		v := k.differences(row)
		k.pairs(v, v, sums[0])
	}},
	{"codeMagnitudes", "widens int8, shifts, subtracts, clears signs and adds in pairs", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		v := k.differences(row)
		VPABSW(v, v)
		k.pairs(k.query, v, sums[0])
	}},
	{"differingBits", "counts the bits that differ", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		v := k.Register()
		k.Xor(k.query, row, v)
		k.bits(v, sums[0])
	}},
	{"commonBits", "counts the bits in common, and those of the row", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		v := k.Register()
		k.And(k.query, row, v)
		k.bits(v, sums[0])
		k.bits(row, sums[0])
	}},
	{"multiplyAdds", "multiplies and adds", 1, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		VFMADD231PS(k.query, row, sums[0])
	}},
	{"nibbleLookups", "looks both halves of bytes up, and adds them as words", 2, func(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
		k.nibbles(row, sums)
	}},
}

// nibbles adds what is looked up as whole words, and their upper bytes.
func (k *kernel) nibbles(row reg.VecVirtual, sums []reg.VecVirtual) {
	low, high := k.Register(), k.Register()
	VPSRLW(Imm(4), row, high)
	k.And(k.mask, row, low)
	k.And(k.mask, high, high)
	for _, v := range []reg.VecVirtual{low, high} {
		VPSHUFB(v, k.query, v)
		VPADDW(v, sums[0], sums[0])
		VPSRLW(Imm(8), v, v)
		VPADDW(v, sums[1], sums[1])
	}
}

// lookup gathers what the next indexes select.
func (k *kernel) lookup(disp int, sum reg.VecVirtual) {
	row := k.Load(Mem{Base: k.indexes, Index: k.at, Scale: 1, Disp: disp})
	t := k.Gather(k.table, row, k.AllLanes(row))
	for half := range 2 {
		a, b := k.Doubles(row, half), k.Doubles(t, half)
		VFMADD231PD(a, b, sum)
	}
}

// lookupOneByOne loads what the next indexes select, into the lanes of registers by
// masks or shuffles.
func (k *kernel) lookupOneByOne(disp int, sum reg.VecVirtual) {
	four := func(disp int) reg.VecVirtual {
		found := XMM()
		for i := range 4 {
			index := GP64()
			MOVL(Mem{Base: k.indexes, Index: k.at, Scale: 1, Disp: disp + 4*i}, index.As32())
			switch from := (Mem{Base: k.table, Index: index, Scale: 4}); {
			case i == 0:
				VMOVSS(from, found)
			case k.Wide():
				VPBROADCASTD(from, k.lane[i], found)
			default:
				VINSERTPS(Imm(uint64(16*i)), from, found, found)
			}
		}
		return found
	}
	for half := range 2 {
		at := disp + half*k.Bytes/2
		found, x, t := four(at), k.Register(), k.Register()
		if k.Wide() {
			VINSERTF32X4(Imm(1), four(at+16), found.AsY(), found.AsY())
			VCVTPS2PD(found.AsY(), t)
		} else {
			VCVTPS2PD(found, t)
		}
		VCVTPS2PD(Mem{Base: k.indexes, Index: k.at, Scale: 1, Disp: at}, x)
		VFMADD231PD(x, t, sum)
	}
}

// lookups writes a loop that goes through indexes again and again, a multiple of
// the registers of a turn.
func lookups(s simd.Set, name, how string, step func(k *kernel, disp int, sum reg.VecVirtual)) {
	TEXT(name+s.Name, NOSPLIT, "func(n int, table *float32, indexes *uint32, count int)")
	Doc(fmt.Sprintf("%s%s %s what indexes select, widens, multiplies and adds, %d registers in each of n turns.", name, s.Name, how, chains))
	n, end := Load(Param("n"), GP64()), Load(Param("count"), GP64())
	k := &kernel{Set: s, at: GP64()}
	k.table, k.indexes = Load(Param("table"), GP64()), Load(Param("indexes"), GP64())
	for i := 1; s.Wide() && i < len(k.lane); i++ {
		mask, bit := K(), GP32()
		MOVL(U32(1<<i), bit)
		KMOVW(bit, mask)
		k.lane[i] = mask
	}
	SHLQ(Imm(2), end)
	XORQ(k.at, k.at)
	zero := GP64()
	XORQ(zero, zero)
	var sums [4]reg.VecVirtual
	for i := range sums {
		sums[i] = s.Zero()
	}
	Label("again")
	for i := range chains {
		step(k, i*s.Bytes, sums[i%len(sums)])
	}
	ADDQ(U32(uint32(chains*s.Bytes)), k.at)
	CMPQ(k.at, end)
	CMOVQGE(zero, k.at)
	DECQ(n)
	JNZ(LabelRef("again"))
	VZEROUPPER()
	RET()
}

// commonBitsWords counts bits in common as a register, those of the row as words,
// from one cache line.
func commonBitsWords(k *kernel, row reg.VecVirtual, sums []reg.VecVirtual) {
	v := k.Register()
	k.And(k.query, row, v)
	k.bits(v, sums[0])
	for i := range 4 {
		set := GP64()
		POPCNTQ(Mem{Base: k.table, Disp: 8 * i}, set)
		ADDQ(set, k.words[i%2])
	}
}

func (k *kernel) squares(row, sum reg.VecVirtual) {
	v := k.Register()
	VSUBPS(k.query, row, v)
	VFMADD231PS(v, v, sum)
}

func (k *kernel) products(row reg.VecVirtual, sums []reg.VecVirtual) {
	VFMADD231PS(k.query, row, sums[0])
	VFMADD231PS(row, row, sums[1])
}

func (k *kernel) magnitudes(row, sum reg.VecVirtual) {
	v := k.Register()
	VSUBPS(k.query, row, v)
	k.And(k.mask, v, v)
	VADDPS(v, sum, sum)
}

// halves widens as many as fill a register: from memory, as kernels do, since that
// is less work than to widen a register.
func (k *kernel) halves(reg.VecVirtual) reg.VecVirtual {
	v := k.Register()
	VCVTPH2PS(Mem{Base: k.table}, v)
	return v
}

func (k *kernel) codes(reg.VecVirtual) reg.VecVirtual {
	v := k.Register()
	VPMOVSXBW(Mem{Base: k.table}, v)
	return v
}

func (k *kernel) differences(row reg.VecVirtual) reg.VecVirtual {
	v := k.codes(row)
	VPSLLW(k.mask.AsX(), v, v)
	VPSUBW(v, k.query, v)
	return v
}

func (k *kernel) pairs(a, b, sum reg.VecVirtual) {
	if k.Wide() {
		simd.MultiplyAddWords(a, b, sum)
		return
	}
	v := k.Register()
	VPMADDWD(a, b, v)
	VPADDD(v, sum, sum)
}

// bits adds the bits of v to sum: with AVX2 by bytes, which are added up now and
// then.
func (k *kernel) bits(v, sum reg.VecVirtual) {
	count := k.Register()
	if k.Wide() {
		VPOPCNTQ(v, count)
		VPADDQ(count, sum, sum)
		return
	}
	high := k.Register()
	VPSRLW(Imm(4), v, high)
	VPAND(k.mask, high, high)
	VPAND(k.mask, v, count)
	VPSHUFB(high, k.query, high)
	VPSHUFB(count, k.query, count)
	VPADDB(high, count, count)
	VPADDB(count, sum, sum)
}

var zerosMem Mem

// zeros is a cache line.
func zeros() Mem {
	if zerosMem.Symbol.Name == "" {
		zerosMem = GLOBL("zeros", RODATA|NOPTR)
		DATA(56, U64(0))
	}
	return zerosMem
}

// arithmetic writes the loop of a mix.
func arithmetic(s simd.Set, m mix) {
	TEXT(m.name+s.Name, NOSPLIT, "func(n int)")
	Doc(fmt.Sprintf("%s%s %s, %d registers in each of n turns.", m.name, s.Name, m.what, chains))
	n := Load(Param("n"), GP64())
	k := &kernel{Set: s, query: s.Zero(), mask: s.Zero()}
	k.table = GP64()
	for i := range k.words {
		k.words[i] = GP64()
		XORQ(k.words[i], k.words[i])
	}
	LEAQ(zeros(), k.table)
	row := s.Zero()
	sums := make([]reg.VecVirtual, chains)
	for i := range sums {
		sums[i] = s.Zero()
	}
	Label("again")
	// Those with two sums add to one as often.
	for i := range chains {
		m.step(k, row, []reg.VecVirtual{sums[i], sums[(i+chains/2)%chains]})
	}
	DECQ(n)
	JNZ(LabelRef("again"))
	VZEROUPPER()
	RET()
}

// words counts bits by words of 64.
func words(both bool) {
	name, what := "differingWords", "counts the bits that differ"
	if both {
		name, what = "commonWords", "counts the bits in common, and those of the row"
	}
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(fmt.Sprintf("%s %s, %d words in each of n turns.", name, what, chains))
	n := Load(Param("n"), GP64())
	query, row, sums := GP64(), GP64(), [2]reg.GPVirtual{GP64(), GP64()}
	for _, r := range []reg.GPVirtual{query, row, sums[0], sums[1]} {
		XORQ(r, r)
	}
	Label("again")
	for range chains {
		v := GP64()
		MOVQ(row, v)
		if both {
			set := GP64()
			POPCNTQ(v, set)
			ADDQ(set, sums[1])
			ANDQ(query, v)
		} else {
			XORQ(query, v)
		}
		POPCNTQ(v, v)
		ADDQ(v, sums[0])
	}
	DECQ(n)
	JNZ(LabelRef("again"))
	RET()
}
