// Command rabitq writes the kernels for codes of package vector/rabitq on
// amd64. Run it by go generate in that package.
//
// blockSums scores 32 sign codes: a table of 16 bytes fits half a register, so
// one shuffle looks up 32 codes at once. Bytes are added as 16-bit words, whole
// (the low byte's sum, and 256 times the high one's) and shifted (the high
// byte's sum alone), which are taken apart at the end.
//
// dots sums a field of a code times 16-bit integers. Sixteen bytes become words
// at a time; one shift and mask brings each of the 8/width dimensions that a
// byte holds to the bottom, ready to be multiplied and added in pairs.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type set struct {
	name  string
	bytes int // of a register
}

var (
	avx2   = set{"AVX2", 32}
	avx512 = set{"AVX512", 64}
)

func (s set) register() reg.VecVirtual {
	if s == avx512 {
		return ZMM()
	}
	return YMM()
}

func (s set) load(m Mem) reg.VecVirtual {
	v := s.register()
	if s == avx512 {
		VMOVDQU64(m, v)
	} else {
		VMOVDQU(m, v)
	}
	return v
}

func (s set) zero() reg.VecVirtual {
	v := s.register()
	if s == avx512 {
		VPXORD(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
	return v
}

func (s set) and(a, b, to reg.VecVirtual) {
	if s == avx512 {
		VPANDD(a, b, to)
	} else {
		VPAND(a, b, to)
	}
}

func (s set) broadcastWord(value uint32) reg.VecVirtual {
	general, x, v := GP32(), XMM(), s.register()
	MOVL(U32(value), general)
	VMOVD(general, x)
	VPBROADCASTW(x, v)
	return v
}

func main() {
	for _, s := range []set{avx2, avx512} {
		blockSums(s)
		below(s)
		for _, width := range []int{8, 4, 2, 1} {
			dots(s, width)
		}
	}
	finishBlock()
	quality()
	quantise()
	multiply()
	hadamard()
	turn()
	lows()
	Generate()
}

// broadcastParam loads a float32 parameter into all lanes.
func broadcastParam(name string) reg.VecVirtual {
	v := YMM()
	address, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(address.Addr, v)
	return v
}

// constant has a word in all lanes.
func constant(word uint32) reg.VecVirtual {
	general, x, v := GP32(), XMM(), YMM()
	MOVL(U32(word), general)
	VMOVD(general, x)
	VPBROADCASTD(x, v)
	return v
}

// magnitudes are the codes of a register of residuals without their signs.
func magnitudes(abs, t, top reg.VecVirtual) reg.VecVirtual {
	i := YMM()
	VMULPS(t, abs, i)
	VCVTTPS2DQ(i, i)
	VPMINSD(top, i, i)
	return i
}

// quality sums what tells how near a code is to a residual of n elements, a
// multiple of 8: in lanes, those added up by halves.
func quality() {
	TEXT("qualityAVX2", NOSPLIT, "func(o *float32, n int, t float32, top uint32, out *float32)")
	Doc("qualityAVX2 writes the inner product of a residual with its code, and the code's square, for cells of 1/t.")
	o, n, out := Load(Param("o"), GP64()), Load(Param("n"), GP64()), Load(Param("out"), GP64())
	t, top := broadcastParam("t"), broadcastParam("top")
	absMask, half := constant(0x7fffffff), constant(0x3f000000)
	yo, yy := YMM(), YMM()
	VXORPS(yo, yo, yo)
	VXORPS(yy, yy, yy)
	Label("quality")
	abs := YMM()
	VANDPS(Mem{Base: o}, absMask, abs)
	y := magnitudes(abs, t, top)
	VCVTDQ2PS(y, y)
	VADDPS(half, y, y)
	VMULPS(y, abs, abs)
	VADDPS(abs, yo, yo)
	VMULPS(y, y, y)
	VADDPS(y, yy, yy)
	ADDQ(Imm(32), o)
	SUBQ(Imm(8), n)
	JG(LabelRef("quality"))
	for i, s := range []reg.VecVirtual{yo, yy} {
		high, low := XMM(), XMM()
		VEXTRACTF128(Imm(1), s, high)
		VADDPS(high, s.AsX(), low)
		VMOVHLPS(low, low, high)
		VADDPS(high, low, low)
		VMOVSHDUP(low, high)
		VADDSS(high, low, low)
		VMOVSS(low, Mem{Base: out, Disp: 4 * i})
	}
	VZEROUPPER()
	RET()
}

// quantise writes codes, a byte a dimension.
func quantise() {
	TEXT("quantiseAVX2", NOSPLIT, "func(o *float32, n int, t float32, top uint32, codes *byte)")
	Doc("quantiseAVX2 writes the code of a residual in cells of 1/t.")
	o, n, codes := Load(Param("o"), GP64()), Load(Param("n"), GP64()), Load(Param("codes"), GP64())
	t, top := broadcastParam("t"), broadcastParam("top")
	absMask, one, zero, middle := constant(0x7fffffff), constant(1), YMM(), YMM()
	VXORPS(zero, zero, zero)
	VPADDD(one, top, middle)
	Label("quantise")
	v, abs, negative := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: o}, v)
	VANDPS(v, absMask, abs)
	const less = 17 // ordered, quiet
	VCMPPS(Imm(less), zero, v, negative)
	i := magnitudes(abs, t, top)
	VPXOR(negative, i, i) // of a negative one -1-i
	VPADDD(middle, i, i)
	high, low := XMM(), XMM()
	VEXTRACTI128(Imm(1), i, high)
	VPACKUSDW(high, i.AsX(), low)
	VPACKUSWB(low, low, low)
	VMOVQ(low, Mem{Base: codes})
	ADDQ(Imm(32), o)
	ADDQ(Imm(8), codes)
	SUBQ(Imm(8), n)
	JG(LabelRef("quantise"))
	VZEROUPPER()
	RET()
}

