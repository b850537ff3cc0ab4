package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/storage"
	"quiver/vector"
)

// nearest keeps the k rows nearest to a query of those it is shown: exactly, by
// comparing all.
type nearest struct {
	k        int
	space    vector.Space
	search   *vector.Search // nil for a null query
	nulls    *vector.TopK   // rows without a distance, by row id
	compared int64
	keep     []byte
	row      []byte // reused
}

// newNearest begins a search for the rows nearest to q, in the encoding of
// vector.Column; nil is a null.
func newNearest(space vector.Space, q []byte, k int) *nearest {
	s := &nearest{k: k, space: space, nulls: vector.NewTopK(k)}
	if q != nil {
		s.search = vector.NewSpaceSearch(space, q, k)
	}
	return s
}

// runNearest shows all rows of a scanner to searches.
func runNearest(ctx context.Context, scanner storage.Scanner, searches []*nearest) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := scanner.Next(ctx)
		if err != nil || b == nil {
			return err
		}
		for _, s := range searches {
			if err = s.add(b); err != nil {
				break
			}
		}
		b.Record.Release()
		if err != nil {
			return err
		}
	}
}

// add compares the visible rows of a batch with the query.
func (s *nearest) add(b *storage.Batch) error {
	col := b.Record.Column(0)
	ids := b.Record.Column(1).(*array.Uint64).Uint64Values()
	n := int(b.Record.NumRows())
	if s.search == nil || col.NullN() > 0 {
		for i := range n {
			if b.Visible.Get(i) && (s.search == nil || col.IsNull(i)) {
				s.nulls.Push(vector.Neighbor{Row: ids[i]})
			}
		}
	}
	if s.search == nil {
		return nil
	}
	s.compared += int64(b.Kept)
	rows := vector.Rows{N: n, IDs: ids}
	dims := 0
	switch c := col.(type) {
	case *array.FixedSizeList:
		dims = int(c.DataType().(*arrow.FixedSizeListType).Len())
		start, _ := c.ValueOffsets(0)
		rows.Stride = dims
		switch values := c.ListValues().(type) {
		case *array.Float32:
			rows.Values = values.Float32Values()[start:]
		case *array.Float16:
			rows.Halves = halves(values)[start:]
		}
	case *array.Binary:
		var uniform bool
		if s.space.Element == vector.Bit {
			rows.Bits, rows.Stride, uniform = uniformBits(c, s.space.Dim)
		}
		if !uniform {
			return s.addEach(b, col, ids, n)
		}
		dims = s.space.Dim
	default:
		return s.addEach(b, col, ids, n)
	}
	rows.Keep = s.validRows(b, col, n)
	if dims != s.space.Dim {
		if rows.Keep == nil || bitutil.CountSetBits(rows.Keep, 0, n) > 0 {
			return errDimensions(s.space.Element, dims, s.space.Dim)
		}
		return nil
	}
	s.search.Add(rows)
	return nil
}

// addEach is add for a column whose vectors have a dimension each.
func (s *nearest) addEach(b *storage.Batch, col arrow.Array, ids []uint64, n int) error {
	for i := range n {
		if !b.Visible.Get(i) || col.IsNull(i) {
			continue
		}
		var dims int
		s.row, dims = appendVector(s.row[:0], s.space.Element, col, i)
		if dims != s.space.Dim {
			return errDimensions(s.space.Element, dims, s.space.Dim)
		}
		s.search.Add(vectorRow(s.space.Element, s.row, dims, ids[i:i+1]))
	}
	return nil
}

// validRows is a bitmap of the visible rows with a vector; nil: all of them.
func (s *nearest) validRows(b *storage.Batch, col arrow.Array, n int) []byte {
	if col.NullN() == 0 {
		return b.Visible
	}
	size := int(bitutil.BytesForBits(int64(n)))
	if cap(s.keep) < size {
		s.keep = make([]byte, size)
	}
	keep := s.keep[:size]
	clear(keep)
	for i := range n {
		if b.Visible.Get(i) && col.IsValid(i) {
			bitutil.SetBit(keep, i)
		}
	}
	return keep
}

func (s *nearest) merge(other *nearest) {
	s.nulls.Merge(other.nulls)
	if s.search != nil {
		s.search.Top().Merge(other.search.Top())
	}
}

// sorted returns the k nearest rows, in order.
func (s *nearest) sorted() []foundRow {
	var out []foundRow
	if s.search != nil {
		for _, n := range s.search.Top().Sorted() {
			out = append(out, foundRow{id: storage.RowID(n.Row), distance: n.Distance, segment: -1})
		}
	}
	for _, n := range s.nulls.Sorted() {
		out = append(out, foundRow{id: storage.RowID(n.Row), null: true, segment: -1})
	}
	return slices.Clip(out[:min(len(out), s.k)])
}
