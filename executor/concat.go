package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
)

// errBatchTooLarge: a string column of one batch is beyond 2 GiB, which the
// 32-bit offsets of Arrow cannot hold.
var errBatchTooLarge = sqlerr.New(sqlerr.ProgramLimitExceeded, "values of one batch exceed 2 GiB")

// concat joins arrays of one SQL type into one. vector values may arrive as
// List and as FixedSizeList; the result is a List then.
func concat(mem memory.Allocator, arrays []arrow.Array) (arrow.Array, error) {
	if len(arrays) == 1 {
		arrays[0].Retain()
		return arrays[0], nil
	}
	mixed := false
	for _, a := range arrays[1:] {
		if !arrow.TypeEqual(a.DataType(), arrays[0].DataType()) {
			mixed = true
			break
		}
	}
	if mixed {
		var err error
		if arrays, err = toLists(mem, arrays); err != nil {
			return nil, err
		}
		defer releaseAll(arrays)
	}
	return array.Concatenate(arrays, mem)
}

// toLists turns fixed-size lists into lists and keeps the rest.
func toLists(mem memory.Allocator, arrays []arrow.Array) ([]arrow.Array, error) {
	out := make([]arrow.Array, len(arrays))
	for i, a := range arrays {
		if fixed, ok := a.(*array.FixedSizeList); ok {
			out[i] = listOf(mem, fixed)
		} else {
			a.Retain()
			out[i] = a
		}
	}
	return out, nil
}

// listOf is a as a List over the same values.
func listOf(mem memory.Allocator, a *array.FixedSizeList) arrow.Array {
	elem := a.DataType().(*arrow.FixedSizeListType).ElemField()
	n := int32(a.DataType().(*arrow.FixedSizeListType).Len())
	offsets := newBuffer(mem, 4*(a.Len()+1))
	defer offsets.Release()
	to := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	start := int32(a.Data().Offset()) * n
	for i := range to {
		to[i] = start + int32(i)*n
	}
	validity := shiftedValidity(mem, a)
	defer releaseBuffer(validity)
	data := array.NewData(arrow.ListOfField(elem), a.Len(), []*memory.Buffer{validity, offsets}, []arrow.ArrayData{a.ListValues().Data()}, a.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// shiftedValidity is a's validity bitmap from bit 0; nil when all are valid.
func shiftedValidity(mem memory.Allocator, a arrow.Array) *memory.Buffer {
	if a.NullN() == 0 {
		return nil
	}
	rows := make([]int32, a.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	b, _ := takeValidity(mem, a, rows)
	return b
}

// concatBatches joins batches into one; it does not release them.
func concatBatches(mem memory.Allocator, batches []*batch) (*batch, error) {
	if len(batches) == 1 {
		return &batch{cols: retainAll(batches[0].cols), rows: batches[0].rows}, nil
	}
	out := &batch{cols: make([]arrow.Array, len(batches[0].cols))}
	parts := make([]arrow.Array, len(batches))
	for i := range out.cols {
		for k, b := range batches {
			parts[k] = b.cols[i]
		}
		c, err := concat(mem, parts)
		if err != nil {
			out.release()
			return nil, err
		}
		out.cols[i] = c
	}
	for _, b := range batches {
		out.rows += b.rows
	}
	return out, nil
}
