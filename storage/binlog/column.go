package binlog

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// The compact form of a column, used in WAL records and for min and max. The
// type is not in it: the reader knows it (or reads it by DecodeType).
//
//	column: uvarint rows, body
//	body:   null type: nothing
//	        otherwise: byte has_nulls (0, 1), validity bits if 1, then
//	        bool:            bits
//	        fixed width:     rows × width bytes
//	        string, binary:  rows × uvarint length, bytes
//	        list:            rows × uvarint length, body of the values
//	        fixed size list: body of rows × size values
//	        struct:          body of each field

// columnRowsMax bounds the rows of a compact column, so that lengths that lie
// cannot make the decoder allocate much.
const columnRowsMax = 1 << 24

// AppendColumn appends the compact form of a.
func AppendColumn(dst []byte, a arrow.Array) ([]byte, error) {
	return AppendColumnRange(dst, a, 0, a.Len())
}

// AppendColumnRange appends the compact form of rows [from, from+n) of a.
func AppendColumnRange(dst []byte, a arrow.Array, from, n int) ([]byte, error) {
	if n > columnRowsMax {
		return nil, fmt.Errorf("binlog: a compact column of %d rows", n)
	}
	return appendBody(binary.AppendUvarint(dst, uint64(n)), a.Data(), from, n)
}

func appendBody(dst []byte, data arrow.ArrayData, from, n int) ([]byte, error) {
	dt := data.DataType()
	at := data.Offset() + from
	if dt.ID() == arrow.NULL {
		return dst, nil
	}
	dst = appendValidity(dst, data, at, n)
	switch t := dt.(type) {
	case *arrow.BooleanType:
		return appendBits(dst, bufferBytes(data, 1), at, n), nil
	case *arrow.StringType, *arrow.BinaryType:
		dst, first, last := appendLengths(dst, bufferBytes(data, 1), at, n)
		return append(dst, bufferBytes(data, 2)[first:last]...), nil
	case *arrow.ListType:
		dst, first, last := appendLengths(dst, bufferBytes(data, 1), at, n)
		return appendBody(dst, data.Children()[0], first, last-first)
	case *arrow.FixedSizeListType:
		width := int(t.Len())
		return appendBody(dst, data.Children()[0], at*width, n*width)
	case *arrow.StructType:
		var err error
		for _, child := range data.Children() {
			if dst, err = appendBody(dst, child, at, n); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case arrow.FixedWidthDataType:
		if n == 0 {
			return dst, nil
		}
		width := t.BitWidth() / 8
		return append(dst, bufferBytes(data, 1)[at*width:(at+n)*width]...), nil
	}
	return nil, fmt.Errorf("%w: %v", ErrUnsupportedType, dt)
}

func appendValidity(dst []byte, data arrow.ArrayData, at, n int) []byte {
	bits := bufferBytes(data, 0)
	if len(bits) == 0 || data.NullN() == 0 || bitutil.CountSetBits(bits, at, n) == n {
		return append(dst, 0)
	}
	return appendBits(append(dst, 1), bits, at, n)
}

func appendBits(dst, bits []byte, at, n int) []byte {
	start := len(dst)
	for range bitutil.BytesForBits(int64(n)) {
		dst = append(dst, 0)
	}
	if n > 0 {
		bitutil.CopyBitmap(bits, at, n, dst[start:], 0)
	}
	return dst
}

// appendLengths appends n lengths and returns the range of values they span.
func appendLengths(dst, raw []byte, at, n int) (out []byte, first, last int) {
	if n == 0 {
		return dst, 0, 0
	}
	offsets := arrow.Int32Traits.CastFromBytes(raw)[at : at+n+1]
	for i := range n {
		dst = binary.AppendUvarint(dst, uint64(offsets[i+1]-offsets[i]))
	}
	return dst, int(offsets[0]), int(offsets[n])
}

// DecodeColumn reads a compact column of type dt and returns the rest of src.
// The array is a copy in memory of mem; malformed input is a *CorruptionError.
func DecodeColumn(src []byte, dt arrow.DataType, mem memory.Allocator) (a arrow.Array, rest []byte, err error) {
	c := cursor{b: src}
	n := c.uvarint()
	if n > columnRowsMax {
		c.fail(fmt.Errorf("has %d rows", n))
	}
	d := columnDecoder{cursor: c, mem: mem}
	data := d.body(dt, int(n), 0)
	if d.err != nil {
		return nil, nil, &CorruptionError{Reason: "column " + d.err.Error()}
	}
	defer data.Release()
	return array.MakeFromData(data), d.b, nil
}

type columnDecoder struct {
	cursor
	mem memory.Allocator
}

// copied returns the next size bytes in a buffer of its own.
func (d *columnDecoder) copied(size int64) *memory.Buffer {
	src := d.take(uint64(size))
	if d.err != nil {
		return nil
	}
	buf := memory.NewResizableBuffer(d.mem)
	buf.Resize(len(src))
	copy(buf.Bytes(), src)
	return buf
}

// body decodes rows rows; nil after an error.
func (d *columnDecoder) body(dt arrow.DataType, rows, depth int) *array.Data {
	if depth > typeDepthMax {
		d.fail(fmt.Errorf("nests deeper than %d", typeDepthMax))
	}
	if d.err != nil {
		return nil
	}
	if dt.ID() == arrow.NULL {
		return array.NewData(dt, rows, []*memory.Buffer{nil}, nil, rows, 0)
	}
	validity, nulls := d.validity(rows)
	defer release(validity)
	switch t := dt.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		offsets, total := d.lengths(rows)
		defer release(offsets)
		values := d.copied(total)
		defer release(values)
		return d.data(dt, rows, nulls, nil, validity, offsets, values)
	case *arrow.ListType:
		offsets, total := d.lengths(rows)
		defer release(offsets)
		if total > columnRowsMax {
			d.fail(fmt.Errorf("has %d values", total))
		}
		return d.data(dt, rows, nulls, []*array.Data{d.body(t.Elem(), int(total), depth+1)}, validity, offsets)
	case *arrow.FixedSizeListType:
		total := int64(rows) * int64(t.Len())
		if total > rawBytesMax {
			d.fail(fmt.Errorf("has %d values", total))
		}
		return d.data(dt, rows, nulls, []*array.Data{d.body(t.Elem(), int(total), depth+1)}, validity)
	case *arrow.StructType:
		children := make([]*array.Data, len(t.Fields()))
		for i, f := range t.Fields() {
			children[i] = d.body(f.Type, rows, depth+1)
		}
		return d.data(dt, rows, nulls, children, validity)
	case arrow.FixedWidthDataType:
		values := d.copied((int64(rows)*int64(t.BitWidth()) + 7) / 8)
		defer release(values)
		return d.data(dt, rows, nulls, nil, validity, values)
	}
	d.fail(fmt.Errorf("%w: %v", ErrUnsupportedType, dt))
	return nil
}

