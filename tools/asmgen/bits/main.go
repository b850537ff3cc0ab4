// Command bits writes the kernels of bit strings for amd64. Run it by go
// generate in package vector.
//
// Each kernel compares n rows of so many bytes, stride bytes apart, with one
// query. AVX2 has no instruction that counts bits: a shuffle looks up the count of
// each half byte. AVX-512 counts by VPOPCNTQ, and reads what is left of a row under
// a mask.
//
// Four rows go together, so that their sums are added up and, for Jaccard,
// divided side by side: short rows would take longer for that than for counting.
// With AVX2 they have at least 32 bytes, and the last 32 of a row are read again,
// clear of what was counted. Shorter rows, and what is left of the rows, go one by
// one and by words of 64 bits, the last one overlapping what was counted and
// shifted clear of it, so that there are at least 8 bytes.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"quiver/tools/asmgen/simd"
)

// aheadBytesMin is how far ahead of the rows being compared others are
// prefetched, at least.
const aheadBytesMin = 4096

// turn is the bytes of a row that are counted before their sums are added up.
const turn = 64

// measure is what is counted: bits of joined, and of the row too if both.
type measure struct {
	name, what string
	both       bool
}

func main() {
	for _, m := range []measure{{"hamming", "Hamming distances", false}, {"jaccard", "Jaccard distances", true}} {
		generate(simd.AVX2, m)
		generate(simd.AVX512, m)
	}
	Generate()
}

// kernel has the arguments of a function, and its constants.
type kernel struct {
	simd.Set
	measure
	query, rows                reg.Register
	bytes, stride, n, own, out Mem // as they were passed
	tail                       Op  // of AVX2 for the last 32 bytes
	nibble, table, zero        reg.VecVirtual
}

func generate(s simd.Set, m measure) {
	own := ""
	if m.both {
		own = "own, "
	}
	name := m.name + s.Name
	TEXT(name, NOSPLIT, "func(query, rows *byte, bytes, stride, "+own+"n int, out *float32)")
	Doc(fmt.Sprintf("%s writes the %s of n rows of bytes.", name, m.what))
	k := &kernel{Set: s, measure: m}
	k.query, k.rows = Load(Param("query"), GP64()), Load(Param("rows"), GP64())
	k.bytes, k.stride, k.n, k.out = simd.Argument("bytes"), simd.Argument("stride"), simd.Argument("n"), simd.Argument("out")
	if m.both {
		k.own = simd.Argument("own")
	}
	k.constants()
	if !s.Wide() {
		CMPQ(k.bytes, Imm(32))
		JL(LabelRef("row"))
	}
	k.four()
	k.one()
	VZEROUPPER()
	RET()
}

func (k *kernel) constants() {
	rest := GP64()
	MOVQ(k.bytes, rest)
	if k.Wide() {
		ANDQ(Imm(turn-1), rest)
		k.tail = simd.LowBits(rest)
		return
	}
	// The last bytes%32 of 32.
	mask := GLOBL("lastBytes"+k.name, RODATA|NOPTR)
	for i := range 8 {
		ones := U64(0)
		if i >= 4 {
			ones = 1<<64 - 1
		}
		DATA(8*i, ones)
	}
	address, tail := GP64(), YMM()
	LEAQ(mask, address)
	ANDQ(Imm(31), rest)
	VMOVDQU(Mem{Base: address, Index: rest, Scale: 1}, tail)
	k.tail = tail
	counts := GLOBL("nibbleCounts"+k.name, RODATA|NOPTR)
	for i, c := range []uint32{0x02010100, 0x03020201, 0x03020201, 0x04030302} {
		DATA(4*i, U32(c))
	}
	k.nibble, k.table, k.zero = k.Broadcast(0x0f0f0f0f), YMM(), k.Zero()
	VBROADCASTI128(counts, k.table)
}

// countWords adds the bits set in 32 bytes of a row to a sum, word by word: POPCNT
// is done by other parts of a processor than the arithmetic of vectors, at the
// same time.
func (k *kernel) countWords(start, at reg.Register, disp int, sum reg.GPVirtual) {
	for i := range 4 {
		set := GP64()
		POPCNTQ(Mem{Base: start, Index: at, Scale: 1, Disp: disp + 8*i}, set)
		ADDQ(set, sum)
	}
}

// count turns v into the bits set in each of its bytes (AVX2) or words of 64 bits.
func (k *kernel) count(v reg.VecVirtual) {
	if k.Wide() {
		VPOPCNTQ(v, v)
		return
	}
	high := YMM()
	VPSRLW(Imm(4), v, high)
	VPAND(k.nibble, v, v)
	VPAND(k.nibble, high, high)
	VPSHUFB(v, k.table, v)
	VPSHUFB(high, k.table, high)
	VPADDB(high, v, v)
}

// counts are those of one register of a row: of what is joined with the query,
// and of the row itself.
func (k *kernel) counts(row reg.VecVirtual, query Op) []reg.VecVirtual {
	joined := k.Register()
	if !k.both {
		k.Xor(query, row, joined)
		k.count(joined)
		return []reg.VecVirtual{joined}
	}
	k.And(query, row, joined)
	k.count(joined)
	k.count(row)
	return []reg.VecVirtual{joined, row}
}

