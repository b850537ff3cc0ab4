package executor

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// noRow in an index list of take makes a null: the padding of outer joins.
const noRow = int32(-1)

// take returns the values of a at rows, in that order; the caller releases the
// result. It serves every storage type of package types, which compute.Take of
// the library does not do without a large import and a copy of its own.
func take(mem memory.Allocator, a arrow.Array, rows []int32) arrow.Array {
	validity, nulls := takeValidity(mem, a, rows)
	defer releaseBuffer(validity)
	var data *array.Data
	switch dt := a.DataType().(type) {
	case *arrow.NullType:
		return array.NewNull(len(rows))
	case *arrow.BooleanType:
		data = takeBits(mem, a, rows, validity, nulls)
	case *arrow.StringType, *arrow.BinaryType:
		data = takeBytes(mem, a, rows, validity, nulls)
	case *arrow.ListType:
		data = takeList(mem, a.(*array.List), rows, validity, nulls)
	case *arrow.FixedSizeListType:
		data = takeFixedList(mem, a.(*array.FixedSizeList), int(dt.Len()), rows, validity, nulls)
	case *arrow.StructType:
		data = takeStruct(mem, a.(*array.Struct), rows, validity, nulls)
	case arrow.FixedWidthDataType:
		values := takeWidth(mem, a.Data(), dt.BitWidth()/8, rows)
		data = array.NewData(a.DataType(), len(rows), []*memory.Buffer{validity, values}, nil, nulls, 0)
		values.Release()
	default:
		panic(fmt.Sprintf("executor: take of %s", a.DataType()))
	}
	defer data.Release()
	return array.MakeFromData(data)
}

func releaseBuffer(b *memory.Buffer) {
	if b != nil {
		b.Release()
	}
}

func newBuffer(mem memory.Allocator, size int) *memory.Buffer {
	b := memory.NewResizableBuffer(mem)
	b.Resize(size)
	return b
}

