package vector

import "unsafe"

// BatchRows is how many rows a Batch holds.
const BatchRows = 16

// A Batch is rows that lie apart. Memory is asked for each as it is added, so
// that it comes while the others are being asked for.
type Batch struct {
	N    int
	rows [BatchRows][]byte
}

// cacheLine is what memory is asked for by, in bytes.
const cacheLine = 64

// Add puts in a row, in the encoding of Column.Row and not null. There must be
// room.
func (b *Batch) Add(row []byte) {
	if len(row) >= 4 {
		prefetch((*uint32)(unsafe.Pointer(&row[0])), (len(row)+cacheLine-1)/cacheLine)
	}
	b.rows[b.N] = row
	b.N++
}

// AddBatch offers the rows of a batch and empties it. id tells the row id of
// row i of it; only those of rows that may be among the nearest are asked for.
func (s *Search) AddBatch(b *Batch, id func(i int) uint64) {
	if s.top.k > 0 {
		for i, row := range b.rows[:b.N] {
			r := s.single(row)
			r.idOf, r.number = id, i
			s.block(&r, 0, 1)
		}
	}
	b.N = 0
}

// AddColumn offers the rows of a column at positions from to to, of which keep has
// a bit a position; nil keeps all. id is as in AddBatch, by position. It returns
// how many were offered, and how many were null.
func (s *Search) AddColumn(c Column, from, to int, keep []byte, id func(position int) uint64) (offered, nulls int) {
	runs, _ := c.(Runs)
	for p := from; p < to; {
		row, n := c.Row(p), 1
		switch {
		case keep != nil && keep[p>>3]&(1<<(p&7)) == 0:
			p++
			continue
		case keep == nil && runs != nil && s.element != Sparse:
			row, n = runs.Run(p)
			n = min(n, to-p)
		}
		if row == nil {
			nulls += n
		} else if offered += n; s.top.k > 0 {
			var r Rows
			if n > 1 {
				r = s.several(row, n)
			} else {
				r = s.single(row)
			}
			r.idOf, r.number = id, p
			s.Add(r)
		}
		p += n
	}
	return offered, nulls
}

// several is n rows, one after the other, as Rows.
func (s *Search) several(rows []byte, n int) Rows {
	r := viewRows(Space{Element: s.element, Dim: len(s.query)}, rows, n, 0)
	if s.element == Bit {
		r.Stride = len(rows) / n
	}
	return r
}

// single is one row as Rows.
func (s *Search) single(row []byte) Rows {
	r := Rows{N: 1, Stride: len(s.query)}
	switch s.element {
	case Float32:
		r.Values = Float32sOf(row)
	case Float16:
		r.Halves = HalvesOf(row)
	case Bit:
		r.Bits, r.Stride = row, len(row)
	case Sparse:
		v := SparseOf(row)
		r.Sparse = SparseRows{Offsets: []int32{0, int32(len(v.Indexes))}, Indexes: v.Indexes, Values: v.Values}
	}
	return r
}
