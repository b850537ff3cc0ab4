// Command bits writes the kernels of bit strings for amd64. Run it by go
// generate in package vector.
//
// Each kernel compares n rows of so many words of 64 bits, stride bytes apart,
// with one query, four words a turn, by POPCNT: it counts as fast as memory is
// read.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// combine counts bits of a word of the row and the query into sums.
type combine func(query, row Op, sums []reg.Register)

func main() {
	generate("hamming", "the numbers of bits that differ", "out *float32", 1, func(query, row Op, sums []reg.Register) {
		count(query, row, sums[0], XORQ)
	})
	generate("jaccard", "the numbers of bits set in both, and in the row", "both, set *float32", 2, func(query, row Op, sums []reg.Register) {
		count(query, row, sums[0], ANDQ)
		word := GP64()
		POPCNTQ(row, word)
		ADDQ(word, sums[1])
	})
	Generate()
}

func count(query, row Op, sum reg.Register, join func(a, b Op)) {
	word := GP64()
	MOVQ(row, word)
	join(query, word)
	POPCNTQ(word, word)
	ADDQ(word, sum)
}

func generate(name, what, outs string, results int, do combine) {
	TEXT(name+"POPCNT", NOSPLIT, "func(query, rows *byte, words, stride, n int, "+outs+")")
	Doc(fmt.Sprintf("%sPOPCNT writes %s, of n rows.", name, what))
	query, rows := Load(Param("query"), GP64()), Load(Param("rows"), GP64())
	words, stride, n := Load(Param("words"), GP64()), Load(Param("stride"), GP64()), Load(Param("n"), GP64())
	var out []reg.Register
	names := []string{"out"}
	if results == 2 {
		names = []string{"both", "set"}
	}
	for _, o := range names {
		out = append(out, Load(Param(o), GP64()))
	}
	q, left := GP64(), GP64()
	row := GP64()
	sums := make([]reg.Register, results)
	for i := range sums {
		sums[i] = GP64()
	}

	Label("row")
	MOVQ(query, q)
	MOVQ(rows, row)
	MOVQ(words, left)
	for _, s := range sums {
		XORQ(s, s)
	}
	for _, together := range []int{4, 1} {
		label := fmt.Sprintf("words%d", together)
		Label(label)
		CMPQ(left, Imm(uint64(together)))
		JL(LabelRef(label + "_end"))
		if together > 1 {
			PREFETCHT0(Mem{Base: row, Disp: 1024})
		}
		for i := range together {
			do(Mem{Base: q, Disp: 8 * i}, Mem{Base: row, Disp: 8 * i}, sums)
		}
		ADDQ(Imm(uint64(8*together)), q)
		ADDQ(Imm(uint64(8*together)), row)
		SUBQ(Imm(uint64(together)), left)
		JMP(LabelRef(label))
		Label(label + "_end")
	}
	for i, s := range sums {
		x := XMM()
		XORPS(x, x)
		CVTSQ2SS(s, x)
		MOVSS(x, Mem{Base: out[i]})
		ADDQ(Imm(4), out[i])
	}
	ADDQ(stride, rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	RET()
}