// takeValidity builds the validity bitmap of the result, nil when all rows are
// valid.
func takeValidity(mem memory.Allocator, a arrow.Array, rows []int32) (*memory.Buffer, int) {
	nulls := 0
	hasNulls := a.NullN() > 0
	for _, r := range rows {
		if r < 0 || hasNulls && a.IsNull(int(r)) {
			nulls++
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	b := newBuffer(mem, int(bitutil.BytesForBits(int64(len(rows)))))
	bits := b.Bytes()
	clear(bits)
	for i, r := range rows {
		if r >= 0 && !(hasNulls && a.IsNull(int(r))) {
			bitutil.SetBit(bits, i)
		}
	}
	return b, nulls
}

func takeBits(mem memory.Allocator, a arrow.Array, rows []int32, validity *memory.Buffer, nulls int) *array.Data {
	values := newBuffer(mem, int(bitutil.BytesForBits(int64(len(rows)))))
	defer values.Release()
	bits := values.Bytes()
	clear(bits)
	src := a.(*array.Boolean)
	for i, r := range rows {
		if r >= 0 && src.Value(int(r)) {
			bitutil.SetBit(bits, i)
		}
	}
	return array.NewData(a.DataType(), len(rows), []*memory.Buffer{validity, values}, nil, nulls, 0)
}

// takeWidth gathers fixed-width values; rows of -1 are left zero.
func takeWidth(mem memory.Allocator, d arrow.ArrayData, width int, rows []int32) *memory.Buffer {
	out := newBuffer(mem, width*len(rows))
	var src []byte
	if b := d.Buffers()[1]; b != nil {
		src = b.Bytes()[d.Offset()*width:]
	}
	gather(out.Bytes(), src, width, rows)
	return out
}

func gather(dst, src []byte, width int, rows []int32) {
	switch width {
	case 4:
		gatherAs(arrow.Uint32Traits.CastFromBytes(dst), arrow.Uint32Traits.CastFromBytes(src), rows)
	case 8:
		gatherAs(arrow.Uint64Traits.CastFromBytes(dst), arrow.Uint64Traits.CastFromBytes(src), rows)
	default:
		for i, r := range rows {
			to := dst[i*width : (i+1)*width]
			if r < 0 {
				clear(to)
			} else {
				copy(to, src[int(r)*width:])
			}
		}
	}
}

func gatherAs[T any](dst, src []T, rows []int32) {
	for i, r := range rows {
		if r < 0 {
			var zero T
			dst[i] = zero
		} else {
			dst[i] = src[r]
		}
	}
}

func takeBytes(mem memory.Allocator, a arrow.Array, rows []int32, validity *memory.Buffer, nulls int) *array.Data {
	d := a.Data()
	offsets := newBuffer(mem, 4*(len(rows)+1))
	defer offsets.Release()
	to := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	var from []int32
	if d.Buffers()[1] != nil && d.Buffers()[1].Len() > 0 {
		from = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
	}
	hasNulls := a.NullN() > 0
	total := int64(0)
	to[0] = 0
	for i, r := range rows {
		if r >= 0 && !(hasNulls && a.IsNull(int(r))) {
			total += int64(from[r+1] - from[r])
		}
		to[i+1] = int32(total)
	}
	if total > 1<<31-1 {
		panic(errBatchTooLarge)
	}
	values := newBuffer(mem, int(total))
	defer values.Release()
	dst := values.Bytes()
	var src []byte
	if d.Buffers()[2] != nil {
		src = d.Buffers()[2].Bytes()
	}
	for i, r := range rows {
		if to[i+1] > to[i] {
			copy(dst[to[i]:to[i+1]], src[from[r]:from[r+1]])
		}
	}
	return array.NewData(a.DataType(), len(rows), []*memory.Buffer{validity, offsets, values}, nil, nulls, 0)
}

func takeList(mem memory.Allocator, a *array.List, rows []int32, validity *memory.Buffer, nulls int) *array.Data {
	offsets := newBuffer(mem, 4*(len(rows)+1))
	defer offsets.Release()
	to := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	to[0] = 0
	var elems []int32
	for i, r := range rows {
		if r >= 0 && a.IsValid(int(r)) {
			start, end := a.ValueOffsets(int(r))
			for k := start; k < end; k++ {
				elems = append(elems, int32(k))
			}
		}
		to[i+1] = int32(len(elems))
	}
	child := take(mem, a.ListValues(), elems)
	defer child.Release()
	return array.NewData(a.DataType(), len(rows), []*memory.Buffer{validity, offsets}, []arrow.ArrayData{child.Data()}, nulls, 0)
}

func takeFixedList(mem memory.Allocator, a *array.FixedSizeList, n int, rows []int32, validity *memory.Buffer, nulls int) *array.Data {
	values := a.ListValues()
	var child arrow.ArrayData
	if w, ok := values.DataType().(arrow.FixedWidthDataType); ok && values.NullN() == 0 && w.BitWidth()%8 == 0 {
		d := values.Data()
		width := w.BitWidth() / 8
		start, _ := a.ValueOffsets(0)
		out := newBuffer(mem, width*n*len(rows))
		defer out.Release()
		var src []byte
		if d.Buffers()[1] != nil {
			src = d.Buffers()[1].Bytes()[(d.Offset()+int(start))*width:]
		}
		gather(out.Bytes(), src, width*n, rows)
		child = array.NewData(values.DataType(), n*len(rows), []*memory.Buffer{nil, out}, nil, 0, 0)
	} else {
		elems := make([]int32, 0, n*len(rows))
		for _, r := range rows {
			start := int64(-1)
			if r >= 0 {
				start, _ = a.ValueOffsets(int(r))
			}
			for k := range n {
				if r < 0 {
					elems = append(elems, noRow)
				} else {
					elems = append(elems, int32(start)+int32(k))
				}
			}
		}
		c := take(mem, values, elems)
		defer c.Release()
		child = c.Data()
		child.Retain()
	}
	defer child.Release()
	return array.NewData(a.DataType(), len(rows), []*memory.Buffer{validity}, []arrow.ArrayData{child}, nulls, 0)
}

func takeStruct(mem memory.Allocator, a *array.Struct, rows []int32, validity *memory.Buffer, nulls int) *array.Data {
	children := make([]arrow.ArrayData, a.NumField())
	for i := range children {
		c := take(mem, a.Field(i), rows)
		defer c.Release()
		children[i] = c.Data()
	}
	return array.NewData(a.DataType(), len(rows), []*memory.Buffer{validity}, children, nulls, 0)
}

// takeBatch gathers rows of all columns.
func takeBatch(mem memory.Allocator, b *batch, rows []int32) *batch {
	out := &batch{cols: make([]arrow.Array, len(b.cols)), rows: len(rows)}
	for i, c := range b.cols {
		if c != nil {
			out.cols[i] = take(mem, c, rows)
		}
	}
	return out
}

// repeat returns n copies of the first value of a.
func repeat(mem memory.Allocator, a arrow.Array, n int) arrow.Array {
	if n == 1 && a.Len() == 1 {
		a.Retain()
		return a
	}
	return take(mem, a, make([]int32, n))
}

// nullArray returns n nulls of an Arrow type.
func nullArray(mem memory.Allocator, dt arrow.DataType, n int) arrow.Array {
	return array.MakeArrayOfNull(mem, dt, n)
}
