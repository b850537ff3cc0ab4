package rabitq

import (
	"math"
)

// BlockCodes is the number of codes of a block.
const BlockCodes = 32

// A block has the sign bits of 32 codes. For each 4 dimensions, a table, there
// are 16 bytes: the low half of byte i has the 4 bits of code i, dimension 4t
// lowest, the high half those of code i+16.

// BlockBytes is the size of a block.
func (c *Codec) BlockBytes() int { return c.padded / 4 * 16 }

// PackSigns sets code i, below 32, of a block to the sign bits of the vector
// encoded last. The block begins all zero.
func (e *Encoder) PackSigns(block []byte, i int) {
	top := e.codec.bits - 1
	shift := i / 16 * 4
	for t := range e.codec.padded / 4 {
		u := e.u[4*t : 4*t+4]
		nibble := u[0]>>top | u[1]>>top<<1 | u[2]>>top<<2 | u[3]>>top<<3
		block[16*t+i%16] |= nibble << shift
	}
}

// blockTables are the sums that each 4 bits of a code stand for.
type blockTables struct {
	ready bool
	// bytes are the sums in 8 bits, 16 a table: (sum - least of the table) / step.
	bytes   []uint8
	base    float32 // Σ of the leasts
	step    float32
	epsilon float32
	// terms of bounds, and rounding, which is in their base: SignEpsilon times that
	// of the bytes.
	terms    boundTerms
	rounding float32
}

// prepareBlocks makes the tables of the present centre.
func (q *Query) prepareBlocks() {
	b := &q.tables
	if b.ready {
		return
	}
	b.ready = true
	tables := q.codec.padded / 4
	if b.bytes == nil {
		b.bytes = make([]uint8, 16*tables)
	}
	// The greatest entry of a table less the least is the sum of the absolutes.
	var widest, absolutes, sum int32
	for t := range tables {
		wide := int32(0)
		for _, v := range q.flat[4*t : 4*t+4] {
			wide += max(int32(v), -int32(v))
			sum += int32(v)
		}
		widest = max(widest, wide)
		absolutes += wide
	}
	b.base = float32((sum - absolutes) / 2)
	widest = max(widest, 1)
	b.step = float32(widest) / 255
	// Bytes are the upper half of what is summed.
	inverse := (255 << 32) / int64(widest)
	for t := range tables {
		w := q.flat[4*t : 4*t+4]
		var entries [16]int64
		entries[0] = 1 << 31
		for _, v := range w {
			entries[0] -= min(int64(v), 0) * inverse
		}
		for i, v := range w {
			v := int64(v) * inverse
			for j := range 1 << i {
				entries[1<<i+j] = entries[j] + v
			}
		}
		bytes := b.bytes[16*t : 16*t+16]
		for i, e := range entries {
			bytes[i] = uint8(e >> 32)
		}
	}
	scale := b.step * q.scale
	epsilon := q.SignEpsilon
	if epsilon == 0 {
		epsilon = q.Epsilon
	}
	b.rounding = epsilon * scale * float32(math.Sqrt(float64(tables)/12))
	b.terms = boundTerms{scale: scale, base: b.base*q.scale + q.signSum + b.rounding}
	b.epsilon = epsilon
}

// ScoreBlock estimates the 32 codes of a block by their sign bits, with the
// factors of the sign bits (Encoder.Sign) side by side: add, rescale and error
// of 32 codes each.
func (q *Query) ScoreBlock(block []byte, factors *BlockFactors, out *[BlockCodes]Estimate) {
	sums := q.sumsOf(block)
	b := &q.tables
	q.finishing = finishing{
		scale: b.step * q.scale, base: b.base*q.scale + q.signSum, add: q.add, epsilon: q.Epsilon, length: q.length,
		// A byte of a table is off by half a step at most, evenly spread.
		rounding: b.step * q.scale * float32(math.Sqrt(float64(q.codec.padded/4)/12)),
	}
	kernel.finish(sums, factors, &q.finishing, out)
}

// BelowBlocks is how many blocks ScoreBelow takes at once.
const BelowBlocks = 16

// Below is what ScoreBelow finds: of each block a bit for each code whose bound is
// below the limit, or is no number, and the bounds of all.
type Below struct {
	Masks [BelowBlocks]uint32
	Lows  [BelowBlocks][BlockCodes]float32
}

// ScoreBelow is ScoreBlock for the bounds alone, of as many blocks as there are
// factors: BelowBlocks at most, which lie one after the other.
func (q *Query) ScoreBelow(blocks []byte, factors []BlockFactors, limit float32, out *Below) {
	q.prepareBlocks()
	terms := &q.tables.terms
	terms.add, terms.limit, terms.error = q.add, limit, q.tables.epsilon*q.length
	size := q.codec.BlockBytes()
	blocks = blocks[:len(factors)*size]
	if size <= tablesMax*16 {
		kernel.below(blocks, q.tables.bytes, factors, terms, out)
		return
	}
	for i := range factors {
		out.Masks[i] = kernel.lows(q.sumsOf(blocks[i*size:]), &factors[i], terms, &out.Lows[i])
	}
}

// sumsOf are the sums of the entries that the codes of a block select: valid
// until the next call.
func (q *Query) sumsOf(block []byte) *[BlockCodes]uint32 {
	q.prepareBlocks()
	sums := &q.blockSums
	clear(sums[:])
	block = block[:q.codec.BlockBytes()]
	for tables := q.tables.bytes; len(tables) > 0; {
		n := min(len(tables), tablesMax*16)
		kernel.blockSums(block[:n], tables[:n], sums)
		block, tables = block[n:], tables[n:]
	}
	return sums
}

// Spread is how far above its bound by ScoreBelow the score of code i of a block
// may be as well.
func (q *Query) Spread(factors *BlockFactors, i int) float32 {
	return 2 * (factors.Error[i]*q.tables.terms.error - factors.Rescale[i]*q.tables.rounding)
}

// BlockFactors are the factors of the sign bits of a block's codes.
type BlockFactors struct {
	Add, Rescale, Error [BlockCodes]float32
}

// tablesMax is how many tables a kernel takes at once: their sums fit 16 bits.
const tablesMax = 256

// Set sets the factors of code i.
func (b *BlockFactors) Set(i int, f Factors) {
	b.Add[i], b.Rescale[i], b.Error[i] = f.Add, f.Rescale, f.Error
}
