package binlog

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
)

// Codec Packed stores integers, or what differs from one to the next, as their
// distance from the least (a frame of reference), in as few bits as the greatest
// distance has. It unpacks several times as fast as zstd, and numbers that are
// spread over a range pack no worse.

// packing is the head of packed integers.
type packing struct {
	reference uint64 // the least value, or the least difference
	first     uint64 // the value of row 0, of differences
	bits      uint
	diffs     bool
}

const (
	packingBytes = 24
	// packedBitsMax is up to which width a value can be taken out of eight bytes
	// that begin with its first bit.
	packedBitsMax = 56
	// wordBytes of zeros follow packed bits, so that a reader can load whole words.
	wordBytes = 8
)

// packedWidth is the bytes of the values of a type that Packed is for; 0 for
// others.
func packedWidth(dt arrow.DataType) int {
	switch dt.ID() {
	case arrow.INT16, arrow.UINT16:
		return 2
	case arrow.INT32, arrow.UINT32, arrow.DATE32:
		return 4
	case arrow.INT64, arrow.UINT64, arrow.TIME64, arrow.TIMESTAMP:
		return 8
	case arrow.DECIMAL128:
		return 16
	}
	return 0
}

// integersOf appends the integers of a buffer, those under nulls as the one before;
// ok is false if one has more than 64 bits.
func integersOf(dst []int64, values, validity []byte, width, rows int) (_ []int64, ok bool) {
	le := binary.LittleEndian
	for i := range rows {
		if len(validity) > 0 && validity[i/8]>>(i%8)&1 == 0 {
			if i == 0 {
				dst = append(dst, firstValid(values, validity, width, rows))
			} else {
				dst = append(dst, dst[i-1])
			}
			continue
		}
		switch width {
		case 2:
			dst = append(dst, int64(int16(le.Uint16(values[2*i:]))))
		case 4:
			dst = append(dst, int64(int32(le.Uint32(values[4*i:]))))
		case 8:
			dst = append(dst, int64(le.Uint64(values[8*i:])))
		case 16:
			low, high := int64(le.Uint64(values[16*i:])), int64(le.Uint64(values[16*i+8:]))
			if high != low>>63 {
				return dst, false
			}
			dst = append(dst, low)
		}
	}
	return dst, true
}

// firstValid is the low part of the first integer that is not null; 0 if all are.
func firstValid(values, validity []byte, width, rows int) int64 {
	for i := range rows {
		if validity[i/8]>>(i%8)&1 == 0 {
			continue
		}
		var b [8]byte
		copy(b[:], values[i*width:(i+1)*width])
		shift := 64 - 8*min(width, 8)
		return int64(binary.LittleEndian.Uint64(b[:])) << shift >> shift
	}
	return 0
}

// packingOf chooses how to pack integers; ok is false if they take too many bits.
func packingOf(values []int64) (p packing, ok bool) {
	least, most := values[0], values[0]
	leastDiff, mostDiff := int64(0), int64(0)
	for i, v := range values[1:] {
		least, most = min(least, v), max(most, v)
		d := v - values[i] // may wrap: so does its sum
		if i == 0 {
			leastDiff, mostDiff = d, d
		}
		leastDiff, mostDiff = min(leastDiff, d), max(mostDiff, d)
	}
	p = packing{reference: uint64(least), bits: uint(bits.Len64(uint64(most) - uint64(least)))}
	if n := uint(bits.Len64(uint64(mostDiff) - uint64(leastDiff))); n < p.bits {
		p = packing{reference: uint64(leastDiff), first: uint64(values[0]), bits: n, diffs: true}
	}
	return p, p.bits <= packedBitsMax
}

// bytes is how many the packed bits of so many rows take.
func (p *packing) bytes(rows int) int { return packedBytes(rows, p.bits) }

func packedBytes(rows int, bits uint) int { return (rows*int(bits)+7)/8 + wordBytes }

// append appends the head, the validity and the integers.
func (p *packing) append(dst, validity []byte, values []int64) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, p.reference)
	dst = le.AppendUint64(dst, p.first)
	diffs := byte(0)
	if p.diffs {
		diffs = 1
	}
	dst = append(dst, byte(p.bits), diffs, 0, 0, 0, 0, 0, 0)
	dst = append(dst, validity...)
	w := bitWriter{dst: dst, bits: p.bits}
	before := values[0] - int64(p.reference) // so that its difference is the least
	for _, v := range values {
		if p.diffs {
			w.add(uint64(v-before) - p.reference)
			before = v
		} else {
			w.add(uint64(v) - p.reference)
		}
	}
	return w.finish()
}

// bitWriter appends integers of so many bits, the lowest first.
type bitWriter struct {
	dst   []byte
	bits  uint
	word  uint64
	count uint // bits of word
}

func (w *bitWriter) add(v uint64) {
	w.word |= v << w.count
	w.count += w.bits
	for w.count >= 8 {
		w.dst = append(w.dst, byte(w.word))
		w.word >>= 8
		w.count -= 8
	}
}

// finish appends what is left and the zeros after it.
func (w *bitWriter) finish() []byte {
	if w.count > 0 {
		w.dst = append(w.dst, byte(w.word))
	}
	return append(w.dst, make([]byte, wordBytes)...)
}

// bitReader takes integers out of packed bits, which it has checked to hold them.
type bitReader struct {
	b    []byte
	bits uint
	mask uint64
}

func newBitReader(b []byte, rows int, bits uint) (bitReader, error) {
	if bits > packedBitsMax || len(b) != packedBytes(rows, bits) {
		return bitReader{}, fmt.Errorf("%d bytes do not hold %d values of %d bits", len(b), rows, bits)
	}
	return bitReader{b: b, bits: bits, mask: 1<<bits - 1}, nil
}

