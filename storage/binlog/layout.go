package binlog

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// node is one level of a column tree, in pre-order: the column itself, then
// its children.
type node struct {
	rows, nulls int
}

// layout is a column taken apart: nodes in pre-order and their buffers in the
// order of Arrow's columnar format (validity, then offsets, then values). Every
// buffer starts at its row 0; a validity buffer of a node without nulls is
// empty.
type layout struct {
	nodes   []node
	buffers [][]byte
}

func (l *layout) reset() {
	l.nodes = l.nodes[:0]
	clear(l.buffers)
	l.buffers = l.buffers[:0]
}

// add takes apart rows [from, from+n) of data. Buffers are views of data's own
// where they can be, so data must outlive the layout.
func (l *layout) add(data arrow.ArrayData, from, n int) error {
	dt := data.DataType()
	at := data.Offset() + from
	if ext, ok := dt.(arrow.ExtensionType); ok {
		dt = ext.StorageType()
	}
	if dt.ID() == arrow.NULL {
		l.nodes = append(l.nodes, node{rows: n, nulls: n})
		return nil
	}
	l.addValidity(data, at, n)
	switch t := dt.(type) {
	case *arrow.BooleanType:
		l.buffers = append(l.buffers, copyBits(bufferBytes(data, 1), at, n))
	case *arrow.StringType, *arrow.BinaryType:
		first, last := l.addOffsets(bufferBytes(data, 1), at, n)
		l.buffers = append(l.buffers, bufferBytes(data, 2)[first:last])
	case *arrow.ListType:
		first, last := l.addOffsets(bufferBytes(data, 1), at, n)
		return l.add(data.Children()[0], first, last-first)
	case *arrow.FixedSizeListType:
		width := int(t.Len())
		return l.add(data.Children()[0], at*width, n*width)
	case *arrow.StructType:
		for _, child := range data.Children() {
			if err := l.add(child, at, n); err != nil {
				return err
			}
		}
	case arrow.FixedWidthDataType:
		width := t.BitWidth() / 8
		var values []byte
		if n > 0 {
			values = bufferBytes(data, 1)[at*width : (at+n)*width]
		}
		l.buffers = append(l.buffers, values)
	default:
		return fmt.Errorf("%w: %v", ErrUnsupportedType, dt)
	}
	return nil
}

func (l *layout) addValidity(data arrow.ArrayData, at, n int) {
	bits := bufferBytes(data, 0)
	if len(bits) == 0 || data.NullN() == 0 {
		l.nodes = append(l.nodes, node{rows: n})
		l.buffers = append(l.buffers, nil)
		return
	}
	nulls := n - bitutil.CountSetBits(bits, at, n)
	l.nodes = append(l.nodes, node{rows: n, nulls: nulls})
	if nulls == 0 {
		bits = nil
	} else {
		bits = copyBits(bits, at, n)
	}
	l.buffers = append(l.buffers, bits)
}

// addOffsets adds n+1 offsets rebased to zero and returns the range of values.
func (l *layout) addOffsets(raw []byte, at, n int) (first, last int) {
	if n == 0 {
		l.buffers = append(l.buffers, make([]byte, 4))
		return 0, 0
	}
	raw = raw[at*4 : (at+n+1)*4]
	offsets := arrow.Int32Traits.CastFromBytes(raw)
	base := offsets[0]
	if base != 0 {
		rebased := make([]byte, len(raw))
		for i, o := range offsets {
			binary.LittleEndian.PutUint32(rebased[i*4:], uint32(o-base))
		}
		raw = rebased
	}
	l.buffers = append(l.buffers, raw)
	return int(base), int(offsets[n])
}

func bufferBytes(data arrow.ArrayData, i int) []byte {
	if b := data.Buffers()[i]; b != nil {
		return b.Bytes()
	}
	return nil
}

// copyBits copies n bits from bit at; bits past the last are zero.
func copyBits(bits []byte, at, n int) []byte {
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	if n > 0 {
		bitutil.CopyBitmap(bits, at, n, out, 0)
	}
	return out
}

// builder puts a column together from its nodes and buffers, checking that
// nothing points outside, whatever the bytes say.
type builder struct {
	nodes   []node
	buffers []*memory.Buffer
}

// column consumes the nodes and buffers of one column of type dt. The data
// retains the buffers it uses.
func (b *builder) column(dt arrow.DataType) (*array.Data, error) {
	if len(b.nodes) == 0 {
		return nil, errShort
	}
	n := b.nodes[0]
	b.nodes = b.nodes[1:]
	if dt.ID() == arrow.NULL {
		return array.NewData(dt, n.rows, []*memory.Buffer{nil}, nil, n.rows, 0), nil
	}
	validity, err := b.validity(n)
	if err != nil {
		return nil, err
	}
	switch t := dt.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		return b.varWidth(dt, n, validity)
	case *arrow.ListType:
		return b.list(t, n, validity)
	case *arrow.FixedSizeListType:
		return b.fixedSizeList(t, n, validity)
	case *arrow.StructType:
		return b.structure(t, n, validity)
	case arrow.FixedWidthDataType:
		values, err := b.take((int64(n.rows)*int64(t.BitWidth()) + 7) / 8)
		if err != nil {
			return nil, err
		}
		return array.NewData(dt, n.rows, []*memory.Buffer{validity, values}, nil, n.nulls, 0), nil
	}
	return nil, fmt.Errorf("%w: %v", ErrUnsupportedType, dt)
}