func multiply() {
	TEXT("multiplyAVX2", NOSPLIT, "func(v, by *float32, n int)")
	Doc("multiplyAVX2 multiplies v by other elements, n of them, a multiple of 8.")
	v, by, n := Load(Param("v"), GP64()), Load(Param("by"), GP64()), Load(Param("n"), GP64())
	Label("multiply")
	x := YMM()
	VMOVUPS(Mem{Base: v}, x)
	VMULPS(Mem{Base: by}, x, x)
	VMOVUPS(x, Mem{Base: v})
	ADDQ(Imm(32), v)
	ADDQ(Imm(32), by)
	SUBQ(Imm(8), n)
	JG(LabelRef("multiply"))
	VZEROUPPER()
	RET()
}

// hadamard mixes within registers first, then registers with each other.
func hadamard() {
	TEXT("hadamardAVX2", NOSPLIT, "func(v *float32, n int)")
	Doc("hadamardAVX2 multiplies v, of n = 2^k elements and at least 8, by the matrix of Walsh and Hadamard.")
	v, n := Load(Param("v"), GP64()), Load(Param("n"), GP64())
	signs := GLOBL("hadamardSigns", RODATA|NOPTR)
	for level := range 3 {
		for i := range 8 {
			sign := U32(0)
			if i>>level&1 == 1 {
				sign = 0x80000000
			}
			DATA(4*(8*level+i), sign)
		}
	}
	var minus [3]reg.VecVirtual
	for level := range minus {
		minus[level] = YMM()
		VMOVUPS(signs.Offset(32*level), minus[level])
	}
	at, left := GP64(), GP64()
	MOVQ(v, at)
	MOVQ(n, left)
	Label("within")
	x, other := YMM(), YMM()
	VMOVUPS(Mem{Base: at}, x)
	for level, swap := range []func(){
		func() { VPERMILPS(Imm(0xb1), x, other) },
		func() { VPERMILPS(Imm(0x4e), x, other) },
		func() { VPERM2F128(Imm(1), x, x, other) },
	} {
		swap()
		VXORPS(minus[level], x, x)
		VADDPS(x, other, x)
	}
	VMOVUPS(x, Mem{Base: at})
	ADDQ(Imm(32), at)
	SUBQ(Imm(8), left)
	JG(LabelRef("within"))

	// Registers half bytes apart, within pairs of as many.
	bytes, half, a, b, end := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(n, bytes)
	SHLQ(Imm(2), bytes)
	LEAQ(Mem{Base: v, Index: bytes, Scale: 1}, end)
	MOVQ(U32(32), half)
	Label("level")
	CMPQ(half, bytes)
	JGE(LabelRef("done"))
	MOVQ(v, a)
	Label("pairs")
	LEAQ(Mem{Base: a, Index: half, Scale: 1}, b)
	count := GP64()
	MOVQ(half, count)
	Label("mix")
	p, q, sum := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: a}, p)
	VMOVUPS(Mem{Base: b}, q)
	VADDPS(q, p, sum)
	VSUBPS(q, p, q)
	VMOVUPS(sum, Mem{Base: a})
	VMOVUPS(q, Mem{Base: b})
	ADDQ(Imm(32), a)
	ADDQ(Imm(32), b)
	SUBQ(Imm(32), count)
	JG(LabelRef("mix"))
	MOVQ(b, a)
	CMPQ(a, end)
	JL(LabelRef("pairs"))
	SHLQ(Imm(1), half)
	JMP(LabelRef("level"))
	Label("done")
	VZEROUPPER()
	RET()
}

