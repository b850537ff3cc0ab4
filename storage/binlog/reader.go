package binlog

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// tailBytes is the first read of a file at its end; footers are smaller.
const tailBytes = 64 << 10

// ReadFunc reads length bytes at offset, into dst[:0] when that has room; fewer
// only with io.EOF. It is an object store's ranged read of one object.
type ReadFunc func(ctx context.Context, offset, length int64, dst []byte) ([]byte, error)

// Reader reads one file. It is safe for concurrent use.
type Reader struct {
	name   string
	size   int64
	read   ReadFunc
	mapped []byte
	mem    memory.Allocator
	*footer
	// checked has a flag an event: its CRC was right at its first touch. Only
	// mapped files use it; what is read anew is checked anew.
	checked []atomic.Bool
}

// Open reads the footer of a file of size bytes. name is for errors; mem is
// where events are read and unpacked to.
func Open(ctx context.Context, name string, size int64, read ReadFunc, mem memory.Allocator) (*Reader, error) {
	r := &Reader{name: name, size: size, read: read, mem: mem}
	if size < trailerBytes+align {
		return nil, r.corrupt(0, fmt.Errorf("file of %d bytes is too short", size))
	}
	tail, err := r.readAt(ctx, max(0, size-tailBytes), min(size, tailBytes), nil)
	if err != nil {
		return nil, err
	}
	n, err := footerBytes(tail[len(tail)-trailerBytes:], size)
	if err != nil {
		return nil, r.corrupt(size-trailerBytes, err)
	}
	n += trailerBytes
	if n > int64(len(tail)) {
		if tail, err = r.readAt(ctx, size-n, n, nil); err != nil {
			return nil, err
		}
	}
	return r, r.open(tail[int64(len(tail))-n:])
}

// OpenBytes opens a file that is mapped, or held in memory. Uncompressed events
// are used in place: their arrays are valid only as long as data is.
func OpenBytes(name string, data []byte, mem memory.Allocator) (*Reader, error) {
	r := &Reader{name: name, size: int64(len(data)), mapped: data, mem: mem}
	return r, Guard(name, func() error {
		if r.size < trailerBytes+align {
			return r.corrupt(0, fmt.Errorf("file of %d bytes is too short", r.size))
		}
		n, err := footerBytes(data[r.size-trailerBytes:], r.size)
		if err != nil {
			return r.corrupt(r.size-trailerBytes, err)
		}
		if err := r.open(data[r.size-trailerBytes-n:]); err != nil {
			return err
		}
		return r.checkHead(data[:r.headBytes])
	})
}

func (r *Reader) open(tail []byte) error {
	f, err := decodeFooter(tail, r.size)
	if err != nil {
		return r.corrupt(r.size-int64(len(tail)), err)
	}
	r.footer = f
	r.checked = make([]atomic.Bool, len(f.events))
	return nil
}

// checkHead compares the head with what the footer says; it is needed only
// where the footer is lost, so ranged readers leave it to Verify.
func (r *Reader) checkHead(head []byte) error {
	want := appendHead(nil, r.version, r.descriptorBytes)
	if string(want) != string(head) {
		return r.corrupt(0, errors.New("head differs from the footer"))
	}
	return nil
}

func (r *Reader) corrupt(offset int64, err error) error {
	var c *CorruptionError
	if errors.As(err, &c) {
		return &CorruptionError{Object: r.name, Offset: offset + c.Offset, Reason: c.Reason}
	}
	return &CorruptionError{Object: r.name, Offset: offset, Reason: err.Error()}
}

func (r *Reader) readAt(ctx context.Context, offset, length int64, dst []byte) ([]byte, error) {
	if r.mapped != nil {
		return r.mapped[offset : offset+length], nil
	}
	b, err := r.read(ctx, offset, length, dst)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil && int64(len(b)) != length {
		err = r.corrupt(offset, fmt.Errorf("%d bytes were read, not %d", len(b), length))
	}
	return b, err
}

// Name is the name given to Open.
func (r *Reader) Name() string { return r.name }

// Descriptor says whose columns these are.
func (r *Reader) Descriptor() *Descriptor { return r.descriptor }

// Type returns that of a field which the file has.
func (r *Reader) Type(field int32) arrow.DataType {
	return r.descriptor.Fields[r.descriptor.field(field)].Type
}

// Rows is the number of rows of every field.
func (r *Reader) Rows() int64 { return r.rows }

// Events returns how many events a field has; 0 if the file has it not.
func (r *Reader) Events(field int32) int { return len(r.eventsOf(field)) }

// Event returns the i-th index entry of a field, for pruning.
func (r *Reader) Event(field int32, i int) *Event { return &r.events[r.eventsOf(field)[i]] }

func (r *Reader) eventsOf(field int32) []int {
	if p := r.descriptor.field(field); p >= 0 {
		return r.byField[p]
	}
	return nil
}

