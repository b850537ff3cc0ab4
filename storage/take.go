package storage

import (
	"context"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/cache"
)

// rowAt is a value of an array.
type rowAt struct {
	array arrow.Array
	row   int
}

// rowTaker finds single rows of one field of a segment. It reads each event, or
// chunk, once.
type rowTaker struct {
	src    source
	field  catalog.FieldID
	refs   []rowAt
	arrays []takenArray
	file   *cache.File
}

// takenArray holds rows from start on.
type takenArray struct {
	array      arrow.Array
	start, end int
}

// add notes the row at pos for gatherRows; false if the segment has not the field.
func (t *rowTaker) add(ctx context.Context, pos int) (bool, error) {
	at, err := t.find(ctx, pos)
	if at.array == nil || err != nil {
		return false, err
	}
	t.refs = append(t.refs, at)
	return true, nil
}

// find finds the row at pos; without an array if the segment has not the field.
func (t *rowTaker) find(ctx context.Context, pos int) (rowAt, error) {
	for i := range t.arrays {
		if a := &t.arrays[i]; pos >= a.start && pos < a.end {
			return rowAt{a.array, pos - a.start}, nil
		}
	}
	a, err := t.read(ctx, pos)
	if a.array == nil || err != nil {
		return rowAt{}, err
	}
	t.arrays = append(t.arrays, a)
	return rowAt{a.array, pos - a.start}, nil
}

// read returns the array that has pos.
func (t *rowTaker) read(ctx context.Context, pos int) (takenArray, error) {
	f, flushed := t.src.(*flushedSegment)
	if !flushed {
		start, end := t.src.group(pos)
		one, err := t.src.load(ctx, nil, []catalog.FieldID{t.field}, start, end)
		if err != nil {
			return takenArray{}, err
		}
		return takenArray{one[0], start, end}, nil
	}
	if t.file == nil {
		var err error
		if t.file, err = f.Open(ctx, t.field); t.file == nil {
			return takenArray{}, err
		}
	}
	event, row, ok := t.file.Reader.Locate(int32(t.field), int64(pos))
	if !ok {
		return takenArray{}, tooFewRows(t.file.Reader)
	}
	a, err := f.eventOnce(ctx, t.file, t.field, event)
	if err != nil {
		return takenArray{}, err
	}
	return takenArray{a, pos - row, pos - row + a.Len()}, nil
}

// tooFewRows is the error of a row that a file should have and has not.
func tooFewRows(r *binlog.Reader) error {
	return &binlog.CorruptionError{Object: r.Name(), Reason: "file has fewer rows than its manifest says"}
}

// eventsOfFile is what cache.File.Derived knows the events of a field by that
// eventOnce has read: []atomic.Pointer[arrow.Array].
type eventsOfFile struct{ field catalog.FieldID }

// eventOnce is Event, but an event that is used in place is decoded once for all
// readers of the file.
func (f *flushedSegment) eventOnce(ctx context.Context, file *cache.File, field catalog.FieldID, event int) (arrow.Array, error) {
	if !file.Reader.InPlace(int32(field), event) {
		return f.Event(ctx, file, field, event)
	}
	v, err := file.Derived(eventsOfFile{field}, func() (any, error) {
		return make([]atomic.Pointer[arrow.Array], file.Reader.Events(int32(field))), nil
	})
	if err != nil {
		return nil, err
	}
	place := &v.([]atomic.Pointer[arrow.Array])[event]
	if known := place.Load(); known != nil {
		(*known).Retain()
		return *known, nil
	}
	a, err := f.Event(ctx, file, field, event)
	if err == nil {
		// A view of the mapped file, which outlives it.
		a.Retain()
		place.Store(&a)
	}
	return a, err
}

// close gives back what was read; what was gathered of it is a copy.
func (t *rowTaker) close() {
	for _, a := range t.arrays {
		a.array.Release()
	}
	if t.file != nil {
		t.file.Unpin()
	}
}