// total adds counts to the sum of a row, words of 64 bits: those of the row itself
// in the upper halves.
func (k *kernel) total(counts []reg.VecVirtual, sum reg.VecVirtual) {
	for i, c := range counts {
		if !k.Wide() {
			VPSADBW(k.zero, c, c)
		}
		if i > 0 {
			VPSLLQ(Imm(32), c, c)
		}
		VPADDQ(c, sum, sum)
	}
}

// four compares four rows at a time, of which there may be fewer.
func (k *kernel) four() {
	Label("four")
	CMPQ(k.n, Imm(4))
	JL(LabelRef("row"))
	next, least := GP64(), GP64()
	MOVQ(k.stride, next)
	SHLQ(Imm(2), next)
	MOVQ(U32(aheadBytesMin), least)
	CMPQ(next, least)
	CMOVQLT(least, next)
	ADDQ(k.rows, next)
	starts := []reg.Register{k.rows}
	for r := 1; r < 4; r++ {
		start := GP64()
		MOVQ(k.stride, start)
		ADDQ(starts[r-1], start)
		starts = append(starts, start)
	}
	sums := make([]reg.VecVirtual, 4)
	for r := range sums {
		sums[r] = k.Zero()
	}
	// Of the rows themselves, where words are counted.
	var own []reg.GPVirtual
	for range starts {
		if k.words() {
			own = append(own, GP64())
			XORQ(own[len(own)-1], own[len(own)-1])
		}
	}
	prefetch := func() {
		for i := range 4 {
			PREFETCHT0(Mem{Base: next, Disp: 64 * i})
		}
		ADDQ(U32(256), next)
	}
	at, left := GP64(), GP64()
	XORQ(at, at)
	MOVQ(k.bytes, left)
	place := func(base reg.Register, disp int) Mem { return Mem{Base: base, Index: at, Scale: 1, Disp: disp} }

	SUBQ(Imm(turn), left)
	JL(LabelRef("turns_end"))
	Label("turns")
	prefetch()
	// count adds so many bytes of each row.
	count := func(bytes int) {
		for r, start := range starts {
			var counts []reg.VecVirtual
			for disp := 0; disp < bytes; disp += k.Bytes {
				var more []reg.VecVirtual
				if row, query := k.Load(place(start, disp)), place(k.query, disp); k.words() {
					VPAND(query, row, row)
					k.count(row)
					more = []reg.VecVirtual{row}
					k.countWords(start, at, disp, own[r])
				} else {
					more = k.counts(row, query)
				}
				if counts == nil {
					counts = more
					continue
				}
				for i, c := range more {
					VPADDB(c, counts[i], counts[i])
				}
			}
			k.total(counts, sums[r])
		}
	}
	count(turn)
	ADDQ(Imm(turn), at)
	SUBQ(Imm(turn), left)
	JGE(LabelRef("turns"))
	Label("turns_end")
	prefetch()
	ADDQ(Imm(turn), left)
	if !k.Wide() {
		CMPQ(left, Imm(32))
		JL(LabelRef("rest"))
		count(32)
		SUBQ(Imm(32), left)
		Label("rest")
	}
	TESTQ(left, left)
	JZ(LabelRef("counted"))
	last := func(base reg.Register) reg.VecVirtual {
		v := k.Register()
		if k.Wide() {
			VMOVDQU8_Z(place(base, 0), k.tail, v)
		} else {
			end := GP64()
			MOVQ(k.bytes, end)
			VPAND(Mem{Base: base, Index: end, Scale: 1, Disp: -32}, k.tail.(reg.VecVirtual), v)
		}
		return v
	}
	query := last(k.query)
	for r, start := range starts {
		k.total(k.counts(last(start), query), sums[r])
	}
	Label("counted")
	for r, of := range own {
		set, wide := XMM(), sums[r]
		VMOVQ(of, set)
		VPSLLQ(Imm(32), set, set)
		VPADDQ(set.AsY(), wide, wide)
	}
	MOVQ(k.stride, k.rows)
	ADDQ(starts[3], k.rows)
	k.storeFour(sums)
	ADDQ(Imm(16), k.out)
	SUBQ(Imm(4), k.n)
	JMP(LabelRef("four"))
}

// words says whether the bits of rows themselves are counted by words.
func (k *kernel) words() bool { return k.both && !k.Wide() }

// place is where the next result is written.
func (k *kernel) place() reg.GPVirtual {
	out := GP64()
	MOVQ(k.out, out)
	return out
}

