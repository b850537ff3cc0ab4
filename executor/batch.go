package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// batchRows is how many rows operators that build batches put into one.
const batchRows = 1024

// batch is a run of rows in flight between operators: Arrow columns of one
// length. It is an arrow.Record without the schema, whose types stand in the
// plan; the Cursor makes Records of it. A column that nobody reads may be nil.
type batch struct {
	cols []arrow.Array
	rows int
}

// release gives the columns back.
func (b *batch) release() {
	for _, c := range b.cols {
		if c != nil {
			c.Release()
		}
	}
}

// retainAll takes a reference to each array and returns them in a new slice.
func retainAll(cols []arrow.Array) []arrow.Array {
	out := make([]arrow.Array, len(cols))
	for i, c := range cols {
		if c != nil {
			c.Retain()
		}
		out[i] = c
	}
	return out
}

// releaseAll releases arrays that an operator gathered; nil ones are skipped.
func releaseAll(cols []arrow.Array) {
	for _, c := range cols {
		if c != nil {
			c.Release()
		}
	}
}

// slice returns rows from…to-1 as a new batch over the same memory.
func (b *batch) slice(from, to int) *batch {
	out := &batch{cols: make([]arrow.Array, len(b.cols)), rows: to - from}
	for i, c := range b.cols {
		if c != nil {
			out.cols[i] = array.NewSlice(c, int64(from), int64(to))
		}
	}
	return out
}

// arrayBytes estimates the memory behind the rows of an array.
func arrayBytes(a arrow.Array) int64 { return dataBytes(a.Data()) }

func dataBytes(d arrow.ArrayData) int64 {
	n := int64(d.Len())
	total := n/8 + 1
	switch dt := d.DataType().(type) {
	case *arrow.FixedSizeListType:
		if w, ok := dt.Elem().(arrow.FixedWidthDataType); ok {
			return total + n*int64(dt.Len())*int64(w.BitWidth())/8
		}
	case *arrow.StructType, *arrow.ListType:
		for _, c := range d.Children() {
			total += dataBytes(c)
		}
		return total + 4*n
	case *arrow.StringType, *arrow.BinaryType:
		return total + 4*n + offsetSpan(d)
	case arrow.FixedWidthDataType:
		return total + n*int64(dt.BitWidth())/8
	}
	return total
}

// offsetSpan is the length of the bytes that an array's offsets enclose.
func offsetSpan(d arrow.ArrayData) int64 {
	if d.Len() == 0 || d.Buffers()[1] == nil || d.Buffers()[1].Len() == 0 {
		return 0
	}
	offsets := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
	return int64(offsets[d.Offset()+d.Len()] - offsets[d.Offset()])
}

func (b *batch) bytes() int64 {
	var total int64
	for _, c := range b.cols {
		if c != nil {
			total += arrayBytes(c)
		}
	}
	return total
}