func turn() {
	TEXT("turnAVX2", NOSPLIT, "func(a, b *float32, n int)")
	Doc("turnAVX2 replaces (a, b) by (a+b, a-b)/√2, n elements each, a multiple of 4.")
	a, b, n := Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64())
	root := constant(0x3f3504f3) // √½
	Label("turn")
	p, q, sum := XMM(), XMM(), XMM()
	VMOVUPS(Mem{Base: a}, p)
	VMOVUPS(Mem{Base: b}, q)
	VADDPS(q, p, sum)
	VSUBPS(q, p, q)
	VMULPS(root.AsX(), sum, sum)
	VMULPS(root.AsX(), q, q)
	VMOVUPS(sum, Mem{Base: a})
	VMOVUPS(q, Mem{Base: b})
	ADDQ(Imm(16), a)
	ADDQ(Imm(16), b)
	SUBQ(Imm(4), n)
	JG(LabelRef("turn"))
	VZEROUPPER()
	RET()
}

// finishBlock makes estimates of the sums of a block, in the order of operations
// that Go has, so that both give the same bits.
func finishBlock() {
	TEXT("finishBlockAVX2", NOSPLIT, "func(sums *uint32, factors, terms, out *float32)")
	Doc("finishBlockAVX2 writes the estimates of 32 codes: score and bound side by side.")
	sums, factors := Load(Param("sums"), GP64()), Load(Param("factors"), GP64())
	terms, out := Load(Param("terms"), GP64()), Load(Param("out"), GP64())
	var t [6]reg.VecVirtual // of finishing
	for i := range t {
		t[i] = YMM()
		VBROADCASTSS(Mem{Base: terms, Disp: 4 * i}, t[i])
	}
	scale, base, add, epsilon, length, rounding := t[0], t[1], t[2], t[3], t[4], t[5]
	const codes = 32
	for from := 0; from < codes; from += 8 {
		factor := func(number int) Mem { return Mem{Base: factors, Disp: 4 * (codes*number + from)} }
		sum, rescale, score, low, miss := YMM(), YMM(), YMM(), YMM(), YMM()
		VCVTDQ2PS(Mem{Base: sums, Disp: 4 * from}, sum)
		VMULPS(scale, sum, sum)
		VADDPS(base, sum, sum)
		VMOVUPS(factor(1), rescale)
		VMULPS(rescale, sum, sum)
		VADDPS(factor(0), add, score)
		VADDPS(sum, score, score)
		VMULPS(factor(2), length, miss)
		VMULPS(rounding, rescale, rescale)
		VSUBPS(rescale, miss, miss)
		VMULPS(epsilon, miss, miss)
		VSUBPS(miss, score, low)
		a, b, pairs := YMM(), YMM(), YMM()
		VUNPCKLPS(low, score, a)
		VUNPCKHPS(low, score, b)
		VPERM2F128(Imm(0x20), b, a, pairs)
		VMOVUPS(pairs, Mem{Base: out, Disp: 8 * from})
		VPERM2F128(Imm(0x31), b, a, pairs)
		VMOVUPS(pairs, Mem{Base: out, Disp: 8*from + 32})
	}
	VZEROUPPER()
	RET()
}

