// Package simd has what the generators of kernels share: registers of two
// widths, and the steps that are written otherwise in each.
package simd

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Set is an instruction set by the bytes of its registers.
type Set struct {
	Name  string
	Bytes int
}

// The sets.
var (
	AVX2   = Set{"AVX2", 32}
	AVX512 = Set{"AVX512", 64}
)

// Wide says whether registers have 512 bits.
func (s Set) Wide() bool { return s.Bytes == AVX512.Bytes }

// Floats is how many float32 a register has.
func (s Set) Floats() int { return s.Bytes / 4 }

// Register is a new register.
func (s Set) Register() reg.VecVirtual {
	if s.Wide() {
		return ZMM()
	}
	return YMM()
}

// Half is a new register of half the width.
func (s Set) Half() reg.VecVirtual {
	if s.Wide() {
		return YMM()
	}
	return XMM()
}

// Clear makes v zero.
func (s Set) Clear(v reg.VecVirtual) {
	if s.Wide() {
		VPXORD(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
}

// Zero is a new register of zeros.
func (s Set) Zero() reg.VecVirtual {
	v := s.Register()
	s.Clear(v)
	return v
}

// Load is a new register of what lies at m.
func (s Set) Load(m Mem) reg.VecVirtual {
	v := s.Register()
	if s.Wide() {
		VMOVDQU64(m, v)
	} else {
		VMOVDQU(m, v)
	}
	return v
}

// And and Xor combine bits; a may be memory.
func (s Set) And(a Op, b, to reg.VecVirtual) {
	if s.Wide() {
		VPANDD(a, b, to)
	} else {
		VPAND(a, b, to)
	}
}

// Xor is as And.
func (s Set) Xor(a Op, b, to reg.VecVirtual) {
	if s.Wide() {
		VPXORD(a, b, to)
	} else {
		VPXOR(a, b, to)
	}
}

// Broadcast is a new register with a word of 32 bits in all lanes.
func (s Set) Broadcast(word uint32) reg.VecVirtual {
	general, x, v := GP32(), XMM(), s.Register()
	MOVL(U32(word), general)
	VMOVD(general, x)
	VPBROADCASTD(x, v)
	return v
}

// Fold adds the upper half of v to the lower one by add, until 256 bits are left.
func (s Set) Fold(v reg.VecVirtual, add func(a, b, sum Op)) reg.VecVirtual {
	if !s.Wide() {
		return v
	}
	high, sum := YMM(), YMM()
	VEXTRACTI64X4(Imm(1), v, high)
	add(high, v.AsY(), sum)
	return sum
}

// Upper is the upper 128 bits of 256. Of AVX-512 avo takes any of 32 registers,
// which not all instructions of AVX2 know.
func (s Set) Upper(v reg.VecVirtual) reg.VecVirtual {
	high := XMM()
	if s.Wide() {
		VEXTRACTI32X4(Imm(1), v.AsY(), high)
	} else {
		VEXTRACTI128(Imm(1), v.AsY(), high)
	}
	return high
}

// Sum adds the lanes of 32 bits of v up.
func (s Set) Sum(v reg.VecVirtual, add func(a, b, sum Op)) reg.VecVirtual {
	v = s.Fold(v, add)
	sum, other := s.Upper(v), XMM()
	add(v.AsX(), sum, sum)
	VPSHUFD(Imm(0b01001110), sum, other)
	add(other, sum, sum)
	VPSHUFD(Imm(0b10110001), sum, other)
	add(other, sum, sum)
	return sum
}

// FourSums is Sum of four registers, side by side.
func (s Set) FourSums(of []reg.VecVirtual, add func(a, b, sum Op)) reg.VecVirtual {
	var pairs [2]reg.VecVirtual // sums of two, by turns
	for i := range pairs {
		a, b := s.Fold(of[2*i], add), s.Fold(of[2*i+1], add)
		low, high := YMM(), YMM()
		VUNPCKLPS(b, a, low)
		VUNPCKHPS(b, a, high)
		add(high, low, low)
		pairs[i] = low
	}
	low, high := YMM(), YMM()
	VUNPCKLPD(pairs[1], pairs[0], low)
	VUNPCKHPD(pairs[1], pairs[0], high)
	add(high, low, low)
	sums := s.Upper(low)
	add(low.AsX(), sums, sums)
	return sums
}

// Doubles widens the lower (0) or the upper (1) half of the float32 of v.
func (s Set) Doubles(v reg.VecVirtual, half int) reg.VecVirtual {
	narrow, wide := s.Half(), s.Register()
	switch {
	case half == 1 && s.Wide():
		VEXTRACTF64X4(Imm(1), v, narrow)
		VCVTPS2PD(narrow, wide)
	case half == 1:
		VEXTRACTF128(Imm(1), v, narrow)
		VCVTPS2PD(narrow, wide)
	case s.Wide():
		VCVTPS2PD(v.AsY(), wide)
	default:
		VCVTPS2PD(v.AsX(), wide)
	}
	return wide
}

// Gather is the float32 that lie at so many elements behind base, in the lanes that
// mask has, which it clears; zero in others.
func (s Set) Gather(base reg.Register, at reg.VecVirtual, mask Op) reg.VecVirtual {
	from, to := Mem{Base: base, Index: at, Scale: 4}, s.Zero()
	if s.Wide() {
		VGATHERDPS(from, mask, to)
	} else {
		VGATHERDPS(mask, from, to)
	}
	return to
}

// AllLanes is a mask for Gather; v is any register that has been set.
func (s Set) AllLanes(v reg.VecVirtual) Op {
	if s.Wide() {
		mask := K()
		VPCMPEQD(v, v, mask)
		return mask
	}
	mask := s.Register()
	VPCMPEQD(v, v, mask)
	return mask
}

// LowBits is a mask of so many lowest bits, fewer than 64.
func LowBits(count reg.Register) reg.OpmaskVirtual {
	bits, mask := GP64(), K()
	MOVQ(U32(1), bits)
	MOVQ(count, reg.RCX)
	SHLQ(reg.CL, bits)
	DECQ(bits)
	KMOVQ(bits, mask)
	return mask
}

// MultiplyAddWords adds the products of int16, in pairs, to the int32 of sum, by
// VPDPWSSD of the extension VNNI, which avo does not know. a may be memory.
func MultiplyAddWords(a Op, b, sum reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPWSSD", Operands: []Op{a, b, sum},
		Inputs: []Op{a, b, sum}, Outputs: []Op{sum},
		ISA: []string{"AVX512VNNI"},
	})
}

// Argument is where a parameter lies.
func Argument(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}
