package growing

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/internal/offheap"
)

// kind is how a type is laid out.
type kind byte

const (
	kindNull kind = iota
	kindFixed
	kindBool      // a byte a value: neighbours in a bitmap would race
	kindVar       // offsets and bytes
	kindList      // offsets and one child
	kindFixedList // one child of n values a row
	kindStruct    // children of the same rows
)

func kindOf(t arrow.DataType) (kind, error) {
	switch t := t.(type) {
	case *arrow.NullType:
		return kindNull, nil
	case *arrow.BooleanType:
		return kindBool, nil
	case *arrow.StringType, *arrow.BinaryType:
		return kindVar, nil
	case *arrow.ListType:
		_, err := kindOf(t.Elem())
		return kindList, err
	case *arrow.FixedSizeListType:
		_, err := kindOf(t.Elem())
		return kindFixedList, err
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if _, err := kindOf(f.Type); err != nil {
				return 0, err
			}
		}
		return kindStruct, nil
	case *arrow.DictionaryType:
		return 0, fmt.Errorf("type %v cannot be stored", t)
	case arrow.FixedWidthDataType:
		return kindFixed, nil
	}
	return 0, fmt.Errorf("type %v cannot be stored", t)
}

// vec is one column of one chunk. rows, elements and the writing of values
// belong to the appender; the buffer pointers change only under the segment's
// mutex, which views take for reading.
type vec struct {
	typ      arrow.DataType
	kind     kind
	width    int // bytes of a fixed value
	mem      *offheap.Allocator
	capacity int // rows
	rows     int // appended, published or not

	nulls    *memory.Buffer // a byte a row, 1 is valid; nil: no nulls yet
	data     *memory.Buffer // values, or the bytes of kindVar
	offsets  *memory.Buffer
	used     int // bytes of data in use (kindVar)
	children []*vec
}

// newVec makes a column of capacity rows; varBytes is a guess at the bytes (or
// list elements) that they will need.
func newVec(t arrow.DataType, capacity, varBytes int, mem *offheap.Allocator) (*vec, error) {
	k, err := kindOf(t)
	if err != nil {
		return nil, err
	}
	v := &vec{typ: t, kind: k, mem: mem, capacity: capacity}
	ok := false
	defer func() {
		if !ok {
			v.release()
		}
	}()
	switch k {
	case kindFixed:
		v.width = t.(arrow.FixedWidthDataType).Bytes()
		v.data, err = mem.NewBuffer(capacity * v.width)
	case kindBool:
		v.width = 1
		v.data, err = mem.NewBuffer(capacity)
	case kindVar:
		if v.offsets, err = mem.NewBuffer((capacity + 1) * 4); err == nil {
			v.data, err = mem.NewBuffer(max(varBytes, 64))
		}
	case kindList:
		if v.offsets, err = mem.NewBuffer((capacity + 1) * 4); err == nil {
			err = v.addChild(t.(*arrow.ListType).Elem(), max(varBytes, 16))
		}
	case kindFixedList:
		l := t.(*arrow.FixedSizeListType)
		err = v.addChild(l.Elem(), capacity*int(l.Len()))
	case kindStruct:
		for _, f := range t.(*arrow.StructType).Fields() {
			if err == nil {
				err = v.addChild(f.Type, capacity)
			}
		}
	}
	ok = err == nil
	return v, err
}

func (v *vec) addChild(t arrow.DataType, capacity int) error {
	c, err := newVec(t, capacity, 0, v.mem)
	if err == nil {
		v.children = append(v.children, c)
	}
	return err
}

func (v *vec) release() {
	for _, b := range []*memory.Buffer{v.nulls, v.data, v.offsets} {
		if b != nil {
			b.Release()
		}
	}
	v.nulls, v.data, v.offsets = nil, nil, nil
	for _, c := range v.children {
		c.release()
	}
}

// buffers visits every buffer pointer.
func (v *vec) buffers(f func(**memory.Buffer)) {
	for _, b := range []**memory.Buffer{&v.nulls, &v.data, &v.offsets} {
		if *b != nil {
			f(b)
		}
	}
	for _, c := range v.children {
		c.buffers(f)
	}
}

// varUsed is the guess for the next chunk: what this one used.
func (v *vec) varUsed() int {
	if v.kind == kindList {
		return v.children[0].rows
	}
	return v.used
}

func (v *vec) offset(i int) int32 { return int32s(v.offsets)[i] }

// view wraps rows [from, from+n) as Arrow data. The caller holds the segment's
// mutex and releases the data. Arrow's own offset expresses from.
func (v *vec) view(from, n int) *array.Data {
	var nulls int
	var validity *memory.Buffer
	if v.nulls != nil {
		validity, nulls = bitmapOf(v.nulls.Bytes()[:from+n], from)
		if nulls == 0 {
			validity = nil
		}
	}
	switch v.kind {
	case kindNull:
		return array.NewData(v.typ, n, []*memory.Buffer{nil}, nil, n, 0)
	case kindBool:
		values, _ := bitmapOf(v.data.Bytes()[:from+n], from)
		return array.NewData(v.typ, n, []*memory.Buffer{validity, values}, nil, nulls, from)
	case kindVar:
		return array.NewData(v.typ, n, []*memory.Buffer{validity, v.offsets, v.data}, nil, nulls, from)
	case kindList:
		child := v.children[0].view(0, int(v.offset(from+n)))
		defer child.Release()
		return array.NewData(v.typ, n, []*memory.Buffer{validity, v.offsets}, []arrow.ArrayData{child}, nulls, from)
	case kindFixedList:
		length := int(v.typ.(*arrow.FixedSizeListType).Len())
		child := v.children[0].view(0, (from+n)*length)
		defer child.Release()
		return array.NewData(v.typ, n, []*memory.Buffer{validity}, []arrow.ArrayData{child}, nulls, from)
	case kindStruct:
		children := make([]arrow.ArrayData, len(v.children))
		for i, c := range v.children {
			children[i] = c.view(0, from+n)
			defer children[i].Release()
		}
		return array.NewData(v.typ, n, []*memory.Buffer{validity}, children, nulls, from)
	}
	return array.NewData(v.typ, n, []*memory.Buffer{validity, v.data}, nil, nulls, from)
}

// bitmapOf packs bytes of 0 and 1 into bits and counts the zeros from from on.
func bitmapOf(bytes []byte, from int) (*memory.Buffer, int) {
	bits := make([]byte, bitutil.BytesForBits(int64(len(bytes))))
	zeros := 0
	for i := from; i < len(bytes); i++ {
		if bytes[i] != 0 {
			bitutil.SetBit(bits, i)
		} else {
			zeros++
		}
	}
	return memory.NewBufferBytes(bits), zeros
}

func int32s(b *memory.Buffer) []int32 {
	bytes := b.Bytes()
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(bytes))), len(bytes)/4)
}

func uint64s(b *memory.Buffer) []uint64 {
	bytes := b.Bytes()
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(bytes))), len(bytes)/8)
}