// data makes the array's data, or nil after an error; it owns the children.
func (d *columnDecoder) data(dt arrow.DataType, rows, nulls int, children []*array.Data, buffers ...*memory.Buffer) *array.Data {
	kids := make([]arrow.ArrayData, 0, len(children))
	for _, c := range children {
		if c != nil {
			defer c.Release()
			kids = append(kids, c)
		}
	}
	if d.err != nil {
		return nil
	}
	return array.NewData(dt, rows, buffers, kids, nulls, 0)
}

func (d *columnDecoder) validity(rows int) (buf *memory.Buffer, nulls int) {
	switch flag := d.u8(); {
	case d.err != nil || flag == 0:
		return nil, 0
	case flag != 1:
		d.fail(fmt.Errorf("has validity flag %d", flag))
		return nil, 0
	}
	if buf = d.copied(bitutil.BytesForBits(int64(rows))); buf == nil {
		return nil, 0
	}
	return buf, rows - bitutil.CountSetBits(buf.Bytes(), 0, rows)
}

// lengths decodes rows lengths into offsets.
func (d *columnDecoder) lengths(rows int) (buf *memory.Buffer, total int64) {
	if rows > len(d.b) { // a length takes at least a byte
		d.fail(errShort)
	}
	if d.err != nil {
		return nil, 0
	}
	buf = memory.NewResizableBuffer(d.mem)
	buf.Resize((rows + 1) * 4)
	raw := buf.Bytes()
	binary.LittleEndian.PutUint32(raw, 0)
	for i := range rows {
		n := d.uvarint()
		if n > rawBytesMax || total+int64(n) > rawBytesMax {
			d.fail(fmt.Errorf("has a length of %d", n))
			return buf, 0
		}
		total += int64(n)
		binary.LittleEndian.PutUint32(raw[(i+1)*4:], uint32(total))
	}
	return buf, total
}

func release(b *memory.Buffer) {
	if b != nil {
		b.Release()
	}
}