// lows turns sums of a block into bounds.
func lows() {
	TEXT("lowsAVX2", NOSPLIT, "func(sums *uint32, factors, terms, lows *float32) uint32")
	Doc("lowsAVX2 writes the bounds of 32 codes, from their sums, and returns which are not at or above the limit.")
	sums, factors := Load(Param("sums"), GP64()), Load(Param("factors"), GP64())
	terms, out := Load(Param("terms"), GP64()), Load(Param("lows"), GP64())
	t := loadTerms(avx2, terms)
	mask := GP32()
	XORL(mask, mask)
	for part := range 4 {
		v := YMM()
		VCVTDQ2PS(Mem{Base: sums, Disp: 32 * part}, v)
		t.boundEight(v, 8*part, factors, out, mask)
	}
	VZEROUPPER()
	Store(mask, ReturnIndex(0))
	RET()
}

// terms are scale, base, add, error and limit of bounds.
type terms [5]reg.VecVirtual

func loadTerms(s set, from reg.Register) (t terms) {
	for i := range t {
		t[i] = s.register()
		VBROADCASTSS(Mem{Base: from, Disp: 4 * i}, t[i])
	}
	return t
}

// bound turns the sums of those codes of a block that begin at a place, as many as
// fill a register, into bounds, and writes them; the result tells, below, which are
// not at or above the limit.
func (t *terms) bound(s set, v reg.VecVirtual, from int, factors, out reg.Register, below Op) {
	at := 4 * from
	errors := s.register()
	VMULPS(t[0], v, v)
	VADDPS(t[1], v, v)
	VMULPS(Mem{Base: factors, Disp: 128 + at}, v, v)
	VADDPS(Mem{Base: factors, Disp: at}, v, v)
	VADDPS(t[2], v, v)
	VMULPS(Mem{Base: factors, Disp: 256 + at}, t[3], errors)
	VSUBPS(errors, v, v)
	VMOVUPS(v, Mem{Base: out, Disp: at})
	VCMPPS(Imm(9), t[4], v, below) // not at or above
}

// boundEight is bound of eight codes, which adds to a mask.
func (t *terms) boundEight(v reg.VecVirtual, from int, factors, out reg.Register, mask reg.GPVirtual) {
	below, bits := YMM(), GP32()
	t.bound(avx2, v, from, factors, out, below)
	VMOVMSKPS(below, bits)
	if from > 0 {
		SHLL(Imm(uint64(from)), bits)
	}
	ORL(bits, mask)
}

// below is blockSums and lows of blocks that lie one after the other, the sums
// staying in registers.
func below(s set) {
	TEXT("below"+s.name, NOSPLIT, "func(blocks, tables *byte, pairs, n int, factors, terms, lows *float32, masks *uint32)")
	Doc("below" + s.name + " writes the bounds of the codes of n blocks, by 128 pairs of tables at most, and which are not at or above the limit.")
	blocks, tables := Load(Param("blocks"), GP64()), Load(Param("tables"), GP64())
	pairs, n := Load(Param("pairs"), GP64()), Load(Param("n"), GP64())
	factors, terms := Load(Param("factors"), GP64()), Load(Param("terms"), GP64())
	lows, masks := Load(Param("lows"), GP64()), Load(Param("masks"), GP64())
	t := loadTerms(s, terms)
	nibble := s.broadcastWord(0x0f0f)
	Label("block")
	TESTQ(n, n)
	JZ(LabelRef("end"))
	sums := newWordSums(s)
	sums.addPairs(blocks, tables, pairs, nibble)
	if s == avx512 {
		words, low, high, both := sums.inOrder(), K(), K(), K()
		for half, mask := range []reg.OpmaskVirtual{low, high} {
			eight, v := words.AsY(), ZMM()
			if half == 1 {
				VEXTRACTI64X4(Imm(1), words, eight)
			}
			VPMOVZXWD(eight, v)
			VCVTDQ2PS(v, v)
			t.bound(s, v, 16*half, factors, lows, mask)
		}
		KUNPCKWD(low, high, both)
		KMOVD(both, Mem{Base: masks})
	} else {
		mask := GP32()
		XORL(mask, mask)
		sums.each(func(part int, words reg.VecVirtual) {
			v := YMM()
			VPMOVZXWD(words, v)
			VCVTDQ2PS(v, v)
			t.boundEight(v, 8*part, factors, lows, mask)
		})
		MOVL(mask, Mem{Base: masks})
	}
	ADDQ(Imm(4), masks)
	ADDQ(U32(128), lows)
	ADDQ(U32(384), factors)
	DECQ(n)
	JMP(LabelRef("block"))
	Label("end")
	VZEROUPPER()
	RET()
}

