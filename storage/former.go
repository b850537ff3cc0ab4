package storage

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/vector"
)

// absent is a column, as statements see it, of rows in a segment that has not its
// field: what the field that it had before a change of type says, or its missing
// value.
func absent(ctx context.Context, src source, c *catalog.Column, start, end int) (arrow.Array, error) {
	for i := range c.Former {
		f := &c.Former[i]
		one, err := src.load(ctx, nil, []catalog.FieldID{f.Field}, start, end)
		if err != nil {
			return nil, err
		}
		if one[0] != nil {
			return widened(f, one[0], c.Type)
		}
	}
	return missing(c, end-start)
}

// widened turns stored values, whose reference it takes over, of a former field
// into what statements see of the column today.
func widened(f *catalog.FormerField, stored arrow.Array, to types.T) (arrow.Array, error) {
	defer stored.Release()
	return widen(f.Type, f.Type.FromStorage(stored, memory.DefaultAllocator), to)
}

// widen turns values of a type, whose reference it takes over, into those of a
// wider one.
func widen(from types.T, a arrow.Array, to types.T) (arrow.Array, error) {
	if from.OID != to.OID {
		if cast := types.FindCast(from.OID, to.OID); cast != nil && cast.Kernel != nil {
			defer a.Release()
			return cast.Kernel(&types.EvalContext{Mem: memory.DefaultAllocator}, []types.Vec{{Array: a}}, a.Len())
		}
		return a, nil
	}
	fixed, ok := a.(*array.FixedSizeList)
	if !ok {
		return a, nil
	}
	// A vector that had a dimension: those of a column without one are lists.
	defer a.Release()
	return listOf(fixed, to.Arrow()), nil
}

// listOf is the rows of a fixed-size list as a list.
func listOf(a *array.FixedSizeList, t arrow.DataType) arrow.Array {
	n := int(a.DataType().(*arrow.FixedSizeListType).Len())
	offsets := make([]int32, a.Len()+1)
	for i := range offsets {
		offsets[i] = int32((a.Offset() + i) * n)
	}
	validity := array.NewSlice(a, 0, int64(a.Len()))
	defer validity.Release()
	var bits *memory.Buffer
	if a.NullN() > 0 {
		bits = memory.NewBufferBytes(make([]byte, (a.Len()+7)/8))
		for i := range a.Len() {
			if a.IsValid(i) {
				bits.Bytes()[i/8] |= 1 << (i % 8)
			}
		}
	}
	data := array.NewData(t, a.Len(), []*memory.Buffer{bits, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))},
		[]arrow.ArrayData{a.ListValues().Data()}, a.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// formerStats are the bounds that a segment knows of a column by a field that the
// column had; nil if none are known.
func formerStats(ctx context.Context, src source, c *catalog.Column, start int) (*ColumnStats, error) {
	for i := range c.Former {
		f := &c.Former[i]
		s, err := src.stats(ctx, f.Field, f.Type.StorageArrow(), start)
		if s == nil && err == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.fromStorage(f.Type)
		for _, bound := range []*arrow.Array{&s.Min, &s.Max} {
			if *bound == nil {
				continue
			}
			if *bound, err = widen(f.Type, *bound, c.Type); err != nil {
				s.release()
				return nil, err
			}
		}
		return s, nil
	}
	return nil, nil
}

// formerVectors is the column by a field that it had, read by open; what no
// segment has is the missing value. The vectors of both types are alike.
func formerVectors(c *catalog.Column, rows int, h *holder, has func(catalog.FieldID) bool, open func(*catalog.Column) (vector.Column, error)) (vector.Column, error) {
	for _, f := range c.Former {
		if has(f.Field) {
			as := *c
			as.Field, as.Former = f.Field, nil
			return open(&as)
		}
	}
	return missingVectors(c, rows, h)
}
