package ivf

import (
	"slices"
	"unsafe"

	"quiver/vector"
	"quiver/vector/rabitq"
)

// layout is how a list of rows lies in bytes. Without codes: the vectors, in the
// encoding of vector.Column. With them, after blocks of 32 rows if there are
// blocks (the sign codes of all blocks, then the factors of all, 32 each of
// add, rescale and error), the records of the rows. One bit a dimension in
// blocks needs no records.
type layout struct {
	rowBytes                 int // of a vector or record
	blockBytes, factorsBytes int // of a block; 0 without blocks
}

func newLayout(s vector.Space, codec *rabitq.Codec, blocks bool) layout {
	l := layout{rowBytes: s.RowBytes()}
	if codec != nil {
		l.rowBytes = codec.RecordBytes()
		if blocks {
			l.blockBytes, l.factorsBytes = codec.BlockBytes(), int(unsafe.Sizeof(rabitq.BlockFactors{}))
			if codec.Bits() == 1 {
				l.rowBytes = 0
			}
		}
	}
	return l
}

// list is the rows of a list as a search sees them. Rows beyond the blocks have
// their signs in the records alone.
type list struct {
	positions []uint32
	signs     []byte // the sign codes of blocks
	factors   []rabitq.BlockFactors
	rows      []byte // vectors or records
}

// open views the bytes of a list.
func (l *layout) open(b []byte, positions []uint32) list {
	out := list{positions: positions, rows: l.rows(b, len(positions))}
	if n := blocksOf(len(positions)); n > 0 && l.blockBytes > 0 {
		out.signs = b[:n*l.blockBytes]
		factors := b[n*l.blockBytes:][:n*l.factorsBytes]
		out.factors = unsafe.Slice((*rabitq.BlockFactors)(unsafe.Pointer(unsafe.SliceData(factors))), n)
	}
	return out
}

// prefetchedBytes of the signs of a list are asked for while the one before is scored:
// what follows the processor asks for by itself.
const prefetchedBytes = 1 << 10

// prefetch asks for what is read first of a list.
func (l *list) prefetch() {
	vector.Prefetch(l.signs[:min(len(l.signs), prefetchedBytes)])
	factors := factorBytes(l.factors)
	vector.Prefetch(factors[:min(len(factors), prefetchedBytes)])
}

// before is the rows of a list that grows whose positions lie before an end.
func (l *list) before(end int) list {
	n, _ := slices.BinarySearch(l.positions, uint32(end))
	out := *l
	out.positions = l.positions[:n]
	out.factors = l.factors[:min(len(l.factors), blocksOf(n))]
	return out
}

// signed is how many rows have their signs in blocks.
func (l *list) signed() int { return min(len(l.factors)*rabitq.BlockCodes, len(l.positions)) }

func blocksOf(rows int) int { return (rows + rabitq.BlockCodes - 1) / rabitq.BlockCodes }

// size is the bytes of a list of rows.
func (l *layout) size(rows int) int64 {
	return int64(blocksOf(rows))*int64(l.blockBytes+l.factorsBytes) + int64(rows)*int64(l.rowBytes)
}

// block is the sign codes and the factors of a block of a list.
func (l *layout) block(list []byte, rows, i int) ([]byte, *rabitq.BlockFactors) {
	factors := list[blocksOf(rows)*l.blockBytes+i*l.factorsBytes:][:l.factorsBytes]
	return list[i*l.blockBytes:][:l.blockBytes], (*rabitq.BlockFactors)(unsafe.Pointer(unsafe.SliceData(factors)))
}

// rows are the vectors or records of a list.
func (l *layout) rows(list []byte, rows int) []byte {
	return list[blocksOf(rows)*(l.blockBytes+l.factorsBytes):][:rows*l.rowBytes]
}

// widen brings a vector in the encoding of vector.Column to float32, as the
// centroids are; bits are 0 and 1. dst has the dimensions of the space.
func widen(s vector.Space, dst []float32, row []byte) {
	switch s.Element {
	case vector.Float16:
		vector.HalvesToFloat32(dst, vector.HalvesOf(row))
	case vector.Bit:
		for i := range dst {
			dst[i] = float32(row[i/8] >> (7 - i%8) & 1)
		}
	default:
		copy(dst, vector.Float32sOf(row))
	}
}

// spherical: under cosine, vectors are clustered and ranked at length one.
func spherical(s vector.Space) bool { return s.Distance == vector.Cosine }

// encoder encodes the rows of lists; it belongs to one goroutine.
type encoder struct {
	space   vector.Space
	layout  layout
	codec   *rabitq.Codec
	enc     *rabitq.Encoder
	centre  []float32
	wide    []float32
	scratch []byte
	rest    func()
}

// restRows is after how many rows an encoder rests.
const restRows = 256

func newEncoder(s vector.Space, codec *rabitq.Codec, blocks bool) *encoder {
	e := &encoder{space: s, layout: newLayout(s, codec, blocks), codec: codec, wide: make([]float32, s.Dim)}
	if codec != nil {
		e.enc, e.centre = codec.NewEncoder(), make([]float32, codec.Padded())
	}
	return e
}

// list encodes the rows at positions around a centroid into out, which is zeros.
func (e *encoder) list(out []byte, column vector.Column, positions []uint32, centroid []float32) {
	rows := e.layout.rows(out, len(positions))
	if e.codec == nil {
		for i, p := range positions {
			copy(rows[i*e.layout.rowBytes:], column.Row(int(p)))
		}
		return
	}
	e.codec.Rotate(e.centre, centroid)
	for i, p := range positions {
		if i%restRows == restRows-1 {
			e.rest()
		}
		widen(e.space, e.wide, column.Row(int(p)))
		e.scratch = e.enc.Record(e.scratch[:0], e.wide, e.centre)
		if e.layout.rowBytes > 0 {
			copy(rows[i*e.layout.rowBytes:], e.scratch)
		}
		if e.layout.blockBytes > 0 {
			signs, factors := e.layout.block(out, len(positions), i/rabitq.BlockCodes)
			e.enc.PackSigns(signs, i%rabitq.BlockCodes)
			factors.Set(i%rabitq.BlockCodes, e.enc.Sign())
		}
	}
}