// InPlace says whether Read answers with a view of a mapped file.
func (r *Reader) InPlace(field int32, i int) bool {
	return r.mapped != nil && r.Event(field, i).Codec == None
}

// Mapping is all bytes of a mapped file; nil of another.
func (r *Reader) Mapping() []byte { return r.mapped }

// Sequence returns the first value and the step of the i-th event of a field if
// its codec is Sequence: enough to find any value without unpacking.
func (r *Reader) Sequence(ctx context.Context, field int32, i int) (first, step uint64, ok bool, err error) {
	e := r.Event(field, i)
	if e.Codec != Sequence {
		return 0, 0, false, nil
	}
	b, err := r.readAt(ctx, e.Offset, e.Length, nil)
	if err != nil {
		return 0, 0, false, err
	}
	err = Guard(r.name, func() error {
		err := e.checkCRC(b)
		var p parsedEvent
		if err == nil {
			p, err = parseEvent(e, r.Type(field), b)
		}
		if err == nil {
			first, step, err = readSequence(b[p.bodyAt : p.bodyAt+e.StoredBytes])
		}
		if err != nil {
			return r.corrupt(e.Offset, err)
		}
		return nil
	})
	return first, step, err == nil, err
}

// Locate returns the event of a field that holds the row at position, and its
// row there; ok is false outside the file.
func (r *Reader) Locate(field int32, position int64) (event, row int, ok bool) {
	p := r.descriptor.field(field)
	if p < 0 || position < 0 || position >= r.rows {
		return 0, 0, false
	}
	if shift, fixed := r.descriptor.Fields[p].Shift(); fixed {
		return int(position >> shift), int(position & (1<<shift - 1)), true
	}
	list := r.byField[p]
	event = sort.Search(len(list), func(i int) bool { return r.events[list[i]].FirstRow > position }) - 1
	return event, int(position - r.events[list[event]].FirstRow), true
}

// Read returns the rows of the i-th event of a field; the caller releases them.
// Of a mapped file an uncompressed event is used in place.
func (r *Reader) Read(ctx context.Context, field int32, i int) (arrow.Array, error) {
	p := r.descriptor.field(field)
	if p < 0 || i < 0 || i >= len(r.byField[p]) {
		return nil, fmt.Errorf("binlog: %q has no event %d of field %d", r.name, i, field)
	}
	at := r.byField[p][i]
	dt := r.descriptor.Fields[p].Type
	if r.mapped != nil {
		return r.readMapped(at, dt)
	}
	e := &r.events[at]
	raw := memory.NewResizableBuffer(r.mem)
	defer raw.Release()
	raw.Resize(int(e.Length))
	b, err := r.readAt(ctx, e.Offset, e.Length, raw.Bytes()[:0])
	if err != nil {
		return nil, err
	}
	if &b[0] != &raw.Bytes()[0] { // the store had its own memory
		copy(raw.Bytes(), b)
	}
	if err := e.checkCRC(raw.Bytes()); err != nil {
		return nil, r.corrupt(e.Offset, err)
	}
	a, err := decodeEvent(e, dt, raw.Bytes(), raw, r.mem)
	if err != nil {
		return nil, r.corrupt(e.Offset, err)
	}
	return a, nil
}

func (r *Reader) readMapped(at int, dt arrow.DataType) (a arrow.Array, err error) {
	e := &r.events[at]
	b := r.mapped[e.Offset : e.Offset+e.Length]
	err = Guard(r.name, func() error {
		if !r.checked[at].Load() {
			if err := e.checkCRC(b); err != nil {
				return r.corrupt(e.Offset, err)
			}
			r.checked[at].Store(true)
		}
		if a, err = decodeEvent(e, dt, b, nil, r.mem); err != nil {
			return r.corrupt(e.Offset, err)
		}
		return nil
	})
	return a, err
}

func (e *Event) checkCRC(b []byte) error {
	if got := crc32.Checksum(b, castagnoli); got != e.CRC {
		return fmt.Errorf("event of field %d has CRC %08x, not %08x", e.Field, got, e.CRC)
	}
	return nil
}

// Verify reads everything: head, every event, every bound.
func (r *Reader) Verify(ctx context.Context) error {
	head, err := r.readAt(ctx, 0, r.headBytes, nil)
	if err != nil {
		return err
	}
	if err := r.checkHead(head); err != nil {
		return err
	}
	for p, list := range r.byField {
		f := &r.descriptor.Fields[p]
		for i, at := range list {
			a, err := r.Read(ctx, f.ID, i)
			if err != nil {
				return err
			}
			a.Release()
			for _, bound := range [][]byte{r.events[at].Min, r.events[at].Max} {
				v, err := DecodeBound(bound, f.Type, r.mem)
				if err != nil {
					return r.corrupt(r.events[at].Offset, err)
				}
				if v != nil {
					v.Release()
				}
			}
		}
	}
	return nil
}