// multiplyAdd is VPDPWSSD, of the extension VNNI, which avo does not know.
func multiplyAdd(m Mem, v, sum reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPWSSD", Operands: []Op{m, v, sum},
		Inputs: []Op{m, v, sum}, Outputs: []Op{sum},
		ISA: []string{"AVX512VNNI"},
	})
}

// blockSums adds up to 128 pairs of tables: no more, lest a word overflow.
func blockSums(s set) {
	TEXT("blockSums"+s.name, NOSPLIT, "func(block, tables *byte, pairs int, sums *uint32)")
	Doc(fmt.Sprintf("blockSums%s adds the entries of pairs of tables, 128 at most, that 32 codes select.", s.name))
	block, tables := Load(Param("block"), GP64()), Load(Param("tables"), GP64())
	pairs, sums := Load(Param("pairs"), GP64()), Load(Param("sums"), GP64())
	nibble := s.broadcastWord(0x0f0f)
	words := newWordSums(s)
	words.addPairs(block, tables, pairs, nibble)
	words.each(func(part int, eight reg.VecVirtual) {
		wide := YMM()
		VPMOVZXWD(eight, wide)
		at := Mem{Base: sums, Disp: 32 * part}
		VPADDD(at, wide, wide)
		VMOVDQU(wide, at)
	})
	VZEROUPPER()
	RET()
}

// wordSums add up what 32 codes select, those of codes 0 to 15 and of 16 to 31 each
// whole and shifted.
type wordSums struct {
	set         set
	whole, high [2]reg.VecVirtual
}

func newWordSums(s set) *wordSums {
	w := &wordSums{set: s}
	for i := range w.whole {
		w.whole[i], w.high[i] = s.zero(), s.zero()
	}
	return w
}

// addPairs adds what a block selects from pairs of tables, and moves behind the
// block.
func (w *wordSums) addPairs(block, tables, pairs reg.Register, nibble reg.VecVirtual) {
	s, table, left := w.set, GP64(), GP64()
	MOVQ(tables, table)
	MOVQ(pairs, left)
	step := func(codes, entries reg.VecVirtual) {
		ADDQ(Imm(uint64(s.bytes)), table)
		w.add(codes, entries, nibble)
	}
	if s != avx512 {
		Label("pair")
		step(s.load(Mem{Base: block}), s.load(Mem{Base: table}))
		ADDQ(Imm(32), block)
		DECQ(left)
		JNZ(LabelRef("pair"))
		return
	}
	SUBQ(Imm(2), left)
	JL(LabelRef("last"))
	Label("pairs")
	step(s.load(Mem{Base: block}), s.load(Mem{Base: table}))
	ADDQ(Imm(64), block)
	SUBQ(Imm(2), left)
	JGE(LabelRef("pairs"))
	Label("last")
	ADDQ(Imm(2), left)
	JZ(LabelRef("added"))
	// One pair is left; what loads a narrow register clears the rest of the wide
	// one, and entries of zero add nothing.
	codes, entries := ZMM(), ZMM()
	VMOVDQU(Mem{Base: block}, codes.AsY())
	VMOVDQU(Mem{Base: table}, entries.AsY())
	ADDQ(Imm(32), block)
	step(codes, entries)
	Label("added")
}

// add adds the entries of tables that codes select.
func (w *wordSums) add(codes, table, nibble reg.VecVirtual) {
	low, up := w.set.register(), w.set.register()
	w.set.and(nibble, codes, low)
	VPSRLW(Imm(4), codes, up)
	w.set.and(nibble, up, up)
	for i, index := range []reg.VecVirtual{low, up} {
		VPSHUFB(index, table, index)
		VPADDW(index, w.whole[i], w.whole[i])
		VPSRLW(Imm(8), index, index)
		VPADDW(index, w.high[i], w.high[i])
	}
}

