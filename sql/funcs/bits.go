package funcs

import (
	"math"
	"math/bits"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Bit strings: the functions of Postgres and the distances of pgvector.
func init() {
	for signature, op := range map[string]bitOperator{
		"bitand(bit,bit)": {"AND", func(a, b byte) byte { return a & b }},
		"bitor(bit,bit)":  {"OR", func(a, b byte) byte { return a | b }},
		"bitxor(bit,bit)": {"XOR", func(a, b byte) byte { return a ^ b }},
	} {
		kernel(signature, Lift2E(op.apply))
		aggregateOf("bit_"+signature[len("bit"):len(signature)-len("(bit,bit)")]+"(bit)", op.fold, (*bitState).result)
	}
	kernel("bitnot(bit)", Lift1(bitNot))
	kernel("bitshiftleft(bit,int4)", Lift2(func(v types.Bits, n int32) types.Bits { return shiftBits(v, int64(n)) }))
	kernel("bitshiftright(bit,int4)", Lift2(func(v types.Bits, n int32) types.Bits { return shiftBits(v, -int64(n)) }))
	kernel("bitcat(varbit,varbit)", Lift2E(concatBits))
	kernels("bitcmp(bit,bit) varbitcmp(varbit,varbit)", Lift2(func(a, b types.Bits) int32 { return int32(sign(a.Compare(b))) }))

	kernels("length(bit) bit_length(bit)", Lift1(func(v types.Bits) int32 { return int32(v.Len) }))
	kernel("octet_length(bit)", Lift1(func(v types.Bits) int32 { return int32(len(v.Bytes)) }))
	kernel("bit_count(bit)", Lift1(func(v types.Bits) int64 { return int64(v.Count()) }))
	kernel("get_bit(bit,int4)", Lift2E(func(v types.Bits, i int32) (int32, error) {
		if err := checkBitIndex(v, i); err != nil {
			return 0, err
		}
		return int32(bit(v.Bit(int(i)))), nil
	}))
	kernel("set_bit(bit,int4,int4)", Lift3E(setBit))
	kernel("substring(bit,int4)", Lift2(func(v types.Bits, start int32) types.Bits { return bitsFrom(v, start) }))
	kernel("substring(bit,int4,int4)", Lift3E(bitSubstring))
	kernel("overlay(bit,bit,int4,int4)", Lift4E(bitOverlay))
	kernel("overlay(bit,bit,int4)", Lift3E(func(v, by types.Bits, start int32) (types.Bits, error) {
		return bitOverlay(v, by, start, int32(by.Len))
	}))
	kernel("position(bit,bit)", Lift2(bitPosition))

	kernel("bit(int4,int4)", Lift2(func(v, n int32) types.Bits { return types.BitsOfInt(int64(v), int(max(n, 1))) }))
	kernel("bit(int8,int4)", Lift2(func(v int64, n int32) types.Bits { return types.BitsOfInt(v, int(max(n, 1))) }))
	kernel("int4(bit)", Lift1E(func(v types.Bits) (int32, error) {
		n, err := v.Int(32, "integer")
		return int32(n), err
	}))
	kernel("int8(bit)", Lift1E(func(v types.Bits) (int64, error) { return v.Int(64, "bigint") }))

	kernel("hamming_distance(bit,bit)", Lift2E(func(a, b types.Bits) (float64, error) {
		if a.Len != b.Len {
			return 0, errBitLengths(a, b)
		}
		return HammingDistance(a.Bytes, b.Bytes), nil
	}))
	kernel("jaccard_distance(bit,bit)", Lift2E(func(a, b types.Bits) (float64, error) {
		if a.Len != b.Len {
			return 0, errBitLengths(a, b)
		}
		return JaccardDistance(a.Bytes, b.Bytes), nil
	}))
	markDistances(types.BitOID, "<~>", "<%>")
	kernel("binary_quantize(vector)", Lift1(func(x []float32) types.Bits {
		v := types.NewBits(len(x))
		for i, e := range x {
			v.Bytes[i>>3] |= bit(e > 0) << (7 - i&7)
		}
		return v
	}))
	kernel("binary_quantize(halfvec)", Lift1(func(x []types.Half) types.Bits {
		v := types.NewBits(len(x))
		for i, e := range x {
			v.Bytes[i>>3] |= bit(e.Float32() > 0) << (7 - i&7)
		}
		return v
	}))
}

// bitOperator combines bit strings of one length.
type bitOperator struct {
	name string
	f    func(a, b byte) byte
}

func (o bitOperator) apply(a, b types.Bits) (types.Bits, error) {
	if a.Len != b.Len {
		return types.Bits{}, sqlerr.New(sqlerr.StringDataLengthMismatch, "cannot %s bit strings of different sizes", o.name)
	}
	v := types.NewBits(a.Len)
	for i := range v.Bytes {
		v.Bytes[i] = o.f(a.Bytes[i], b.Bytes[i])
	}
	return v, nil
}

// bitState is the state of bit_and and its like.
type bitState struct {
	value types.Bits
	seen  bool
}

func (o bitOperator) fold(s *bitState, v types.Bits) (err error) {
	if s.seen {
		s.value, err = o.apply(s.value, v)
		return err
	}
	s.value, s.seen = v.Resize(v.Len), true
	return nil
}

func (s *bitState) result() (types.Bits, error) {
	if !s.seen {
		return types.Bits{}, null
	}
	return s.value, nil
}

func bitNot(v types.Bits) types.Bits {
	out := types.NewBits(v.Len)
	for i, b := range v.Bytes {
		out.Bytes[i] = ^b
	}
	if used := v.Len & 7; used != 0 {
		out.Bytes[len(out.Bytes)-1] &= 0xff << (8 - used)
	}
	return out
}

// shiftBits shifts to the left by n, or to the right by -n; zeros come in.
func shiftBits(v types.Bits, n int64) types.Bits {
	length := int64(v.Len)
	switch {
	case n >= length || -n >= length:
		return types.NewBits(v.Len)
	case n >= 0:
		return v.Slice(int(n), v.Len).Resize(v.Len)
	}
	return types.NewBits(int(-n)).Concat(v.Slice(0, int(length+n)))
}

func concatBits(a, b types.Bits) (types.Bits, error) {
	if a.Len > types.BitsLenMax-b.Len {
		return types.Bits{}, sqlerr.New(sqlerr.ProgramLimitExceeded, "bit string length exceeds the maximum allowed (%d)", types.BitsLenMax)
	}
	return a.Concat(b), nil
}

func checkBitIndex(v types.Bits, i int32) error {
	if i < 0 || int(i) >= v.Len {
		return sqlerr.New(sqlerr.ArraySubscriptError, "bit index %d out of valid range (0..%d)", i, v.Len-1)
	}
	return nil
}

func setBit(v types.Bits, i, to int32) (types.Bits, error) {
	if err := checkBitIndex(v, i); err != nil {
		return v, err
	}
	if to != 0 && to != 1 {
		return v, sqlerr.New(sqlerr.InvalidParameterValue, "new bit must be 0 or 1")
	}
	out := v.Resize(v.Len)
	out.SetBit(int(i), to == 1)
	return out, nil
}

// bitsFrom is the part from start, counted from 1, to the end.
func bitsFrom(v types.Bits, start int32) types.Bits {
	from := min(max(int(start), 1)-1, v.Len)
	return v.Slice(from, v.Len)
}

func bitSubstring(v types.Bits, start, count int32) (types.Bits, error) {
	if count < 0 {
		return v, sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	from := max(int64(start), 1) - 1
	to := min(int64(start)+int64(count)-1, int64(v.Len))
	if from >= to {
		return types.NewBits(0), nil
	}
	return v.Slice(int(from), int(to)), nil
}

// bitOverlay replaces count bits from start, counted from 1.
func bitOverlay(v, by types.Bits, start, count int32) (types.Bits, error) {
	if start <= 0 {
		return v, sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	end := int64(start) + int64(count)
	if end > math.MaxInt32 || end < math.MinInt32 {
		return v, sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
	}
	head := v.Slice(0, min(int(start)-1, v.Len))
	joined, err := concatBits(head, by)
	if err != nil {
		return v, err
	}
	return concatBits(joined, bitsFrom(v, int32(end)))
}

// bitPosition is where part begins in v, counted from 1; 0 if nowhere.
func bitPosition(v, part types.Bits) int32 {
	switch {
	case v.Len == 0 || part.Len > v.Len:
		return 0
	case part.Len == 0:
		return 1
	}
	for i := 0; i+part.Len <= v.Len; i++ {
		if v.Bit(i) == part.Bit(0) && v.Slice(i, i+part.Len).Compare(part) == 0 {
			return int32(i) + 1
		}
	}
	return 0
}

// errBitLengths is pgvector's error for bit strings of different length.
func errBitLengths(a, b types.Bits) error {
	return sqlerr.New(sqlerr.DataException, "different bit lengths %d and %d", a.Len, b.Len)
}

// HammingDistance is the number of bits that differ, <~>. x and y are as long.
func HammingDistance(x, y []byte) float64 {
	n := 0
	for i, b := range x {
		n += bits.OnesCount8(b ^ y[i])
	}
	return float64(n)
}

// JaccardDistance is 1 less the share of the ones of either that both have,
// <%>; 1 when none is common.
func JaccardDistance(x, y []byte) float64 {
	both, either := 0, 0
	for i, b := range x {
		both += bits.OnesCount8(b & y[i])
		either += bits.OnesCount8(b | y[i])
	}
	if both == 0 {
		return 1
	}
	return 1 - float64(both)/float64(either)
}