// storeFour adds the sums up and writes four results.
func (k *kernel) storeFour(sums []reg.VecVirtual) {
	for r, s := range sums {
		sums[r] = k.Fold(s, func(a, b, sum Op) { VPADDQ(a, b, sum) })
	}
	// pairs adds even and odd words of 64 bits of two registers, side by side.
	pairs := func(a, b reg.VecVirtual) reg.VecVirtual {
		even, odd := YMM(), YMM()
		VPUNPCKLQDQ(b, a, even)
		VPUNPCKHQDQ(b, a, odd)
		VPADDD(odd, even, even)
		return even
	}
	if !k.both {
		for r := 0; r < 4; r += 2 {
			VPSLLQ(Imm(32), sums[r+1], sums[r+1])
			VPADDQ(sums[r+1], sums[r], sums[r])
		}
		all := pairs(sums[0], sums[2])
		high := k.Upper(all)
		VPADDD(all.AsX(), high, high)
		VCVTDQ2PS(high, high)
		VMOVUPS(high, Mem{Base: k.place()})
		return
	}
	a, b := pairs(sums[0], sums[1]), pairs(sums[2], sums[3])
	low, high := k.Upper(a), k.Upper(b)
	VPADDD(a.AsX(), low, low)
	VPADDD(b.AsX(), high, high)
	both, either := XMM(), XMM()
	VSHUFPS(Imm(0x88), high, low, both)
	VSHUFPS(Imm(0xdd), high, low, either)
	// Of own + set - both bits in either, those not in both. Nothing in either is
	// as far as nothing in both: one of one.
	own, none := XMM(), XMM()
	VPBROADCASTD(k.own, own)
	VPADDD(own, either, either)
	VPSUBD(both, either, either)
	differ := XMM()
	VPSUBD(both, either, differ)
	VXORPS(none, none, none)
	if k.Wide() {
		mask, ones := K(), XMM()
		VPCMPEQD(none, either, mask)
		VPTERNLOGD(Imm(0xff), ones, ones, ones)
		VMOVDQA32(ones, mask, none)
	} else {
		VPCMPEQD(none, either, none)
	}
	VPSUBD(none, either, either)
	VPSUBD(none, differ, differ)
	VCVTDQ2PS(either, either)
	VCVTDQ2PS(differ, differ)
	VDIVPS(either, differ, differ)
	VMOVUPS(differ, Mem{Base: k.place()})
}

// one compares rows one by one.
func (k *kernel) one() {
	sums := []reg.GPVirtual{GP64()}
	if k.both {
		sums = append(sums, GP64())
	}
	Label("row")
	CMPQ(k.n, Imm(0))
	JE(LabelRef("end"))
	at, left := GP64(), GP64()
	XORQ(at, at)
	MOVQ(k.bytes, left)
	for _, s := range sums {
		XORQ(s, s)
	}
	word := func(row, query reg.GPVirtual) {
		set := GP64()
		if k.both {
			POPCNTQ(row, set)
			ADDQ(set, sums[1])
			ANDQ(query, row)
		} else {
			XORQ(query, row)
		}
		POPCNTQ(row, row)
		ADDQ(row, sums[0])
	}
	Label("words")
	CMPQ(left, Imm(8))
	JL(LabelRef("words_end"))
	row, query := GP64(), GP64()
	MOVQ(Mem{Base: k.rows, Index: at, Scale: 1}, row)
	MOVQ(Mem{Base: k.query, Index: at, Scale: 1}, query)
	word(row, query)
	ADDQ(Imm(8), at)
	SUBQ(Imm(8), left)
	JMP(LabelRef("words"))
	Label("words_end")
	TESTQ(left, left)
	JZ(LabelRef("row_counted"))
	// The last 8 bytes, less what was counted.
	row, query = GP64(), GP64()
	end := GP64()
	MOVQ(k.bytes, end)
	MOVQ(Mem{Base: k.rows, Index: end, Scale: 1, Disp: -8}, row)
	MOVQ(Mem{Base: k.query, Index: end, Scale: 1, Disp: -8}, query)
	MOVQ(U32(8), reg.RCX)
	SUBQ(left, reg.RCX)
	SHLQ(Imm(3), reg.RCX)
	SHRQ(reg.CL, row)
	SHRQ(reg.CL, query)
	word(row, query)
	Label("row_counted")
	k.store(sums)
	ADDQ(Imm(4), k.out)
	ADDQ(k.stride, k.rows)
	DECQ(k.n)
	JMP(LabelRef("row"))
	Label("end")
}

// store writes the result of a row.
func (k *kernel) store(sums []reg.GPVirtual) {
	x := XMM()
	VXORPS(x, x, x)
	if !k.both {
		VCVTSI2SSQ(sums[0], x, x)
		VMOVSS(x, Mem{Base: k.place()})
		return
	}
	either, differ, one := GP64(), GP64(), GP64()
	MOVQ(k.own, either)
	ADDQ(sums[1], either)
	SUBQ(sums[0], either)
	MOVQ(either, differ)
	SUBQ(sums[0], differ)
	MOVQ(U32(1), one)
	TESTQ(either, either)
	CMOVQEQ(one, differ)
	CMOVQEQ(one, either)
	y := XMM()
	VXORPS(y, y, y)
	VCVTSI2SSQ(differ, x, x)
	VCVTSI2SSQ(either, y, y)
	VDIVSS(y, x, x)
	VMOVSS(x, Mem{Base: k.place()})
}