// inOrder is the sums of the codes, of wide registers, one word each in order.
func (w *wordSums) inOrder() reg.VecVirtual {
	// The quarters of the sums of codes 0 to 15 and of 16 to 31 are added up side
	// by side, first those two apart.
	fold := func(of [2]reg.VecVirtual) reg.VecVirtual {
		low, up := ZMM(), ZMM()
		VSHUFI64X2(Imm(0x44), of[1], of[0], low)
		VSHUFI64X2(Imm(0xee), of[1], of[0], up)
		VPADDW(up, low, low)
		return low
	}
	whole, high := fold(w.whole), fold(w.high)
	even, odd := ZMM(), ZMM()
	VSHUFI64X2(Imm(0x88), high, whole, even)
	VSHUFI64X2(Imm(0xdd), high, whole, odd)
	VPADDW(odd, even, even)
	// Now whole and high of both, 8 words each.
	up, down, words := YMM(), YMM(), ZMM()
	VEXTRACTI64X4(Imm(1), even, up)
	VPSLLW(Imm(8), up, down)
	VPSUBW(down, even.AsY(), down)
	VINSERTI64X4(Imm(1), up, down.AsZ(), words)
	order := ZMM()
	VMOVDQU64(codesInOrder(), order)
	VPERMW(words, order, words)
	return words
}

var codesInOrderMem Mem

// codesInOrder tells where each code's word lies: those of even codes in the lower
// half, of odd ones in the upper.
func codesInOrder() Mem {
	if codesInOrderMem.Symbol.Name == "" {
		codesInOrderMem = GLOBL("codesInOrder", RODATA|NOPTR)
		for i := range 32 {
			DATA(2*i, U16(uint16(i/2+i%2*16)))
		}
	}
	return codesInOrderMem
}

// each calls f for the sums of each eight codes, in words.
func (w *wordSums) each(f func(part int, words reg.VecVirtual)) {
	for i := range w.whole {
		// Words of the low bytes: what is whole without 256 times the high ones.
		shifted := w.set.register()
		VPSLLW(Imm(8), w.high[i], shifted)
		VPSUBW(shifted, w.whole[i], w.whole[i])
		even, odd := fold(w.set, w.whole[i]), fold(w.set, w.high[i])
		low, up := XMM(), XMM()
		VPUNPCKLWD(odd, even, low)
		VPUNPCKHWD(odd, even, up)
		f(2*i, low)
		f(2*i+1, up)
	}
}

// fold adds the quarters or halves of words up.
func fold(s set, v reg.VecVirtual) reg.VecVirtual {
	half := v
	if s == avx512 {
		up := YMM()
		VEXTRACTI64X4(Imm(1), v, up)
		half = YMM()
		VPADDW(v.AsY(), up, half)
	}
	up, out := XMM(), XMM()
	VEXTRACTI128(Imm(1), half.AsY(), up)
	VPADDW(half.AsX(), up, out)
	return out
}

