package growing

import (
	"fmt"
	"math"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// appendRows appends rows [from, from+n) of a, which fit the capacity. mu is
// the segment's mutex, taken where a buffer pointer changes. After an error the
// column may hold a part; the segment's row count does not cover it, and the
// next append starts at v.rows again (reset by truncate).
func (v *vec) appendRows(a arrow.Array, from, n int, mu *sync.RWMutex) error {
	if v.rows+n > v.capacity {
		return fmt.Errorf("growing: %d rows do not fit", n)
	}
	if v.kind == kindNull {
		v.rows += n
		return nil
	}
	if !arrow.TypeEqual(a.DataType(), v.typ) {
		return fmt.Errorf("growing: cannot store %v as %v", a.DataType(), v.typ)
	}
	if err := v.appendNulls(a, from, n, mu); err != nil {
		return err
	}
	var err error
	switch v.kind {
	case kindFixed:
		if b := a.Data().Buffers()[1]; b != nil && b.Len() > 0 {
			src := b.Bytes()
			at := (a.Data().Offset() + from) * v.width
			copy(v.data.Bytes()[v.rows*v.width:], src[at:at+n*v.width])
		}
	case kindBool:
		bools, dst := a.(*array.Boolean), v.data.Bytes()[v.rows:]
		for i := range n {
			dst[i] = 0
			if bools.IsValid(from+i) && bools.Value(from+i) {
				dst[i] = 1
			}
		}
	case kindVar:
		err = v.appendVar(a, from, n, mu)
	case kindList:
		err = v.appendLists(a.(*array.List), from, n, mu)
	case kindFixedList:
		l, length := a.(*array.FixedSizeList), int(v.typ.(*arrow.FixedSizeListType).Len())
		at := (a.Data().Offset() + from) * length
		err = v.children[0].appendRows(l.ListValues(), at, n*length, mu)
	case kindStruct:
		s := a.(*array.Struct)
		for i, c := range v.children {
			if err == nil {
				err = c.appendRows(s.Field(i), from, n, mu)
			}
		}
	}
	if err == nil {
		v.rows += n
	}
	return err
}

func (v *vec) appendNulls(a arrow.Array, from, n int, mu *sync.RWMutex) error {
	if v.nulls == nil {
		if a.NullN() == 0 {
			return nil
		}
		b, err := v.mem.NewBuffer(v.capacity)
		if err != nil {
			return err
		}
		for i := range v.rows {
			b.Bytes()[i] = 1
		}
		mu.Lock()
		v.nulls = b
		mu.Unlock()
	}
	dst := v.nulls.Bytes()[v.rows : v.rows+n]
	for i := range dst {
		dst[i] = 1
		if a.IsNull(from + i) {
			dst[i] = 0
		}
	}
	return nil
}

func (v *vec) appendVar(a arrow.Array, from, n int, mu *sync.RWMutex) error {
	d := a.Data()
	src := int32s(d.Buffers()[1])[d.Offset()+from:]
	first, last := src[0], src[n]
	size := int(last - first)
	if int64(v.used)+int64(size) > math.MaxInt32 {
		return fmt.Errorf("growing: a column chunk holds at most 2 GiB")
	}
	if v.used+size > v.data.Len() {
		if err := v.grow(&v.data, v.used, max(v.used+size, min(2*v.data.Len(), math.MaxInt32)), mu); err != nil {
			return err
		}
	}
	if size > 0 {
		copy(v.data.Bytes()[v.used:], d.Buffers()[2].Bytes()[first:last])
	}
	dst := int32s(v.offsets)[v.rows+1:]
	for i := range n {
		dst[i] = int32(v.used) + src[i+1] - first
	}
	v.used += size
	return nil
}

func (v *vec) appendLists(a *array.List, from, n int, mu *sync.RWMutex) error {
	d := a.Data()
	src := int32s(d.Buffers()[1])[d.Offset()+from:]
	first, last := src[0], src[n]
	child := v.children[0]
	base := child.rows
	if err := child.reserve(base+int(last-first), mu); err != nil {
		return err
	}
	if err := child.appendRows(a.ListValues(), int(first), int(last-first), mu); err != nil {
		return err
	}
	dst := int32s(v.offsets)[v.rows+1:]
	for i := range n {
		dst[i] = int32(base) + src[i+1] - first
	}
	return nil
}

// reserve makes room for rows values of a list's child.
func (v *vec) reserve(rows int, mu *sync.RWMutex) error {
	if rows <= v.capacity {
		return nil
	}
	if rows > math.MaxInt32/2 {
		return fmt.Errorf("growing: a column chunk holds too many list elements")
	}
	capacity := max(rows, 2*v.capacity)
	grow := func(b **memory.Buffer, used, size int) error {
		if *b == nil {
			return nil
		}
		return v.grow(b, used, size, mu)
	}
	if err := grow(&v.nulls, v.rows, capacity); err != nil {
		return err
	}
	if v.kind != kindVar {
		if err := grow(&v.data, v.rows*v.width, capacity*v.width); err != nil {
			return err
		}
	}
	if err := grow(&v.offsets, (v.rows+1)*4, (capacity+1)*4); err != nil {
		return err
	}
	perRow := 1
	switch v.kind {
	case kindFixedList:
		perRow = int(v.typ.(*arrow.FixedSizeListType).Len())
		fallthrough
	case kindStruct:
		for _, c := range v.children {
			if err := c.reserve(capacity*perRow, mu); err != nil {
				return err
			}
		}
	}
	v.capacity = capacity
	return nil
}

// grow replaces a buffer by a larger copy; readers' arrays keep the old one.
func (v *vec) grow(b **memory.Buffer, used, size int, mu *sync.RWMutex) error {
	grown, err := v.mem.NewBuffer(size)
	if err != nil {
		return err
	}
	copy(grown.Bytes(), (*b).Bytes()[:used])
	mu.Lock()
	old := *b
	*b = grown
	mu.Unlock()
	old.Release()
	return nil
}

// truncate forgets rows beyond rows that were never published.
func (v *vec) truncate(rows int) {
	v.rows = rows
	switch v.kind {
	case kindVar:
		v.used = int(v.offset(rows))
	case kindList:
		v.children[0].truncate(int(v.offset(rows)))
	case kindFixedList:
		v.children[0].truncate(rows * int(v.typ.(*arrow.FixedSizeListType).Len()))
	case kindStruct:
		for _, c := range v.children {
			c.truncate(rows)
		}
	}
}
