// Command bits writes the kernels of bit strings for amd64. Run it by go
// generate in package vector.
//
// Each kernel compares n rows of so many bytes, stride bytes apart, with one
// query. AVX2 has no instruction that counts bits: a shuffle looks up the count of
// each half byte, and what is left of 32 bytes is counted by words of 64 bits, the
// last one overlapping what was counted and shifted clear of it, so that there are
// at least 8 bytes. AVX-512 counts by VPOPCNTQ, the rest under a mask.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ahead is how many bytes before they are needed rows are prefetched.
const ahead = 1024

// measure is what is counted: bits of joined, and of the row too if both.
type measure struct {
	name, what string
	both       bool
}

var measures = []measure{
	{"hamming", "Hamming distances", false},
	{"jaccard", "Jaccard distances", true},
}

func main() {
	for _, m := range measures {
		narrow(m)
		wide(m)
	}
	Generate()
}

// kernel has the arguments of a function.
type kernel struct {
	measure
	query, rows, bytes, stride, n, own, out reg.Register
	sums                                    []reg.GPVirtual // of one row
}

func begin(m measure, set string) *kernel {
	own := ""
	if m.both {
		own = "own, "
	}
	name := m.name + set
	TEXT(name, NOSPLIT, "func(query, rows *byte, bytes, stride, "+own+"n int, out *float32)")
	Doc(fmt.Sprintf("%s writes the %s of n rows of bytes.", name, m.what))
	k := &kernel{measure: m}
	k.query, k.rows = Load(Param("query"), GP64()), Load(Param("rows"), GP64())
	k.bytes, k.stride, k.n = Load(Param("bytes"), GP64()), Load(Param("stride"), GP64()), Load(Param("n"), GP64())
	k.out = Load(Param("out"), GP64())
	k.sums = []reg.GPVirtual{GP64()}
	if m.both {
		k.own = Load(Param("own"), GP64())
		k.sums = append(k.sums, GP64())
	}
	return k
}

// end writes the result of a row and goes to the next.
func (k *kernel) end() {
	x := XMM()
	VXORPS(x, x, x)
	if !k.both {
		VCVTSI2SSQ(k.sums[0], x, x)
	} else {
		// Of own + set - both bits in either, those not in both. Nothing in
		// either is as far as nothing in both.
		either, one := GP64(), GP64()
		MOVQ(k.own, either)
		ADDQ(k.sums[1], either)
		SUBQ(k.sums[0], either)
		differ := GP64()
		MOVQ(either, differ)
		SUBQ(k.sums[0], differ)
		MOVQ(U32(1), one)
		TESTQ(either, either)
		CMOVQEQ(one, differ)
		CMOVQEQ(one, either)
		y := XMM()
		VXORPS(y, y, y)
		VCVTSI2SSQ(differ, x, x)
		VCVTSI2SSQ(either, y, y)
		VDIVSS(y, x, x)
	}
	VMOVSS(x, Mem{Base: k.out})
	ADDQ(Imm(4), k.out)
	ADDQ(k.stride, k.rows)
	DECQ(k.n)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// narrow is a kernel of AVX2.
func narrow(m measure) {
	k := begin(m, "AVX2")
	broadcast := func(value uint32) reg.VecVirtual {
		general, x, v := GP32(), XMM(), YMM()
		MOVL(U32(value), general)
		VMOVD(general, x)
		VPBROADCASTD(x, v)
		return v
	}
	nibble, zero, table := broadcast(0x0f0f0f0f), YMM(), YMM()
	VPXOR(zero, zero, zero)
	counts := GLOBL("nibbleCounts"+m.name, RODATA|NOPTR)
	for i, c := range []uint32{0x02010100, 0x03020201, 0x03020201, 0x04030302} {
		DATA(4*i, U32(c))
	}
	VBROADCASTI128(counts, table)
	q, row, left := GP64(), GP64(), GP64()

	Label("row")
	MOVQ(k.query, q)
	MOVQ(k.rows, row)
	MOVQ(k.bytes, left)
	totals := make([]reg.VecVirtual, len(k.sums))
	for i := range totals {
		totals[i] = YMM()
		VPXOR(totals[i], totals[i], totals[i])
	}
	// count adds the bits of v, byte by byte.
	count := func(v reg.VecVirtual) reg.VecVirtual {
		high := YMM()
		VPSRLW(Imm(4), v, high)
		VPAND(nibble, v, v)
		VPAND(nibble, high, high)
		VPSHUFB(v, table, v)
		VPSHUFB(high, table, high)
		VPADDB(high, v, v)
		return v
	}
	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("by%d", together)
		Label(label)
		CMPQ(left, U32(uint32(32*together)))
		JL(LabelRef(label + "_end"))
		PREFETCHT0(Mem{Base: row, Disp: ahead})
		if together > 1 {
			PREFETCHT0(Mem{Base: row, Disp: ahead + 64})
		}
		sums := make([]reg.VecVirtual, len(totals))
		for i := range together {
			v := YMM()
			VMOVDQU(Mem{Base: row, Disp: 32 * i}, v)
			joined := YMM()
			if m.both {
				VPAND(Mem{Base: q, Disp: 32 * i}, v, joined)
			} else {
				VPXOR(Mem{Base: q, Disp: 32 * i}, v, joined)
			}
			parts := []reg.VecVirtual{joined, v}
			for j := range sums {
				c := count(parts[j])
				if i == 0 {
					sums[j] = c
				} else {
					VPADDB(c, sums[j], sums[j])
				}
			}
		}
		for j, s := range sums {
			VPSADBW(zero, s, s)
			VPADDQ(s, totals[j], totals[j])
		}
		ADDQ(U32(uint32(32*together)), q)
		ADDQ(U32(uint32(32*together)), row)
		SUBQ(U32(uint32(32*together)), left)
		JMP(LabelRef(label))
		Label(label + "_end")
	}
	for i, t := range totals {
		high, low := XMM(), XMM()
		VEXTRACTI128(Imm(1), t, high)
		VPADDQ(high, t.AsX(), low)
		VPSRLDQ(Imm(8), low, high)
		VPADDQ(high, low, low)
		VMOVQ(low, k.sums[i])
	}
	word := func(rowWord, queryWord reg.GPVirtual) {
		set := GP64()
		if m.both {
			POPCNTQ(rowWord, set)
			ADDQ(set, k.sums[1])
			ANDQ(queryWord, rowWord)
		} else {
			XORQ(queryWord, rowWord)
		}
		POPCNTQ(rowWord, rowWord)
		ADDQ(rowWord, k.sums[0])
	}
	Label("words")
	CMPQ(left, Imm(8))
	JL(LabelRef("words_end"))
	a, b := GP64(), GP64()
	MOVQ(Mem{Base: row}, a)
	MOVQ(Mem{Base: q}, b)
	word(a, b)
	ADDQ(Imm(8), q)
	ADDQ(Imm(8), row)
	SUBQ(Imm(8), left)
	JMP(LabelRef("words"))
	Label("words_end")
	TESTQ(left, left)
	JZ(LabelRef("counted"))
	// The last 8 bytes, less what was counted.
	c, d := GP64(), GP64()
	MOVQ(Mem{Base: row, Index: left, Scale: 1, Disp: -8}, c)
	MOVQ(Mem{Base: q, Index: left, Scale: 1, Disp: -8}, d)
	MOVQ(U32(8), reg.RCX)
	SUBQ(left, reg.RCX)
	SHLQ(Imm(3), reg.RCX)
	SHRQ(reg.CL, c)
	SHRQ(reg.CL, d)
	word(c, d)
	Label("counted")
	k.end()
}