func (r *bitReader) at(i int) uint64 {
	bit := uint(i) * r.bits
	return binary.LittleEndian.Uint64(r.b[bit>>3:]) >> (bit & 7) & r.mask
}

// unpackIntegers writes the body of an event of codec Packed: validity and values
// of a type, each padded.
func unpackIntegers(stored, dst []byte, dt arrow.DataType, lengths []int64, rows int) error {
	width := packedWidth(dt)
	if width == 0 || len(lengths) != 2 || lengths[1] != int64(rows*width) || alignUp(lengths[0])+alignUp(lengths[1]) != int64(len(dst)) {
		return fmt.Errorf("no %d packed integers", rows)
	}
	valid := int(lengths[0])
	if len(stored) < packingBytes+valid {
		return errShort
	}
	le := binary.LittleEndian
	p := packing{reference: le.Uint64(stored), first: le.Uint64(stored[8:]), bits: uint(stored[16]), diffs: stored[17] == 1}
	if le.Uint64(stored[16:])>>9 != 0 {
		return fmt.Errorf("malformed head of packed integers")
	}
	r, err := newBitReader(stored[packingBytes+valid:], rows, p.bits)
	if err != nil {
		return err
	}
	n := copy(dst, stored[packingBytes:packingBytes+valid])
	values := int(alignUp(lengths[0]))
	clear(dst[n:values])
	out := dst[values:]
	p.unpack(&r, out, width, rows)
	clear(out[rows*width:])
	return nil
}

func (p *packing) unpack(r *bitReader, out []byte, width, rows int) {
	switch width {
	case 4:
		unpackInto(p, r, arrow.Uint32Traits.CastFromBytes(out[:4*rows]))
	case 8:
		unpackInto(p, r, arrow.Uint64Traits.CastFromBytes(out[:8*rows]))
	default:
		v := p.first - p.reference
		for i := range rows {
			if p.diffs {
				v += r.at(i) + p.reference
			} else {
				v = r.at(i) + p.reference
			}
			putInteger(out, i, width, v)
		}
	}
}

// unpackInto is unpack for the widths that most columns have.
func unpackInto[T uint32 | uint64](p *packing, r *bitReader, out []T) {
	reference := T(p.reference)
	switch {
	case p.diffs:
		v := T(p.first) - reference
		b, bits, mask := r.b, r.bits, r.mask
		bit := uint(0)
		for i := range out {
			v += T(binary.LittleEndian.Uint64(b[bit>>3:])>>(bit&7)&mask) + reference
			out[i] = v
			bit += bits
		}
	case r.bits <= packedFourBits:
		unpackFours(r, out, reference)
	default:
		b, bits, mask := r.b, r.bits, r.mask
		bit := uint(0)
		for i := range out {
			out[i] = T(binary.LittleEndian.Uint64(b[bit>>3:])>>(bit&7)&mask) + reference
			bit += bits
		}
	}
}

// packedFourBits is up to which width eight bytes that begin with the first bit of a
// value hold that of the third after it, too.
const packedFourBits = 14

// unpackFours takes four values out of each word that it loads.
func unpackFours[T uint32 | uint64](r *bitReader, out []T, reference T) {
	b, bits, mask := r.b, r.bits, r.mask
	bit := uint(0)
	whole := len(out) &^ 3
	for i := 0; i < whole; i += 4 {
		word := binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7)
		four := out[i : i+4 : i+4]
		four[0] = T(word&mask) + reference
		word >>= bits & 63
		four[1] = T(word&mask) + reference
		word >>= bits & 63
		four[2] = T(word&mask) + reference
		word >>= bits & 63
		four[3] = T(word&mask) + reference
		bit += 4 * bits
	}
	for i := whole; i < len(out); i++ {
		out[i] = T(r.at(i)) + reference
	}
}

func putInteger(out []byte, i, width int, v uint64) {
	le := binary.LittleEndian
	switch width {
	case 2:
		le.PutUint16(out[2*i:], uint16(v))
	case 4:
		le.PutUint32(out[4*i:], uint32(v))
	case 8:
		le.PutUint64(out[8*i:], v)
	case 16:
		le.PutUint64(out[16*i:], v)
		le.PutUint64(out[16*i+8:], uint64(int64(v)>>63))
	}
}

const (
	// sampleBytes of an event's values tell what zstd makes of them.
	sampleBytes = 16 << 10
	// packedWorth: Packed is taken when it needs at most a tenth more than zstd
	// would, for it unpacks faster.
	packedWorth = 1.1
)

// pack appends integers by codec Packed to s.packed if that suits them.
func (s *eventScratch) pack(e *Event, f *Field, l *layout) bool {
	width := packedWidth(f.Type)
	if width == 0 || e.Rows == 0 {
		return false
	}
	validity, values := l.buffers[0], l.buffers[1]
	var ok bool
	if s.integers, ok = integersOf(s.integers[:0], values, validity, width, e.Rows); !ok {
		return false
	}
	p, ok := packingOf(s.integers)
	if !ok {
		return false
	}
	sample := values[:min(len(values), sampleBytes)]
	s.packed = encodeZstd(f.Level, sample, s.packed[:0])
	zstd := float64(len(s.packed)) / float64(len(sample)) * float64(len(values))
	if size := p.bytes(e.Rows) + packingBytes + len(validity); size >= int(e.RawBytes) || float64(size) > zstd*packedWorth {
		return false
	}
	s.packed = p.append(s.packed[:0], validity, s.integers)
	return true
}
