package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/sql/sqlerr"
	"quiver/storage"
	"quiver/vector"
)

// nearest keeps the k rows nearest to a query of those it is shown: exactly, by
// comparing all.
type nearest struct {
	k        int
	query    []float32
	search   *vector.Search // nil for a null query
	nulls    *vector.TopK   // rows without a distance, by row id
	compared int64
	keep     []byte
}

func newNearest(d vector.Distance, q []float32, k int) *nearest {
	s := &nearest{k: k, query: q, nulls: vector.NewTopK(k)}
	if q != nil {
		s.search = vector.NewSearch(d, q, k)
	}
	return s
}

func (s *nearest) run(ctx context.Context, scanner storage.Scanner) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := scanner.Next(ctx)
		if err != nil || b == nil {
			return err
		}
		err = s.add(b)
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
	fixed, ok := col.(*array.FixedSizeList)
	if !ok {
		return s.addEach(b, col, ids, n)
	}
	keep := s.validRows(b, col, n)
	dims := int(fixed.DataType().(*arrow.FixedSizeListType).Len())
	if dims != len(s.query) {
		if keep == nil || bitutil.CountSetBits(keep, 0, n) > 0 {
			return differentDimensions(dims, len(s.query))
		}
		return nil
	}
	values, start, _ := vectorAt(fixed, 0)
	s.search.Add(vector.Rows{Values: values[start:], Stride: dims, N: n, IDs: ids, Keep: keep})
	return nil
}

func differentDimensions(a, b int) error {
	return sqlerr.New(sqlerr.DataException, "different vector dimensions %d and %d", a, b)
}

// addEach is add for a column whose vectors have a dimension each.
func (s *nearest) addEach(b *storage.Batch, col arrow.Array, ids []uint64, n int) error {
	for i := range n {
		if !b.Visible.Get(i) || col.IsNull(i) {
			continue
		}
		values, start, end := vectorAt(col, i)
		if int(end-start) != len(s.query) {
			return differentDimensions(int(end-start), len(s.query))
		}
		s.search.Add(vector.Rows{Values: values[start:end], Stride: len(s.query), N: 1, IDs: ids[i : i+1]})
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