// gatherRows copies values into an array of their own. All have one type.
func gatherRows(refs []rowAt, mem memory.Allocator) (arrow.Array, error) {
	switch t := refs[0].array.DataType().(type) {
	case *arrow.FixedSizeListType:
		if elem, ok := t.Elem().(arrow.FixedWidthDataType); ok && elem.BitWidth()%8 == 0 {
			child := gatherFixed(refs, int(t.Len())*elem.Bytes(), mem, func(d arrow.ArrayData) ([]byte, int) {
				c := d.Children()[0]
				return c.Buffers()[1].Bytes()[c.Offset()*elem.Bytes():], d.Offset()
			})
			values := array.NewData(elem, len(refs)*int(t.Len()), []*memory.Buffer{nil, child}, nil, 0, 0)
			child.Release()
			defer values.Release()
			return gathered(refs, []*memory.Buffer{nil}, []arrow.ArrayData{values}, mem), nil
		}
	case *arrow.StringType, *arrow.BinaryType:
		return gatherVar(refs, mem), nil
	case arrow.ExtensionType, *arrow.BooleanType, *arrow.DictionaryType:
	case arrow.FixedWidthDataType:
		if t.BitWidth()%8 == 0 {
			values := gatherFixed(refs, t.Bytes(), mem, func(d arrow.ArrayData) ([]byte, int) { return d.Buffers()[1].Bytes(), d.Offset() })
			defer values.Release()
			return gathered(refs, []*memory.Buffer{nil, values}, nil, mem), nil
		}
	}
	pieces := make([]arrow.Array, len(refs))
	defer func() { releaseAll(pieces) }()
	for i, r := range refs {
		pieces[i] = array.NewSlice(r.array, int64(r.row), int64(r.row+1))
	}
	return array.Concatenate(pieces, mem)
}

// gatherFixed copies values of width bytes.
func gatherFixed(refs []rowAt, width int, mem memory.Allocator, values func(arrow.ArrayData) (bytes []byte, offset int)) *memory.Buffer {
	out := memory.NewResizableBuffer(mem)
	out.Resize(len(refs) * width)
	dst := out.Bytes()
	var last arrow.Array
	var bytes []byte
	var offset int
	for i, r := range refs {
		if r.array != last {
			bytes, offset = values(r.array.Data())
			last = r.array
		}
		at := (offset + r.row) * width
		copy(dst[i*width:(i+1)*width], bytes[at:at+width])
	}
	return out
}

func gatherVar(refs []rowAt, mem memory.Allocator) arrow.Array {
	offsets := memory.NewResizableBuffer(mem)
	offsets.Resize((len(refs) + 1) * 4)
	ends := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	ends[0] = 0
	var from varValues
	for i, r := range refs {
		ends[i+1] = ends[i] + int32(len(from.at(r)))
	}
	values := memory.NewResizableBuffer(mem)
	values.Resize(int(ends[len(refs)]))
	text := values.Bytes()
	for i, r := range refs {
		copy(text[ends[i]:], from.at(r))
	}
	defer offsets.Release()
	defer values.Release()
	return gathered(refs, []*memory.Buffer{nil, offsets, values}, nil, mem)
}

// varValues takes values out of arrays of texts or bytes.
type varValues struct {
	array  arrow.Array
	starts []int32
	bytes  []byte
}

// at returns a value in place; nothing for a null.
func (v *varValues) at(r rowAt) []byte {
	if r.array != v.array {
		d := r.array.Data()
		v.array, v.bytes = r.array, nil
		v.starts = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
		if b := d.Buffers()[2]; b != nil {
			v.bytes = b.Bytes()
		}
	}
	if v.bytes == nil || !r.array.IsValid(r.row) {
		return nil
	}
	return v.bytes[v.starts[r.row]:v.starts[r.row+1]]
}

// gathered puts an array together, with the nulls of refs.
func gathered(refs []rowAt, buffers []*memory.Buffer, children []arrow.ArrayData, mem memory.Allocator) arrow.Array {
	nulls := 0
	for i, r := range refs {
		if r.array.IsValid(r.row) {
			continue
		}
		if nulls == 0 {
			buffers[0] = memory.NewResizableBuffer(mem)
			defer buffers[0].Release()
			buffers[0].Resize((len(refs) + 7) / 8)
			setAll(buffers[0].Bytes(), len(refs))
		}
		bitutil.ClearBit(buffers[0].Bytes(), i)
		nulls++
	}
	data := array.NewData(refs[0].array.DataType(), len(refs), buffers, children, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
