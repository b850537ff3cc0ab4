package growing

import (
	"fmt"
	"math"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/internal/offheap"
)

// Ref is a row of one of several segments.
type Ref struct {
	Segment, Position uint32
}

// Gather copies the values of field of the given rows, in their order, into one
// array: what a flush writes after sorting. A segment without the field gives
// nulls. The caller releases the array.
func Gather(segments []*Segment, refs []Ref, field Field, mem *offheap.Allocator) (arrow.Array, error) {
	into, err := newVec(field.Type, len(refs), 16*len(refs), mem)
	if err != nil {
		return nil, err
	}
	defer into.release()
	var mu sync.RWMutex // of into, which nobody else sees
	index := make([]int, len(segments))
	for i, s := range segments {
		index[i] = s.schema.Index(field.ID)
	}
	for i := 0; i < len(refs); {
		n := runLength(refs[i:])
		if index[refs[i].Segment] < 0 {
			err = into.appendNullRows(n, &mu)
		} else {
			n, err = segments[refs[i].Segment].copyTo(into, index[refs[i].Segment], int(refs[i].Position), n, &mu)
		}
		if err != nil {
			return nil, err
		}
		i += n
	}
	data := into.view(0, len(refs))
	defer data.Release()
	return array.MakeFromData(data), nil
}

// runLength is how many refs are neighbours in one segment.
func runLength(refs []Ref) int {
	n := 1
	for n < len(refs) && refs[n].Segment == refs[0].Segment && refs[n].Position == refs[n-1].Position+1 {
		n++
	}
	return n
}

// copyTo appends up to n rows of one chunk from pos on and returns how many.
func (s *Segment) copyTo(into *vec, field, pos, n int, mu *sync.RWMutex) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, row := s.locked(pos)
	n = min(n, k.capacity-row)
	return n, into.appendVec(k.cols[field], row, n, mu)
}

// appendVec appends rows [from, from+n) of a column of the same type.
func (v *vec) appendVec(src *vec, from, n int, mu *sync.RWMutex) error {
	if !arrow.TypeEqual(src.typ, v.typ) {
		return fmt.Errorf("growing: cannot store %v as %v", src.typ, v.typ)
	}
	if v.kind != kindNull && (src.nulls != nil || v.nulls != nil) {
		if err := v.makeNulls(); err != nil {
			return err
		}
		dst := v.nulls.Bytes()[v.rows : v.rows+n]
		if src.nulls != nil {
			copy(dst, src.nulls.Bytes()[from:from+n])
		} else {
			fillOnes(dst)
		}
	}
	switch v.kind {
	case kindFixed, kindBool:
		copy(v.data.Bytes()[v.rows*v.width:], src.data.Bytes()[from*v.width:(from+n)*v.width])
	case kindVar:
		first, last := src.offset(from), src.offset(from+n)
		if err := v.room(int(last-first), mu); err != nil {
			return err
		}
		copy(v.data.Bytes()[v.used:], src.data.Bytes()[first:last])
		dst, offsets := int32s(v.offsets)[v.rows+1:], int32s(src.offsets)[from+1:]
		for i := range n {
			dst[i] = int32(v.used) + offsets[i] - first
		}
		v.used += int(last - first)
	case kindList:
		first, last := src.offset(from), src.offset(from+n)
		child := v.children[0]
		base := int32(child.rows)
		if err := child.reserve(child.rows+int(last-first), mu); err != nil {
			return err
		}
		if err := child.appendVec(src.children[0], int(first), int(last-first), mu); err != nil {
			return err
		}
		dst, offsets := int32s(v.offsets)[v.rows+1:], int32s(src.offsets)[from+1:]
		for i := range n {
			dst[i] = base + offsets[i] - first
		}
	case kindFixedList:
		length := int(v.typ.(*arrow.FixedSizeListType).Len())
		if err := v.children[0].appendVec(src.children[0], from*length, n*length, mu); err != nil {
			return err
		}
	case kindStruct:
		for i, c := range v.children {
			if err := c.appendVec(src.children[i], from, n, mu); err != nil {
				return err
			}
		}
	}
	v.rows += n
	return nil
}

// room makes room for size bytes more.
func (v *vec) room(size int, mu *sync.RWMutex) error {
	if int64(v.used)+int64(size) > math.MaxInt32 {
		return fmt.Errorf("growing: a column chunk holds at most 2 GiB")
	}
	if v.used+size <= v.data.Len() {
		return nil
	}
	return v.grow(&v.data, v.used, max(v.used+size, min(2*v.data.Len(), math.MaxInt32)), mu)
}

// makeNulls makes the validity of a column that nobody else sees.
func (v *vec) makeNulls() error {
	if v.nulls != nil {
		return nil
	}
	b, err := v.mem.NewBuffer(v.capacity)
	if err != nil {
		return err
	}
	fillOnes(b.Bytes()[:v.rows])
	v.nulls = b
	return nil
}

func fillOnes(b []byte) {
	for i := range b {
		b[i] = 1
	}
}

// appendNullRows appends n nulls to a column that nobody else sees.
func (v *vec) appendNullRows(n int, mu *sync.RWMutex) error {
	if v.kind == kindNull {
		v.rows += n
		return nil
	}
	if err := v.makeNulls(); err != nil {
		return err
	}
	clear(v.nulls.Bytes()[v.rows : v.rows+n])
	switch v.kind {
	case kindVar, kindList:
		at := v.offset(v.rows)
		for i := range n {
			int32s(v.offsets)[v.rows+1+i] = at
		}
	case kindFixedList:
		if err := v.children[0].appendNullRows(n*int(v.typ.(*arrow.FixedSizeListType).Len()), mu); err != nil {
			return err
		}
	case kindStruct:
		for _, c := range v.children {
			if err := c.appendNullRows(n, mu); err != nil {
				return err
			}
		}
	}
	v.rows += n
	return nil
}
