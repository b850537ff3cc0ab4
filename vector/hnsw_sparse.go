package vector

import (
	"encoding/binary"
	"math"
)

// The form of codes of sparse vectors, codeSparse: a code is the place of a
// record among graphCodec.records, in words, and the record is the vector in the
// encoding of Column.Row: of length 1 under cosine, and under inner products with
// the further element at the index after the last.
//
// Records differ in size, so there is room for so many words: who encodes asks
// reserve for a place first.

// sparsePlace is the bytes of a code.
const sparsePlace = 8

// recordWords is the room that the record of a row takes at most.
func (c *graphCodec) recordWords(row []byte) int {
	n := len(row) / 4
	if c.space.Distance == InnerProduct {
		n += 2
	}
	return n
}

// reserve writes the next place to a code.
func (c *graphCodec) reserve(row, code []byte) {
	binary.LittleEndian.PutUint64(code, uint64(c.used))
	c.used += c.recordWords(row)
}

// record is the vector that a code stands for.
func (c *graphCodec) record(code []byte) SparseVector {
	return SparseOf(bytesOf(c.records[binary.LittleEndian.Uint64(code):]))
}

// encodeSparse writes the record of a vector that has a distance, at the place
// in its code.
func (c *graphCodec) encodeSparse(row, code []byte) {
	v := SparseOf(row)
	n := len(v.Indexes)
	var square float64
	for _, x := range v.Values {
		square += float64(x) * float64(x)
	}
	further := float32(0)
	if left := c.reach - square; c.space.Distance == InnerProduct && left > 0 {
		further = float32(math.Sqrt(left))
	}
	words := c.records[binary.LittleEndian.Uint64(code):][:c.recordWords(row)]
	all := n
	if c.space.Distance == InnerProduct {
		all++
	}
	words[0] = uint32(all)
	indexes, values := words[1:1+all], words[1+all:1+2*all]
	copy(indexes, v.Indexes)
	scale := 1.0
	if c.space.Distance == Cosine {
		scale = 1 / math.Sqrt(square)
	}
	for i, x := range v.Values {
		values[i] = math.Float32bits(float32(float64(x) * scale))
	}
	if all > n {
		indexes[n], values[n] = uint32(c.space.Dim), math.Float32bits(further)
	}
}

// trainSparseReach finds the longest vector.
func (c *graphCodec) trainSparseReach(column Column, end int) {
	for p := range end {
		if row := column.Row(p); row != nil {
			c.reach = max(c.reach, squareOfSparse(row))
		}
	}
}

func squareOfSparse(row []byte) float64 {
	v := SparseOf(row)
	return Dot(v.Values, v.Values)
}

// setSparse takes a vector to score against, in the encoding of Column.Row.
func (s *graphScorer) setSparse(row []byte) bool {
	if !s.has(row) {
		return false
	}
	v := SparseOf(row)
	s.product = s.space.Distance == InnerProduct
	if s.space.Distance == Cosine {
		inverse := 1 / math.Sqrt(Dot(v.Values, v.Values))
		s.buf = s.buf[:0]
		for _, x := range v.Values {
			s.buf = append(s.buf, float32(float64(x)*inverse))
		}
		v.Values = s.buf
	}
	s.table.set(v)
	s.length = float32(math.Sqrt(s.table.square))
	return true
}

// scoreSparse scores nodes: squared distances but under L1, and negative inner
// products with a query.
func (s *graphScorer) scoreSparse(nodes []uint32, out []float32) {
	for _, node := range nodes {
		at := binary.LittleEndian.Uint64(s.codes[int(node)*sparsePlace:])
		prefetch(&s.records[at], sparsePrefetch)
	}
	for i, node := range nodes {
		v := s.record(s.codes[int(node)*sparsePlace:])
		switch {
		case s.product:
			out[i] = float32(-s.table.dot(v))
		case s.space.Distance == L1:
			out[i] = float32(s.table.l1(v))
		default:
			out[i] = float32(s.table.squaredL2(v))
		}
	}
}

// sparsePrefetch is how many lines of a record are asked for ahead.
const sparsePrefetch = 4

// checkRecords tells whether every code leads to a record of ascending indexes.
func (x *graphIndex) checkRecords() bool {
	c := x.codec
	last := c.space.Dim
	if c.space.Distance == InnerProduct {
		last++
	}
	for codes := x.codes; len(codes) > 0; codes = codes[sparsePlace:] {
		at := binary.LittleEndian.Uint64(codes)
		if at >= uint64(len(c.records)) {
			return false
		}
		words := c.records[at:]
		n := uint64(words[0])
		if 1+2*n > uint64(len(words)) {
			return false
		}
		indexes := words[1 : 1+n]
		for i, index := range indexes {
			if index >= uint32(last) || i > 0 && index <= indexes[i-1] {
				return false
			}
		}
	}
	return true
}

// openRecords opens the part, whose size only its codes know.
func openRecords(parts Parts, identity uint64) ([]uint32, error) {
	part, id, err := openPart(parts, partRecords)
	if err != nil {
		return nil, err
	}
	if id != identity || len(part)%4 != 0 {
		return nil, &PartError{partRecords, "not of this index"}
	}
	return wordsOf(part), nil
}

// writeRecords writes the records of nodes in their order, and the codes that
// lead there.
func (im *graphImage) writeRecords(parts PartWriter, identity uint64, order []uint32) error {
	c := im.codec
	code := func(node uint32) []byte { return im.codes[int(node)*sparsePlace:] }
	size := 0
	for _, node := range order {
		size += 1 + 2*len(c.record(code(node)).Indexes)
	}
	w, err := newPartEncoder(parts, partRecords, identity, 4*int64(size))
	if err != nil {
		return err
	}
	for _, node := range order {
		at := binary.LittleEndian.Uint64(code(node))
		if _, err := w.Write(bytesOf(c.records[at:][:1+2*len(c.record(code(node)).Indexes)])); err != nil {
			return w.abort(err)
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	var place uint64
	var out [sparsePlace]byte
	return writeRows(parts, partCodes, identity, order, sparsePlace, func(node uint32) []byte {
		binary.LittleEndian.PutUint64(out[:], place)
		place += uint64(1 + 2*len(c.record(code(node)).Indexes))
		return out[:]
	})
}
