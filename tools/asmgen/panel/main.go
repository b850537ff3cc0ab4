// Command panel writes the kernels that compare rows with panels of vectors, for
// amd64. Run it by go generate in package vector.
//
// A panel is so many vectors as fill two registers, element by element: first a
// number for each, that its sum begins with, then the first element of each, and
// so on. So six rows are multiplied with a panel by twelve sums, each element of
// a row going to all lanes: eight loads for twelve multiplications, and nothing
// to add up across lanes at the end.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowsTogether is how many rows a call compares.
const rowsTogether = 6

// unrolled is how many elements a turn multiplies.
const unrolled = 4

type set struct {
	name  string
	lanes int
}

func (s set) wide() bool { return s.lanes == 16 }

func (s set) register() reg.VecVirtual {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// load gives the register of so many at an address.
func (s set) load(base reg.Register, at int) reg.VecVirtual {
	v := s.register()
	VMOVUPS(Mem{Base: base, Disp: 4 * s.lanes * at}, v)
	return v
}

func main() {
	for _, s := range []set{{"AVX2", 8}, {"AVX512", 16}} {
		nearest(s)
		scores(s)
	}
	Generate()
}

// sums are those of one turn: by row, two registers each.
type sums [rowsTogether][2]reg.VecVirtual

// rowsOf loads the addresses of the rows.
func rowsOf() (starts [rowsTogether]reg.GPVirtual) {
	rows, stride, ids := Load(Param("rows"), GP64()), Load(Param("stride"), GP64()), Load(Param("ids"), GP64())
	for r := range starts {
		starts[r] = GP64()
		MOVL(Mem{Base: ids, Disp: 4 * r}, starts[r].As32())
		IMULQ(stride, starts[r])
		ADDQ(rows, starts[r])
	}
	return starts
}

// multiply multiplies the rows with the panel, and moves it to the next.
func (s set) multiply(starts [rowsTogether]reg.GPVirtual, panel, dim reg.Register) (out sums) {
	begin := [2]reg.VecVirtual{s.load(panel, 0), s.load(panel, 1)}
	for r := range out {
		for h := range begin {
			out[r][h] = s.register()
			VMOVAPS(begin[h], out[r][h])
		}
	}
	ADDQ(U32(uint32(8*s.lanes)), panel)
	element := func(k reg.Register, i int) {
		b := [2]reg.VecVirtual{s.load(panel, 2*i), s.load(panel, 2*i+1)}
		for r, start := range starts {
			a := s.register()
			VBROADCASTSS(Mem{Base: start, Index: k, Scale: 4, Disp: 4 * i}, a)
			VFMADD231PS(b[0], a, out[r][0])
			VFMADD231PS(b[1], a, out[r][1])
		}
	}
	k, left := GP64(), GP64()
	XORQ(k, k)
	MOVQ(dim, left)
	for _, together := range []int{unrolled, 1} {
		loop := fmt.Sprintf("by%d", together)
		Label(loop)
		SUBQ(Imm(uint64(together)), left)
		JL(LabelRef(loop + "_end"))
		for i := range together {
			element(k, i)
		}
		ADDQ(Imm(uint64(together)), k)
		ADDQ(U32(uint32(together*8*s.lanes)), panel)
		JMP(LabelRef(loop))
		Label(loop + "_end")
		ADDQ(Imm(uint64(together)), left)
	}
	return out
}

// nearest keeps, by row and lane, the greatest sum and the number of its panel.
func nearest(s set) {
	TEXT("panelsNearest"+s.name, NOSPLIT, "func(rows *float32, stride int, ids *uint32, panel *float32, dim, panels int, best *float32, at *uint32)")
	Doc(fmt.Sprintf("panelsNearest%s compares six rows, stride bytes apart, with all panels.", s.name))
	starts := rowsOf()
	panel, dim, panels := Load(Param("panel"), GP64()), Load(Param("dim"), GP64()), Load(Param("panels"), GP64())
	best, at := Load(Param("best"), GP64()), Load(Param("at"), GP64())
	number := GP32()
	XORL(number, number)
	Label("panel")
	out := s.multiply(starts, panel, dim)
	numbers := s.register()
	if s.wide() {
		VPBROADCASTD(number, numbers)
	} else {
		x := XMM()
		VMOVD(number, x)
		VPBROADCASTD(x, numbers)
	}
	const greater = 30 // ordered, quiet
	for r := range out {
		for h, sum := range out[r] {
			bestMem := Mem{Base: best, Disp: 4 * s.lanes * (2*r + h)}
			atMem := Mem{Base: at, Disp: 4 * s.lanes * (2*r + h)}
			if s.wide() {
				mask := K()
				VCMPPS(Imm(greater), bestMem, sum, mask)
				VMOVUPS(sum, mask, bestMem)
				VMOVDQU32(numbers, mask, atMem)
				continue
			}
			// Stores under a mask are slow on some processors.
			mask, kept := s.register(), s.register()
			VMOVUPS(bestMem, kept)
			VCMPPS(Imm(greater), kept, sum, mask)
			VBLENDVPS(mask, sum, kept, kept)
			VMOVUPS(kept, bestMem)
			VMOVUPS(atMem, kept)
			VBLENDVPS(mask, numbers, kept, kept)
			VMOVUPS(kept, atMem)
		}
	}
	INCL(number)
	DECQ(panels)
	JNZ(LabelRef("panel"))
	VZEROUPPER()
	RET()
}

// scores writes all sums, those of a row side by side.
func scores(s set) {
	TEXT("panelsScores"+s.name, NOSPLIT, "func(rows *float32, stride int, ids *uint32, panel *float32, dim, panels int, out *float32, apart int)")
	Doc(fmt.Sprintf("panelsScores%s multiplies six rows, stride bytes apart, with all panels; results of rows lie so many bytes apart.", s.name))
	starts := rowsOf()
	panel, dim, panels := Load(Param("panel"), GP64()), Load(Param("dim"), GP64()), Load(Param("panels"), GP64())
	out, apart := Load(Param("out"), GP64()), Load(Param("apart"), GP64())
	Label("panel")
	sums := s.multiply(starts, panel, dim)
	to := GP64()
	MOVQ(out, to)
	for r := range sums {
		for h, sum := range sums[r] {
			VMOVUPS(sum, Mem{Base: to, Disp: 4 * s.lanes * h})
		}
		if r < rowsTogether-1 {
			ADDQ(apart, to)
		}
	}
	ADDQ(U32(uint32(8*s.lanes)), out)
	DECQ(panels)
	JNZ(LabelRef("panel"))
	VZEROUPPER()
	RET()
}