// dots adds, for each of n codes, a field of so many bits times weights to out.
func dots(s set, width int) {
	name := fmt.Sprintf("dots%d%s", width, s.name)
	TEXT(name, NOSPLIT, "func(weights *int16, codes *byte, ordinals *uint32, stride, fieldBytes, partBytes, n int, shift uint64, out *int32)")
	Doc(fmt.Sprintf("%s adds the products of %d-bit fields with weights, shifted left, to out.", name, width))
	weights, codes := Load(Param("weights"), GP64()), Load(Param("codes"), GP64())
	ordinals, stride := Load(Param("ordinals"), GP64()), Load(Param("stride"), GP64())
	length, part := Load(Param("fieldBytes"), GP64()), Load(Param("partBytes"), GP64())
	n, out := Load(Param("n"), GP64()), Load(Param("out"), GP64())
	shift := XMM()
	VMOVQ(NewParamAddr("shift", 56), shift)
	SHLQ(Imm(1), part) // in bytes of weights
	var mask reg.VecVirtual
	if width < 8 {
		mask = s.broadcastWord(1<<width - 1)
	}
	words := s.bytes / 2
	var last Op // the mask of what is left of a code
	if s == avx512 {
		bits, mask := GP64(), K()
		MOVQ(length, reg.RCX)
		ANDQ(Imm(uint64(words-1)), reg.RCX)
		MOVQ(U32(1), bits)
		SHLQ(reg.CL, bits)
		DECQ(bits)
		KMOVD(bits.As32(), mask)
		last = mask
	}

	Label("code")
	TESTQ(n, n)
	JZ(LabelRef("end"))
	at := GP64()
	MOVL(Mem{Base: ordinals}, at.As32())
	IMULQ(stride, at)
	ADDQ(codes, at)
	// The next code is asked for; after the last one, the same again.
	next := GP64()
	LEAQ(Mem{Base: ordinals, Disp: 4}, next)
	CMPQ(n, Imm(1))
	CMOVQEQ(ordinals, next)
	MOVL(Mem{Base: next}, next.As32())
	IMULQ(stride, next)
	PREFETCHT0(Mem{Base: codes, Index: next, Scale: 1})
	PREFETCHT0(Mem{Base: codes, Index: next, Scale: 1, Disp: 64})
	sum := s.zero()
	w, left := GP64(), GP64()
	MOVQ(weights, w)
	MOVQ(length, left)
	add := func(bytes reg.VecVirtual) {
		// Dimensions of a byte lie a part of the weights apart.
		weight := GP64()
		MOVQ(w, weight)
		for j := range 8 / width {
			v := bytes
			if j > 0 {
				v = s.register()
				VPSRLW(Imm(uint64(width*j)), bytes, v)
			}
			if width < 8 && width*(j+1) < 8 {
				masked := s.register()
				s.and(mask, v, masked)
				v = masked
			}
			if s == avx512 {
				multiplyAdd(Mem{Base: weight}, v, sum)
			} else {
				product := s.register()
				VPMADDWD(Mem{Base: weight}, v, product)
				VPADDD(product, sum, sum)
			}
			if j+1 < 8/width {
				ADDQ(part, weight)
			}
		}
	}
	Label("bytes")
	CMPQ(left, Imm(uint64(words)))
	JL(LabelRef("tail"))
	full := s.register()
	VPMOVZXBW(Mem{Base: at}, full)
	add(full)
	ADDQ(Imm(uint64(words)), at)
	ADDQ(Imm(uint64(2*words)), w)
	SUBQ(Imm(uint64(words)), left)
	JMP(LabelRef("bytes"))

	Label("tail")
	TESTQ(left, left)
	JZ(LabelRef("sum"))
	if s == avx512 {
		bytes, wide := YMM(), ZMM()
		VMOVDQU8_Z(Mem{Base: at}, last, bytes)
		VPMOVZXBW(bytes, wide)
		add(wide)
	} else {
		// 4, 8 or 12 bytes are left.
		bytes, wide := XMM(), YMM()
		CMPQ(left, Imm(8))
		JGE(LabelRef("tail8"))
		VMOVD(Mem{Base: at}, bytes)
		JMP(LabelRef("tailAdd"))
		Label("tail8")
		VMOVQ(Mem{Base: at}, bytes)
		JE(LabelRef("tailAdd"))
		VPINSRD(Imm(2), Mem{Base: at, Disp: 8}, bytes, bytes)
		Label("tailAdd")
		VPMOVZXBW(bytes, wide)
		add(wide)
	}

	Label("sum")
	half := sum
	if s == avx512 {
		up := YMM()
		VEXTRACTI64X4(Imm(1), sum, up)
		half = YMM()
		VPADDD(sum.AsY(), up, half)
	}
	up, total := XMM(), XMM()
	VEXTRACTI128(Imm(1), half, up)
	VPADDD(half.AsX(), up, total)
	VPSHUFD(Imm(0b01001110), total, up)
	VPADDD(up, total, total)
	VPSHUFD(Imm(0b10110001), total, up)
	VPADDD(up, total, total)
	VPSLLD(shift, total, total)
	VMOVD(Mem{Base: out}, up)
	VPADDD(up, total, total)
	VMOVD(total, Mem{Base: out})
	ADDQ(Imm(4), out)
	ADDQ(Imm(4), ordinals)
	DECQ(n)
	JMP(LabelRef("code"))
	Label("end")
	VZEROUPPER()
	RET()
}