// wide is a kernel of AVX-512 with VPOPCNTDQ.
func wide(m measure) {
	k := begin(m, "AVX512")
	// The mask of what is left of 64 bytes.
	mask, bits := K(), GP64()
	MOVQ(k.bytes, reg.RCX)
	ANDQ(Imm(63), reg.RCX)
	MOVQ(U32(1), bits)
	SHLQ(reg.CL, bits)
	DECQ(bits)
	KMOVQ(bits, mask)
	q, row, left := GP64(), GP64(), GP64()

	Label("row")
	MOVQ(k.query, q)
	MOVQ(k.rows, row)
	MOVQ(k.bytes, left)
	totals := make([]reg.VecVirtual, len(k.sums))
	for i := range totals {
		totals[i] = ZMM()
		VPXORQ(totals[i], totals[i], totals[i])
	}
	count := func(v, query reg.VecVirtual) {
		joined := ZMM()
		if m.both {
			VPANDQ(query, v, joined)
			VPOPCNTQ(v, v)
			VPADDQ(v, totals[1], totals[1])
		} else {
			VPXORQ(query, v, joined)
		}
		VPOPCNTQ(joined, joined)
		VPADDQ(joined, totals[0], totals[0])
	}
	Label("by64")
	CMPQ(left, Imm(64))
	JL(LabelRef("by64_end"))
	PREFETCHT0(Mem{Base: row, Disp: ahead})
	v, w := ZMM(), ZMM()
	VMOVDQU64(Mem{Base: row}, v)
	VMOVDQU64(Mem{Base: q}, w)
	count(v, w)
	ADDQ(Imm(64), q)
	ADDQ(Imm(64), row)
	SUBQ(Imm(64), left)
	JMP(LabelRef("by64"))
	Label("by64_end")
	TESTQ(left, left)
	JZ(LabelRef("counted"))
	v, w = ZMM(), ZMM()
	VMOVDQU8_Z(Mem{Base: row}, mask, v)
	VMOVDQU8_Z(Mem{Base: q}, mask, w)
	count(v, w)
	Label("counted")
	for i, t := range totals {
		half, low, high := YMM(), XMM(), XMM()
		VEXTRACTI64X4(Imm(1), t, half)
		VPADDQ(half, t.AsY(), half)
		VEXTRACTI128(Imm(1), half, high)
		VPADDQ(high, half.AsX(), low)
		VPSRLDQ(Imm(8), low, high)
		VPADDQ(high, low, low)
		VMOVQ(low, k.sums[i])
	}
	k.end()
}