func (b *builder) next() (*memory.Buffer, error) {
	if len(b.buffers) == 0 {
		return nil, errShort
	}
	buf := b.buffers[0]
	b.buffers = b.buffers[1:]
	return buf, nil
}

func (b *builder) take(size int64) (*memory.Buffer, error) {
	buf, err := b.next()
	if err == nil && int64(buf.Len()) != size {
		err = fmt.Errorf("buffer has %d bytes, not %d", buf.Len(), size)
	}
	return buf, err
}

func (b *builder) validity(n node) (*memory.Buffer, error) {
	buf, err := b.next()
	if err != nil {
		return nil, err
	}
	if n.nulls == 0 && buf.Len() == 0 {
		return nil, nil
	}
	if int64(buf.Len()) != bitutil.BytesForBits(int64(n.rows)) {
		return nil, fmt.Errorf("validity of %d rows has %d bytes", n.rows, buf.Len())
	}
	if set := bitutil.CountSetBits(buf.Bytes(), 0, n.rows); n.rows-set != n.nulls {
		return nil, fmt.Errorf("validity shows %d nulls, not %d", n.rows-set, n.nulls)
	}
	return buf, nil
}

func (b *builder) offsets(n node) (buf *memory.Buffer, last int, err error) {
	if buf, err = b.take(int64(n.rows+1) * 4); err != nil {
		return nil, 0, err
	}
	prev := int32(0)
	for i, o := range arrow.Int32Traits.CastFromBytes(buf.Bytes()) {
		if o < prev || i == 0 && o != 0 {
			return nil, 0, fmt.Errorf("offset %d of %d is %d after %d", i, n.rows, o, prev)
		}
		prev = o
	}
	return buf, int(prev), nil
}

func (b *builder) varWidth(dt arrow.DataType, n node, validity *memory.Buffer) (*array.Data, error) {
	offsets, last, err := b.offsets(n)
	if err != nil {
		return nil, err
	}
	values, err := b.take(int64(last))
	if err != nil {
		return nil, err
	}
	return array.NewData(dt, n.rows, []*memory.Buffer{validity, offsets, values}, nil, n.nulls, 0), nil
}

func (b *builder) list(t *arrow.ListType, n node, validity *memory.Buffer) (*array.Data, error) {
	offsets, last, err := b.offsets(n)
	if err != nil {
		return nil, err
	}
	child, err := b.child(t.Elem(), last)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	return array.NewData(t, n.rows, []*memory.Buffer{validity, offsets}, []arrow.ArrayData{child}, n.nulls, 0), nil
}

func (b *builder) fixedSizeList(t *arrow.FixedSizeListType, n node, validity *memory.Buffer) (*array.Data, error) {
	child, err := b.child(t.Elem(), n.rows*int(t.Len()))
	if err != nil {
		return nil, err
	}
	defer child.Release()
	return array.NewData(t, n.rows, []*memory.Buffer{validity}, []arrow.ArrayData{child}, n.nulls, 0), nil
}

func (b *builder) structure(t *arrow.StructType, n node, validity *memory.Buffer) (*array.Data, error) {
	children := make([]arrow.ArrayData, 0, len(t.Fields()))
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	for _, f := range t.Fields() {
		child, err := b.child(f.Type, n.rows)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return array.NewData(t, n.rows, []*memory.Buffer{validity}, children, n.nulls, 0), nil
}

func (b *builder) child(dt arrow.DataType, rows int) (*array.Data, error) {
	data, err := b.column(dt)
	if err != nil {
		return nil, err
	}
	if data.Len() != rows {
		data.Release()
		return nil, fmt.Errorf("child has %d rows, not %d", data.Len(), rows)
	}
	return data, nil
}

// treeSize counts the nodes and buffers of a type.
func treeSize(dt arrow.DataType) (nodes, buffers int) {
	nodes, buffers = 1, 2
	switch t := dt.(type) {
	case *arrow.NullType:
		return 1, 0
	case *arrow.StringType, *arrow.BinaryType:
		return 1, 3
	case *arrow.ListType:
		n, b := treeSize(t.Elem())
		return 1 + n, 2 + b
	case *arrow.FixedSizeListType:
		n, b := treeSize(t.Elem())
		return 1 + n, 1 + b
	case *arrow.StructType:
		buffers = 1
		for _, f := range t.Fields() {
			n, b := treeSize(f.Type)
			nodes, buffers = nodes+n, buffers+b
		}
	}
	return nodes, buffers
}
